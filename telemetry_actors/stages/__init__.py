"""The four stages between the door and the handlers, and the lanes beside them."""

from telemetry_actors.stages.bridge import BridgeRouterActor
from telemetry_actors.stages.dedup import DedupActor
from telemetry_actors.stages.gateway import GatewayActor
from telemetry_actors.stages.lane import Lane
from telemetry_actors.stages.offload import CutRule, OffloadActor
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
