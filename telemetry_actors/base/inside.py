"""Which threads are at work inside the tree, so that telemetry about telemetry can't loop.

While one of our actors handles a batch, whatever is logged on its thread (by us, by the HTTP
client, by a user's sink) may reach a logging handler of the host that calls `emit()`. That
event is refused: otherwise a sink that logs each request would feed itself for ever (g03).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from supervisors.system.process import InChild

THREADS: set[int] = set()
"""Idents of threads that are inside at this moment, or of greenlets. Empty most of the time."""

_RENEWAL: Final = InChild(THREADS.clear)
"""Whoever was inside the parent's tree is not in the child."""


def is_inside() -> bool:
    """Whether the caller is. A greenlet that is inside says nothing of others on its thread."""
    return threading.get_ident() in THREADS


@contextmanager
def inside_the_tree() -> Iterator[None]:
    """Mark the calling thread for the duration of the block."""
    ident = threading.get_ident()  # as it is at this moment: gevent tells greenlets apart
    THREADS.add(ident)
    try:
        yield
    finally:
        THREADS.discard(ident)
