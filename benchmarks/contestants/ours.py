"""This project: ``emit()`` into the supervised tree."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from benchmarks.contestants.base import FLUSH_S, ROOM, Event
from benchmarks.workloads import Workload, its_cases
from telemetry_actors import TelemetryGateway, TelemetrySettings


class _Ours:
    def __init__(self, gateway: TelemetryGateway) -> None:
        self._gateway = gateway
        self._emit = gateway.emit

    def emit(self, event: Event) -> object:
        return self._emit(event.case, event.context, event.payload, event_id=event.event_id)

    def in_flight(self, handed: int) -> int:
        return self._gateway.events_in_memory

    def settle(self) -> None:
        self.flush()

    def flush(self) -> None:
        assert self._gateway.flush(FLUSH_S), "not flushed"
        ledger = self._gateway.ledger()
        assert ledger.exported == ledger.emitted, ledger

    def figures(self) -> dict[str, float]:
        return {}


@contextmanager
def running(endpoint: str, workload: Workload, options: Mapping[str, Any]) -> Iterator[_Ours]:
    """A gateway from its settings.

    Args:
        endpoint: of the receiver.
        workload: says whether content goes out.
        options: ``settings``: more of them. A journal gets a directory, and a Redis is started.
    """
    more = dict(options.get("settings", {}))
    redis = _redis() if "redis_url" in more else nullcontext()
    with tempfile.TemporaryDirectory() as folder, redis as url:
        if "journal" in more:
            more["journal"] = {**more["journal"], "directory": folder}
        if url is not None:
            more["redis_url"] = url
        with (
            its_cases(workload),
            TelemetryGateway(_settings(endpoint, workload, more)) as gateway,
        ):
            yield _Ours(gateway)


def _redis() -> AbstractContextManager[str | None]:
    from benchmarks.dedup import running_redis
    from tests.servers.redis import redis_server

    return running_redis(redis_server())


def _settings(endpoint: str, workload: Workload, more: Mapping[str, Any]) -> TelemetrySettings:
    room = {"mailbox_events": ROOM, "mailbox_bytes": 2**33, "total_bytes": 2**34}
    return TelemetrySettings.enabled(
        enterprise_otlp_endpoint=endpoint,
        enterprise_include_content=workload.content,
        gateway={**room, "total_events": 2 * ROOM},
        **more,
    )
