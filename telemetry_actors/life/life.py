"""One life of a gateway: intake, books, tree. Made at once, built when it is first needed.

A fork child gets a new one; a stopped one stays readable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from supervisors import (
    Clock,
    Mailbox,
    MailboxSpec,
    Ref,
    Runtime,
    Slot,
    Supervisor,
    SupervisorRef,
)
from supervisors.errors import NoSuchChild
from supervisors.system.clock import Token, new_token, release
from supervisors.system.native import Lock, acquire
from supervisors.thread import is_want_of_threads
from telemetry_actors.batch.crashes import tell
from telemetry_actors.batch.lateness import Lateness
from telemetry_actors.books.books import Books
from telemetry_actors.books.dead_letters import DeadLetters
from telemetry_actors.books.ledger import Reason
from telemetry_actors.books.mistakes import Losses
from telemetry_actors.door.entries import entries_of
from telemetry_actors.door.gating import as_it_may_travel
from telemetry_actors.door.giving_way import Pauses
from telemetry_actors.door.intake import Door, Intake
from telemetry_actors.door.pressure import Pressure, max_ages_ns
from telemetry_actors.door.strict import StrictIntake
from telemetry_actors.door.trace_providers import TraceProviders
from telemetry_actors.event.definition import CaseDefinition
from telemetry_actors.event.envelope import Envelope, Item, charge_of, claim_of
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.life._parking import on_lifecycle
from telemetry_actors.life._parkings import Parkings
from telemetry_actors.life.aside import Aside, run_aside
from telemetry_actors.life.burial import bury
from telemetry_actors.life.cut_short import is_the_stops
from telemetry_actors.lifecycle.fork import importing
from telemetry_actors.ports import DedupStore, ExportResult, MetricRecorder, Sink
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.sinks.health import SinkHealth
from telemetry_actors.stages.dedup import SETTLE
from telemetry_actors.stages.gateway import JOURNAL
from telemetry_actors.stores.letters.writer import letters_of
from telemetry_actors.stores.memory import MemoryDedupStore

if TYPE_CHECKING:
    from telemetry_actors.stores.journal import Journal
    from telemetry_actors.stores.payload_keeper import PayloadKeeper
    from telemetry_actors.tree.whole import Holder, Tree

__all__ = ["GATEWAY", "Life"]

_ENDING = ("stopping", "stopped")
_UNDO_S = 5.0
_LOOK_S = 0.25
GATEWAY: Final = ("root", "stages", "gateway")
DEDUP: Final = ("root", "stages", "dedup")


class Life:
    """Everything of a gateway between its making and its end.

    Args:
        settings: checked.
        sinks: given by the user, or None: made from the settings when the tree is built.
        clock: the tree's.
        runtime: threads to use; its own by default.
        awaken: starts the tree in the background (first event).
        cases: the user's own, beside the fourteen.
        providers: who besides trace managers is given trace tasks; nobody by default.
    """

    def __init__(  # noqa: PLR0915 -- its state, one by one
        self,
        settings: TelemetrySettings,
        sinks: Sequence[Sink] | None,
        clock: Clock,
        runtime: Runtime | None,
        awaken: Callable[[], bool],
        cases: Mapping[str, CaseDefinition[Any]] = MappingProxyType({}),
        providers: TraceProviders | None = None,
    ) -> None:
        gateway = settings.gateway
        self.settings = settings
        self.clock = clock
        self.began_ns = clock.now_ns()
        """Start of all that is counted."""
        self.given_sinks = sinks
        self.registered = cases
        routes = [definition.route for definition in cases.values()]
        self.entries = entries_of(settings, bool(sinks) or settings.legacy_tree, routes)
        self.cases = list(self.entries)
        letters = DeadLetters(settings.dead_letters.max_count, settings.dead_letters.max_bytes)
        self.local_claims = MemoryDedupStore(settings.dedup.ttl_s, settings.dedup.max_ids, clock)
        self.dedup: DedupStore = self.local_claims  # with a `redis_url` another one, later
        max_age_ns = max_ages_ns(settings.pressure, self.entries.values())
        self.books = Books(len(self.entries), letters, self._release_claims, max_age_ns)
        self.process = uuid4().hex
        """Names this life where events are kept that outlast it."""
        self.letters = letters_of(settings.dead_letters, clock, self.process)
        if self.letters is not None:
            self.books.on_letters = self.letters.offer
        self.mailbox = Mailbox(
            MailboxSpec(
                max_items=gateway.mailbox_events,
                max_bytes=gateway.mailbox_bytes,
                linger_s=gateway.linger_s,
                batch_max_items=gateway.batch_events,
                batch_max_bytes=gateway.batch_bytes,
            ),
            lambda item: item[0][2],
        )
        self.lateness = Lateness(clock, gateway.linger_s)
        self.pauses = Pauses(self.lateness.overdue_s)
        self.providers = Mailbox(
            MailboxSpec(
                max_items=settings.providers.mailbox_calls,
                max_bytes=settings.providers.mailbox_bytes,
                batch_max_items=64,
            ),
            lambda call: charge_of(call[2]),
        )
        self.pressure = Pressure(gateway, settings.pressure, self.mailbox, self.books.room)
        self.losses = Losses(self.cases, clock.now_s, of_no_sink=sinks is not None)
        self.books.on_lost = self.losses.dropped
        self.trace_providers = TraceProviders() if providers is None else providers
        self.intake = self._new_intake(awaken)
        self.given_runtime = runtime
        """The user's, or None: its own."""
        self.runtime: Runtime | None = None
        """Of the tree, once it has been started."""
        self.journal = self._new_journal()
        self.tree: Tree | None = None
        self.root: SupervisorRef | None = None
        self.sinks: Sequence[Sink] = ()
        self.slots: dict[tuple[str, ...], Slot] = {}
        self.health: dict[tuple[str, SignalKind], SinkHealth] = {}
        self.taken_out: list[tuple[SignalKind | None, list[Any]]] = []  # see `batch/places.py`
        self.budget: Any = None
        self.payloads: PayloadKeeper | None = None  # of the payload store; made with the tree
        self.recorder: MetricRecorder | None = None
        self.state = "new"
        self.parkings = Parkings()
        self.building = Lock()
        """Held while the tree is being built and started."""
        self.fails_since_s: float | None = None
        """When a build failed first."""
        self.impatient = False
        """The process ends: nobody waits for anything any more."""
        self.cut_at: tuple[str, ...] | None = None
        """Where calls of a user's stood when a stop's time was up; None: it wasn't."""
        self.given_up = False
        """Stopped without waiting for a start that was under way: it is to undo itself."""

    def _new_intake(self, awaken: Callable[[], bool]) -> Intake:
        settings, limits = self.settings, self.settings.gateway
        look = self.pauses.look if settings.pressure.give_way else None
        door = Door(
            limits.max_event_bytes,
            limits.max_context_bytes,
            self.pressure,
            look,
            self.losses.refused if settings.gateway_on else None,
        )
        giving = self.offer_call, awaken, self.trace_providers
        kind = StrictIntake if settings.strict else Intake
        return kind(self.entries, door, self.mailbox, self.clock, *giving)

    @property
    def bridging(self) -> bool:
        """Events leave for a broker behind the router. Sinks that were handed in come first."""
        return self.settings.transport == "celery" and self.given_sinks is None

    def _new_journal(self) -> Journal | None:
        """Nothing is opened yet."""
        if self.settings.journal.directory is None:
            return None
        from telemetry_actors.stores.journal import Journal

        pickle = self.settings.rehydrator.allow_pickle_fallback
        journal = Journal(
            self.settings.journal,
            cases=self.cases,
            clock=self.clock,
            serials=self.intake.serials.__next__,
            shards=self.intake.shards,
            books=self.books,
            process=self.process,
            wake=lambda: self._steer(GATEWAY, JOURNAL),
            gate=partial(as_it_may_travel, self.entries, allow_pickle=pickle),
        )
        self.books.on_ended = journal.ended
        return journal

    # -- building -------------------------------------------------------------------------------

    def build(self) -> None:
        """Build and start the tree, once. Blocks; any thread but the tree's.

        Raises:
            ChildStartError: a child did not start. It may be tried again.
        """
        with self.building:
            if self.root is not None or self.state in _ENDING:
                return
            try:
                self._build()
            except Exception as error:
                if self.fails_since_s is None and not is_want_of_threads(error, at_exit=True):
                    self.fails_since_s = self.clock.now_s()
                raise
        if self.given_up:  # looked at with the lock free: until then nobody could know
            self._undo()

    def build_aside(self) -> None:
        """`build`, on a thread of its own while the caller waits.

        A signal handler that interrupts the caller may need the tree (`stop` does).

        Raises:
            ChildStartError: a child did not start. It may be tried again.
        """
        token = new_token()
        errors: list[BaseException] = []

        def build() -> None:
            try:
                self.build()
            except BaseException as error:  # noqa: BLE001 -- it is raised where it was asked for
                errors.append(error)
            finally:
                release(token)

        try:
            if self.root is not None or self.has_given_runtime:  # that may be bound to this thread
                build()
            else:
                _await(run_aside(build), token)
        except RuntimeError:  # no thread can be started
            build()
        if errors:
            raise errors[0]

    def _build(self) -> None:
        self.state = "starting"
        with importing():
            from telemetry_actors.life.building import parts_of, say_started
            from telemetry_actors.tree.whole import build_tree

            if self.journal is not None:
                self.journal.open()
            parts = parts_of(self)
        self.sinks, self.budget, self.recorder = parts.sinks, parts.budget, parts.recorder
        self.books.sinks = max(1, len(parts.sinks))
        if self.journal is not None and not parts.sinks:
            self.journal.end_replays()  # nobody would get them: they wait for better settings
        if self.letters is not None:
            self.letters.prepare()
        self._start(build_tree(parts))
        self.intake.asleep = False
        if self.state in _ENDING:
            return
        self.state = "running"
        say_started(self)
        if self.payloads is not None:
            self.payloads.sweep()

    def _undo(self) -> None:
        """It was stopped while it started, and whoever stopped it could not wait."""
        if self.root is None:
            return
        self.slots = dict(self.slots)
        self.root.stop(_UNDO_S)
        for holder in self.holders():
            bury(self, holder, Reason.SHUTDOWN)
        if self.payloads is not None:
            self.payloads.close(_UNDO_S)

    def _start(self, tree: Tree) -> None:
        """Tree and slots are known before anyone runs: an event may be taken at once."""
        runtime = self.given_runtime or Runtime(
            self.clock, sweep_interval_s=self.settings.supervision.sweep_interval_s
        )
        self.runtime = runtime
        runtime.report, runtime.reports_at_once = tell, 1
        tree.adopt(runtime)
        self.intake.know_sinks([h.mailbox for h in tree.holders if h.kind is not None])
        runtime.journal.subscribe(partial(on_lifecycle, self))
        self.tree, self.slots = tree, runtime.slots
        try:
            self.root = Supervisor.start(tree.spec, runtime=runtime)
        except BaseException:
            self.tree, self.slots = None, {}
            raise
        self.lateness.watch(tree.holders, self.slots)

    @property
    def has_given_runtime(self) -> bool:
        """The threads are the user's, or a test's."""
        return self.given_runtime is not None

    def run_on_who_waits(self) -> None:
        """No thread can be started: the tree is to run on whatever thread waits for it."""
        from supervisors.run.caller import CallersRuntime

        self.given_runtime = CallersRuntime()
        self.clock = self.given_runtime.clock

    # -- what the tree calls back ----------------------------------------------------------------

    def offer_call(self, companion: Any, task_name: str, envelope: Envelope) -> bool:
        """Hand a call to the providers' actor. False: full. Any thread, no lock, no wait."""
        size = charge_of(envelope)  # it may outlive its event, which is charged for it elsewhere
        box, waiting = self.providers, len(self.providers.user)
        if waiting >= box.max_items or (waiting and box.queued_bytes + size > box.max_bytes):
            return False
        box.append((companion, task_name, envelope), size)
        return True

    def give(self, manager: Any, task_name: str, envelope: Envelope) -> None:
        """Hand a task to the trace manager, if one came with it, and to each provider; count.

        The router's thread. (That a manager was given is counted at the door.)
        """
        providers = self.trace_providers.now()
        if providers:
            self.books.count_provider("given", len(providers))
        for companion in ([] if manager is None else [manager]) + providers:
            if not self.offer_call(companion, task_name, envelope):
                self.books.count_provider("full")

    def note(
        self, sink: str, kind: SignalKind, result: ExportResult, took_s: float, points: int
    ) -> None:
        """Take a receiver's answer for the status. The sink's thread."""
        health = self.health[sink, kind]
        health.count(result, took_s, points)
        health.note(self.clock.now_ns(), result, tells=not is_the_stops(self, result))

    def _release_claims(self, items: Sequence[Item]) -> None:
        self.dedup.release([claim_of(item) for item in items])

    def settle_dedup(self) -> None:
        """Have the dedup stage ask its store to settle. Any thread; never waits."""
        self._steer(DEDUP, SETTLE)

    def _steer(self, path: tuple[str, ...], message: str) -> None:
        for holder in self.holders():
            if holder.path == path:
                holder.mailbox.steer(message)

    def rows_below(self, path: str) -> list[int]:
        """Rows of the cases that nobody can take while the part at *path* is parked."""
        case = path.removeprefix("handlers/")
        return [i for i, name in enumerate(self.cases) if not path or name == case]

    def tree_parked(self) -> bool:
        """The whole tree is parked."""
        return "" in self.parkings

    # -- the events that are held -----------------------------------------------------------------

    def holders(self) -> Sequence[Holder]:
        """Where events can be, upstream to downstream."""
        return self.tree.holders if self.tree is not None else ()

    def ref(self, path: str) -> Ref:
        """The address of an actor by its path, such as ``handlers/app_created``.

        Raises:
            NoSuchChild: there is none; a `KeyError`, too.
        """
        full = ("root", *path.split("/"))
        slot = self.slots.get((*full, "handler")) or self.slots.get(full)
        if slot is None:
            raise NoSuchChild("root", path, sorted("/".join(p[1:]) for p in self.slots if p[1:]))
        return slot.ref


def _await(aside: Aside, over: Token) -> None:
    """Until *over* is released.

    Raises:
        RuntimeError: its thread never came, so that it never will be.
    """
    while not acquire(over, _LOOK_S):
        if aside.never_came():
            raise RuntimeError("the thread never came")
