"""Journal: what was accepted survives ``kill -9``, once its batch is in here.

Stands beside the gateway stage, which hands it each batch before that goes on, and the books,
which tell it of each outcome. It owns one folder (`stores/journal/folder.py`) and adopts those of
dead processes. It decides nothing about an event; it keeps it, and says what it keeps.

Threads: the gateway actor's (or its slot's heir's) alone touches the disk, in `append`, `spill`,
the `next_...` and `tick`; it is woken for what `ended` is told on any thread. The status is
anybody's to read. A disk that fails is told once, counted and survived. ADR-0012, ADR-0019.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from supervisors import Clock
from supervisors.system.native import Lock, acquire
from telemetry_actors.books.books import Books
from telemetry_actors.books.ends import Drop, Ending
from telemetry_actors.books.ledger import Reason
from telemetry_actors.books.shards import Shards
from telemetry_actors.event.envelope import Envelope, Item
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.settings import JournalSettings
from telemetry_actors.stores.journal._adopter import LOOK_AGAIN_S, Adopter
from telemetry_actors.stores.journal._caps import Caps
from telemetry_actors.stores.journal._disk_health import DiskHealth
from telemetry_actors.stores.journal._home import Home
from telemetry_actors.stores.journal._index import Index, placed
from telemetry_actors.stores.journal._outcomes import Outcomes
from telemetry_actors.stores.journal._reader import Read, Reader
from telemetry_actors.stores.journal._replays import Replays
from telemetry_actors.stores.journal.segment import PENDING, Segment
from telemetry_actors.stores.status import JournalStatus

_BUSY_S, _LOOK_S = 0.05, 1.0  # until the next look: somebody is at work; what is too old


class Journal:
    """The journal of one gateway.

    Args:
        settings: with a directory.
        cases: names by row of the books; the last is for unknown ones.
        shards: where `emit()` counts; moved to the live page when there is one.
        books: told of what is taken in, lost and evicted.
        process: names this life of the gateway, as in claims and letters.
        wake: has `tick` called soon. Any thread; must not wait.
        gate: an earlier process's event as the settings let it travel now; None: not at all.
    """

    def __init__(
        self,
        settings: JournalSettings,
        *,
        cases: Sequence[str],
        clock: Clock,
        serials: Callable[[], int],
        shards: Shards,
        books: Books,
        process: str,
        wake: Callable[[], None] = lambda: None,
        gate: Callable[[Envelope], Envelope | None] = lambda envelope: envelope,
    ) -> None:
        assert settings.directory is not None
        cases = list(cases)
        self._clock = clock
        self._disk = DiskHealth(settings.directory, clock)
        self._books = books
        self._process = process
        self._index = Index(len(cases))
        self._wake = wake
        self._outcomes = Outcomes(self._index, wake, self._remove)
        self._adopter = Adopter(settings, cases, clock, serials, self._index, books)
        self._spilled = Reader(self._index, cases, adopted=False)
        self._replayed = Reader(self._index, cases, adopted=True)
        read = lambda limit: self._readable(self._replayed, self._replayed.next(limit))  # noqa: E731
        self._let_out = Replays(read, len(cases), self._index, books, gate)
        self._home = Home(settings, cases, clock, shards, self._index, self._remove)
        readers = {False: self._spilled, True: self._replayed}
        self._caps = Caps(settings, clock, self._index, readers, books, self._let_go, self._remove)
        self._last: dict[int, int] = {}  # places of the last batch by serial
        self._at_work = Lock()
        """One that hung in a write, and its heir, are not to write at the same time."""
        self._overtaken = False
        """Whoever is at work has been given up."""
        self.patience_s = 0.0  # so long `append` waits for who is at work; for the stop alone
        self._durable = 0
        self._closed = self._home_closed = False

    # -- opening, failing, coming back ------------------------------------------------------------

    def open(self) -> None:
        """Make a folder of our own and the live page. Never raises; told if it can't be.

        Before the tree runs, or on the gateway's thread.
        """
        try:
            self._open()
        except OSError as error:
            self._fail(error)

    def _open(self) -> None:
        home = self._home
        if not home.is_there():
            for segment in home.leave():  # what it held is in memory alone, or nowhere
                self._caps.evict(segment)
            home.settle()
        home.begin_segment()
        self._disk.works()

    def _fail(self, error: OSError) -> None:
        """The disk says no: go on without, and try again later."""
        self._disk.failed(error)
        self._home.seal()

    def _ready(self) -> bool:
        if self._closed:
            return False
        if self._disk.problem or self._home.current is None:
            if self._disk.until_retry_s() > 0:
                return False
            self.open()
        return not self._disk.problem

    # -- the gateway's thread ---------------------------------------------------------------------

    def append(self, items: Sequence[Item]) -> list[Item]:
        """Put *items* in; they come back with their places, or as they are if it can't be.

        What is in already (a crash came between) is not put in again. Nor is what a broker has
        until its outcome (`Ticket.bridged`): if we are killed it is delivered again, and out of
        the journal it would come twice. That is decided here and not by a stage, since here
        everyone comes by who puts events away: the gateway's batches, one by one after a
        crash, and what a stop finds at the door.
        """
        ours = [item for item in items if not item[0].bridged]
        if len(ours) == len(items):
            return self._put_in(items)
        there = iter(self._put_in(ours))
        return [item if item[0].bridged else next(there) for item in items]

    def _put_in(self, items: Sequence[Item]) -> list[Item]:
        if not acquire(self._at_work, self.patience_s):
            self._overtaken = True  # it hangs; the tree goes on without the journal
            return list(items)
        try:
            known = self._last
            if items and all(item[0].serial in known for item in items):
                places = [known[item[0].serial] for item in items]
                return [(placed(i[0], p), i[1]) for i, p in zip(items, places, strict=True)]
            self._overtaken = False
            self._outcomes.note()
            if not items or not self._ready() or not self._caps.make_room() or self._disk.problem:
                return list(items)
            return self._append(items)
        except OSError as error:
            self._fail(error)
            return list(items)
        finally:
            self._be_done()

    def _be_done(self) -> None:
        """Who hung while the journal was closed closes it now."""
        self._at_work.release()
        if self._closed and not self._home_closed:
            self._close_home()

    def _append(self, items: Sequence[Item]) -> list[Item]:
        segment, size_bytes = self._home.append([self._packed(item) for item in items])
        if self._overtaken:  # they have gone on without us
            self._home.take_back()
            return list(items)
        if not segment.states:
            segment.since_s = self._clock.now_s()
        there = self._index.add(segment, items, size_bytes)
        self._last = {ticket.serial: ticket.place or 0 for ticket, _ in there}
        self._durable += len(items)
        self._home.mark()
        return there

    def _packed(self, item: Item) -> bytes:
        ticket, envelope = item
        return envelope.pack(origin=(self._process, ticket.serial))

    def spill(self, items: Iterable[Item]) -> None:
        """*items*, which are in, leave memory; `next_spilled` brings them back in order."""
        tickets = [item[0] for item in items]
        absent = sum(ticket.companion is not None for ticket in tickets)
        if absent:
            self._books.count_provider("absent", absent)
        self._index.move(tickets, PENDING)

    def next_spilled(self, limit: int) -> list[Item]:
        """The next events that left memory. They stay ours until `forwarded`."""
        return self._readable(self._spilled, self._spilled.next(limit))

    def next_replayed(self, limit: int) -> list[Item]:
        """The next events that a dead process left. They stay ours until `forwarded`."""
        return self._let_out.next(limit)

    def end_replays(self) -> None:
        """The process ends: what an earlier one left waits until its own is out. Any thread."""
        self._let_out.held_back = True

    def replay_all(self) -> None:
        """Its own is out, and there is time: as fast as the tree takes it. Any thread."""
        self._let_out.held_back = self._let_out.paced = False
        self._wake()

    @property
    def paced(self) -> bool:
        """Replays keep to the pace that is set."""
        return self._let_out.paced

    def _readable(self, reader: Reader, read: Read) -> list[Item]:
        if read.error is not None:
            self._disk.errors += 1
        if read.unreadable:
            drop = Drop(Reason.JOURNAL_FULL, "journal", f"unreadable: {read.error or 'damaged'}")
            self._books.end([Ending(item, drop) for item in reader.lost(read.unreadable)])
            self._adopter.note_damage(len(read.unreadable))
        return read.items

    def forwarded(self, items: Iterable[Item]) -> None:
        """*items* were read back and have gone on."""
        self._index.move([item[0] for item in items], 0)

    @property
    def backlog(self) -> int:
        """Own events that are on disk alone; newer ones must wait behind them."""
        return self._index.backlog

    @property
    def replays(self) -> int:
        """Another process's events that are on disk alone."""
        return self._index.replays

    def tick(self) -> float | None:
        """Do what is due. Seconds until it is to be called again; None: when there is more."""
        if not self._at_work.acquire(blocking=False):
            return _BUSY_S
        try:
            return self._tick()
        finally:
            self._be_done()

    def _tick(self) -> float | None:
        self._outcomes.note()
        ready = self._ready()
        adopting = self._adopter.step(ill=bool(self._disk.problem))
        before = self._caps.evicted
        self._caps.evict_old()
        if self._caps.evicted > before:
            self._home.mark()
        if not ready:
            return max(_BUSY_S, self._disk.until_retry_s())
        try:
            sync_s = self._home.sync_if_due()
        except OSError as error:
            self._fail(error)
            return self._disk.retry_s
        if adopting:
            return 0.0
        if sync_s is not None:
            return sync_s
        return _LOOK_S if self._index.left() else LOOK_AGAIN_S

    # -- letting go -------------------------------------------------------------------------------

    def _let_go(self, segment: Segment) -> None:
        if segment is not self._home.current:
            return
        self._home.current = None
        try:
            self._home.begin_segment()
        except OSError as error:
            self._fail(error)

    def _remove(self, segment: Segment) -> None:
        """Nothing of *segment* is needed any more: first the events, then who had what."""
        if self._closed:
            return  # it may be somebody else's by now
        for path in (segment.path, segment.ack_path):
            try:
                path.unlink(missing_ok=True)
            except OSError:
                self._disk.errors += 1  # the next start will find it, and its acks
                return
        if segment.adopted:
            self._adopter.finished(segment.path)

    @property
    def adopting(self) -> bool:
        """Folders of ended processes are being read, or nobody has looked for any yet."""
        return self._adopter.busy and not self._closed

    @property
    def idle(self) -> bool:
        """Nothing is to be adopted, nor read back."""
        return not (self.adopting or self.backlog or self.replays)

    # -- outcomes: any thread of the tree ----------------------------------------------------

    def ended(self, tickets: Sequence[Ticket]) -> None:
        """Events have their outcome: they will not be sent again."""
        ended = self._outcomes.end(tickets)
        self._home.count_unheld(ended.unheld)

    def measured(self, tickets: Iterable[Ticket]) -> None:
        """Their measurements have been exported: a replay is not to record them again."""
        if not self._closed:
            self._outcomes.measured(tickets)

    def holds(self, place: int | None) -> bool:
        """Whether the event would survive us. Any thread."""
        return self._index.holds(place)

    def pending(self, *, replays: bool = True) -> Iterator[Ticket]:
        """Each event that is on disk alone: for whoever counts what is in flight. Any thread.

        *replays*: those of an earlier process, too.
        """
        return self._index.pending(replays=replays)

    # -- looking, leaving --------------------------------------------------------------------

    def status(self) -> JournalStatus:
        """One look. Any thread; no file is touched."""
        segments = [s for s in self._index.segments() if s.states]
        born_ns = min((s.born_ns for s in segments if s.born_ns), default=None)
        age_s = 0.0 if born_ns is None else (self._clock.now_ns() - born_ns) / 1e9
        return JournalStatus(
            directory=os.fspath(self._disk.directory),
            state="out" if self._disk.problem else "closed" if self._closed else "on",
            durable=self._durable,
            held=self._index.left(),
            spilled=self._index.backlog,
            replays=self._index.replays,
            journal_bytes=self._index.size_bytes(),
            segments=len(segments),
            oldest_age_s=max(0.0, age_s),
            evicted=self._caps.evicted,
            errors=self._disk.errors + self._outcomes.errors,
            page_healthy=not self._home.page_problem(),
            **self._adopter.counts(),
            problem=self._disk.problem,
        )

    def problems(self) -> list[str]:
        """For `Status.problems`."""
        own = f"the journal fails: {self._disk.problem}" if self._disk.problem else ""
        return [*filter(None, [own, self._home.page_problem()]), *self._adopter.problems()]

    def close(self) -> None:
        """Let go of all folders; what is left in them is for the next start.

        Under somebody who hangs in a write no file is closed: its number may soon be another's.
        """
        self._close_home()
        self._closed = True
        self._adopter.close()

    def _close_home(self) -> None:
        if not acquire(self._at_work, self.patience_s):
            return
        self._home_closed = True
        try:
            self._outcomes.note()
            self._home.close()
        except OSError as error:
            self._fail(error)
        finally:
            self._at_work.release()

    def forsake(self) -> None:
        """In the child of a fork: all of it is the parent's. Nothing is written."""
        self._closed = True
        self._home.forsake()
        for folder in self._adopter.folders():
            folder.close()
