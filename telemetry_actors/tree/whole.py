"""Settings -> the supervision tree. The only file that knows all stages.

Mailboxes are made first and belong to the tree, not to any actor in it. Started top to
bottom, so that whoever is started already has a living downstream:

    root (gives up by parking)
    |- sinks      logs, spans, metrics (per sink), providers
    |- handlers   one small supervisor per case
    `- stages     recall, rehydrator, dedup, router, offload, gateway
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from supervisors import ChildSpec, Mailbox
from telemetry_actors.batch.actor import BatchActor
from telemetry_actors.batch.places import Path, Place
from telemetry_actors.event.cases import CaseRoute
from telemetry_actors.event.definition import CaseDefinition, JsonLimits, MappingSettings
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.handlers import DEFINITIONS
from telemetry_actors.handlers.actor import HandlerActor
from telemetry_actors.ports import Sink
from telemetry_actors.sinks.actor import RecordSinkActor
from telemetry_actors.sinks.metrics_actor import MetricSinkActor
from telemetry_actors.stages import (
    CutRule,
    DedupActor,
    GatewayActor,
    Lane,
    OffloadActor,
    RecallActor,
    RehydratorActor,
    RouterActor,
)
from telemetry_actors.tree._bridge import BridgeBlueprint
from telemetry_actors.tree.blueprint import HANDLER, STAGES_THREAD, Blueprint, Tree, charge
from telemetry_actors.tree.parts import Parts

_HANDLERS_THREAD = "telemetry-handlers"


def build_tree(parts: Parts) -> Tree:
    """Make mailboxes, wire them, and describe who is to be started."""
    definitions = [*DEFINITIONS.values(), *parts.registered.values()]
    return (BridgeBlueprint if parts.bridging else _Whole)(parts, definitions).build()


class _Whole(Blueprint):
    """All of the way, in this process."""

    def __init__(self, parts: Parts, definitions: Sequence[CaseDefinition[object]]) -> None:
        super().__init__(parts, definitions)
        self._dedup = self._stage_mailbox()
        self._rehydrator = self._stage_mailbox()
        self._offload = Lane(self._lane_mailbox())
        self._recall = Lane(self._stage_mailbox())
        self._handlers = {str(d.case): self._stage_mailbox() for d in self._definitions}
        self._outlets = [
            (sink, kind, self._sink_mailbox(of=2 * len(parts.sinks)))
            for sink in parts.sinks
            for kind in (SignalKind.LOGS, SignalKind.SPANS)
        ]

    def build(self) -> Tree:
        """See `Blueprint`."""
        self._wire()
        groups = (
            self._group("sinks", self._sink_children()),
            self._group("handlers", self._handler_children()),
            self._group("stages", self._stage_children()),
        )
        metrics = tuple(
            ("root", "sinks", self._id(s, SignalKind.METRICS)) for s in self._parts.sinks
        )
        return self._tree(groups, self._places(), metrics, has_sink=bool(self._outlets))

    def _lane_mailbox(self) -> Mailbox:
        spec = self._stage_mailbox().spec
        return Mailbox(replace(spec, max_bytes=self._settings.payload_store.max_bytes), charge)

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

    def _places(self) -> list[Place]:
        stages = (
            ("gateway", self._parts.gateway),
            ("offload", self._offload.mailbox),
            ("router", self._router),
            ("dedup", self._dedup),
            ("rehydrator", self._rehydrator),
            ("recall", self._recall.mailbox),
        )
        sinks = tuple(sink.name for sink in self._parts.sinks)

        def path(sink: Sink, kind: SignalKind) -> Path:
            return "root", "sinks", self._id(sink, kind)

        return [
            *(Place(("root", "stages", id_), mailbox, None, BatchActor) for id_, mailbox in stages),
            *(
                Place(("root", "handlers", case, HANDLER), mailbox, None, HandlerActor, sinks)
                for case, mailbox in self._handlers.items()
            ),
            *(
                Place(path(sink, kind), mailbox, kind, RecordSinkActor, (sink.name,))
                for sink, kind, mailbox in self._outlets
            ),
        ]

    def _sink_children(self) -> list[ChildSpec]:
        most = self._settings.sink.batch_bytes
        records = [self._record_sink(sink, kind, most) for sink, kind, _ in self._outlets]
        metrics = [
            self._sink(
                self._id(sink, SignalKind.METRICS),
                MetricSinkActor,
                sink,
                **self._common(),
                recorder=self._parts.recorder,
                own=self._parts.own,
                timing=self._parts.books.timing(f"sinks/{self._id(sink, SignalKind.METRICS)}"),
                breaker=self._parts.breaker(sink.name, SignalKind.METRICS),
                interval_s=self._settings.metrics.interval_s,
                max_retry_after_s=self._patience().max_retry_after_s,
            )
            for sink in self._parts.sinks
        ]
        return [*records, *metrics, self._provider_child()]

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
        parts, stage = self._parts, self._stage
        common: dict[str, Any] = {"keeper": parts.payloads, "clock": parts.clock}
        replay = self._settings.journal.replay_events_per_s if parts.sinks else 0  # else kept on
        return [
            stage(
                "recall",
                RecallActor,
                lane=self._recall,
                handlers=self._handlers,
                allow_pickle=self._settings.rehydrator.allow_pickle_fallback,
                gates=self._gates(),
                **common,
            ),
            stage("rehydrator", RehydratorActor, handlers=self._handlers, lane=self._recall),
            stage(
                "dedup",
                DedupActor,
                dispatcher="own" if parts.dedup.reaches_out else STAGES_THREAD,
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
                read_back_events=parts.read_back_events,
                clock=parts.clock,
                replay_events_per_s=replay,
            ),
        ]

    def _gates(self) -> Mapping[str, CaseRoute]:
        """The cases that have content, where it is off."""
        if self._settings.enterprise_include_content:
            return {}
        return {str(d.case): d.route for d in self._definitions if d.route.gated}
