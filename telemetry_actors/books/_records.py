"""Records that events were made into: those under way, and what became of those that have ended.

A part of the books (`books/books.py`), whose lock is held by whoever calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from telemetry_actors.books._lines import Join, Line, Tally, worse
from telemetry_actors.books.ends import Drop, RecordEnd
from telemetry_actors.event.envelope import Envelope, Item
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.event.ticket import Ticket

SentRecord = tuple[Ticket, Envelope, object, int]
"""Of which event, what was sent, and which of the event's records of that kind it is."""


class Records:
    """Signal lines, and for each event with records how many ends are still to come.

    It says when the last one of an event has come, and how the event ends; it books none.
    """

    def __init__(self) -> None:
        self.sinks = 1
        """Each record has an end at every one of them."""
        self.lines = {
            kind: Line() for kind in (SignalKind.LOGS, SignalKind.SPANS, SignalKind.BRIDGE)
        }
        self.sampled_out = self.diagnostic = 0
        self.openings = 0
        """Rises with each batch of records that are made."""
        self._joins: dict[int, Join] = {}

    def open(self, joins: Iterable[tuple[Ticket, int, int]], sampled_out: int) -> None:
        """See `Books.open`."""
        logs, spans = self.lines[SignalKind.LOGS], self.lines[SignalKind.SPANS]
        self.openings += 1
        self.sampled_out += sampled_out
        for ticket, n_logs, n_spans in joins:
            logs.made += n_logs
            spans.made += n_spans
            self._joins[ticket.serial] = Join((n_logs + n_spans) * self.sinks)

    def open_lost(self, tickets: Sequence[Ticket], drop: Drop) -> None:
        """See `Books.open_lost`."""
        self.openings += 1
        self.lines[SignalKind.LOGS].made += len(tickets)
        self.diagnostic += len(tickets)
        for ticket in tickets:
            join = self._joins[ticket.serial] = Join(self.sinks)
            join.drop = drop

    def open_bridged(self, tickets: Sequence[Ticket]) -> None:
        """See `Books.open_bridged`."""
        self.openings += 1
        self.lines[SignalKind.BRIDGE].made += len(tickets)
        for ticket in tickets:
            self._joins[ticket.serial] = Join(1)

    def joined(self, serial: int) -> bool:
        """Whether records of the event are under way. Any thread; without the lock."""
        return serial in self._joins

    def end(
        self, kind: SignalKind, sink: str, ends: Iterable[RecordEnd]
    ) -> Iterator[tuple[Item, Drop | None]]:
        """Count each end at *sink*; the events that have ended with one of them, and how."""
        line = self.lines[kind]
        tally = line.by_sink.setdefault(sink, Tally())
        for item, ordinal, drop in ends:
            serial = item[0].serial
            tally.count(drop)
            self._end_record(line, (serial, ordinal), drop)
            join = self._end_join(serial, drop)
            if join is not None:
                yield item, join.drop

    def end_exported(
        self, kind: SignalKind, sink: str, records: Sequence[SentRecord]
    ) -> Iterator[tuple[Item, Drop | None]]:
        """As `end`, of a batch of which *sink* has taken everything: nearly every one is such."""
        line = self.lines[kind]
        line.by_sink.setdefault(sink, Tally()).exported += len(records)
        if self.sinks == 1:
            line.exported += len(records)
        else:
            for ticket, _, _, ordinal in records:
                self._end_record(line, (ticket.serial, ordinal), None)
        joins = self._joins
        for ticket, envelope, _, _ in records:
            join = joins.get(ticket.serial)
            if join is None:
                continue  # fenced, as in `_end_join`
            join.left -= 1
            if not join.left:
                del joins[ticket.serial]
                yield (ticket, envelope), join.drop

    def _end_record(self, line: Line, key: tuple[int, int], drop: Drop | None) -> None:
        if self.sinks > 1:  # a record ends with the last sink, as the worst of them says
            join = line.records.setdefault(key, Join(self.sinks))
            join.left -= 1
            join.drop = drop = worse(join.drop, drop)
            if join.left:
                return
            del line.records[key]
        line.count(drop)

    def _end_join(self, serial: int, drop: Drop | None) -> Join | None:
        """The event's, if this was its last end."""
        join = self._joins.get(serial)
        if join is None:
            return None  # fenced: the event has been ended by other hands (shutdown, parked)
        join.left -= 1
        join.drop = worse(join.drop, drop)
        if join.left == 0:
            return self._joins.pop(serial)
        return None
