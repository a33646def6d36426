"""One life of a gateway: everything between its making and its end, in a process.

A fork child gets a new one; a stopped one stays readable. Here is its state, and how its parts are
put together; what happens to it stands above: `life/starting.py`, `life/parking.py`,
`life/draining.py`, `life/stopping.py`. Nobody but these and `gateway.py` knows it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from supervisors.system.native import Lock
from telemetry_actors.batch.places import Places
from telemetry_actors.books.books import Books
from telemetry_actors.books.dead_letters import DeadLetters
from telemetry_actors.books.parkings import Parkings
from telemetry_actors.door.door import Door
from telemetry_actors.door.entries import entries_of
from telemetry_actors.door.gating import as_it_may_travel
from telemetry_actors.door.pressure import max_ages_ns
from telemetry_actors.door.trace_calls import TraceCalls
from telemetry_actors.door.trace_providers import TraceProviders
from telemetry_actors.life._stores import Stores
from telemetry_actors.stages.gateway import JOURNAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from supervisors import Clock, Runtime, SupervisorRef
    from telemetry_actors.event.definition import CaseDefinition
    from telemetry_actors.event.signals import SignalKind
    from telemetry_actors.ports import ExportResult, MetricRecorder, OwnMetrics, Sink
    from telemetry_actors.settings import TelemetrySettings
    from telemetry_actors.sinks.health import SinkHealth
    from telemetry_actors.sinks.retry import StopBudget
    from telemetry_actors.stores.journal import Journal
    from telemetry_actors.tree.blueprint import Tree

GATEWAY: Final = ("root", "stages", "gateway")
DEDUP: Final = ("root", "stages", "dedup")
ENDING: Final = ("stopping", "stopped")


@dataclass(slots=True)
class Phase:
    """How far it has come."""

    began_ns: int
    """Start of all that is counted, in ns since the epoch."""
    state: str = "new"
    """``new``, ``starting``, ``running``, ``stopping`` or ``stopped``."""
    building: Any = field(default_factory=Lock)
    """Held while the tree is being built and started."""
    fails_since_s: float | None = None
    """When a build failed first."""
    why_not_up: str = ""
    """The last one that failed."""
    unbuilt: int = 0
    """Events that ended as parked since there is no tree, and that are in no line yet."""
    impatient: bool = False
    """The process ends: nobody waits for anything any more."""
    given_up: bool = False
    """Stopped without waiting for a start that was under way: it is to undo itself."""


@dataclass(slots=True)
class Running:
    """The tree, and what it runs on."""

    given: Runtime | None
    """The user's runtime, or a test's; None: its own."""
    runtime: Runtime | None = None
    """Of the tree, once it has been started."""
    tree: Tree | None = None
    root: SupervisorRef | None = None


class Outlets:
    """Where signals leave: sinks, how each of them fares, and what metrics are added up in.

    Args:
        given: by the user, or None: made from the settings when the tree is built.
        bridging: the one sink takes whole events, for a fleet.
    """

    def __init__(
        self, given: Sequence[Sink] | None, clock: Clock, own: OwnMetrics, *, bridging: bool
    ) -> None:
        self.given = given
        self.bridging = bridging
        self.own = own
        self.sinks: Sequence[Sink] = ()
        self.health: dict[tuple[str, SignalKind], SinkHealth] = {}
        self.budget: StopBudget | None = None
        self.recorder: MetricRecorder | None = None
        self.cut_at: tuple[str, ...] | None = None
        """Where calls of a user's stood when a stop's time was up; None: it wasn't."""
        self._clock = clock

    def note(
        self, sink: str, kind: SignalKind, result: ExportResult, took_s: float, points: int
    ) -> None:
        """Take a receiver's answer for the status. The sink's thread."""
        health = self.health[sink, kind]
        health.count(result, took_s, points)
        health.note(self._clock.now_ns(), result, tells=not self._is_the_stops(result))

    def _is_the_stops(self, result: ExportResult) -> bool:
        """No answer, since the time of the stop is up: the sink has not failed."""
        if result.status_code is not None or result.rpc_code is not None:
            return False
        hurried = self.budget is not None and self.budget.begun and result.unconfirmed
        return self.cut_at is not None or hurried


class Life:
    """State, and nothing else. Made by the thread that makes the gateway, or by a fork's child.

    Args:
        settings: checked.
        sinks: given by the user, or None: made from the settings when the tree is built.
        runtime: threads to use; its own by default.
        awaken: starts the tree in the background (first event).
        own: makes the gateway's metrics about itself.
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
        own: Callable[[Life], OwnMetrics],
        cases: Mapping[str, CaseDefinition[Any]] = MappingProxyType({}),
        providers: TraceProviders | None = None,
    ) -> None:
        process = uuid4().hex
        routes = [definition.route for definition in cases.values()]
        entries = entries_of(settings, bool(sinks) or settings.legacy_tree, routes)
        letters = DeadLetters(settings.dead_letters.max_count, settings.dead_letters.max_bytes)
        max_age_ns = max_ages_ns(settings.pressure, entries.values())
        # Events leave for a broker behind the router; sinks that were handed in come first.
        bridging = settings.transport == "celery" and sinks is None
        self.settings = settings
        self.clock = clock
        self.cases = cases
        self.phase = Phase(clock.now_ns())
        self.running = Running(runtime)
        self.stores = Stores(settings, clock, process)
        self.books = Books(len(entries), letters, self.stores, max_age_ns)
        companions = (
            TraceProviders() if providers is None else providers
        )  # one with nobody is falsy
        self.calls = TraceCalls(settings.providers, companions, self.books)
        self.door = Door(
            settings,
            entries,
            self.books,
            self.calls,
            clock,
            process,
            awaken,
            has_sinks=sinks is not None,
        )
        self.places = Places(self.door.mailbox)
        self.parkings = Parkings()
        self.outlets = Outlets(sinks, clock, own(self), bridging=bridging)
        self.places.on_disk = self.stores.journal = _new_journal(self)
        self.stores.say_lost = self.door.losses.dropped


def _new_journal(life: Life) -> Journal | None:
    """Nothing is opened yet."""
    if life.settings.journal.directory is None:
        return None
    from telemetry_actors.stores.journal import Journal

    door, pickle = life.door, life.settings.rehydrator.allow_pickle_fallback
    return Journal(
        life.settings.journal,
        cases=door.cases,
        clock=life.clock,
        serials=door.enqueuer.serials.__next__,
        shards=door.intake.shards,
        books=life.books,
        process=door.process,
        wake=partial(life.places.steer, GATEWAY, JOURNAL),
        gate=partial(as_it_may_travel, door.entries, allow_pickle=pickle),
    )
