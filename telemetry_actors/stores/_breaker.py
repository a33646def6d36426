"""StoreBreaker: keeps dedup from paying a time-out for each batch (g10).

    closed --(so many failures in a row)--> open --(its time is over)--> half_open
      ^                                      ^                              |
      |                                      +------(the probe fails)-------+
      +-----------------------------(the probe succeeds)--------------------+

Each failed probe doubles the time until the next, up to a bound. It belongs to the store,
and so to the life of the gateway: a restart of the stage forgets nothing (g17).

Pure: the time is handed in. The lock is for the stage's thread, one that hung and comes
back, and whoever reads the status.
"""

from __future__ import annotations

import random
import threading
from enum import StrEnum

__all__ = ["StoreBreaker", "StoreState"]


class StoreState(StrEnum):
    """Whether the store is asked."""

    CLOSED = "closed"
    """Always."""
    OPEN = "open"
    """Not before its time is over."""
    HALF_OPEN = "half_open"
    """One round trip is on its way to see; others do without the store."""


class StoreBreaker:
    """The circuit breaker of one store. Any thread; times are the tree's clock, in seconds.

    Args:
        failures: so many in a row open it.
        open_s: from its opening to the first probe.
        longest_s: between two probes at most.
        probe_limit_s: after which a probe that has not come back is given up.
        rng: seeded; takes up to a quarter off each wait, so that many processes that lost the
            store at one time don't come back at one time.
    """

    def __init__(
        self,
        *,
        failures: int,
        open_s: float,
        longest_s: float,
        probe_limit_s: float,
        rng: random.Random,
    ) -> None:
        self._lock = threading.Lock()
        self._limit = failures
        self._open_s = open_s
        self._longest_s = longest_s
        self._probe_limit_s = probe_limit_s
        self._rng = rng
        self._in_a_row = 0
        self._wait_s = open_s
        self._until_s = 0.0
        self.state = StoreState.CLOSED

    def __repr__(self) -> str:
        return f"<StoreBreaker {self.state}>"

    def may_ask(self, now_s: float) -> bool:
        """Whether to make a round trip now; if so, say how it went."""
        with self._lock:
            if self.state is StoreState.CLOSED:
                return True
            if now_s < self._until_s:
                return False
            self.state = StoreState.HALF_OPEN
            self._until_s = now_s + self._probe_limit_s
            return True

    def succeeded(self) -> None:
        """A round trip was answered."""
        with self._lock:
            self._in_a_row = 0
            self._wait_s = self._open_s
            self.state = StoreState.CLOSED

    def failed(self, now_s: float) -> None:
        """A round trip was not answered, or refused."""
        with self._lock:
            self._in_a_row += 1
            if self.state is StoreState.OPEN:
                return  # it was on its way when the breaker opened, and says nothing new
            if self.state is StoreState.HALF_OPEN:
                self._wait_s = min(self._wait_s * 2, self._longest_s)
            elif self._in_a_row < self._limit:
                return
            self.state = StoreState.OPEN
            self._until_s = now_s + self._wait_s * (1 - self._rng.random() / 4)

    def wait_s(self, now_s: float) -> float:
        """Seconds until `may_ask` says yes; 0 = now."""
        with self._lock:
            closed = self.state is StoreState.CLOSED
            return 0.0 if closed else max(0.0, self._until_s - now_s)
