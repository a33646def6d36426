"""Signal lines and joins, while they are being counted: what the books add up.

Pure state, without a lock of its own: the books' is held by whoever writes.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry_actors.books.ends import Drop


class Join:
    __slots__ = ("drop", "left")

    def __init__(self, left: int) -> None:
        self.left = left
        self.drop: Drop | None = None


class Tally:
    """Ends of records, being counted."""

    def __init__(self) -> None:
        self.exported = 0
        self.dropped: Counter[str] = Counter()
        self.assumed: Counter[str] = Counter()
        """Of *dropped*: which record it was is assumed."""

    def add(self, other: Tally) -> None:
        """Count what *other* has counted as well."""
        self.exported += other.exported
        self.dropped.update(other.dropped)
        self.assumed.update(other.assumed)

    def count(self, drop: Drop | None) -> None:
        if drop is None:
            self.exported += 1
            return
        self.dropped[drop.reason] += 1
        if drop.among is not None:
            self.assumed[drop.reason] += 1


class Line(Tally):
    """A signal line, being counted."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0
        self.by_sink: dict[str, Tally] = {}
        self.records: dict[tuple[int, int], Join] = {}

    def copy(self) -> Line:
        """For a snapshot: the counts alone."""
        mine = Line()
        mine.made = self.made
        mine.add(self)
        for sink, tally in self.by_sink.items():
            mine.by_sink[sink] = Tally()
            mine.by_sink[sink].add(tally)
        return mine


def worse(one: Drop | None, other: Drop | None) -> Drop | None:
    """Any drop outweighs an export, and one that is known outweighs one that is assumed."""
    if one is None or (one.among is not None and other is not None and other.among is None):
        return other
    return one
