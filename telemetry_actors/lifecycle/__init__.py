"""What happens to a gateway when its process forks or ends."""

from telemetry_actors.lifecycle.exit import Stoppable, running, when_exiting
from telemetry_actors.lifecycle.fork import Forkable, when_forked

__all__ = ["Forkable", "Stoppable", "running", "when_exiting", "when_forked"]
