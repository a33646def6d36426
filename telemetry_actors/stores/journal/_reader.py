"""Reads events back: what left memory for want of room, and what a dead process left.

In the order in which they were written, so a thread's events stay in order. The gateway's
thread alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from telemetry_actors.errors import EnvelopeError
from telemetry_actors.event.envelope import Envelope, Item, charge_of
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.stores.journal._index import Index
from telemetry_actors.stores.journal.segment import PENDING, Segment, place_of

_BATCH_BYTES = 1_048_576


class Read(NamedTuple):
    """Some pending events."""

    items: list[Item]
    unreadable: list[Ticket]
    """Their records are damaged, or gone."""
    error: OSError | None = None
    """Why, if it is the disk that says so."""


class Reader:
    """Reads pending events of one kind, own or adopted.

    Args:
        cases: names by row, for events that can't be read.
        adopted: which kind.
    """

    def __init__(self, index: Index, cases: Sequence[str], *, adopted: bool) -> None:
        self._index = index
        self._cases = cases
        self._adopted = adopted

    def next(self, limit: int) -> Read:
        """The next *limit* events at most (and about 1 MiB), from one segment.

        They stay pending until somebody says that they have gone on.
        """
        for segment in self._index.segments():
            if segment.adopted == self._adopted and PENDING in segment.states:
                return self._from(segment, limit)
        return Read([], [])

    def all_of(self, segment: Segment, numbers: Sequence[int]) -> Read:
        """The events of *segment* with these *numbers*, whatever they weigh."""
        wanted = set(numbers)
        items: list[Item] = []
        error = None
        try:
            for number, _end, body in segment.read():
                envelope = envelope_of(body) if number in wanted else None
                if envelope is not None:
                    wanted.discard(number)
                    items.append((self._ticket(segment, number, envelope), envelope))
        except OSError as problem:
            error = problem
        return Read(items, [self._ticket(segment, n, None) for n in sorted(wanted)], error)

    def _from(self, segment: Segment, limit: int) -> Read:
        items: list[Item] = []
        unreadable: list[Ticket] = []
        size, cursor = 0, segment.cursor
        begun = False  # what was skipped before the first pending one need not be read again
        try:
            for number, end, body in segment.read(segment.cursor):
                if not 0 <= number < len(segment.states) or segment.states[number] != PENDING:
                    cursor = cursor if begun else end
                    continue
                begun = True
                envelope = envelope_of(body)
                ticket = self._ticket(segment, number, envelope)
                if envelope is None:
                    unreadable.append(ticket)
                else:
                    items.append((ticket, envelope))
                    size += ticket.charged_bytes
                if len(items) >= limit or size >= _BATCH_BYTES:
                    return Read(items, unreadable)
        except FileNotFoundError as error:
            return Read([], self._rest(segment, set()), error)
        except OSError as error:  # too many open files, say: it may be readable later
            return Read([], [], error)
        finally:
            segment.cursor = cursor
        known = {ticket.serial for ticket, _ in items} | {t.serial for t in unreadable}
        return Read(items, unreadable + self._rest(segment, known))

    def _rest(self, segment: Segment, known: set[int]) -> list[Ticket]:
        """Pending events of which the file has nothing any more."""
        tickets = (self._ticket(segment, n, None) for n in self._index.pending_in(segment))
        return [ticket for ticket in tickets if ticket.serial not in known]

    def _ticket(self, segment: Segment, number: int, envelope: Envelope | None) -> Ticket:
        charged = 0
        if envelope is not None:
            charged = charge_of(envelope)
        return Ticket(
            segment.serials[number],
            segment.cases[number],
            charged,
            None,
            place_of(segment.uid, number),
            number in segment.measured,
        )

    def lost(self, tickets: Sequence[Ticket]) -> Iterator[Item]:
        """Items for what can't be read, so that their ends can be booked."""
        for ticket in tickets:
            yield ticket, lost_envelope(self._cases[ticket.case_index])


def lost_envelope(case: str) -> Envelope:
    """Stands for an event of which nothing is left but its case."""
    return Envelope(case, "", "", 0, b"\x80", None)


def envelope_of(body: bytes | None) -> Envelope | None:
    """None: it is none."""
    if body is None:
        return None
    try:
        return Envelope.unpack(body)
    except EnvelopeError:
        return None
