"""The tree of a process whose events are handled by a fleet (``transport="celery"``).

It ends behind the router: the rest of the way is in the process that takes the events in.

    root
    |- sinks      bridge, providers
    `- stages     router, gateway

Nothing is off-loaded here, whatever its size: the payload store deletes an object once its event
has its outcome, and here that is the broker's word, long before a worker reads it. So a large
payload travels whole; a fleet's broker takes it (Redis: up to 512 MB a value).
"""

from __future__ import annotations

from collections.abc import Sequence

from supervisors import ChildSpec
from telemetry_actors.batch.actor import BatchActor
from telemetry_actors.batch.places import Place
from telemetry_actors.event.definition import CaseDefinition
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.sinks.actor import RecordSinkActor
from telemetry_actors.stages import BridgeRouterActor, GatewayActor
from telemetry_actors.tree.blueprint import Blueprint, Tree
from telemetry_actors.tree.parts import Parts


class BridgeBlueprint(Blueprint):
    """Gateway, router, and one sink that publishes.

    Args:
        parts: with one sink.
        definitions: see `Blueprint`.
    """

    def __init__(self, parts: Parts, definitions: Sequence[CaseDefinition[object]]) -> None:
        super().__init__(parts, definitions)
        (self._out,) = parts.sinks
        self._bridge = self._sink_mailbox(of=1)

    def build(self) -> Tree:
        """See `Blueprint`."""
        if self._parts.journal is None:  # else the gateway actor sees to it by itself
            self._parts.gateway.feed([self._router])
        self._router.feed([self._bridge])
        # One event in each request: a broker confirms messages, not batches.
        bridge = self._record_sink(self._out, SignalKind.BRIDGE, max_bytes=0)
        groups = (
            self._group("sinks", [bridge, self._provider_child()]),
            self._group("stages", self._stages()),
        )
        places = (
            Place(("root", "stages", "gateway"), self._parts.gateway, None, BatchActor),
            Place(("root", "stages", "router"), self._router, None, BatchActor),
            Place(
                ("root", "sinks", bridge.id),
                self._bridge,
                SignalKind.BRIDGE,
                RecordSinkActor,
                (self._out.name,),
            ),
        )
        return self._tree(groups, places, (), has_sink=False)

    def _stages(self) -> list[ChildSpec]:
        parts = self._parts
        return [
            self._stage(
                "router",
                BridgeRouterActor,
                routes=self._routes(),
                bridge=self._bridge,
                give=parts.give,
                process=parts.process,
            ),
            self._stage(
                "gateway",
                GatewayActor,
                dispatcher="own",
                router=self._router,
                lane=None,
                journal=parts.journal,
                roomy=parts.roomy,
                read_back_events=parts.read_back_events,
                clock=parts.clock,
                replay_events_per_s=self._settings.journal.replay_events_per_s,
            ),
        ]
