"""The stages between the door and the handlers, and the lanes beside them.

Each is an actor on a thread of the tree: gateway, router, dedup, rehydrator; off-load, recall and
trace providers beside them. They own nothing that outlives a crash, and never wait for I/O: what
may block is a store's or a lane's to do.

For others: the classes below, and the words `dedup.SETTLE` and `gateway.JOURNAL`.
"""

from telemetry_actors.event.fallback import CutRule
from telemetry_actors.stages.bridge import BridgeRouterActor
from telemetry_actors.stages.dedup import DedupActor
from telemetry_actors.stages.gateway import GatewayActor
from telemetry_actors.stages.lane import Lane
from telemetry_actors.stages.offload import OffloadActor
from telemetry_actors.stages.providers import TraceProviderActor
from telemetry_actors.stages.recall import RecallActor
from telemetry_actors.stages.rehydrator import RehydratorActor
from telemetry_actors.stages.router import Route, RouterActor

__all__ = [
    "BridgeRouterActor",
    "CutRule",
    "DedupActor",
    "GatewayActor",
    "Lane",
    "OffloadActor",
    "RecallActor",
    "RehydratorActor",
    "Route",
    "RouterActor",
    "TraceProviderActor",
]
