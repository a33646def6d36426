"""When a mailbox hands out what it holds, and how late whoever takes from it is.

Parts of `run/mailbox.py`. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

_SMALL: Final = 4
"""A batch is small below this part of what it may have."""


class Wait(NamedTuple):
    """Nothing is due: ask again after a wake-up, or after *seconds* (None = only then)."""

    seconds: float | None


class Batching(NamedTuple):
    """How large a batch of a coalescing mailbox may become, and how long it may wait to."""

    linger_s: float
    max_items: int
    max_bytes: int
    growth: float = 1.0


class Linger:
    """The wait for a batch to fill, of one mailbox; cut short while anybody is in a hurry.

    It grows while batches are small, since at low rates a wake-up costs more than all the work it
    is for. The consumer's thread, but for `hurries` and a look at `present_s` (any).
    """

    def __init__(self, linger_s: float) -> None:
        self.hurries = 0
        """Callers that want what there is at once (flush, stop)."""
        self.present_s = linger_s
        """How long the next batch may wait."""
        self._until_s: float | None = None

    def begin(self, batching: Batching, now_s: float, count: int) -> None:
        """A batch of *count* has been taken: the next one may fill."""
        least_s, most_s = batching.linger_s, batching.linger_s * batching.growth
        times = 2.0 if count * _SMALL < batching.max_items else 0.5
        self.present_s = max(least_s, min(self.present_s * times, most_s))
        if least_s > 0:
            self._until_s = now_s + self.present_s

    def left_s(self, batching: Batching, count: int, now_s: float, *, full: bool) -> float | None:
        """Seconds until what waits is due; 0.0: now; None: nothing waits, nor fills.

        An empty linger ends, so that only the first event after it pays for a wake-up.
        """
        until_s = self._until_s
        if count and (full or self.hurries or batching.linger_s <= 0):
            return 0.0
        if until_s is not None and now_s < until_s:
            return until_s - now_s
        if not count:
            self._until_s = None
            self.present_s = batching.linger_s
            return None
        if until_s is not None:
            return 0.0
        self._until_s = now_s + self.present_s
        return self.present_s


class Dues:
    """By when the consumer should take what `Mailbox.extend` put in, and what holds it back.

    Written by others: a consumer that is starved can't. Any thread, no lock.
    """

    def __init__(self, linger: Linger) -> None:
        self.now_s: Callable[[], float] | None = None
        """The clock's, once a slot has the mailbox."""
        self.due_s = math.inf
        """By when it should be taken; inf: there is nothing."""
        self.room_s = -math.inf
        """Since when no full mailbox downstream is in the way."""
        self.linger = linger

    def came(self) -> None:
        """Something was put in: the oldest counts."""
        if self.due_s == math.inf and self.now_s is not None:
            self.due_s = self.now_s() + self.linger.present_s

    def got_room(self) -> None:
        """A mailbox downstream was full, and has room."""
        self.room_s = self.now_s() if self.now_s is not None else -math.inf
