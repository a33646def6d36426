"""Fork: the child of a fork has none of our threads, and nothing that is its own to send.

One hook for the process, registered when the first gateway starts and not at import; it
renews every gateway that is still alive. The parent notices nothing. (Hosts that fork
without running Python's hooks are met by a look at the process id, off the hot path.)

A fork in the middle of another thread's import leaves the module's lock in the child with
nobody to release it, and whoever imports that module there waits for ever. So a tree imports all
that it needs in one go when it is built, and a fork waits for that.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from supervisors._native import Lock
from telemetry_actors.ids import reseed
from telemetry_actors.inside import THREADS

__all__ = ["Forkable", "importing", "when_forked"]


class Forkable(Protocol):
    """Something that has to begin anew in the child of a fork."""

    def _after_fork(self) -> None: ...


_KNOWN: weakref.WeakSet[Forkable] = weakref.WeakSet()
_HOOKED: dict[str, bool] = {}
_LONGEST_IMPORT_S = 5.0


class _Imports:
    """Who imports, or forks; a child has one of its own."""

    lock = Lock()
    forking = False


def when_forked(one: Forkable) -> None:
    """Have *one* renewed in the child of a fork, for as long as somebody holds it."""
    _KNOWN.add(one)
    if _HOOKED.setdefault("hooked", False) or not hasattr(os, "register_at_fork"):
        return
    _HOOKED["hooked"] = True
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)


@contextmanager
def importing() -> Iterator[None]:
    """No fork happens during the block."""
    with _Imports.lock:
        yield


def _before() -> None:
    _Imports.forking = _Imports.lock.acquire(timeout=_LONGEST_IMPORT_S)


def _in_parent() -> None:
    if _Imports.forking:
        _Imports.forking = False
        _Imports.lock.release()


def _in_child() -> None:
    _Imports.lock, _Imports.forking = Lock(), False
    THREADS.clear()  # whoever was inside the tree is not here
    reseed()
    for one in list(_KNOWN):
        one._after_fork()
