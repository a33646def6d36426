"""What is measured: three ways to hand an event over, under one small interface.

All get the same events with the same ids, and each has somebody at the other end who
takes them: the OTLP ones the same receiver process, the queue a thread.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

from telemetry_actors.gateway import TelemetryGateway
from telemetry_actors.settings import TelemetrySettings

__all__ = ["SUBJECTS", "Event", "Subject"]

_ROOM = 1_000_000  # events; none of the three may refuse or drop in a flood
_FLUSH_S = 60.0


class Event(NamedTuple):
    """One event, made beforehand in the form that each subject takes."""

    event_id: str
    context: Mapping[str, Any]
    payload: Mapping[str, Any]
    attributes: Mapping[str, Any]
    """What the SDK is given: flat, ready, ids included."""


class Subject(Protocol):
    """A way to hand an event over."""

    def emit(self, event: Event) -> object:
        """Hand over. This call is what is timed."""
        ...

    def flush(self) -> None:
        """Return when all that was handed over is out of the process."""
        ...


class _TelemetryActors:
    def __init__(self, gateway: TelemetryGateway) -> None:
        self._emit = gateway.emit
        self._gateway = gateway

    def emit(self, event: Event) -> object:
        return self._emit("message_run", event.context, event.payload, event_id=event.event_id)

    def flush(self) -> None:
        assert self._gateway.flush(_FLUSH_S), "not flushed"
        ledger = self._gateway.ledger()
        assert ledger.exported == ledger.emitted, ledger


@contextmanager
def telemetry_actors(endpoint: str) -> Iterator[Subject]:
    """This project: emit() into the supervised tree, content off."""
    settings = TelemetrySettings.enabled(
        enterprise_otlp_endpoint=endpoint,
        gateway={"mailbox_events": 2 * _ROOM, "mailbox_bytes": 2**32, "total_bytes": 2**34},
    )
    with TelemetryGateway(settings) as gateway:
        yield _TelemetryActors(gateway)


class _Sdk:
    def __init__(self, provider: LoggerProvider) -> None:
        self._provider = provider
        self._logger = provider.get_logger("benchmarks")

    def emit(self, event: Event) -> object:
        self._logger.emit(
            severity_number=SeverityNumber.INFO,
            body="telemetry.metric_only",
            attributes=event.attributes,
            event_name="dify.message.run",
        )
        return None

    def flush(self) -> None:
        assert self._provider.force_flush(int(_FLUSH_S * 1000)), "not flushed"


@contextmanager
def opentelemetry_sdk(endpoint: str) -> Iterator[Subject]:
    """The OpenTelemetry SDK, called directly: batch processor, OTLP/HTTP exporter."""
    provider = LoggerProvider(shutdown_on_exit=False)
    exporter = OTLPLogExporter(endpoint=f"{endpoint}/v1/logs")
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, max_queue_size=_ROOM))
    try:
        yield _Sdk(provider)
    finally:
        provider.shutdown()


class _Queue:
    def __init__(self) -> None:
        self._queue: queue.Queue[Event | None] = queue.Queue()

    def emit(self, event: Event) -> object:
        self._queue.put(event)
        return None

    def flush(self) -> None:
        self._queue.join()

    def drain(self) -> None:
        while self._queue.get() is not None:
            self._queue.task_done()
        self._queue.task_done()

    def end(self) -> None:
        self._queue.put(None)


@contextmanager
def stdlib_queue(_endpoint: str) -> Iterator[Subject]:
    """queue.Queue and a thread that takes the events and throws them away: a floor."""
    subject = _Queue()
    thread = threading.Thread(target=subject.drain, daemon=True)
    thread.start()
    try:
        yield subject
    finally:
        subject.end()
        thread.join()


SUBJECTS = {
    "telemetry-actors": telemetry_actors,
    "opentelemetry-sdk": opentelemetry_sdk,
    "queue.Queue": stdlib_queue,
}
