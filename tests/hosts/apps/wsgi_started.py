"""Flask; the gateway is started at import."""

from telemetry_actors import get_gateway
from tests.hosts.apps.wsgi import app

__all__ = ["app"]

gateway = get_gateway().start()
