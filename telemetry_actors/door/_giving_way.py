"""Giving way to a tree that is starved: the one exception to "emit() never waits" (g02, ADR-0015).

A host that makes a short system call every millisecond takes the GIL back before any other thread
has it: our threads then wait for ever, and nothing that they do themselves helps. Who emits can:
it lets go for 50 µs. On the caller's thread; never in an event loop, on a hub or in a signal
handler.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from supervisors.system.clock import give_way
from supervisors.system.native import get_ident, has_greenlets

LATE_S: Final = 0.25
PAUSE_S: Final = 50e-6
_DEEPEST: Final = 200
_VARARGS: Final = 0x04


class Pauses:
    """Gives way while the tree is starved. The thread of whoever emits.

    Args:
        overdue_s: the most that anything in the tree is overdue, in seconds.
    """

    def __init__(self, overdue_s: Callable[[], float]) -> None:
        self._overdue_s = overdue_s
        self.count = 0

    def look(self) -> None:
        """Give way for 50 µs if something is 0.25 s overdue, and this is a place to wait in."""
        if self._overdue_s() > LATE_S and may_give_way():
            self.count += 1
            give_way(PAUSE_S)


def may_give_way() -> bool:
    """Whether the calling thread may wait: not on a hub, in an event loop, in a signal handler."""
    modules = sys.modules
    if has_greenlets():
        return False
    for module, running in (("asyncio", "get_running_loop"), ("trio.lowlevel", "current_task")):
        if module in modules and _runs(getattr(modules[module], running)):
            return False
    threading = modules.get("threading")
    if threading is not None and get_ident() != threading.main_thread().ident:
        return True  # signal handlers run on the main thread alone
    return not in_signal_handler(sys._getframe())


def _runs(ask: Any) -> bool:
    try:
        ask()
    except RuntimeError:
        return False
    return True


def in_signal_handler(frame: FrameType | None) -> bool:
    """Whether *frame* is called by a signal handler: one that was handed the frame it interrupts.

    Python marks it by nothing else. True as well where the stack is too deep to tell.
    """
    for _ in range(_DEEPEST):
        if frame is None:
            return False
        back = frame.f_back
        if back is not None and _was_handed(frame, back):
            return True
        frame = back
    return True


def _was_handed(frame: FrameType, back: FrameType) -> bool:
    code = frame.f_code
    starred = bool(code.co_flags & _VARARGS)
    if code.co_argcount < 2 and not starred:
        return False
    values, names = frame.f_locals, code.co_varnames
    if any(values.get(name) is back for name in names[: code.co_argcount]):
        return True
    more = values.get(names[code.co_argcount + code.co_kwonlyargcount]) if starred else ()
    return type(more) is tuple and any(value is back for value in more)
