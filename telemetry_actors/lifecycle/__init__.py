"""What happens to a gateway when its process forks, ends, or is told to."""

from telemetry_actors.lifecycle.exit import Stoppable, when_exiting
from telemetry_actors.lifecycle.fork import Forkable, importing, when_forked
from telemetry_actors.lifecycle.sigterm import SigtermHandler, stop_on_sigterm

__all__ = [
    "Forkable",
    "SigtermHandler",
    "Stoppable",
    "importing",
    "stop_on_sigterm",
    "when_exiting",
    "when_forked",
]
