"""Breaker: spares whoever reaches out a time-out for each request (g10, g19).

    closed --(so many failures in a row)--> open --(its time is over)--> half_open
      ^                                      ^                              |
      |                                      +------(the probe fails)-------+
      +--------------------------(any answer but "try again")---------------+

One for each endpoint of a sink, shared by its logs, spans and metrics, and one for each store
that is out of the process. It belongs to the life of the gateway, not to an actor, so a restart
forgets nothing (g17). It decides who may send and never waits: whoever may not is told for how
long. A sink keeps what it has in hand until then; a store is done without.

Pure: the time is handed in. The lock is for the threads that send and whoever reads the
status; ``emit()`` never comes here. ADR-0010 says why it is as it is.
"""

from __future__ import annotations

import random
from enum import StrEnum
from typing import NamedTuple

from supervisors.system.native import Lock

_LOOK_AGAIN_S = 0.1
"""While somebody else's probe is on its way. It ends within an attempt's time-out."""

_HURRIED_S = 0.2
"""Between two probes while the tree is stopping, whatever was asked for."""


class BreakerState(StrEnum):
    """Whether requests go out."""

    CLOSED = "closed"
    """All may send."""
    OPEN = "open"
    """None may, until its time is over."""
    HALF_OPEN = "half_open"
    """One request is on its way to see; the others wait for what becomes of it."""


class BreakerView(NamedTuple):
    """One look at a breaker."""

    state: BreakerState
    for_s: float
    """Seconds since it came into this state."""
    failures: int
    """Failures since the last success, over all signals."""
    next_probe_s: float | None
    """Open: seconds until the next probe may go out."""


class Breaker:
    """The circuit breaker of one endpoint or store. Any thread; times are the tree's clock.

    Args:
        failures: so many in a row open it.
        open_s: seconds from its opening to the probe, less up to half at random.
        longest_s: seconds that it stays open at most, however long the receiver asks for.
        growth: each probe that fails makes the next wait so many times as long.
        probe_limit_s: seconds after which a probe that nobody has told the end of is given up
            (the actor that made it is parked, say), and another one may go.
        rng: seeded; spreads the probes of many processes.
    """

    def __init__(
        self,
        now_s: float,
        *,
        failures: int,
        open_s: float,
        longest_s: float,
        probe_limit_s: float,
        rng: random.Random,
        growth: float = 1.0,
    ) -> None:
        self._lock = Lock()
        self._limit = failures
        self._open_s = self._next_open_s = open_s
        self._growth = growth
        self._longest_s = longest_s
        self._probe_limit_s = probe_limit_s
        self._rng = rng
        self._state = BreakerState.CLOSED
        self._since_s = now_s
        self._until_s = now_s
        self._failures = 0
        self._down_since_s = now_s
        self._prober: object = None

    def __repr__(self) -> str:
        return f"<Breaker {self._state}, {self._failures} failures>"

    @property
    def state(self) -> BreakerState:
        """As of now."""
        return self._state

    def ask(self, now_s: float, who: object, *, hurry: bool = False) -> float | None:
        """Ask to send one request; report how it went by `told`.

        Args:
            who: the asker. An actor asks by a name, so that its next incarnation goes on with the
                probe; where there is no next, each request has a name of its own.
            hurry: the tree is stopping: what can be tried is tried now.

        Returns:
            None: send. Else seconds after which to ask again.
        """
        with self._lock:
            if self._state is BreakerState.CLOSED:
                return None
            if self._state is BreakerState.HALF_OPEN and who == self._prober:
                return None
            wait_s = self._left_s(now_s, hurry=hurry)
            if wait_s > 0:
                return wait_s
            self._turn(BreakerState.HALF_OPEN, now_s)
            self._until_s = now_s + self._probe_limit_s
            self._prober = who
            return None

    def told(
        self, now_s: float, who: object, *, failed: bool, retry_after_s: float | None = None
    ) -> None:
        """Take how a request went.

        Args:
            who: as in `ask`.
            failed: nobody answered, or the answer was to try again later. Any other answer, a
                refusal too, shows that there is somebody.
            retry_after_s: what the receiver asked for; a breaker that opens stays so as long.
        """
        with self._lock:
            if not failed:
                self._failures = 0
                self._next_open_s = self._open_s
                if self._state is not BreakerState.CLOSED:
                    self._turn(BreakerState.CLOSED, now_s)
                return
            if not self._failures:
                self._down_since_s = now_s
            self._failures += 1
            if self._opens(who):
                self._open(now_s, retry_after_s)

    def wait_s(self, now_s: float) -> float | None:
        """Seconds for which nobody may send; None: it is not open. Asks for nothing."""
        with self._lock:
            return self._until_s - now_s if self._state is BreakerState.OPEN else None

    def down_s(self, now_s: float) -> float:
        """Seconds since the first of the failures in a row; 0 after a success."""
        with self._lock:
            return now_s - self._down_since_s if self._failures else 0.0

    def view(self, now_s: float) -> BreakerView:
        """One look, for the status."""
        with self._lock:
            is_open = self._state is BreakerState.OPEN
            return BreakerView(
                self._state,
                now_s - self._since_s,
                self._failures,
                max(0.0, self._until_s - now_s) if is_open else None,
            )

    # -- with the lock held -----------------------------------------------------------------------

    def _opens(self, who: object) -> bool:
        """A failure opens it at the limit, or at once if it was the probe's.

        Requests that were on their way when it opened, and fail now, say nothing new.
        """
        if self._state is BreakerState.CLOSED:
            return self._failures >= self._limit
        return self._state is BreakerState.HALF_OPEN and who == self._prober

    def _open(self, now_s: float, retry_after_s: float | None) -> None:
        if self._state is BreakerState.HALF_OPEN:
            self._next_open_s = min(self._next_open_s * self._growth, self._longest_s)
        self._turn(BreakerState.OPEN, now_s)
        self._until_s = now_s + self._open_for_s(retry_after_s)

    def _open_for_s(self, retry_after_s: float | None) -> float:
        own_s = self._next_open_s * (1 - self._rng.random() / 2)
        return min(max(own_s, retry_after_s or 0.0), self._longest_s)

    def _left_s(self, now_s: float, *, hurry: bool) -> float:
        """Seconds until the next probe may go."""
        left_s = self._until_s - now_s
        if self._state is BreakerState.OPEN:
            return min(left_s, self._since_s + _HURRIED_S - now_s) if hurry else left_s
        return min(left_s, _LOOK_AGAIN_S)

    def _turn(self, state: BreakerState, now_s: float) -> None:
        self._state = state
        self._since_s = now_s
