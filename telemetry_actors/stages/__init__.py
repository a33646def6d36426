"""The four stages between the door and the handlers."""

from telemetry_actors.stages.bridge import BridgeRouterActor
from telemetry_actors.stages.dedup import DedupActor
from telemetry_actors.stages.gateway import GatewayActor
from telemetry_actors.stages.providers import TraceProviderActor
from telemetry_actors.stages.rehydrator import RehydratorActor
from telemetry_actors.stages.router import Route, RouterActor

__all__ = [
    "BridgeRouterActor",
    "DedupActor",
    "GatewayActor",
    "RehydratorActor",
    "Route",
    "RouterActor",
    "TraceProviderActor",
]
