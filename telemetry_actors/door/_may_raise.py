"""Whether what `emit()` raises would reach whoever called it: for ``strict``, and for nothing else.

Out of a signal handler it would hit whatever code the signal has interrupted; out of a finaliser
(``__del__``, a weakref's callback, one of `gc`, a generator that is closed) it reaches nobody; at
the end of the process it would spoil the end. Reads frames, changes nothing. The caller's thread.
"""

from __future__ import annotations

import sys
import weakref
from types import FrameType
from typing import Final

from supervisors.system.native import get_ident
from telemetry_actors.door._giving_way import in_signal_handler
from telemetry_actors.lifecycle.exit import is_ending

_DEEPEST: Final = 200
_VARARGS: Final = 0x04


def may_raise(frame: FrameType) -> bool:
    """Whether the caller of *frame* is ordinary code. False where the stack is too deep to tell."""
    threading = sys.modules.get("threading")
    if is_ending() or getattr(threading, "_SHUTTING_DOWN", False):
        return False
    if isinstance(sys.exception(), GeneratorExit):
        return False
    main = threading is None or get_ident() == threading.main_thread().ident
    if main and in_signal_handler(frame):  # they run on the main thread alone
        return False
    return not _in_finaliser(frame)


def _in_finaliser(frame: FrameType | None) -> bool:
    for _ in range(_DEEPEST):
        if frame is None:
            return False
        if frame.f_code.co_name == "__del__" or _is_called_back(_arguments(frame)):
            return True
        frame = frame.f_back
    return True


def _arguments(frame: FrameType) -> list[object]:
    """The positional ones, those of a ``*args`` too."""
    code, values = frame.f_code, frame.f_locals
    names = code.co_varnames
    found = [values.get(name) for name in names[: code.co_argcount]]
    if code.co_flags & _VARARGS:
        more = values.get(names[code.co_argcount + code.co_kwonlyargcount])
        found += more if type(more) is tuple else ()
    return found


def _is_called_back(arguments: list[object]) -> bool:
    """By a weakref whose object is gone, or by `gc`, with its two words."""
    if any(isinstance(one, weakref.ref) and weakref.ref.__call__(one) is None for one in arguments):
        return True
    phases = [one in ("start", "stop") for one in arguments if type(one) is str]
    return any(phases) and any(type(one) is dict and "uncollectable" in one for one in arguments)
