"""RecordingSink: keeps what it is given, for tests and for a first look.

Last step of an event's way, where a test is the receiver. It never refuses, and grows
with what it gets.
"""

from __future__ import annotations

from collections.abc import Sequence

from supervisors.system.process import ProcessLock
from telemetry_actors.event.own_metrics import is_own
from telemetry_actors.event.signals import LogSignal, SignalKind, SpanSignal
from telemetry_actors.ports import ExportResult, MetricPoint, Verdict


class RecordingSink:
    """Remembers records in the order in which they came, and the latest collection of points."""

    name = "recording"

    def __init__(self) -> None:
        self._lock = ProcessLock()
        self._logs: list[LogSignal] = []
        self._spans: list[SpanSignal] = []
        self._points: list[MetricPoint] = []

    def __repr__(self) -> str:
        return f"<RecordingSink {len(self._logs)} logs, {len(self._spans)} spans>"

    @property
    def logs(self) -> list[LogSignal]:
        """Log records so far: a copy, which later ones don't change."""
        with self._lock.here():
            return list(self._logs)

    @property
    def spans(self) -> list[SpanSignal]:
        """Spans so far: a copy."""
        with self._lock.here():
            return list(self._spans)

    def metrics(self) -> list[MetricPoint]:
        """The points of the latest collection, without the gateway's own: a copy."""
        with self._lock.here():
            return [point for point in self._points if not is_own(point.instrument.name)]

    def self_metrics(self) -> list[MetricPoint]:
        """Those of it that are about the gateway itself: a copy."""
        with self._lock.here():
            return [point for point in self._points if is_own(point.instrument.name)]

    def clear(self) -> None:
        """Forget all."""
        with self._lock.here():
            self._logs.clear()
            self._spans.clear()
            self._points.clear()

    def encode(self, kind: SignalKind, record: LogSignal | SpanSignal) -> LogSignal | SpanSignal:
        """The record itself."""
        return record

    def size_of(self, encoded: LogSignal | SpanSignal) -> int:
        """About what it would take on the wire."""
        texts = (v for v in encoded.values if isinstance(v, str))
        return sum(map(len, encoded.keys)) + sum(map(len, texts)) + 8 * len(encoded.values)

    def export(
        self, kind: SignalKind, encoded: Sequence[LogSignal | SpanSignal], timeout_s: float
    ) -> ExportResult:
        """Keep the records."""
        with self._lock.here():
            self._logs += (record for record in encoded if isinstance(record, LogSignal))
            self._spans += (record for record in encoded if isinstance(record, SpanSignal))
        return ExportResult(Verdict.ACCEPTED)

    def export_metrics(self, points: Sequence[MetricPoint], timeout_s: float) -> ExportResult:
        """Keep the points instead of the earlier ones."""
        with self._lock.here():
            self._points = list(points)
        return ExportResult(Verdict.ACCEPTED)

    def close(self) -> None:
        """Nothing to release; what was kept stays readable."""
