"""Settings -> the supervision tree. The only file that knows all stages.

Mailboxes are made first and belong to the tree, not to any actor in it; a stage is given
the mailbox of the next. Started top to bottom, so that whoever is started already has
a living downstream:

    root (gives up by parking)
    |- sinks      logs, spans, metrics (per sink), providers
    |- handlers   one small supervisor per case
    `- stages     rehydrator, dedup, router, gateway
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from supervisors import ChildSpec, Clock, Mailbox, MailboxSpec, Runtime, SupervisorSpec
from telemetry_actors._books import Books
from telemetry_actors._overrides import overridden
from telemetry_actors.cases import CASE_ROUTING
from telemetry_actors.definition import CaseDefinition, JsonLimits, MappingSettings
from telemetry_actors.envelope import Envelope
from telemetry_actors.handlers import DEFINITIONS
from telemetry_actors.handlers._actor import HandlerActor
from telemetry_actors.ports import DedupStore, ExportResult, MetricRecorder, Sink
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.signals import SignalKind
from telemetry_actors.sinks._actor import RecordSinkActor
from telemetry_actors.sinks._breaker import Breaker
from telemetry_actors.sinks._metrics_actor import MetricSinkActor
from telemetry_actors.sinks._patience import Patience, patience_of
from telemetry_actors.sinks._retry import RetryPlan, StopBudget
from telemetry_actors.stages import (
    BridgeRouterActor,
    DedupActor,
    GatewayActor,
    RehydratorActor,
    Route,
    RouterActor,
    TraceProviderActor,
)

__all__ = ["HANDLER", "Holder", "Parts", "Tree", "build_tree"]

HANDLER = "handler"
"""Id of the one child of each case's supervisor."""

_HANDLERS_THREAD, _STAGES_THREAD = "telemetry-handlers", "telemetry-stages"
Path = tuple[str, ...]


class Holder(NamedTuple):
    """A place where events can be, in the order of their way."""

    path: Path
    mailbox: Mailbox
    kind: SignalKind | None
    """For a sink: of its records."""


class Parts(NamedTuple):
    """What the tree is built around; all of it outlives every incarnation."""

    settings: TelemetrySettings
    clock: Clock
    books: Books
    sinks: Sequence[Sink]
    recorder: MetricRecorder
    dedup: DedupStore
    gateway: Mailbox
    providers: Mailbox
    give: Callable[[Any, str, Envelope], None]
    budget: StopBudget
    breaker: Callable[[str, SignalKind], Breaker]
    """By sink and kind of signal: that of their endpoint."""
    note: Callable[[str, SignalKind, ExportResult], None]
    registered: Mapping[str, CaseDefinition[Any]]
    """The user's own cases."""
    bridging: bool = False
    """The one sink takes whole events, behind the router; the rest of the tree isn't here."""


class Tree(NamedTuple):
    """A spec, and the mailboxes that it is to run on."""

    spec: SupervisorSpec
    holders: tuple[Holder, ...]
    """Upstream to downstream."""
    providers: Mailbox
    metrics: tuple[Path, ...]
    """The metric sinks."""

    def adopt(self, runtime: Runtime) -> None:
        """Give *runtime* the mailboxes."""
        for holder in self.holders:
            runtime.adopt(holder.path, holder.mailbox)
        runtime.adopt(("root", "sinks", "providers"), self.providers)


def _charge(item: Any) -> int:
    charged: int = item[0][2]  # Ticket.charged_bytes
    return charged


def build_tree(parts: Parts) -> Tree:
    """Make mailboxes, wire them, and describe who is to be started."""
    return (_BridgeBuilder if parts.bridging else _Builder)(parts).build()


class _Builder:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._settings = parts.settings
        self._batch = parts.settings.gateway.batch_events
        self._dedup = self._stage_mailbox()
        self._router = self._stage_mailbox()
        self._rehydrator = self._stage_mailbox()
        self._definitions = [*DEFINITIONS.values(), *parts.registered.values()]
        self._handlers = {str(d.case): self._stage_mailbox() for d in self._definitions}
        self._outlets = [
            (sink, kind, self._sink_mailbox())
            for sink in parts.sinks
            for kind in (SignalKind.LOGS, SignalKind.SPANS)
        ]

    def build(self) -> Tree:
        self._wire()
        groups = (
            self._group("sinks", self._sink_children()),
            self._group("handlers", self._handler_children()),
            self._group("stages", self._stage_children()),
        )
        metrics = tuple(
            ("root", "sinks", self._id(s, SignalKind.METRICS)) for s in self._parts.sinks
        )
        return self._tree(groups, metrics, has_sink=bool(self._outlets))

    def _tree(self, groups: Sequence[ChildSpec], metrics: tuple[Path, ...], **file: bool) -> Tree:
        spec = self._supervisor(groups, on_intensity="park")
        if self._settings.config is not None:
            spec = overridden(spec, self._settings.config, **file)
        return Tree(spec, tuple(self._holders()), self._parts.providers, metrics)

    # -- mailboxes --------------------------------------------------------------------------------

    def _stage_mailbox(self) -> Mailbox:
        batches = self._settings.stages.mailbox_batches
        return Mailbox(
            MailboxSpec(max_items=batches * self._batch, batch_max_items=self._batch), _charge
        )

    def _sink_mailbox(self) -> Mailbox:
        sink = self._settings.sink
        spec = MailboxSpec(
            max_items=sink.mailbox_records,
            max_bytes=sink.mailbox_bytes,
            linger_s=sink.linger_s,
            batch_max_items=sink.batch_records,
            batch_max_bytes=sink.batch_bytes,
        )
        return Mailbox(spec, _charge)

    def _wire(self) -> None:
        """Pressure runs back along these lines to the gateway mailbox."""
        self._parts.gateway.feed([self._router])
        self._router.feed([self._dedup])
        self._dedup.feed([self._rehydrator])
        self._rehydrator.feed(self._handlers.values())
        for mailbox in self._handlers.values():
            mailbox.feed([outlet for _, _, outlet in self._outlets])

    def _holders(self) -> list[Holder]:
        stages = (
            ("gateway", self._parts.gateway),
            ("router", self._router),
            ("dedup", self._dedup),
            ("rehydrator", self._rehydrator),
        )
        return [
            *(Holder(("root", "stages", id_), mailbox, None) for id_, mailbox in stages),
            *(
                Holder(("root", "handlers", case, HANDLER), mailbox, None)
                for case, mailbox in self._handlers.items()
            ),
            *(
                Holder(("root", "sinks", self._id(sink, kind)), mailbox, kind)
                for sink, kind, mailbox in self._outlets
            ),
        ]

    def _id(self, sink: Sink, kind: SignalKind) -> str:
        return str(kind) if len(self._parts.sinks) == 1 else f"{kind}-{sink.name}"

    # -- children ---------------------------------------------------------------------------------

    def _supervisor(self, children: Sequence[ChildSpec], **options: Any) -> SupervisorSpec:
        limits = self._settings.supervision
        return SupervisorSpec(
            children=tuple(children),
            intensity=limits.intensity,
            period_s=limits.period_s,
            count_progress=True,
            probe_min_s=limits.park_probe_min_s,
            probe_max_s=limits.park_probe_max_s,
            **options,
        )

    def _group(self, id_: str, children: Sequence[ChildSpec], **options: Any) -> ChildSpec:
        return ChildSpec(id_, self._supervisor(children, **options), type="supervisor")

    def _sink_children(self) -> list[ChildSpec]:
        parts, common = self._parts, self._common()
        hang_after_s = self._settings.supervision.sink_hang_deadline_s
        records = [self._record_sink(sink, kind, common) for sink, kind, _ in self._outlets]
        metrics = [
            ChildSpec(
                self._id(sink, SignalKind.METRICS),
                MetricSinkActor,
                args=(sink,),
                kwargs={
                    **common,
                    "recorder": parts.recorder,
                    "breaker": parts.breaker(sink.name, SignalKind.METRICS),
                    "interval_s": self._settings.metrics.interval_s,
                },
                hang_after_s=hang_after_s,
            )
            for sink in parts.sinks
        ]
        return [*records, *metrics, self._providers()]

    def _common(self) -> dict[str, Any]:
        """What every sink's actor is given."""
        return {
            "clock": self._parts.clock,
            "attempt_timeout_s": self._patience().attempt_timeout_s,
            "budget": self._parts.budget,
            "note": self._parts.note,
        }

    def _record_sink(self, sink: Sink, kind: SignalKind, common: Mapping[str, Any]) -> ChildSpec:
        return ChildSpec(
            self._id(sink, kind),
            RecordSinkActor,
            args=(kind, sink, self._parts.books),
            kwargs={
                "plan": self._plan(),
                "breaker": self._parts.breaker(sink.name, kind),
                "max_bytes": self._settings.sink.batch_bytes,
                **common,
            },
            hang_after_s=self._settings.supervision.sink_hang_deadline_s,
        )

    def _providers(self) -> ChildSpec:
        return ChildSpec(
            "providers",
            TraceProviderActor,
            args=(self._parts.books,),
            hang_after_s=self._settings.supervision.sink_hang_deadline_s,
        )

    def _patience(self) -> Patience:
        return patience_of(self._settings, bridging=self._parts.bridging)

    def _plan(self) -> Callable[[float], RetryPlan]:
        waits, rng = self._patience(), random.Random(self._parts.clock.now_ns())  # noqa: S311 -- spreads retries

        def plan(now_s: float) -> RetryPlan:
            return RetryPlan(
                now_s,
                give_up_s=waits.give_up_s,
                min_s=waits.backoff_min_s,
                max_s=waits.backoff_max_s,
                rng=rng,
            )

        return plan

    def _handler_children(self) -> list[ChildSpec]:
        settings = self._settings
        mapping = MappingSettings(
            include_content=settings.enterprise_include_content,
            sampling_rate=settings.enterprise_otel_sampling_rate,
            app_requests_counter=settings.metrics.app_requests,
            app_counters=settings.metrics.app_counters,
            json_limits=JsonLimits(settings.limits.nesting_levels, settings.limits.list_items),
            attribute_bytes=settings.limits.attribute_bytes,
        )
        kwargs = {
            "settings": mapping,
            "clock": self._parts.clock,
            "recorder": self._parts.recorder,
            "logs": [m for _, kind, m in self._outlets if kind is SignalKind.LOGS],
            "spans": [m for _, kind, m in self._outlets if kind is SignalKind.SPANS],
        }
        return [
            self._group(
                str(definition.case),
                [
                    ChildSpec(
                        HANDLER,
                        HandlerActor,
                        args=(definition, self._parts.books),
                        kwargs=kwargs,
                        dispatcher=_HANDLERS_THREAD,
                        hang_after_s=settings.supervision.hang_deadline_s,
                    )
                ],
                on_intensity="park",
            )
            for definition in self._definitions
        ]

    def _stage(
        self, id_: str, actor: type, *, dispatcher: str = _STAGES_THREAD, **kwargs: Any
    ) -> ChildSpec:
        return ChildSpec(
            id_,
            actor,
            args=(self._parts.books,),
            kwargs=kwargs,
            dispatcher=dispatcher,
            hang_after_s=self._settings.supervision.hang_deadline_s,
        )

    def _stage_children(self) -> list[ChildSpec]:
        parts, stage = self._parts, self._stage
        return [
            stage("rehydrator", RehydratorActor, handlers=self._handlers),
            stage(
                "dedup",
                DedupActor,
                dispatcher="own" if parts.dedup.reaches_out else _STAGES_THREAD,
                store=parts.dedup,
                rehydrator=self._rehydrator,
            ),
            stage(
                "router",
                RouterActor,
                routes=self._routes(),
                dedup=self._dedup,
                has_sink=bool(parts.sinks),
                give=parts.give,
            ),
            stage("gateway", GatewayActor, dispatcher="own", router=self._router),
        ]

    def _routes(self) -> Mapping[str, Route]:
        own = [definition.route for definition in self._parts.registered.values()]
        return {
            str(route.case): Route(str(route.case) in self._handlers, route.task_name)
            for route in (*CASE_ROUTING.values(), *own)
        }


class _BridgeBuilder(_Builder):
    """A tree that ends behind the router: the rest of the way is in another process."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._outlets = [(parts.sinks[0], SignalKind.BRIDGE, self._sink_mailbox())]

    def build(self) -> Tree:
        self._parts.gateway.feed([self._router])
        self._router.feed([self._outlets[0][2]])
        groups = (
            self._group("sinks", [self._bridge_child(), self._providers()]),
            self._group("stages", self._stage_children()),
        )
        return self._tree(groups, (), has_sink=False, bridging=True)

    def _bridge_child(self) -> ChildSpec:
        ((sink, kind, _),) = self._outlets
        # One event in each request: a broker confirms messages, not batches.
        return self._record_sink(sink, kind, {**self._common(), "max_bytes": 0})

    def _holders(self) -> list[Holder]:
        ((sink, kind, bridge),) = self._outlets
        return [
            Holder(("root", "stages", "gateway"), self._parts.gateway, None),
            Holder(("root", "stages", "router"), self._router, None),
            Holder(("root", "sinks", self._id(sink, kind)), bridge, kind),
        ]

    def _stage_children(self) -> list[ChildSpec]:
        return [
            self._stage(
                "router",
                BridgeRouterActor,
                routes=self._routes(),
                bridge=self._outlets[0][2],
                give=self._parts.give,
                process=str(uuid.uuid4()),
            ),
            self._stage("gateway", GatewayActor, dispatcher="own", router=self._router),
        ]
