"""Which threads are at work inside the tree, so that telemetry about telemetry can't loop.

While one of our actors handles a batch, whatever is logged on its thread (by us, by the HTTP
client, by a user's sink) may reach a logging handler of the host that calls `emit()`. That
event is refused: otherwise a sink that logs each request would feed itself for ever (g03).
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from supervisors._process import InChild

__all__ = ["THREADS", "inside_the_tree"]

THREADS: set[int] = set()
"""Idents of threads that are inside at this moment. Empty most of the time."""

_RENEWAL: Final = InChild(THREADS.clear)
"""Whoever was inside the parent's tree is not in the child."""


@contextmanager
def inside_the_tree() -> Iterator[None]:
    """Mark the calling thread for the duration of the block."""
    ident = get_ident()
    THREADS.add(ident)
    try:
        yield
    finally:
        THREADS.discard(ident)
