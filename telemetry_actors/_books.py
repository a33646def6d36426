"""The books of the tree: outcomes, joins, signal lines, dead letters.

Written by the tree's threads under one lock that `emit()` never takes. One event may make
several records, which end in several batches on several threads; a *join* counts how many
ends are still to come and keeps the worst, and the last one books the event.

Booking comes before removal: whoever ends an event reports it here first and lets go of
it afterwards, so at every instant an accepted event is booked or held, never neither.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from supervisors import InFlight
from telemetry_actors.dead_letters import Among, DeadLetter, DeadLetters
from telemetry_actors.envelope import Item, Ticket
from telemetry_actors.ledger import Reason
from telemetry_actors.signals import SignalKind

__all__ = ["Books", "Drop", "Ending", "RecordEnd"]


class Drop(NamedTuple):
    """Why and where an event ends as dropped."""

    reason: Reason
    stage: str
    error: str = ""
    """Type and digest of the exception or the receiver's word; never content."""
    among: Among | None = None
    """Which of them it was is assumed (``partial_success`` names a number)."""


class Ending(NamedTuple):
    """The end of one event that has no record under way."""

    item: Item
    drop: Drop | None = None
    """None = exported."""
    duplicate: bool = False


class RecordEnd(NamedTuple):
    """The end of one record at one sink."""

    item: Item
    ordinal: int
    """Which of the event's records of that kind."""
    drop: Drop | None
    """None = exported."""


class _Join:
    __slots__ = ("drop", "left")

    def __init__(self, left: int) -> None:
        self.left = left
        self.drop: Drop | None = None


class _Tally:
    """Ends of records, being counted."""

    def __init__(self) -> None:
        self.exported = 0
        self.dropped: Counter[str] = Counter()
        self.assumed: Counter[str] = Counter()
        """Of *dropped*: which record it was is assumed."""

    def count(self, drop: Drop | None) -> None:
        if drop is None:
            self.exported += 1
            return
        self.dropped[drop.reason] += 1
        if drop.among is not None:
            self.assumed[drop.reason] += 1


class _Line(_Tally):
    """A signal line, being counted."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0
        self.by_sink: dict[str, _Tally] = {}
        self.records: dict[tuple[int, int], _Join] = {}


def _worse(one: Drop | None, other: Drop | None) -> Drop | None:
    """Any drop outweighs an export, and one that is known outweighs one that is assumed."""
    if one is None or (one.among is not None and other is not None and other.among is None):
        return other
    return one


class Books:
    """Outcomes of one gateway, by case.

    Args:
        cases: number of columns.
        dead_letters: where dropped events are kept.
        on_dropped: told of each batch of dropped events (dedup releases their claims). Called
            with the lock not held.
    """

    def __init__(
        self,
        cases: int,
        dead_letters: DeadLetters,
        on_dropped: Callable[[Sequence[Item]], None] = lambda _items: None,
    ) -> None:
        self.lock = threading.Lock()
        self.dead_letters = dead_letters
        self.on_dropped = on_dropped
        self.exported = [0] * cases
        self.duplicate = [0] * cases
        self.dropped: list[Counter[str]] = [Counter() for _ in range(cases)]
        self.assumed: list[Counter[str]] = [Counter() for _ in range(cases)]
        self.sampled_out = 0
        self.diagnostic = 0
        self.measured = [0, 0]
        self.providers: Counter[str] = Counter()
        self.lines = {
            kind: _Line() for kind in (SignalKind.LOGS, SignalKind.SPANS, SignalKind.BRIDGE)
        }
        self.sinks = 1
        self.endings = 0
        """Rises with each booking; a waiter compares."""
        self._joins: dict[int, _Join] = {}
        self._waiters: list[Callable[[], None]] = []
        self._awaited: dict[int, Callable[[], None]] = {}
        """By serial: who waits for that one event's outcome."""

    # -- ends -----------------------------------------------------------------------------------

    def end(self, endings: Iterable[Ending]) -> None:
        """Book events that have no record under way."""
        dropped: list[Item] = []
        with self.lock:
            for item, drop, duplicate in endings:
                if item[0].companion is not None:  # it never came to the router
                    self.providers["absent"] += 1
                if duplicate:
                    self.duplicate[item[0].case_index] += 1
                    self.endings += 1
                    self._tell(item[0].serial)
                else:
                    self._book(item, drop, dropped)
        self._after(dropped)

    def _book(self, item: Item, drop: Drop | None, dropped: list[Item]) -> None:
        ticket, envelope = item
        self.endings += 1
        self._tell(ticket.serial)
        if drop is None:
            self.exported[ticket.case_index] += 1
            return
        self.dropped[ticket.case_index][drop.reason] += 1
        if drop.among is not None:
            self.assumed[ticket.case_index][drop.reason] += 1
        self.dead_letters.keep(DeadLetter(envelope, *drop))
        dropped.append(item)

    def _after(self, dropped: list[Item]) -> None:
        if dropped:
            self.on_dropped(dropped)
        for wake in list(self._waiters):
            wake()

    # -- joins ----------------------------------------------------------------------------------

    def open(self, joins: Iterable[tuple[Ticket, int, int]], sampled_out: int) -> None:
        """Register events with records: ticket, number of logs, number of spans."""
        logs, spans = self.lines[SignalKind.LOGS], self.lines[SignalKind.SPANS]
        with self.lock:
            self.sampled_out += sampled_out
            for ticket, n_logs, n_spans in joins:
                logs.made += n_logs
                spans.made += n_spans
                self._joins[ticket.serial] = _Join((n_logs + n_spans) * self.sinks)

    def report(self, kind: SignalKind, sink: str, ends: Sequence[RecordEnd]) -> None:
        """Book the ends of records at *sink*; the last one of an event books the event."""
        dropped: list[Item] = []
        with self.lock:
            line = self.lines[kind]
            tally = line.by_sink.setdefault(sink, _Tally())
            for item, ordinal, drop in ends:
                tally.count(drop)
                self._end_record(line, (item[0].serial, ordinal), drop)
                self._end_join(item, drop, dropped)
        self._after(dropped)

    def seal(self, flight: InFlight) -> bool:
        """Whether the caller is the one to report *flight*: True once, whoever asks first.

        A sink that comes back from a hanging request and whoever has given it up in the
        meantime must not both book its records.
        """
        with self.lock:
            if "sealed" in flight.notes:
                return False
            flight.notes["sealed"] = True
            return True

    def open_bridged(self, tickets: Sequence[Ticket]) -> None:
        """Register events that go to a broker whole: one record each, the event itself."""
        with self.lock:
            self.lines[SignalKind.BRIDGE].made += len(tickets)
            for ticket in tickets:
                self._joins[ticket.serial] = _Join(1)

    def joined(self, serial: int) -> bool:
        """Whether records of the event are under way."""
        return serial in self._joins

    def _end_record(self, line: _Line, key: tuple[int, int], drop: Drop | None) -> None:
        if self.sinks > 1:  # a record ends with the last sink, as the worst of them says
            join = line.records.setdefault(key, _Join(self.sinks))
            join.left -= 1
            join.drop = drop = _worse(join.drop, drop)
            if join.left:
                return
            del line.records[key]
        line.count(drop)

    def _end_join(self, item: Item, drop: Drop | None, dropped: list[Item]) -> None:
        serial = item[0].serial
        join = self._joins.get(serial)
        if join is None:
            return  # fenced: the event has been ended by other hands (shutdown, parked)
        join.left -= 1
        join.drop = _worse(join.drop, drop)
        if join.left == 0:
            del self._joins[serial]
            self._book(item, join.drop, dropped)

    # -- other lines ----------------------------------------------------------------------------

    def count_measurements(self, made: int, recorded: int) -> None:
        """Measurements that mappings made, and that the aggregates took."""
        with self.lock:
            self.measured[0] += made
            self.measured[1] += recorded

    def count_provider(self, what: str, n: int = 1) -> None:
        """Calls to trace managers and providers, by the names of `ledger.ProviderLine`."""
        with self.lock:
            self.providers[what] += n

    # -- waiting --------------------------------------------------------------------------------

    def await_end(self, serial: int, wake: Callable[[], None]) -> None:
        """Call *wake* once when event *serial* has its outcome, with the lock held: never waits.

        To be called before the event is let in, lest it end first.
        """
        self._awaited[serial] = wake

    def await_no_more(self, serial: int) -> bool:
        """Take back `await_end`; False: it has been called."""
        return self._awaited.pop(serial, None) is not None

    def _tell(self, serial: int) -> None:
        if self._awaited:
            wake = self._awaited.pop(serial, None)
            if wake is not None:
                wake()

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call *wake* after every booking; the answer ends it."""
        self._waiters.append(wake)
        return lambda: self._waiters.remove(wake)
