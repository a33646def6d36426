"""What the journal holds, and what has become of each event: in memory, under one lock.

No file is touched while the lock is held, so that whoever reads the books never waits for a
disk. Who only looks takes no lock at all: it may be a signal handler that has interrupted
somebody who holds it. `emit()` never comes here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from supervisors.system.native import Lock
from telemetry_actors.event.envelope import Item
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.stores.journal.segment import (
    ADOPTED,
    DONE,
    OUT,
    PENDING,
    Segment,
    is_adopted,
    place_of,
    uid_and_number,
)


def placed(ticket: Ticket, place: int) -> Ticket:
    """The ticket of an event that is at *place*."""
    # A fraction of what `_replace` costs. Fields before and behind `Ticket.place`.
    return tuple.__new__(Ticket, (*ticket[:4], place, *ticket[5:]))


class Ended(NamedTuple):
    """What follows from some outcomes."""

    acks: dict[Segment, list[int]]
    unheld: Counter[int]
    """Own events that the journal did not hold, by case."""
    finished: list[Segment]
    """Segments of which nothing is left; they are out of the index already."""


class Index:
    """All segments, own and adopted, in the order in which they are read back."""

    def __init__(self, cases: int) -> None:
        self.lock = Lock()
        self._segments: dict[int, Segment] = {}
        self._next_uid = 1
        self.safe = [0] * cases
        """Own events by case that are held, or were until their outcome."""
        self.backlog = 0
        """Own events that are on disk alone."""
        self.replays = 0
        """Another process's events that are on disk alone."""

    def new_uid(self, *, adopted: bool) -> int:
        """For a segment."""
        with self.lock:
            self._next_uid += 1
            return self._next_uid | (ADOPTED if adopted else 0)

    def put(self, segment: Segment) -> None:
        """Know *segment* from now on."""
        with self.lock:
            self._segments[segment.uid] = segment
            if segment.adopted:
                self.replays += segment.states.count(PENDING)

    def segments(self) -> list[Segment]:
        """All of them. Any thread, no lock."""
        return list(self._segments.values())

    def files_in(self, folder: Path) -> int:
        """How many segments of the folder there still are."""
        return sum(segment.path.parent == folder for segment in self.segments())

    # -- an event's way ---------------------------------------------------------------------------

    def add(self, segment: Segment, items: Sequence[Item], size_bytes: int) -> list[Item]:
        """*items* are in the segment's file; they come back with their places."""
        with self.lock:
            first = len(segment.states)
            tickets = [item[0] for item in items]
            cases = [ticket.case_index for ticket in tickets]
            segment.add([t.serial for t in tickets], cases, OUT, items[0][1].emitted_at)
            segment.size_bytes += size_bytes
            for case in cases:
                self.safe[case] += 1
        base = place_of(segment.uid, first)
        return [(placed(ticket, base + n), envelope) for n, (ticket, envelope) in enumerate(items)]

    def move(self, tickets: Iterable[Ticket], state: int) -> None:
        """Events leave memory (`PENDING`), or come back into it (`OUT`)."""
        with self.lock:
            for ticket in tickets:
                segment, number = self._find(ticket.place)
                if segment is not None and segment.states[number] not in (DONE, state):
                    segment.states[number] = state
                    self._count(segment, 1 if state == PENDING else -1)

    def end(self, tickets: Iterable[Ticket]) -> Ended:
        """Events have their outcome."""
        ended = Ended({}, Counter(), [])
        with self.lock:
            for ticket in tickets:
                segment, number = self._find(ticket.place)
                if segment is not None:
                    self._done(segment, number)
                    ended.acks.setdefault(segment, []).append(number)
                elif ticket.bridged:
                    continue  # accepted by the books, not in the page: nobody would miss it there
                elif ticket.place is None or not is_adopted(ticket.place):
                    ended.unheld[ticket.case_index] += 1
            for segment in ended.acks:
                if segment.sealed and not segment.left():
                    del self._segments[segment.uid]
                    ended.finished.append(segment)
        return ended

    def holds(self, place: int | None) -> bool:
        """Whether the event is in the journal, without an outcome. Any thread, no lock."""
        segment, number = self._find(place)
        return segment is not None and segment.states[number] != DONE

    def seal(self, segment: Segment) -> bool:
        """Nothing comes after what is in *segment*. True: nothing of it is left either."""
        with self.lock:
            segment.sealed = True
            return not segment.left() and self._segments.pop(segment.uid, None) is not None

    def pending_in(self, segment: Segment) -> list[int]:
        """Numbers of its events that are on disk alone."""
        return list(segment.numbers(PENDING))

    def forget(self, segment: Segment) -> int:
        """Give *segment* up. How many of its events have no outcome yet."""
        with self.lock:
            if self._segments.pop(segment.uid, None) is None:
                return 0
            self._count(segment, -segment.states.count(PENDING))
            if not segment.adopted:
                for case, state in zip(segment.cases, segment.states, strict=True):
                    if state != DONE:
                        self.safe[case] -= 1
            return segment.left()

    # -- looking ----------------------------------------------------------------------------------

    def pending(self, *, replays: bool) -> Iterator[Ticket]:
        """Each event that is on disk alone. Any thread, no lock.

        Args:
            replays: another process's, too.
        """
        if not self.backlog and not (replays and self.replays):
            return
        for segment in self.segments():
            if segment.adopted and not replays:
                continue
            for n in list(segment.numbers(PENDING)):
                place = place_of(segment.uid, n)
                yield Ticket(segment.serials[n], segment.cases[n], 0, None, place)

    def replays_out(self) -> int:
        """Another process's events that are in memory, on their way."""
        return sum(s.states.count(OUT) for s in self.segments() if s.adopted)

    def left(self) -> int:
        """Events without an outcome, in memory or not."""
        return sum(segment.left() for segment in self.segments())

    def size_bytes(self) -> int:
        """Of all segments' files."""
        return sum(segment.size_bytes for segment in self.segments())

    def _find(self, place: int | None) -> tuple[Segment | None, int]:
        if place is None:
            return None, 0
        uid, number = uid_and_number(place)
        return self._segments.get(uid), number

    def _done(self, segment: Segment, number: int) -> None:
        if segment.states[number] == PENDING:
            self._count(segment, -1)
        segment.states[number] = DONE

    def _count(self, segment: Segment, n: int) -> None:
        if segment.adopted:
            self.replays += n
        else:
            self.backlog += n
