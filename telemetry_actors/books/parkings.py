"""Which parts of the tree have parked: since when, how often, and what was refused meanwhile.

Belongs to the life of the gateway; written by the supervisors' control thread, read by any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telemetry_actors.books.ledger import Admission, Reason
from telemetry_actors.books.shards import ADMISSIONS, Shards

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetry_actors.books.books import Books


class Parking(NamedTuple):
    """One part that has parked at least once."""

    parked: bool
    """Now."""
    since_ns: int
    """When it parked last, or came back, in ns since the epoch."""
    times: int
    refused_before: int
    """The count of refusals when it parked."""
    refused: int
    """Refusals while it was parked, the last time; known when it has come back."""
    dropped_before: int = 0
    """The count of events dropped as ``parked`` when it parked."""
    cause: str = ""
    """Why: type and place of what was raised last, without its words."""


class Parkings:
    """By path; "" is the whole tree."""

    def __init__(self) -> None:
        self.by_path: dict[str, Parking] = {}
        self.told: dict[str, tuple[int, int, int]] = {}
        """Whose last line in the log says that they are parked: since when, in ns, and how many
        had been refused and dropped until then."""

    def __contains__(self, path: str) -> bool:
        found = self.by_path.get(path)
        return found is not None and found.parked

    def now(self) -> set[str]:
        """The paths that are parked."""
        return {path for path, parking in self.by_path.copy().items() if parking.parked}

    def park(self, path: str, now_ns: int, refused: int, dropped: int = 0, cause: str = "") -> bool:
        """*path* has parked; the counts are those so far. False: it was, and a probe failed."""
        if path in self:
            self.by_path[path] = self.by_path[path]._replace(cause=cause)
            return False
        times = self.by_path[path].times if path in self.by_path else 0
        self.by_path[path] = Parking(True, now_ns, times + 1, refused, 0, dropped, cause)
        return True

    def come_back(self, path: str, now_ns: int, refused: int) -> int:
        """*path* is back; how many were refused meanwhile."""
        found = self.by_path.get(path)
        if found is None or not found.parked:
            return 0
        meanwhile = refused - found.refused_before
        self.by_path[path] = Parking(False, now_ns, found.times, refused, meanwhile)
        return meanwhile


def counted_as_parked(books: Books, shards: Shards, rows: Sequence[int]) -> tuple[int, int]:
    """Refused at the door and dropped so far as ``parked``, of the cases in *rows*. Any thread."""
    width, number = len(ADMISSIONS), ADMISSIONS.index(Admission.PARKED)
    refused = shards.snapshot().refused
    dropped = books.dropped_as(Reason.PARKED, rows)
    return sum(refused[row * width + number] for row in rows), dropped
