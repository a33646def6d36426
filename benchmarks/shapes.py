"""What each event of a workload has to become, for those who write signals by hand.

Those are the SDK's users. Taken from what our own pipeline makes of the templates, so both have
the same to send; whether they do is looked at on the wire afterwards (`benchmarks.wire`), and no
figure is printed otherwise. An attribute that holds an id is a prefix and the id; all others are
ready values.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from benchmarks.workloads import Template, Workload, its_cases
from telemetry_actors import LogSignal, SpanSignal
from telemetry_actors.ports import MetricPoint
from telemetry_actors.testing import running_gateway

__all__ = [
    "Count",
    "Plan",
    "Record",
    "Span",
    "plans_of",
    "plans_from_json",
    "plans_to_json",
    "with_ids",
]

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_NOW_S = 3600.0
_FLUSH_S = 30.0


def with_ids(
    ready: dict[str, Any], places: list[tuple[str, str, str]], ids: Mapping[str, str]
) -> dict[str, Any]:
    """A copy of *ready*, with ids in their places."""
    attributes = ready.copy()
    for key, before, mark in places:
        attributes[key] = before + ids[mark] if before else ids[mark]
    return attributes


class Record(NamedTuple):
    """A log record."""

    name: str
    body: str
    attributes: dict[str, Any]
    """Ready; those with ids hold the template's."""
    ids: list[tuple[str, str, str]]
    """Attributes that hold an id: name, what stands before it, its mark."""
    trace_mark: str
    """The mark of its trace id; "" for none."""
    span_mark: str
    timed: list[str]
    """Attributes that say when: of any two emitters they differ."""

    def with_ids(self, ids: Mapping[str, str]) -> dict[str, Any]:
        """A copy of the ready attributes, with the ids of one event: what one hand-writes."""
        return with_ids(self.attributes, self.ids, ids)


class Span(NamedTuple):
    """A finished span."""

    name: str
    attributes: dict[str, Any]
    ids: list[tuple[str, str, str]]
    trace_mark: str
    span_mark: str
    parent_mark: str
    start_ns: int
    end_ns: int
    error: str | None

    def with_ids(self, ids: Mapping[str, str]) -> dict[str, Any]:
        """As of a log record."""
        return with_ids(self.attributes, self.ids, ids)


class Count(NamedTuple):
    """A measurement."""

    name: str
    kind: str
    unit: str
    number: str
    bounds: list[float]
    labels: dict[str, str]
    value: float


class Plan(NamedTuple):
    """All that one event becomes."""

    logs: list[Record]
    spans: list[Span]
    counts: list[Count]


def plans_of(workload: Workload) -> list[Plan]:
    """One for each template, in their order."""
    plans = []
    with (
        its_cases(workload),
        running_gateway(enterprise_include_content=workload.content) as (gateway, recording),
    ):
        before: dict[Any, MetricPoint] = {}
        for template in workload.templates:
            logs, spans = len(recording.logs), len(recording.spans)
            gateway.emit(
                template.case, template.context, template.payload, event_id=template.event_id
            )
            assert gateway.flush(_FLUSH_S), "not flushed"
            after = {_series(point): point for point in recording.metrics()}
            marks = _Marks(template)
            plans.append(
                Plan(
                    [_record(log, marks) for log in recording.logs[logs:]],
                    [_span(span, marks) for span in recording.spans[spans:]],
                    [_count(point, before.get(_series(point))) for point in _grown(before, after)],
                )
            )
            before = after
        assert gateway.ledger().exported == len(workload.templates), gateway.ledger()
    return plans


class _Marks:
    """Finds a template's ids again in what was made of it."""

    def __init__(self, template: Template) -> None:
        self._marks = template.marks
        self._traces = {uuid.UUID(mark).bytes: mark for mark in template.marks}
        self._spans = {uuid.UUID(mark).bytes[8:]: mark for mark in template.marks}

    def trace(self, trace_id: bytes) -> str:
        return self._traces[trace_id] if trace_id else ""

    def span(self, span_id: bytes) -> str:
        return self._spans[span_id] if span_id else ""

    def in_attributes(self, attributes: Mapping[str, Any]) -> list[tuple[str, str, str]]:
        return [
            (key, value.removesuffix(mark), mark)
            for key, value in attributes.items()
            if isinstance(value, str)
            for mark in self._marks
            if value.endswith(mark)
        ]


def _record(log: LogSignal, marks: _Marks) -> Record:
    attributes = log.attributes
    return Record(
        log.event_name,
        f"telemetry.{log.signal}",
        attributes,
        marks.in_attributes(attributes),
        marks.trace(log.trace_id),
        marks.span(log.span_id),
        [key for key, value in attributes.items() if _says_now(value)],
    )


def _says_now(value: object) -> bool:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return False
    return abs((datetime.now(UTC) - datetime.fromisoformat(value)).total_seconds()) < _NOW_S


def _span(span: SpanSignal, marks: _Marks) -> Span:
    attributes = span.attributes
    return Span(
        span.name,
        attributes,
        marks.in_attributes(attributes),
        marks.trace(span.trace_id),
        marks.span(span.span_id),
        marks.span(span.parent_span_id),
        span.start_ns,
        span.end_ns,
        span.error,
    )


def _series(point: MetricPoint) -> tuple[str, tuple[str, ...], tuple[str | int, ...]]:
    return point.instrument.name, point.label_keys, point.label_values


def _grown(
    before: Mapping[Any, MetricPoint], after: Mapping[Any, MetricPoint]
) -> Iterable[MetricPoint]:
    for series, point in after.items():
        old = before.get(series)
        if old is None or (old.value, old.measurements) != (point.value, point.measurements):
            yield point


def _count(point: MetricPoint, before: MetricPoint | None) -> Count:
    instrument = point.instrument
    value = point.value - (before.value if before is not None else 0)
    return Count(
        instrument.name,
        instrument.kind,
        instrument.unit,
        instrument.number.__name__,
        list(point.bounds),
        dict(zip(point.label_keys, map(str, point.label_values), strict=True)),
        round(value, 9) if isinstance(value, float) else value,  # what sums have added
    )


def plans_to_json(plans: Sequence[Plan]) -> list[Any]:
    """For a file."""
    return [[[list(one) for one in part] for part in plan] for plan in plans]


def plans_from_json(data: Sequence[Any]) -> list[Plan]:
    """As `plans_to_json` wrote them."""
    return [
        Plan(
            [Record(*one) for one in logs],
            [Span(*one) for one in spans],
            [Count(*one) for one in counts],
        )
        for logs, spans, counts in data
    ]
