"""Fork: the child of a fork has none of our threads, and nothing that is its own to send.

One hook for the process, registered when the first gateway starts and not at import; it
renews every gateway that is still alive. The parent notices nothing. (Hosts that fork
without running Python's hooks are met by a look at the process id, off the hot path.)
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol

from telemetry_actors.ids import reseed
from telemetry_actors.inside import THREADS

__all__ = ["Forkable", "when_forked"]


class Forkable(Protocol):
    """Something that has to begin anew in the child of a fork."""

    def _after_fork(self) -> None: ...


_KNOWN: weakref.WeakSet[Forkable] = weakref.WeakSet()
_HOOKED: dict[str, bool] = {}


def when_forked(one: Forkable) -> None:
    """Have *one* renewed in the child of a fork, for as long as somebody holds it."""
    _KNOWN.add(one)
    if _HOOKED.setdefault("hooked", False) or not hasattr(os, "register_at_fork"):
        return
    _HOOKED["hooked"] = True
    os.register_at_fork(after_in_child=_in_child)


def _in_child() -> None:
    THREADS.clear()  # whoever was inside the tree is not here
    reseed()
    for one in list(_KNOWN):
        one._after_fork()
