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
from telemetry_actors.books._records import Records, SentRecord
from telemetry_actors.books.dead_letters import DeadLetter, DeadLetters
from telemetry_actors.books.ends import Drop, Ending, OnEnd, RecordEnd
from telemetry_actors.books.ledger import Admission, Outcome, Reason
from telemetry_actors.books.other_ways import OtherWays
from telemetry_actors.books.room import Room
from telemetry_actors.books.snapshot import BooksSnapshot
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


class Listener:
    """Told of what has ended. A base that does nothing.

    Called on the thread that books, with the books' lock not held, in the order of the methods
    here; whoever follows an event (`Books.follow`) hears of it before `on_ended`, so that the
    journal lets go of an event last. Must not raise, and must not wait for long.
    """

    off_loaded: Container[int] = ()
    """Serials of events that have an object in the payload store."""

    def on_exported(self, items: Sequence[Item]) -> None:
        """These were exported (dedup's claims are to last)."""

    def on_dropped(self, items: Sequence[Item]) -> None:
        """These were dropped (dedup releases their claims)."""

    def on_letters(self, letters: Sequence[DeadLetter]) -> None:
        """The same, as dead letters (they are written to a directory)."""

    def on_ended(self, tickets: Sequence[Ticket]) -> None:
        """These have an outcome of whatever kind (the journal lets go of them)."""

    def on_off_loaded_end(self, serial: int) -> None:
        """One of *off_loaded* has its outcome (its object is deleted)."""


class Books:
    """Outcomes of one gateway, by case.

    It owns its lock: nobody else takes it, and `emit()` never needs it. Written by the tree's
    threads; `snapshot` is for any thread.

    Args:
        cases: number of columns.
        dead_letters: where dropped events are kept.
        max_age_ns: by case, for those that expire: an older event that is taken ends ``expired``.
    """

    def __init__(
        self,
        cases: int,
        dead_letters: DeadLetters,
        listener: Listener | None = None,
        max_age_ns: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        self._lock = Lock()
        self.dead_letters = dead_letters
        self._listener = listener or Listener()
        self.room = Room()
        """Given back as events have their outcome."""
        self.max_age_ns = max_age_ns
        self._ended_off_loaded: deque[int] = deque()
        self.exported = [0] * cases
        self.duplicate = [0] * cases
        self.dropped: list[Counter[str]] = [Counter() for _ in range(cases)]
        self.assumed: list[Counter[str]] = [Counter() for _ in range(cases)]
        self.unreadable: Counter[tuple[str, str]] = Counter()  # values, by case and key
        self.measured = [0, 0, 0]
        self.providers: Counter[str] = Counter()
        self.records = Records()
        self.other_ways = OtherWays(cases)
        self.timings: dict[str, Timing] = {}
        """How long batches took, by the path of the part. No lock: each has one writer."""
        self._followed: dict[int, OnEnd] = {}
        self.endings = 0
        """Rises with each booking; a waiter compares."""
        self.telling = 0  # whoever has booked, and not told the journal yet: it still holds them
        self._waiters: list[Callable[[], None]] = []

    # -- ends -----------------------------------------------------------------------------------

    def end(self, endings: Iterable[Ending]) -> None:
        """Book events that have no record under way."""
        told = _Told([], [], [], [], [])
        with self._lock:
            for item, drop, duplicate, measured in endings:
                if item[0].companion is not None:  # it never came to the router
                    self.providers["absent"] += 1
                if duplicate:
                    self.duplicate[item[0].case_index] += 1
                    self._note_end(item[0], Outcome.DUPLICATE, None, told)
                else:
                    self._book(item, drop, measured, told)
        self._after(told)

    def drop_all(self, items: list[Item], drop: Drop, to_come: int = 0) -> None:
        """As `end`, of *items* that all end as *drop*: at a stop there are 100,000 of them.

        Args:
            to_come: how many more will be dropped right behind these.
        """
        letters = [DeadLetter(item[1], *drop, item[0].measured, item[0].serial) for item in items]
        tickets = [item[0] for item in items]
        told = _Told([], items, letters, [], tickets)
        with self._lock:
            for case, n in Counter([ticket.case_index for ticket in tickets]).items():
                self._count_drop(case, drop, n)
            if absent := sum(ticket.companion is not None for ticket in tickets):
                self.providers["absent"] += absent
            self.dead_letters.keep_all(letters, to_come)
            self.endings += len(items)
            self.room.give_all_back(tickets)
            off_loaded = self._listener.off_loaded
            if off_loaded:
                self._ended_off_loaded += [t.serial for t in tickets if t.serial in off_loaded]
            if self._followed:
                for letter in letters:
                    self._note_follower(letter.serial, Outcome.DROPPED, letter, told)
        self._after(told)

    def _book(self, item: Item, drop: Drop | None, measured: bool, told: _Told) -> None:
        ticket, envelope = item
        if drop is None:
            self.exported[ticket.case_index] += 1
            told.exported.append(item)
            self._note_end(ticket, Outcome.EXPORTED, None, told)
            return
        self._count_drop(ticket.case_index, drop, 1)
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
        if ticket.serial in self._listener.off_loaded:
            self._ended_off_loaded.append(ticket.serial)
        if self._followed:
            self._note_follower(ticket.serial, outcome, letter, told)

    def _note_follower(
        self, serial: int, outcome: Outcome, letter: DeadLetter | None, told: _Told
    ) -> None:
        on_end = self._followed.pop(serial, None)
        if on_end is not None:
            told.followed.append((on_end, outcome, letter))

    def _count_drop(self, case: int, drop: Drop, n: int) -> None:
        self.dropped[case][drop.reason] += n
        if drop.among is not None:
            self.assumed[case][drop.reason] += n

    def _after(self, told: _Told) -> None:
        self.telling += 1
        try:
            self._tell(told)
        finally:
            self.telling -= 1
        while self._ended_off_loaded:
            with suppress(IndexError):  # another thread was quicker
                self._listener.on_off_loaded_end(self._ended_off_loaded.popleft())
        for wake in list(self._waiters):
            wake()

    def _tell(self, told: _Told) -> None:
        listener = self._listener
        if told.exported:
            listener.on_exported(told.exported)
        if told.dropped:
            listener.on_dropped(told.dropped)
            listener.on_letters(told.letters)
        for on_end, outcome, letter in told.followed:
            on_end(outcome, letter)
        if told.ended:
            listener.on_ended(told.ended)

    # -- other ways in --------------------------------------------------------------------------

    def take_in(self, source: str, by_case: Mapping[int, int]) -> None:
        """Events that came in by *source*: they count as emitted and accepted."""
        with self._lock:
            self._take_in(source, by_case)

    def turn_away(self, source: str, case: int, why: Admission) -> None:
        """An event that came by *source* is refused: it counts as emitted and refused."""
        with self._lock:
            self.other_ways.turned_away[source, case, why] += 1

    def lose(self, by_case: Mapping[int, int]) -> None:
        """Events that an earlier process accepted and lost when it ended."""
        with self._lock:
            self._take_in(str(Reason.LOST_ON_CRASH), by_case)
            for case, n in by_case.items():
                self.dropped[case][Reason.LOST_ON_CRASH] += n

    def _take_in(self, source: str, by_case: Mapping[int, int]) -> None:
        self.other_ways.take_in(source, by_case)
        self.endings += 1

    def follow(self, serial: int, on_end: OnEnd) -> None:
        """Tell *on_end* of the outcome of an event that is about to come in.

        On the thread that ends it, with the lock not held; it must not wait, and must not raise.
        """
        with self._lock:
            self._followed[serial] = on_end

    # -- joins ----------------------------------------------------------------------------------

    def open(self, joins: Iterable[tuple[Ticket, int, int]], sampled_out: int) -> None:
        """Register events with records: ticket, number of logs, number of spans."""
        with self._lock:
            self.records.open(joins, sampled_out)

    def open_lost(self, tickets: Sequence[Ticket], drop: Drop) -> None:
        """Register events whose payload is lost: each has one log, the diagnostic.

        They end as *drop* when that log has its end, whatever it is.
        """
        with self._lock:
            self.records.open_lost(tickets, drop)

    def report(self, kind: SignalKind, sink: str, ends: Sequence[RecordEnd]) -> None:
        """Book the ends of records at *sink*; the last one of an event books the event."""
        told = _Told([], [], [], [], [])
        with self._lock:
            for item, drop in self.records.end(kind, sink, ends):
                self._book(item, drop, True, told)  # its records are opened after the recording
        self._after(told)

    def report_exported(self, kind: SignalKind, sink: str, records: Sequence[SentRecord]) -> None:
        """As `report`, of a batch of which *sink* has taken everything."""
        told = _Told([], [], [], [], [])
        with self._lock:
            for item, drop in self.records.end_exported(kind, sink, records):
                self._book(item, drop, True, told)
        self._after(told)

    def seal(self, flight: InFlight) -> bool:
        """Whether the caller is the one to report *flight*: True once, whoever asks first.

        A sink that comes back from a hanging request and whoever has given it up in the
        meantime must not both book its records.
        """
        with self._lock:
            if "sealed" in flight.notes:
                return False
            flight.notes["sealed"] = True
            return True

    def open_bridged(self, tickets: Sequence[Ticket]) -> None:
        """Register events that go to a broker whole: one record each, the event itself."""
        with self._lock:
            self.records.open_bridged(tickets)

    def joined(self, serial: int) -> bool:
        """Whether records of the event are under way."""
        return self.records.joined(serial)

    # -- other lines ----------------------------------------------------------------------------

    def count_measurements(self, made: int, recorded: int, left_out: int = 0) -> None:
        """Measurements that mappings made, that the aggregates took, that had no room there."""
        with self._lock:
            self.measured[0] += made
            self.measured[1] += recorded
            self.measured[2] += left_out

    def count_provider(self, what: str, n: int = 1) -> None:
        """Calls to trace managers and providers, by the names of `ledger.ProviderLine`."""
        with self._lock:
            self.providers[what] += n

    def count_unreadable(self, case: str, keys: Iterable[str]) -> None:
        """Values of events of *case* that could not be read."""
        with self._lock:
            self.unreadable.update((case, key) for key in keys)

    def timing(self, part: str) -> Timing:
        """That of the part at this path. Its own thread."""
        found = self.timings.get(part)
        return found if found is not None else self.timings.setdefault(part, Timing())

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call *wake* after every booking; the answer ends it."""
        self._waiters.append(wake)
        return lambda: self._waiters.remove(wake)

    # -- looking ----------------------------------------------------------------------------------

    @property
    def version(self) -> tuple[int, int]:
        """Rises with each booking, and with each batch of records that are made. No lock."""
        return self.endings, self.records.openings

    def snapshot(self) -> BooksSnapshot:
        """All of it at one instant. Any thread; takes the lock."""
        with self._lock:
            made, recorded, left_out = self.measured
            return BooksSnapshot(
                self.exported.copy(),
                self.duplicate.copy(),
                [counter.copy() for counter in self.dropped],
                [counter.copy() for counter in self.assumed],
                self.records.sampled_out,
                self.records.diagnostic,
                self.unreadable.copy(),
                (made, recorded, left_out),
                self.providers.copy(),
                {kind: line.copy() for kind, line in self.records.lines.items()},
                {source: by_case.copy() for source, by_case in self.other_ways.sources.items()},
                self.other_ways.turned_away.copy(),
                len(self.dead_letters),
                self.version,
                bool(self.telling),
            )

    def letters(self) -> list[DeadLetter]:
        """The last dropped events, oldest first. Any thread; takes the lock."""
        with self._lock:
            return self.dead_letters.list()

    def dropped_as(self, reason: Reason, rows: Iterable[int]) -> int:
        """How many events of the cases in *rows* were dropped so. Any thread; takes no lock."""
        return sum(self.dropped[row][reason] for row in rows)
