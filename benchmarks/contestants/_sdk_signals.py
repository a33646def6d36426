"""An event's logs, spans and measurements, as a user of OpenTelemetry's API makes them by hand."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from benchmarks.shapes import Count, Plan, Record, Span, with_ids

__all__ = ["GivenIds", "Signals"]

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_NO_SPAN = 0


class GivenIds(IdGenerator):
    """Ids of the run and the node where the next span of this thread has them; else random ones."""

    def __init__(self) -> None:
        self.next = threading.local()
        self._random = RandomIdGenerator()

    def generate_trace_id(self) -> int:
        """For a span without a parent."""
        return getattr(self.next, "trace_id", 0) or self._random.generate_trace_id()

    def generate_span_id(self) -> int:
        """For every span."""
        return getattr(self.next, "span_id", 0) or self._random.generate_span_id()


class Signals:
    """Makes them; it is what the application's own code would be. Any thread."""

    def __init__(self, logger: Logger, tracer: Tracer, meter: Meter, ids: GivenIds) -> None:
        self._logger = logger
        self._tracer = tracer
        self._meter = meter
        self._ids = ids
        self._counters: dict[str, Any] = {}

    def prepare(self, plans: list[Plan]) -> None:
        """Make the instruments, as an application does when it starts."""
        for plan in plans:
            for count in plan.counts:
                if count.name not in self._counters:
                    self._counters[count.name] = self._instrument(count)

    def _instrument(self, count: Count) -> Any:
        if count.kind == "counter":
            return self._meter.create_counter(count.name, count.unit).add
        return self._meter.create_histogram(
            count.name, count.unit, explicit_bucket_boundaries_advisory=count.bounds
        ).record

    def emit(self, plan: Plan, ids: Mapping[str, str]) -> None:
        """All that *plan* says, with these ids."""
        context = None
        for span in plan.spans:
            context = self._span(span, ids)
        for record in plan.logs:
            self._log(record, ids, context)
        for count in plan.counts:
            self._counters[count.name](count.value, count.labels)

    def _span(self, span: Span, ids: Mapping[str, str]) -> Context:
        following = self._ids.next
        following.trace_id = trace_id = _trace_id(ids[span.trace_mark])
        following.span_id = _span_id(ids[span.span_mark])
        parent = Context()
        if span.parent_mark:
            parent = _context(trace_id, _span_id(ids[span.parent_mark]))
        started = self._tracer.start_span(
            span.name,
            context=parent,
            start_time=span.start_ns,
            attributes=with_ids(span.attributes, span.ids, ids),
        )
        if span.error is not None:
            started.set_status(Status(StatusCode.ERROR, span.error))
        started.end(span.end_ns)
        return set_span_in_context(started, Context())

    def _log(self, record: Record, ids: Mapping[str, str], context: Context | None) -> None:
        if context is None and record.trace_mark:
            span_id = _span_id(ids[record.span_mark]) if record.span_mark else _NO_SPAN
            context = _context(_trace_id(ids[record.trace_mark]), span_id)
        self._logger.emit(
            context=context,
            severity_number=SeverityNumber.INFO,
            body=record.body,
            attributes=with_ids(record.attributes, record.ids, ids),
            event_name=record.name,
        )


def _trace_id(text: str) -> int:
    return int(text.replace("-", ""), 16)


def _span_id(text: str) -> int:
    return int(text[19:].replace("-", ""), 16)


def _context(trace_id: int, span_id: int) -> Context:
    parent = SpanContext(trace_id, span_id, is_remote=False, trace_flags=_SAMPLED)
    return set_span_in_context(NonRecordingSpan(parent), Context())
