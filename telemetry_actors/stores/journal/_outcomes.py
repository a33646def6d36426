"""Which events have their outcome, on their way to the disk.

Told on any thread, at once in memory; written by whoever is at work in the journal, who is woken
for it. So a disk that stands still holds up neither a sink nor a stage, only what would note
it: after a ``kill -9`` such events are sent once more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from telemetry_actors.base.log import warn
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.stores.journal._acks import MEASURED, write_acks
from telemetry_actors.stores.journal._index import Ended, Index
from telemetry_actors.stores.journal.segment import Segment, uid_and_number


class Outcomes:
    """See the module.

    Args:
        index: told at once.
        wake: has `note` called soon. Any thread; must not wait.
        remove: removes the files of a segment of which nothing is left.
    """

    def __init__(
        self, index: Index, wake: Callable[[], None], remove: Callable[[Segment], None]
    ) -> None:
        self._index = index
        self._wake = wake
        self._remove = remove
        self._owed: deque[Ended] = deque()
        self._woken = False
        self._said = False
        self.errors = 0

    def end(self, tickets: Sequence[Ticket]) -> Ended:
        """Events have their outcome: they will not be sent again. Any thread."""
        ended = self._index.end(tickets)
        if ended.acks:
            self._owed.append(ended)
            if not self._woken:
                self._woken = True
                self._wake()
        return ended

    def note(self) -> None:
        """Write what is owed, with as few writes as may be."""
        self._woken = False
        acks: dict[Segment, list[int]] = {}
        finished: set[Segment] = set()
        while self._owed:
            ended = self._owed.popleft()
            finished.update(ended.finished)
            for segment, numbers in ended.acks.items():
                acks.setdefault(segment, []).extend(numbers)
        for segment, numbers in acks.items():
            if segment in finished:
                self._remove(segment)
            else:
                self._write(segment, numbers)

    def measured(self, tickets: Iterable[Ticket]) -> None:
        """Their measurements have been exported: a replay is not to record them again."""
        by_segment: dict[int, list[int]] = {}
        for ticket in tickets:
            if ticket.place is not None:
                uid, number = uid_and_number(ticket.place)
                by_segment.setdefault(uid, []).append(number | MEASURED)
        for segment in self._index.segments():
            if segment.uid in by_segment:
                self._write(segment, by_segment[segment.uid])

    def _write(self, segment: Segment, values: Iterable[int]) -> None:
        try:
            write_acks(segment.ack_path, values)
        except OSError as error:
            self.errors += 1  # sent twice rather than not at all
            if not self._said:
                self._said = True
                warn("the journal can't note outcomes (%s); events may be sent again", error)
