"""Time, handed in: the only file of the package that asks for it.

Everything that waits does so through a `Clock`, on a *token*: a raw lock that is
held while there is nothing to do. Releasing a raw lock is re-entrant and takes
no Python-level lock, so a waiter may be woken from a signal handler or a
finaliser (``docs/adr/0006-emit-without-lock-or-system-call.md``).
"""

from __future__ import annotations

import _thread
import time
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from supervisors.system.native import allocate_lock, sleep, wait

Token = _thread.LockType


def new_token() -> Token:
    """A token that is held: the next `Clock.wait` on it blocks."""
    token = allocate_lock()
    token.acquire()
    return token


def release(token: Token) -> None:
    """Wake whoever waits on *token*, or the next who will. Any thread, re-entrant, never blocks."""
    try:  # noqa: SIM105 -- a wake-up in every hand-over; suppress() costs more than all of it
        token.release()
    except RuntimeError:  # already released: the waiter is awake or about to be
        pass


@runtime_checkable
class Clock(Protocol):
    """What the packages need of time."""

    def now_s(self) -> float:
        """Seconds on a monotonic clock."""

    def now_ns(self) -> int:
        """Nanoseconds since the epoch (wall clock; may be set back)."""

    def wait(self, token: Token, timeout_s: float | None) -> None:
        """Block until *token* is released or *timeout_s* seconds have passed (None = for ever)."""


class SystemClock:
    """The machine's own clocks."""

    def __repr__(self) -> str:
        return "<SystemClock>"

    now_s = staticmethod(time.monotonic)
    """`time.monotonic` itself: each message asks once, and a call of ours would cost more."""

    now_ns = staticmethod(time.time_ns)
    """`time.time_ns` itself, for the same reason."""

    wait = staticmethod(wait)
    """`native.wait`: a gevent hub goes on meanwhile."""


def wait_until(
    is_so: Callable[[], bool],
    clock: Clock,
    token: Token,
    until_s: float | None = None,
    look_s: float | None = None,
) -> bool:
    """Block until *is_so*, which is looked at now and whenever *token* is released.

    Args:
        is_so: called by the waiting thread; what it raises ends the wait.
        until_s: when to give up, by the clock's `now_s`; None: never.
        look_s: seconds between two looks, where not all that matters releases the token.

    Returns:
        False: it was not so when time was up.
    """
    while not is_so():
        left_s = None if until_s is None else until_s - clock.now_s()
        if left_s is not None and left_s <= 0:
            return False
        clock.wait(token, min((s for s in (left_s, look_s) if s is not None), default=None))
    return True


def give_way(seconds: float) -> None:
    """Let go of the GIL for about so long, by `time.sleep` as gevent found it."""
    sleep(seconds)


def thread_cpu(native_id: int | None) -> int | None:
    """CPU time that a thread of this process has used, in the kernel's ticks; None = unknown."""
    try:
        with open(f"/proc/self/task/{native_id}/stat", "rb") as stat:  # noqa: PTH123 -- often
            fields = stat.read().rpartition(b")")[2].split()
        return int(fields[11]) + int(fields[12])
    except (OSError, IndexError, ValueError):
        return None
