"""What happens to a gateway when its process forks, ends, or is told to."""

from telemetry_actors.lifecycle.sigterm import SigtermHandler, stop_on_sigterm

__all__ = ["SigtermHandler", "stop_on_sigterm"]
