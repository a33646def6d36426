"""Lifecycle records for observers: what happened to which child, as data, not log lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple


class LifecycleEvent(NamedTuple):
    """One thing that happened in a tree."""

    kind: str
    """Of a child: ``up``, ``ignored``, ``failed`` (its start), ``down``, ``hung``,
    ``restarting``. Of a supervisor: ``parked``, ``unparked``, ``finished``, and ``stray`` (it was
    sent something that is not for supervisors)."""
    path: str
    """``handlers/app_created`` and the like, without the root."""
    incarnation: int
    detail: str
    """The exit or error in words; never the content of a message."""


Listener = Callable[[LifecycleEvent], None]


class Journal:
    """A bounded ring of the last events, and those who want each one.

    Listeners run on the supervisors' control thread and must be quick; one that raises is
    dropped from nothing and changes nothing, but is counted.
    """

    def __init__(self, size: int = 256) -> None:
        self.ring: deque[LifecycleEvent] = deque(maxlen=size)
        self.listener_errors = 0
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call *listener* with each event from now on; the answer unsubscribes it."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def tell(self, event: LifecycleEvent) -> None:
        """Keep *event* and hand it to the listeners. Control thread."""
        self.ring.append(event)
        for listener in list(self._listeners):
            try:
                listener(event)
            except BaseException:  # noqa: BLE001 -- an observer's fault is never the tree's
                self.listener_errors += 1
