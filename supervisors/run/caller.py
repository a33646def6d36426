"""A runtime without threads of its own, in real time: whoever waits for the tree runs it.

For where no thread can be started and something must be done all the same: the end of the
interpreter (CPython 3.12), a process at its limit. The tree stands still while nobody waits, and
a message that takes long holds up all the others.
"""

from __future__ import annotations

from supervisors.run.deterministic import DeterministicRuntime, VirtualClock
from supervisors.system.clock import SystemClock, Token

_now_s = SystemClock.now_s


class _CallersClock(VirtualClock):
    """The machine's own time; a wait runs the tree."""

    def __repr__(self) -> str:
        return "<CallersClock>"

    def now_s(self) -> float:
        """Seconds on the machine's monotonic clock."""
        return _now_s()

    def now_ns(self) -> int:
        """Of the machine's wall clock."""
        return SystemClock().now_ns()

    def wait(self, token: Token, timeout_s: float | None) -> None:
        """Run the tree until *token* is released or *timeout_s* seconds have passed."""
        until_s = None if timeout_s is None else _now_s() + timeout_s
        while not token.acquire(False):
            self.time_s = now_s = _now_s()
            if until_s is not None and now_s >= until_s:
                return
            if self._runtime.step() or self._runtime.jump(now_s):
                continue
            ends = [s for s in (until_s, self._runtime.next_timer_s()) if s is not None]
            if token.acquire(True, max(0.0, min(ends) - now_s) if ends else -1):
                return


class CallersRuntime(DeterministicRuntime):
    """Runs a tree on the threads that wait for it, one at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = self.virtual = _CallersClock(self)
        self.virtual.time_s = _now_s()

    def step(self) -> bool:
        """Run one ready actor for one message. False: none is ready."""
        self.virtual.time_s = _now_s()
        self.trace.clear()  # nobody reads it
        return super().step()
