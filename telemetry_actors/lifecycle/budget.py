"""One budget for the end of a process, however many ways lead there. Pure.

A signal handler, a lifespan, a worker's hook and `atexit` may all wait for the same dead receiver,
one after the other. What one of them has waited the next one has no longer. What was waited long
ago belongs to no end: the process has gone on since (a host may take SIGTERM for something else).
"""

from __future__ import annotations

_LEAST_S = 0.1
"""For whoever comes last: enough to count what is left, and for a receiver that is well."""
_FORGOTTEN_AFTER_S = 60.0
"""More than the graceful time-outs of the usual hosts (30 s)."""


class EndBudget:
    """What has been waited for the end of this process so far. Any thread.

    >>> budget = EndBudget()
    >>> budget.spend(began_s=10.0, now_s=14.0)
    >>> budget.left_s(5.0, now_s=20.0)
    1.0
    >>> budget.left_s(5.0, now_s=100.0)
    5.0
    """

    def __init__(self) -> None:
        self._waits: list[tuple[float, float]] = []

    def spend(self, began_s: float, now_s: float) -> None:
        """Somebody has waited from *began_s* to *now_s*, on the same clock."""
        self._waits.append((began_s, now_s))

    def left_s(self, limit_s: float, now_s: float) -> float:
        """Seconds that are left of *limit_s*; at least 0.1, if that is within the limit."""
        spent_s = sum(
            end_s - began_s for began_s, end_s in self._waits if now_s - end_s < _FORGOTTEN_AFTER_S
        )
        return max(limit_s - spent_s, min(limit_s, _LEAST_S))
