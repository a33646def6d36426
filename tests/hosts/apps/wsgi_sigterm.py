"""Flask; SIGTERM is to stop the gateway first."""

from telemetry_actors.lifecycle import stop_on_sigterm
from tests.hosts.apps.wsgi import app

__all__ = ["app"]

stop_on_sigterm()
