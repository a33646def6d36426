"""A fork waits for what must not be cut in two, so that no child inherits a lock held for ever.

A fork copies one thread, and every lock as it is at that moment. Some locks are Python's own and
are not made anew in the child: that of a module which another thread is importing, and that of a
file or stream which another thread is writing to (``logging`` renews its handlers' locks, not those
of their streams). A child that needs one of them waits for ever, in the host's own code and for
no fault of the host's, if the thread that held it was one of ours. So threads of ours import and
write within a `whole` block, and a fork waits until none is in one, for as long as each block may
take.

What forks without running Python's hooks (uWSGI, ``libc.fork``) can't be made to wait. What a
host's own threads write, and what other libraries log on ours, is not known here. The hook is
registered with the first block, and not at import (g05). Any thread, re-entrant, without a lock of
its own; what begins anew in a child, and how that is noticed, is `process.py`'s.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from supervisors.system.clock import SystemClock
from supervisors.system.native import begin, get_ident, sleep
from supervisors.system.process import of_this_process

LONGEST_LINE_S: Final = 1.0
"""For a block in which a line is written: a host's handler may hang, and its fork must not."""
LONGEST_IMPORT_S: Final = 5.0
"""For one in which all that a tree needs is imported."""
_LOOK_S: Final = 0.0005
_LONGEST_FORK_S: Final = 1.0
"""A thread waits so long for a fork to be over; one takes milliseconds."""
_now_s = SystemClock().now_s


class _Threads:
    """Of one process: idents of the threads within a block, and of those that fork."""

    def __init__(self) -> None:
        self.within: dict[int, float] = {}
        """With the time until which a fork waits for each."""
        self.forking: dict[int, int] = {}
        """With the number of forks that each is in: another's hook may fork in one."""
        self.interrupted = False
        """Ctrl-C came while a fork waited, where nothing can be raised."""

    def others_within_s(self, me: int) -> float:
        """Seconds for which a fork by *me* still has to wait; 0 or less: no longer."""
        others = [until_s for who, until_s in list(self.within.items()) if who != me]
        return max(others, default=0.0) - _now_s()

    def another_forks(self, me: int) -> bool:
        """Whether a thread other than *me* is about to fork."""
        return any(who != me for who in list(self.forking))


class _Hook:
    registered = False


@contextmanager
def whole(limit_s: float) -> Iterator[None]:
    """A block in the middle of which no other thread of this process forks.

    Within another block of the same thread it is part of that one. The thread itself may fork.

    Args:
        limit_s: seconds for which a fork waits for this block at most; it goes on all the same.
    """
    if not _Hook.registered:
        _Hook.registered = True
        os.register_at_fork(before=_before, after_in_parent=_in_parent)
    threads, me = of_this_process(_Threads, _Threads), get_ident()
    if threads.within.get(me, 0.0) > _now_s():
        yield
        return
    try:
        _come_in(threads, me, limit_s)
        yield
    finally:
        threads.within.pop(me, None)


def _come_in(threads: _Threads, me: int, limit_s: float) -> None:
    """Be seen by whoever forks later; wait for who has begun to before."""
    late_s = _now_s() + _LONGEST_FORK_S
    while True:
        threads.within[me] = _now_s() + limit_s
        # Seen first and looked second, on both sides: of the two at least one sees the other.
        if not threads.another_forks(me) or _now_s() >= late_s:
            return
        del threads.within[me]
        sleep(_LOOK_S)


def _before() -> None:
    """The thread that forks. What is raised in a hook reaches nobody."""
    threads, me = of_this_process(_Threads, _Threads), get_ident()
    threads.forking[me] = threads.forking.get(me, 0) + 1
    while True:
        try:
            while (left_s := threads.others_within_s(me)) > 0:
                sleep(min(left_s, _LOOK_S))
        except KeyboardInterrupt:
            threads.interrupted = True
        else:
            return


def _in_parent() -> None:
    threads, me = of_this_process(_Threads, _Threads), get_ident()
    depth = threads.forking.pop(me, 1) - 1
    if depth:
        threads.forking[me] = depth
    if threads.interrupted:
        threads.interrupted = False
        with suppress(RuntimeError):  # no thread can be started
            begin(_interrupt)


def _interrupt() -> None:
    """Ctrl-C once more, on a thread of its own: when it is at work the hook has come to its end."""
    os.kill(os.getpid(), signal.SIGINT)
