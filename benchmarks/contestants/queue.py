"""``queue.Queue`` and a thread that takes the events and throws them away: a floor."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks.contestants.base import Event
from benchmarks.contestants.nothing import Nothing
from benchmarks.workloads import Workload


class _Queue(Nothing):
    def __init__(self) -> None:
        self._queue: queue.Queue[Event | None] = queue.Queue()

    def emit(self, event: Event) -> object:
        self._queue.put(event)
        return None

    def in_flight(self, handed: int) -> int:
        return self._queue.qsize()

    def settle(self) -> None:
        self._queue.join()

    def flush(self) -> None:
        self._queue.join()

    def drain(self) -> None:
        while self._queue.get() is not None:
            self._queue.task_done()
        self._queue.task_done()

    def end(self) -> None:
        self._queue.put(None)


@contextmanager
def running(endpoint: str, workload: Workload, options: Mapping[str, Any]) -> Iterator[_Queue]:
    """A queue without a bound, as it is by default."""
    contestant = _Queue()
    thread = threading.Thread(target=contestant.drain, daemon=True)
    thread.start()
    try:
        yield contestant
    finally:
        contestant.end()
        thread.join()
