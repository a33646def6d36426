"""All that the books have counted, at one instant: a copy that nobody changes any more."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from telemetry_actors.books._lines import Line
    from telemetry_actors.books.ledger import Admission
    from telemetry_actors.event.signals import SignalKind


class BooksSnapshot(NamedTuple):
    """See `Books`. What is by case is by its column."""

    exported: Sequence[int]
    duplicate: Sequence[int]
    dropped: Sequence[Counter[str]]
    assumed: Sequence[Counter[str]]
    sampled_out: int
    diagnostic: int
    unreadable: Counter[tuple[str, str]]
    """Values that could not be read, by case and key."""
    measured: tuple[int, int, int]
    """Measurements: made, recorded, left out."""
    providers: Counter[str]
    lines: Mapping[SignalKind, Line]
    sources: Mapping[str, Sequence[int]]
    """Events that came in by another way than `emit()`: by way, then by case."""
    turned_away: Counter[tuple[str, int, Admission]]
    letters: int
    """Dead letters that are kept."""
    version: tuple[int, int]
    """Rises with each booking, and with each batch of records that are made."""
    telling: bool
    """Somebody has booked, and the journal has not heard of it yet: it still holds the event."""

    def by_source(self) -> Counter[str]:
        """How many came by each way but `emit()`."""
        came = Counter({source: sum(by_case) for source, by_case in self.sources.items()})
        for (source, _, _), n in self.turned_away.items():
            came[source] += n
        return came

    def other_ways(self, case: int) -> tuple[int, Counter[Admission]]:
        """Of one case: how many came in by them, and those that did not, by what they were told."""
        refused: Counter[Admission] = Counter()
        for (_, row, why), n in self.turned_away.items():
            if row == case:
                refused[why] += n
        return sum(by_case[case] for by_case in self.sources.values()), refused
