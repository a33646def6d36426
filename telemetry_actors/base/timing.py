"""Timing: how long something took, as a histogram with fixed buckets.

Beside an event's way: one `Timing.add` per batch or request, never per event. It belongs to
the life of the gateway, so that a restart forgets nothing (g17); exported by
`observe/_samples.py`.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

TIMING_BOUNDS_S: Final = (
    *(0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
"""Upper bounds, inclusive: from a small batch in a stage to a sink's hang deadline."""


class Timing:
    """Written by the one thread that does the work; read by any.

    >>> timing = Timing()
    >>> timing.add(0.002)
    >>> timing.counts[:5], timing.total_s
    ([0, 0, 0, 1, 0], 0.002)
    """

    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(TIMING_BOUNDS_S) + 1)
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        """One more. Its own thread only."""
        self.total_s += seconds
        self.counts[bisect_left(TIMING_BOUNDS_S, seconds)] += 1  # a bound belongs below
