"""The OpenTelemetry SDK, called directly: batch processors, a periodic reader, OTLP/HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from benchmarks.contestants._sdk_signals import GivenIds, Signals
from benchmarks.contestants.base import FLUSH_S, ROOM, Event
from benchmarks.shapes import Plan
from benchmarks.workloads import Workload

__all__ = ["Sdk", "running"]


class _CountedLogs(OTLPLogExporter):
    """Knows how many it has sent: the SDK's only way to say how many wait."""

    sent = 0

    def export(self, batch: Sequence[Any]) -> Any:
        result = super().export(batch)
        self.sent += len(batch)
        return result


class Sdk:
    """All three providers, and what the application makes with them."""

    def __init__(self, endpoint: str, instance: str = "") -> None:
        more = {"service.instance.id": instance} if instance else {}
        resource = Resource.create(more)
        self._exporter = _CountedLogs(endpoint=f"{endpoint}/v1/logs")
        self._logs = LoggerProvider(resource, shutdown_on_exit=False)
        self._logs.add_log_record_processor(
            BatchLogRecordProcessor(self._exporter, max_queue_size=ROOM)
        )
        ids = GivenIds()
        self._spans = TracerProvider(resource=resource, shutdown_on_exit=False, id_generator=ids)
        self._spans.add_span_processor(
            BatchSpanProcessor(
                OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces"), max_queue_size=ROOM
            )
        )
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics")
        )
        self._metrics = MeterProvider([reader], resource, shutdown_on_exit=False)
        self.signals = Signals(
            self._logs.get_logger("application"),
            self._spans.get_tracer("application"),
            self._metrics.get_meter("application"),
            ids,
        )
        self._emit = self.signals.emit

    def prepare(self, plans: list[Plan]) -> None:
        """Make the instruments."""
        self.signals.prepare(plans)

    def emit(self, event: Event) -> object:
        """By hand: spans, log records, measurements."""
        return self._emit(event.plan, event.ids)

    def in_flight(self, handed: int) -> int:
        """Each event has one log record."""
        return handed - self._exporter.sent

    def settle(self) -> None:
        """As `flush`."""
        self.flush()

    def flush(self) -> None:
        """All three."""
        limit_ms = int(FLUSH_S * 1000)
        assert self._spans.force_flush(limit_ms), "not flushed"
        assert self._logs.force_flush(limit_ms), "not flushed"
        assert self._metrics.force_flush(limit_ms), "not flushed"
        self._exporter.sent = 0

    def figures(self) -> dict[str, float]:
        """None."""
        return {}

    def shutdown(self) -> None:
        """All three."""
        for provider in (self._spans, self._logs, self._metrics):
            provider.shutdown()


@contextmanager
def running(endpoint: str, workload: Workload, options: Mapping[str, Any]) -> Iterator[Sdk]:
    """Three providers; the plans are *options*' ``plans``."""
    sdk = Sdk(endpoint)
    sdk.prepare(options["plans"])
    try:
        yield sdk
    finally:
        sdk.shutdown()
