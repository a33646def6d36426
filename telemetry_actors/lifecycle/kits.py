"""Which kits of `telemetry_actors.hosts` are in use in this process, so that none is missed.

A kit notes itself when it is installed; `lifecycle/missing_kit.py` asks before it says that one is
missing. The child of a fork has its parent's: what was installed there works in the child, too.
Any thread.
"""

from __future__ import annotations

from typing import Final

_INSTALLED: Final[set[str]] = set()


def note_kit(name: str) -> None:
    """The kit of that module name is in use. Idempotent."""
    _INSTALLED.add(name)


def is_installed(name: str) -> bool:
    """Whether it has noted itself."""
    return name in _INSTALLED
