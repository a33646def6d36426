"""What happens to a gateway when its process forks."""

from telemetry_actors.lifecycle.fork import Forkable, when_forked

__all__ = ["Forkable", "when_forked"]
