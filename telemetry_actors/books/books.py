"""The books of the tree: outcomes, joins, signal lines, dead letters.

Written by the tree's threads under one lock that `emit()` never takes. One event may make
several records, which end in several batches on several threads; a *join* counts how many
ends are still to come and keeps the worst, and the last one books the event.

Booking comes before removal: whoever ends an event reports it here first and lets go of
it afterwards, so at every instant an accepted event is booked or held, never neither.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import NamedTuple

from supervisors import InFlight
from supervisors.system.native import Lock
from telemetry_actors.base.timing import Timing
from telemetry_actors.batch.crashes import tell_raised
from telemetry_actors.books._lines import Join, Line, Tally, worse
from telemetry_actors.books.dead_letters import DeadLetter, DeadLetters
from telemetry_actors.books.ends import Drop, Ending, OnEnd, RecordEnd
from telemetry_actors.books.ledger import Admission, Outcome, Reason
from telemetry_actors.books.room import Room
from telemetry_actors.event.envelope import Item
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.event.ticket import Ticket


class _Told(NamedTuple):
    """What is to be told once the lock is free."""

    exported: list[Item]
    dropped: list[Item]
    letters: list[DeadLetter]
    followed: list[tuple[OnEnd, Outcome, DeadLetter | None]]
    ended: list[Ticket]


class Books:
    """Outcomes of one gateway, by case.

    Args:
        cases: number of columns.
        dead_letters: where dropped events are kept.
        on_dropped: told of each batch of dropped events (dedup releases their claims). Called
            with the lock not held, as are *on_letters*, *on_ended* and whoever follows an event.
        max_age_ns: by case, for those that expire: an older event that is taken ends ``expired``.
    """

    def __init__(
        self,
        cases: int,
        dead_letters: DeadLetters,
        on_dropped: Callable[[Sequence[Item]], None] = lambda _items: None,
        max_age_ns: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        self.lock = Lock()
        self.dead_letters = dead_letters
        self.on_dropped = on_dropped
        self.room = Room()
        """Given back as events have their outcome."""
        self.max_age_ns = max_age_ns
        self.off_loaded: Container[int] = ()
        """Serials of events that have an object in the payload store."""
        self.on_off_loaded_end: Callable[[int], None] = lambda _serial: None
        """Told of each of them that has its outcome. Called with the lock not held."""
        self._ended_off_loaded: deque[int] = deque()
        self.exported = [0] * cases
        self.duplicate = [0] * cases
        self.dropped: list[Counter[str]] = [Counter() for _ in range(cases)]
        self.assumed: list[Counter[str]] = [Counter() for _ in range(cases)]
        self.sampled_out = self.diagnostic = 0
        self.unreadable: Counter[tuple[str, str]] = Counter()  # values, by case and key
        self.measured = [0, 0, 0]
        self.providers: Counter[str] = Counter()
        self.lines = {
            kind: Line() for kind in (SignalKind.LOGS, SignalKind.SPANS, SignalKind.BRIDGE)
        }
        self.timings: dict[str, Timing] = {}
        """How long batches took, by the path of the part. No lock: each has one writer."""
        self.sinks = 1
        self.on_letters: Callable[[Sequence[DeadLetter]], None] | None = None
        """Told of each batch of letters (they are written to a directory)."""
        self.on_lost: Callable[[Sequence[DeadLetter]], None] = lambda _letters: None
        """Told of them, too (it is said why)."""
        self.on_exported: Callable[[Sequence[Item]], None] | None = None
        """Told of each batch of exported events (dedup's claims are to last)."""
        self.on_ended: Callable[[Sequence[Ticket]], None] | None = None
        """Told of each batch of outcomes of whatever kind (the journal lets go of them)."""
        self.sources: dict[str, list[int]] = {}
        """Events that came in by another way than `emit()`: by way, then by case."""
        self.turned_away: Counter[tuple[str, int, Admission]] = Counter()  # way, case, why refused
        self._followed: dict[int, OnEnd] = {}
        self.endings = 0
        """Rises with each booking; a waiter compares."""
        self.openings = 0
        """Rises with each batch of records that are made."""
        self.telling = 0  # whoever has booked, and not told the journal yet: it still holds them
        self._joins: dict[int, Join] = {}
        self._waiters: list[Callable[[], None]] = []

    # -- ends -----------------------------------------------------------------------------------

    def end(self, endings: Iterable[Ending]) -> None:
        """Book events that have no record under way."""
        told = _Told([], [], [], [], [])
        with self.lock:
            for item, drop, duplicate, measured in endings:
                if item[0].companion is not None:  # it never came to the router
                    self.providers["absent"] += 1
                if duplicate:
                    self.duplicate[item[0].case_index] += 1
                    self._note_end(item[0], Outcome.DUPLICATE, None, told)
                else:
                    self._book(item, drop, measured, told)
        self._after(told)

    def _book(self, item: Item, drop: Drop | None, measured: bool, told: _Told) -> None:
        ticket, envelope = item
        if drop is None:
            self.exported[ticket.case_index] += 1
            told.exported.append(item)
            self._note_end(ticket, Outcome.EXPORTED, None, told)
            return
        self.dropped[ticket.case_index][drop.reason] += 1
        if drop.among is not None:
            self.assumed[ticket.case_index][drop.reason] += 1
        letter = DeadLetter(envelope, *drop, measured or ticket.measured, ticket.serial)
        self.dead_letters.keep(letter)
        told.dropped.append(item)
        told.letters.append(letter)
        self._note_end(ticket, Outcome.DROPPED, letter, told)

    def _note_end(
        self, ticket: Ticket, outcome: Outcome, letter: DeadLetter | None, told: _Told
    ) -> None:
        self.endings += 1
        told.ended.append(ticket)
        if ticket.share is not None:
            self.room.give_back(ticket.share, ticket.charged_bytes)
        if ticket.serial in self.off_loaded:
            self._ended_off_loaded.append(ticket.serial)
        if self._followed:
            on_end = self._followed.pop(ticket.serial, None)
            if on_end is not None:
                told.followed.append((on_end, outcome, letter))

    def _after(self, told: _Told) -> None:
        self.telling += 1
        try:
            self._tell(told)
        finally:
            self.telling -= 1
        while self._ended_off_loaded:
            with suppress(IndexError):  # another thread was quicker
                self.on_off_loaded_end(self._ended_off_loaded.popleft())
        for wake in list(self._waiters):
            wake()

    def _tell(self, told: _Told) -> None:
        if told.exported and self.on_exported is not None:
            self.on_exported(told.exported)
        if told.dropped:
            self.on_dropped(told.dropped)
            self.on_lost(told.letters)
        if told.letters and self.on_letters is not None:
            self.on_letters(told.letters)
        for on_end, outcome, letter in told.followed:
            try:
                on_end(outcome, letter)
            except Exception as error:  # noqa: BLE001 -- a user's own; the books are done
                tell_raised(
                    "what was to be told of a replayed event's end", error, "no event is lost"
                )
        if told.ended and self.on_ended is not None:
            self.on_ended(told.ended)

    # -- other ways in --------------------------------------------------------------------------

    def take_in(self, source: str, by_case: Mapping[int, int]) -> None:
        """Events that came in by *source*: they count as emitted and accepted."""
        with self.lock:
            self._take_in(source, by_case)

    def turn_away(self, source: str, case: int, why: Admission) -> None:
        """An event that came by *source* is refused: it counts as emitted and refused."""
        with self.lock:
            self.turned_away[source, case, why] += 1

    def lose(self, by_case: Mapping[int, int]) -> None:
        """Events that an earlier process accepted and lost when it ended."""
        with self.lock:
            self._take_in(str(Reason.LOST_ON_CRASH), by_case)
            for case, n in by_case.items():
                self.dropped[case][Reason.LOST_ON_CRASH] += n

    def _take_in(self, source: str, by_case: Mapping[int, int]) -> None:
        taken = self.sources.setdefault(source, [0] * len(self.exported))
        for case, n in by_case.items():
            taken[case] += n
        self.endings += 1

    def by_source(self) -> Counter[str]:
        """How many came by each way but `emit()`. With the lock held, as `other_ways`."""
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

    def follow(self, serial: int, on_end: OnEnd) -> None:
        """Tell *on_end* of the outcome of an event that is about to come in.

        On the thread that ends it, with the lock not held; it must not wait. What it raises is
        left out.
        """
        with self.lock:
            self._followed[serial] = on_end

    # -- joins ----------------------------------------------------------------------------------

    def open(self, joins: Iterable[tuple[Ticket, int, int]], sampled_out: int) -> None:
        """Register events with records: ticket, number of logs, number of spans."""
        logs, spans = self.lines[SignalKind.LOGS], self.lines[SignalKind.SPANS]
        with self.lock:
            self.openings += 1
            self.sampled_out += sampled_out
            for ticket, n_logs, n_spans in joins:
                logs.made += n_logs
                spans.made += n_spans
                self._joins[ticket.serial] = Join((n_logs + n_spans) * self.sinks)

    def open_lost(self, tickets: Sequence[Ticket], drop: Drop) -> None:
        """Register events whose payload is lost: each has one log, the diagnostic.

        They end as *drop* when that log has its end, whatever it is.
        """
        line = self.lines[SignalKind.LOGS]
        with self.lock:
            self.openings += 1
            line.made += len(tickets)
            self.diagnostic += len(tickets)
            for ticket in tickets:
                join = self._joins[ticket.serial] = Join(self.sinks)
                join.drop = drop

    def report(self, kind: SignalKind, sink: str, ends: Sequence[RecordEnd]) -> None:
        """Book the ends of records at *sink*; the last one of an event books the event."""
        told = _Told([], [], [], [], [])
        with self.lock:
            line = self.lines[kind]
            tally = line.by_sink.setdefault(sink, Tally())
            for item, ordinal, drop in ends:
                tally.count(drop)
                self._end_record(line, (item[0].serial, ordinal), drop)
                self._end_join(item, drop, told)
        self._after(told)

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
            self.openings += 1
            self.lines[SignalKind.BRIDGE].made += len(tickets)
            for ticket in tickets:
                self._joins[ticket.serial] = Join(1)

    def joined(self, serial: int) -> bool:
        """Whether records of the event are under way."""
        return serial in self._joins

    def _end_record(self, line: Line, key: tuple[int, int], drop: Drop | None) -> None:
        if self.sinks > 1:  # a record ends with the last sink, as the worst of them says
            join = line.records.setdefault(key, Join(self.sinks))
            join.left -= 1
            join.drop = drop = worse(join.drop, drop)
            if join.left:
                return
            del line.records[key]
        line.count(drop)

    def _end_join(self, item: Item, drop: Drop | None, told: _Told) -> None:
        serial = item[0].serial
        join = self._joins.get(serial)
        if join is None:
            return  # fenced: the event has been ended by other hands (shutdown, parked)
        join.left -= 1
        join.drop = worse(join.drop, drop)
        if join.left == 0:
            del self._joins[serial]
            self._book(item, join.drop, True, told)  # a join is opened after the recording

    # -- other lines ----------------------------------------------------------------------------

    def count_measurements(self, made: int, recorded: int, left_out: int = 0) -> None:
        """Measurements that mappings made, that the aggregates took, that had no room there."""
        with self.lock:
            self.measured[0] += made
            self.measured[1] += recorded
            self.measured[2] += left_out

    def count_provider(self, what: str, n: int = 1) -> None:
        """Calls to trace managers and providers, by the names of `ledger.ProviderLine`."""
        with self.lock:
            self.providers[what] += n

    def timing(self, part: str) -> Timing:
        """That of the part at this path. Its own thread."""
        found = self.timings.get(part)
        return found if found is not None else self.timings.setdefault(part, Timing())

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call *wake* after every booking; the answer ends it."""
        self._waiters.append(wake)
        return lambda: self._waiters.remove(wake)
