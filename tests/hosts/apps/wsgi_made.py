"""Flask; the gateway is made at import, and not started."""

from telemetry_actors import get_gateway
from tests.hosts.apps.wsgi import app

__all__ = ["app"]

gateway = get_gateway()
