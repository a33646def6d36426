"""Stock Pykka, as one begins: an actor for each stage, a message for each event and hop.

The last of the five makes the signals with the OpenTelemetry SDK.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pykka

from benchmarks.contestants import sdk
from benchmarks.contestants.base import FLUSH_S, Event
from benchmarks.workloads import Workload

_STAGES = 4  # gateway, router, dedup, rehydrator


class _Stage(pykka.ThreadingActor):
    use_daemon_thread = True

    def __init__(self, following: pykka.ActorRef[Any]) -> None:
        super().__init__()
        self._following = following

    def on_receive(self, message: Any) -> None:
        self._following.tell(message)


class _Handler(pykka.ThreadingActor):
    use_daemon_thread = True

    def __init__(self, sdk_: sdk.Sdk) -> None:
        super().__init__()
        self._sdk = sdk_

    def on_receive(self, message: Any) -> None:
        if isinstance(message, threading.Event):
            message.set()  # all before it has been handled
        else:
            self._sdk.emit(message)


class _Pykka:
    def __init__(self, first: pykka.ActorRef[Any], sdk_: sdk.Sdk) -> None:
        self._tell = first.tell
        self._sdk = sdk_

    def emit(self, event: Event) -> object:
        self._tell(event)
        return None

    def in_flight(self, handed: int) -> int:
        return self._sdk.in_flight(handed)

    def settle(self) -> None:
        self.flush()

    def flush(self) -> None:
        done = threading.Event()
        self._tell(done)
        assert done.wait(FLUSH_S), "not flushed"
        self._sdk.flush()

    def figures(self) -> dict[str, float]:
        return {}


@contextmanager
def running(endpoint: str, workload: Workload, options: Mapping[str, Any]) -> Iterator[_Pykka]:
    """Five actors."""
    with sdk.running(endpoint, workload, options) as at_the_end:
        first: pykka.ActorRef[Any] = _Handler.start(at_the_end)
        for _ in range(_STAGES):
            first = _Stage.start(first)
        try:
            yield _Pykka(first, at_the_end)
        finally:
            pykka.ActorRegistry.stop_all()
