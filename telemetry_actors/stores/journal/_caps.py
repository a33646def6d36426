"""The caps of the journal: bytes and age. The oldest segment goes first.

Age is that in this process's hands, by its own clock: since the segment was begun, or taken over.
Emit times are the host's wall clock, which may have been a month behind then, or be one ahead now.

Its events in memory go on without it; those that are on disk alone end as ``journal_full``.
But what has left memory for want of room is never given up for something newer: then the
journal takes nothing more, and `emit()` refuses in the end. The gateway's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from supervisors import Clock
from telemetry_actors.books.books import Books
from telemetry_actors.books.ends import Drop, Ending
from telemetry_actors.books.ledger import Reason
from telemetry_actors.settings import JournalSettings
from telemetry_actors.stores.journal._index import Index
from telemetry_actors.stores.journal._reader import Reader
from telemetry_actors.stores.journal.segment import PENDING, Segment

_LOOK_S = 1.0
"""Seconds between two looks at what is too old."""


class Caps:
    """See the module.

    Args:
        clock: tells how long a segment has been here.
        readers: by whether it is for adopted segments.
        let_go: called with a segment before its events are, so that nothing is appended to it.
        remove: removes the files of a segment.
    """

    def __init__(
        self,
        settings: JournalSettings,
        clock: Clock,
        index: Index,
        readers: Mapping[bool, Reader],
        books: Books,
        let_go: Callable[[Segment], None],
        remove: Callable[[Segment], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._index = index
        self._readers = readers
        self._books = books
        self._let_go = let_go
        self._remove = remove
        self._look_again_s = clock.now_s()
        self.evicted = 0
        """Events that lost their place."""

    def make_room(self) -> bool:
        """Keep the caps. False: what is in is all waiting to be read back; take nothing more."""
        self.evict_old()
        while self._index.size_bytes() > self._settings.max_bytes:
            oldest = self._oldest()
            if oldest is None or (not oldest.adopted and PENDING in oldest.states):
                return False
            self.evict(oldest)
        return True

    def evict_old(self) -> None:
        """Give up what is too old, if it is time for a look."""
        now_s = self._clock.now_s()
        if now_s < self._look_again_s:
            return
        self._look_again_s = now_s + _LOOK_S
        oldest_s = now_s - self._settings.max_age_s
        for segment in self._index.segments():
            if segment.states and segment.left() and segment.since_s < oldest_s:
                self.evict(segment)

    def evict(self, segment: Segment) -> None:
        """Give *segment* up."""
        self._let_go(segment)
        pending = self._index.pending_in(segment)
        if pending:  # booked first, then let go: they are always somewhere
            reader = self._readers[segment.adopted]
            read = reader.all_of(segment, pending)
            drop = Drop(Reason.JOURNAL_FULL, "journal")
            ends = [Ending(item, drop) for item in (*read.items, *reader.lost(read.unreadable))]
            self._books.end(ends)
        self.evicted += self._index.forget(segment) + len(pending)
        self._remove(segment)

    def _oldest(self) -> Segment | None:
        segments = [segment for segment in self._index.segments() if segment.states]
        return min(segments, key=lambda s: (not s.adopted, s.since_s), default=None)
