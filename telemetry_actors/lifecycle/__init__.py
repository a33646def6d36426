"""What happens to a gateway when its process forks, ends, or is told to.

It owns the hooks in the process: at exit, at a fork, on SIGTERM where a host asks for it. It never
ends a process that did not ask for it, and never takes a hook away from somebody else.

For others: `exit`, `fork`, `kits`, `missing_kit`, `report`.
"""

from telemetry_actors.lifecycle.sigterm import SigtermHandler, stop_on_sigterm

__all__ = ["SigtermHandler", "stop_on_sigterm"]
