"""``logging`` through a ``QueueHandler``: the standard library's way out of the caller's thread.

The listener's handler formats the record and writes it to nowhere.
"""

from __future__ import annotations

import logging
import os
import queue
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from typing import Any

from benchmarks.contestants.base import Event
from benchmarks.contestants.nothing import Nothing
from benchmarks.workloads import Workload


class _Logging(Nothing):
    def __init__(self, logger: logging.Logger, waiting: queue.Queue[Any]) -> None:
        self._info = logger.info
        self._waiting = waiting

    def emit(self, event: Event) -> object:
        extra = {"event_id": event.event_id, "context": event.context, "payload": event.payload}
        self._info(event.case, extra=extra)
        return None

    def in_flight(self, handed: int) -> int:
        return self._waiting.qsize()

    def settle(self) -> None:
        self._waiting.join()

    def flush(self) -> None:
        self._waiting.join()


@contextmanager
def running(endpoint: str, workload: Workload, options: Mapping[str, Any]) -> Iterator[_Logging]:
    """A logger of its own, and the listener's thread."""
    waiting: queue.Queue[Any] = queue.Queue(-1)
    logger = logging.getLogger("application")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(QueueHandler(waiting))
    with Path(os.devnull).open("w") as nowhere:
        handler = logging.StreamHandler(nowhere)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s %(event_id)s %(payload)s"))
        listener = QueueListener(waiting, handler)
        listener.start()
        try:
            yield _Logging(logger, waiting)
        finally:
            listener.stop()
