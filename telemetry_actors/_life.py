"""One life of a gateway: intake, books, tree. Made at once, built when it is first needed.

A fork child gets a new one; a stopped one stays readable.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from supervisors import (
    Clock,
    InFlight,
    LifecycleEvent,
    Mailbox,
    MailboxSpec,
    Ref,
    Runtime,
    Slot,
    Supervisor,
    SupervisorRef,
)
from telemetry_actors._books import Books
from telemetry_actors._burial import bury
from telemetry_actors._intake import Door, Entry, Intake, entries_of
from telemetry_actors._lateness import Lateness, Pauses
from telemetry_actors._pressure import Pressure
from telemetry_actors._say import warn
from telemetry_actors._trace_providers import TraceProviders
from telemetry_actors.cases import Priority
from telemetry_actors.dead_letters import DeadLetters
from telemetry_actors.definition import CaseDefinition
from telemetry_actors.envelope import Envelope, Item
from telemetry_actors.ledger import Reason
from telemetry_actors.ports import ExportResult, MetricRecorder, Sink, Verdict
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.signals import SignalKind
from telemetry_actors.stores.memory import MemoryDedupStore

if TYPE_CHECKING:
    from telemetry_actors.tree import Holder, Tree

__all__ = ["Life", "SinkHealth"]


class SinkHealth:
    """How one kind of one sink fares; said once per change."""

    def __init__(self) -> None:
        self.healthy = True
        self.failures = 0
        self.last_failure = ""

    def note(self, what: str, result: ExportResult) -> None:
        """Take an answer. The sink's thread."""
        well = result.verdict is Verdict.ACCEPTED and not result.rejected
        if not well:
            self.failures += 1
            self.last_failure = f"{result.verdict}: {result.message}"
        if well is not self.healthy:
            self.healthy = well
            warn("%s %s", what, "accepts again" if well else f"fails ({self.last_failure})")


def _max_ages(settings: TelemetrySettings, entries: Mapping[str, Entry]) -> dict[int, int]:
    pressure = settings.pressure
    by_class = {
        Priority.LOW: pressure.low_max_age_s,
        Priority.NORMAL: pressure.normal_max_age_s,
        Priority.HIGH: pressure.high_max_age_s,
    }
    ages = {entry.row: by_class[entry.priority] for entry in entries.values()}
    return {row: int(age_s * 1e9) for row, age_s in ages.items() if age_s is not None}


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

    def __init__(
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
        self.given_sinks = sinks
        self.registered = cases
        routes = [definition.route for definition in cases.values()]
        entries = entries_of(settings, bool(sinks) or settings.legacy_tree, routes)
        self.entries = entries
        self.cases = list(entries)
        letters = DeadLetters(settings.dead_letters.max_count, settings.dead_letters.max_bytes)
        self.dedup = MemoryDedupStore(settings.dedup.ttl_s, settings.dedup.max_ids, clock)
        self.books = Books(len(entries), letters, self._release_claims)
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
        self.books.door = self.mailbox
        self.books.max_age_ns = _max_ages(settings, entries)
        self.lateness = Lateness(clock, gateway.linger_s)
        self.pauses = Pauses(self.lateness)
        self.providers = Mailbox(
            MailboxSpec(max_items=settings.providers.mailbox_calls, batch_max_items=64)
        )
        door = Door(gateway.max_event_bytes, gateway.max_context_bytes)
        self.trace_providers = TraceProviders() if providers is None else providers
        self.pressure = Pressure(gateway, settings.pressure, self.mailbox, self.books.tenants)
        self.intake = Intake(
            entries,
            door,
            self.mailbox,
            self.pressure,
            clock,
            self.offer_call,
            awaken,
            self.trace_providers,
        )
        if settings.pressure.give_way:
            self.intake.look = self.pauses.look
        self._given_runtime = runtime
        self.tree: Tree | None = None
        self.root: SupervisorRef | None = None
        self.sinks: Sequence[Sink] = ()
        self.slots: dict[tuple[str, ...], Slot] = {}
        self.health: dict[tuple[str, SignalKind], SinkHealth] = {}
        self.budget: Any = None
        self.recorder: MetricRecorder | None = None
        self.state = "new"
        self._parked: set[str] = set()
        self.building = threading.Lock()
        """Held while the tree is being built and started."""

    # -- building -------------------------------------------------------------------------------

    def build(self) -> None:
        """Build and start the tree, once. Blocks; any thread but the tree's.

        Raises:
            ChildStartError: a child did not start. It may be tried again.
        """
        with self.building:
            if self.root is not None or self.state in ("stopping", "stopped"):
                return
            self.state = "starting"
            from telemetry_actors._building import parts_of
            from telemetry_actors.tree import build_tree

            parts = parts_of(self)
            self.sinks, self.budget, self.recorder = parts.sinks, parts.budget, parts.recorder
            self.books.sinks = max(1, len(parts.sinks))
            self._start(build_tree(parts))
            self.intake.asleep = False
            self.state = "running"

    def _start(self, tree: Tree) -> None:
        """Tree and slots are known before anyone runs: an event may be taken at once."""
        runtime = self._given_runtime or Runtime(
            self.clock, sweep_interval_s=self.settings.supervision.sweep_interval_s
        )
        tree.adopt(runtime)
        self.pressure.know_sinks([h.mailbox for h in tree.holders if h.kind is not None])
        self.intake.calm_in_all_bytes = self.pressure.calm_in_all_bytes
        runtime.journal.subscribe(self._on_lifecycle)
        self.tree, self.slots = tree, runtime.slots
        try:
            self.root = Supervisor.start(tree.spec, runtime=runtime)
        except BaseException:
            self.tree, self.slots = None, {}
            raise
        self.lateness.watch(tree.holders, self.slots)

    # -- what the tree calls back ----------------------------------------------------------------

    def offer_call(self, companion: Any, task_name: str, envelope: Envelope) -> bool:
        """Hand a call to the providers' actor. False: full. Any thread, no lock, no wait."""
        if len(self.providers.user) >= self.providers.max_items:
            return False
        self.providers.append((companion, task_name, envelope))
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

    def note(self, sink: str, kind: SignalKind, result: ExportResult) -> None:
        """Take a receiver's answer for the status."""
        health = self.health.setdefault((sink, kind), SinkHealth())
        health.note(f"sink {sink}/{kind}", result)

    def _release_claims(self, items: Sequence[Item]) -> None:
        self.dedup.release([(e.tenant_id, e.event_id, t.serial) for t, e in items])

    def _on_lifecycle(self, event: LifecycleEvent) -> None:
        """Control thread: a part parks or comes back."""
        if event.kind == "parked":
            self._parked.add(event.path)
            warn("%s is parked: %s", event.path or "the tree", event.detail)
            self._close_doors()
            self._end_parked(event.path)
        elif event.kind == "unparked":
            self._parked.discard(event.path)
            warn("%s is back", event.path or "the tree")
            self._close_doors()

    def _close_doors(self) -> None:
        if "" in self._parked:
            self.intake.parked = frozenset(range(len(self.cases)))
            return
        parked = {path.removeprefix("handlers/") for path in self._parked}
        self.intake.parked = frozenset(i for i, c in enumerate(self.cases) if c in parked)

    def _end_parked(self, path: str) -> None:
        below = ("root", *path.split("/")) if path else ("root",)
        for holder in self.tree.holders if self.tree else ():
            if holder.path[: len(below)] == below:
                bury(self, holder, Reason.PARKED)

    def tree_parked(self) -> bool:
        """The whole tree is parked."""
        return "" in self._parked

    # -- the events that are held -----------------------------------------------------------------

    def holders(self) -> Sequence[Holder]:
        """Where events can be, upstream to downstream."""
        return self.tree.holders if self.tree is not None else ()

    def held(self, besides: InFlight | None = None) -> Iterator[tuple[SignalKind | None, Any]]:
        """Each item that a mailbox or a batch in hand holds, upstream to downstream.

        An event that moves on meanwhile is met twice rather than not at all, since whoever
        forwards puts it down before letting go. The mailbox comes before the batch, since
        that is the way between them.
        """
        if self.tree is None:
            for item in self.mailbox.held():
                yield None, item
        for holder in self.holders():
            for item in holder.mailbox.held():
                yield holder.kind, item
            slot = self.slots.get(holder.path)
            flight = slot.in_flight if slot is not None else None
            if flight is not None and flight is not besides:
                for item in list(flight.batch):
                    yield holder.kind, item

    def ref(self, path: str) -> Ref:
        """The address of an actor by its path, such as ``handlers/app_created``."""
        full = ("root", *path.split("/"))
        slot = self.slots.get((*full, "handler")) or self.slots[full]
        return slot.ref
