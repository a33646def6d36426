"""How long to wait before the same bytes are sent again, and when to give up (g19).

Pure but for the budget's flag: the time is handed in.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from telemetry_actors.ports import ExportResult

_LAST_WAIT_S = 0.2
_LOOK_S = 0.05


class RetryPlan:
    """The retries of one request, under one deadline.

    Args:
        now_s: clock time from which on it counts: of the first attempt, as a rule.
        give_up_s: seconds from then on after which nothing more is tried.
        min_s, max_s: bounds of a wait; it doubles from one to the other, less up to half at random.
        most_asked_s: a receiver that asks for longer is asked again then.
        rng: seeded; spreads the retries of many processes.
    """

    def __init__(
        self,
        now_s: float,
        *,
        give_up_s: float,
        min_s: float,
        max_s: float,
        most_asked_s: float,
        rng: random.Random,
    ) -> None:
        self.until_s = now_s + give_up_s
        """Clock time at which to give up."""
        self._wait_s = min_s
        self._max_s = max_s
        self._most_asked_s = most_asked_s
        self._rng = rng

    def next_delay_s(
        self,
        now_s: float,
        result: ExportResult,
        behind_s: float | None = None,
        *,
        patient: bool = False,
    ) -> float | None:
        """Seconds until the next attempt, or None: give up.

        ``Retry-After`` is honoured as the least; a wait that ends after the deadline is not begun.

        Args:
            result: of this attempt.
            behind_s: the breaker is open for so long: no longer wait than that, since whoever
                waits is the one to probe.
            patient: the deadline doesn't count.
        """
        delay_s = self._wait_s * (1 - self._rng.random() / 2)
        self._wait_s = min(self._wait_s * 2, self._max_s)
        if behind_s is not None:
            delay_s = min(delay_s, behind_s)
        if result.retry_after_s is not None:
            delay_s = max(delay_s, min(result.retry_after_s, self._most_asked_s))
        return delay_s if patient or now_s + delay_s < self.until_s else None


class StopBudget:
    """What is left of the time to stop in. No limit until `begin`."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._until_s: float | None = None

    @property
    def begun(self) -> bool:
        """The tree is stopping."""
        return self._until_s is not None

    def begin(self, until_s: float) -> None:
        """The tree is stopping: nothing may last beyond *until_s* on the clock."""
        self._until_s = until_s

    def limit(self, seconds: float) -> float:
        """*seconds*, or what is left; at least 50 ms, so that an attempt is one."""
        if self._until_s is None:
            return seconds
        return max(0.05, min(seconds, self._until_s - self._now_s()))

    def wait_s(self) -> float | None:
        """None: there is time for an attempt. Else seconds after which to look again.

        Threads end one after the other, and each new attempt would hold up those behind it.
        """
        over = self._until_s is not None and self._now_s() >= self._until_s
        return _LOOK_S if over else None

    def limit_wait(self, seconds: float) -> float:
        """A wait between attempts: short while stopping, whatever the receiver asked for."""
        return seconds if self._until_s is None else min(seconds, _LAST_WAIT_S)
