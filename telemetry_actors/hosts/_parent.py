"""What a parent does for its children before it forks: import what each would import by itself.

A tree takes about 0.7 s of imports (protobuf, the HTTP client), which a process that lives for one
job would pay at each job. Nothing of it is started.
"""

from __future__ import annotations

from telemetry_actors.lifecycle.fork import importing

__all__ = ["import_for_children"]


def import_for_children() -> None:
    """Import all that a tree needs. Any thread; a fork waits for it."""
    with importing():
        import telemetry_actors._building
        import telemetry_actors.tree  # noqa: F401
