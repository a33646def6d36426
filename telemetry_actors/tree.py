"""Settings -> the supervision tree. The only file that knows all stages.

Mailboxes are made first and belong to the tree, not to any actor in it. Started top to
bottom, so that whoever is started already has a living downstream:

    root (gives up by parking)
    |- sinks      logs, spans, metrics (per sink), providers
    |- handlers   one small supervisor per case
    `- stages     recall, rehydrator, dedup, router, offload, gateway
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from supervisors import ChildSpec, Mailbox, MailboxSpec, Runtime, SupervisorSpec
from telemetry_actors._overrides import overridden
from telemetry_actors._tree_parts import Parts
from telemetry_actors.cases import CASE_ROUTING
from telemetry_actors.definition import JsonLimits, MappingSettings
from telemetry_actors.handlers import DEFINITIONS
from telemetry_actors.handlers._actor import HandlerActor
from telemetry_actors.ports import (
    Sink,
)
from telemetry_actors.signals import SignalKind
from telemetry_actors.sinks._actor import RecordSinkActor
from telemetry_actors.sinks._metrics_actor import MetricSinkActor
from telemetry_actors.sinks._retry import RetryPlan
from telemetry_actors.stages import (
    CutRule,
    DedupActor,
    GatewayActor,
    Lane,
    OffloadActor,
    RecallActor,
    RehydratorActor,
    Route,
    RouterActor,
    TraceProviderActor,
)

__all__ = ["HANDLER", "Holder", "Tree", "build_tree", "sink_id"]

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


def sink_id(sinks: int, sink: str, kind: SignalKind) -> str:
    """Id of the actor for *kind* at *sink*, one of so many."""
    return str(kind) if sinks == 1 else f"{kind}-{sink}"


def build_tree(parts: Parts) -> Tree:
    """Make mailboxes, wire them, and describe who is to be started."""
    return _Builder(parts).build()


class _Builder:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._settings = parts.settings
        self._batch = parts.settings.gateway.batch_events
        self._dedup = self._stage_mailbox()
        self._router = self._stage_mailbox()
        self._rehydrator = self._stage_mailbox()
        self._offload = Lane(self._lane_mailbox())
        self._recall = Lane(self._stage_mailbox())
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
        spec = self._supervisor(groups, on_intensity="park")
        if self._settings.config is not None:
            spec = overridden(spec, self._settings.config, has_sink=bool(self._outlets))
        metrics = tuple(
            ("root", "sinks", self._id(s, SignalKind.METRICS)) for s in self._parts.sinks
        )
        return Tree(spec, tuple(self._holders()), self._parts.providers, metrics)

    # -- mailboxes --------------------------------------------------------------------------------

    def _stage_mailbox(self) -> Mailbox:
        batches = self._settings.stages.mailbox_batches
        spec = MailboxSpec(
            max_items=batches * self._batch,
            batch_max_items=self._batch,
            batch_max_bytes=self._settings.gateway.batch_bytes,  # a handler holds all of it twice
        )
        return Mailbox(spec, _charge)

    def _lane_mailbox(self) -> Mailbox:
        spec = self._stage_mailbox().spec
        return Mailbox(replace(spec, max_bytes=self._settings.payload_store.max_bytes), _charge)

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
        if self._parts.journal is None:  # else the gateway actor sees to it by itself
            self._parts.gateway.feed([self._router, self._offload.mailbox])
        self._offload.mailbox.feed([self._router])
        self._router.feed([self._dedup])
        self._dedup.feed([self._rehydrator])
        self._rehydrator.feed([*self._handlers.values(), self._recall.mailbox])
        self._recall.mailbox.feed(self._handlers.values())
        for mailbox in self._handlers.values():
            mailbox.feed([outlet for _, _, outlet in self._outlets])

    def _holders(self) -> list[Holder]:
        stages = (
            ("gateway", self._parts.gateway),
            ("offload", self._offload.mailbox),
            ("router", self._router),
            ("dedup", self._dedup),
            ("rehydrator", self._rehydrator),
            ("recall", self._recall.mailbox),
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
        return sink_id(len(self._parts.sinks), sink.name, kind)

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
        parts, otlp = self._parts, self._settings.otlp
        hang_after_s = self._settings.supervision.sink_hang_deadline_s
        common = {
            "clock": parts.clock,
            "attempt_timeout_s": otlp.attempt_timeout_s,
            "budget": parts.budget,
            "note": parts.note,
        }
        records = [
            ChildSpec(
                self._id(sink, kind),
                RecordSinkActor,
                args=(kind, sink, parts.books),
                kwargs={
                    **common,
                    "plan": self._plan(),
                    "breaker": parts.breaker(sink.name, kind),
                    "max_bytes": self._settings.sink.batch_bytes,
                    "holds": parts.journal and parts.journal.holds,
                },
                hang_after_s=hang_after_s,
            )
            for sink, kind, _ in self._outlets
        ]
        metrics = [
            ChildSpec(
                self._id(sink, SignalKind.METRICS),
                MetricSinkActor,
                args=(sink,),
                kwargs={
                    **common,
                    "recorder": parts.recorder,
                    "own": parts.own,
                    "timing": parts.books.timing(f"sinks/{self._id(sink, SignalKind.METRICS)}"),
                    "breaker": parts.breaker(sink.name, SignalKind.METRICS),
                    "interval_s": self._settings.metrics.interval_s,
                },
                hang_after_s=hang_after_s,
            )
            for sink in parts.sinks
        ]
        providers = ChildSpec(
            "providers", TraceProviderActor, args=(parts.books,), hang_after_s=hang_after_s
        )
        return [*records, *metrics, providers]

    def _plan(self) -> Callable[[float], RetryPlan]:
        otlp, rng = self._settings.otlp, random.Random(self._parts.clock.now_ns())  # noqa: S311 -- spreads retries
        return partial(
            RetryPlan,
            give_up_s=otlp.give_up_s,
            min_s=otlp.backoff_min_s,
            max_s=otlp.backoff_max_s,
            rng=rng,
        )

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
            "sinks": [sink.name for sink in self._parts.sinks],
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

    def _stage_children(self) -> list[ChildSpec]:
        parts, hang_after_s = self._parts, self._settings.supervision.hang_deadline_s

        def stage(
            id_: str, actor: type, *, dispatcher: str = _STAGES_THREAD, **kwargs: Any
        ) -> ChildSpec:
            return ChildSpec(
                id_,
                actor,
                args=(parts.books,),
                kwargs=kwargs,
                dispatcher=dispatcher,
                hang_after_s=hang_after_s,
            )

        common: dict[str, Any] = {"keeper": parts.payloads, "clock": parts.clock}
        replay = self._settings.journal.replay_events_per_s if parts.sinks else 0  # else kept on
        return [
            stage(
                "recall",
                RecallActor,
                lane=self._recall,
                handlers=self._handlers,
                allow_pickle=self._settings.rehydrator.allow_pickle_fallback,
                **common,
            ),
            stage("rehydrator", RehydratorActor, handlers=self._handlers, lane=self._recall),
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
            stage(
                "offload",
                OffloadActor,
                lane=self._offload,
                router=self._router,
                rules={str(d.case): CutRule.of(d.model, d.route.gated) for d in self._definitions},
                given=frozenset(c for c, r in self._routes().items() if r.task_name is not None),
                **common,
            ),
            stage(
                "gateway",
                GatewayActor,
                dispatcher="own",
                router=self._router,
                lane=self._offload,
                journal=parts.journal,
                roomy=parts.roomy,
                clock=parts.clock,
                replay_events_per_s=replay,
            ),
        ]

    def _routes(self) -> Mapping[str, Route]:
        own = [definition.route for definition in self._parts.registered.values()]
        return {
            str(route.case): Route(str(route.case) in self._handlers, route.task_name)
            for route in (*CASE_ROUTING.values(), *own)
        }
