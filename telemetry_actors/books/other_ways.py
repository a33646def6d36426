"""Other ways in than `emit()`: what came by each of them, and what was turned away.

A part of the books (`books/books.py`), whose lock is held by whoever calls. What `emit()` lets in
is counted without it, in shards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from telemetry_actors.books.ledger import Admission


class OtherWays:
    """Counts by way, then by case: dead letters, the journal, a broker."""

    def __init__(self, cases: int) -> None:
        self._cases = cases
        self.sources: dict[str, list[int]] = {}
        """Events that came in: by way, then by case."""
        self.turned_away: Counter[tuple[str, int, Admission]] = Counter()
        """By way, case, and why they were refused."""

    def take_in(self, source: str, by_case: Mapping[int, int]) -> None:
        """Events came in by *source*."""
        taken = self.sources.setdefault(source, [0] * self._cases)
        for case, n in by_case.items():
            taken[case] += n
