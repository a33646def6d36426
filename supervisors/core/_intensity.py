"""Restart intensity: how many restarts are too many.

A supervisor that restarts a broken child for ever hides the fault and burns a
core. OTP's answer is a budget: at most ``intensity`` restarts in any
``period_s`` seconds; one more, and the supervisor gives up.

This module is that rule and nothing else. It is told the time, so its tests
are arithmetic.
"""

from __future__ import annotations

from collections import deque


class RestartBudget:
    """The restarts of one supervisor, whichever child they were for."""

    __slots__ = ("_intensity", "_period_s", "_restarts_s")

    def __init__(self, intensity: int, period_s: float) -> None:
        self._intensity = intensity
        self._period_s = period_s
        self._restarts_s: deque[float] = deque(maxlen=intensity + 1)

    def __repr__(self) -> str:
        used = f"{len(self._restarts_s)} of {self._intensity}"
        return f"<RestartBudget {used} in {self._period_s:g} s>"

    def admit(self, now_s: float) -> bool:
        """Record a restart at *now_s* and say whether the budget allows it.

        A restart exactly ``period_s`` old still counts. Memory is bounded by
        ``intensity + 1`` times, of the largest intensity that there was, whatever the crash rate.

        Args:
            now_s: Seconds on the supervisor's clock; must not go back.

        Returns:
            True to restart the child, False if that is one too many.

        Source:
            ``add_restart/3`` in OTP's ``supervisor.erl``, which keeps whole
            seconds; we keep the clock's resolution.

        >>> budget = RestartBudget(intensity=1, period_s=5.0)
        >>> budget.admit(0.0), budget.admit(5.0), budget.admit(10.1)
        (True, False, True)
        """
        self._forget_before(now_s - self._period_s)
        self._restarts_s.append(now_s)
        return len(self._restarts_s) <= self._intensity

    def resize(self, intensity: int, period_s: float) -> None:
        """Change the limits and keep all restarts, as OTP's ``code_change`` does.

        Also those beyond a smaller limit: it may be made larger again while they count.
        """
        self._intensity = intensity
        self._period_s = period_s
        most = max(len(self._restarts_s), intensity + 1)
        self._restarts_s = deque(self._restarts_s, maxlen=most)

    def clear(self) -> None:
        """Forget all restarts."""
        self._restarts_s.clear()

    def ages_s(self, now_s: float) -> tuple[float, ...]:
        """How old the restarts that still count are, oldest first."""
        return tuple(now_s - at for at in self._restarts_s if at >= now_s - self._period_s)

    def _forget_before(self, oldest_kept_s: float) -> None:
        while self._restarts_s and self._restarts_s[0] < oldest_kept_s:
            self._restarts_s.popleft()
