"""What has arrived, decoded by protobuf in a form that compares, and how two of them differ.

Left out is what any two emitters differ in: times of emitting, the resource, the instrumentation
scope, the metrics that an emitter sends about itself. Times of spans are of the event, and count.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["Request", "Wire", "attributes_of", "counted", "decoded", "differences", "in_records"]

_ABOUT_ITSELF = ("telemetry_actors.", "otel.sdk.")
_INSTANCE = "service.instance.id"
_MOST_SHOWN = 3
_DIGITS = 9  # of a histogram's sum: two orders of adding are not the same to the last bit


class Request(NamedTuple):
    """One POST."""

    path: str
    body: bytes


class Wire(NamedTuple):
    """All that has arrived, in no order."""

    logs: Counter[Any]
    spans: Counter[Any]
    metrics: dict[Any, Any]
    """The latest value of each series, the sum of all processes that have it."""


def decoded(requests: Iterable[Request], timed: Collection[str] = ()) -> Wire:
    """Everything in *requests*.

    Args:
        requests: to ``/v1/logs``, ``/v1/traces`` and ``/v1/metrics``.
        timed: attributes that say when something was emitted; only that they are there counts.
    """
    wire = Wire(Counter(), Counter(), {})
    points: dict[Any, Any] = {}
    for path, body in requests:
        data = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        if path.endswith("/logs"):
            wire.logs.update(_log(log, timed) for log in _logs(data))
        elif path.endswith("/traces"):
            wire.spans.update(_span(span, timed) for span in _spans(data))
        elif path.endswith("/metrics"):
            points.update(_points(data))
    for (_instance, series), value in points.items():
        known = wire.metrics.get(series)
        wire.metrics[series] = value if known is None else _sum(known, value)
    return wire


def counted(requests: Iterable[Request]) -> dict[str, int]:
    """How many log records and spans are in *requests*."""
    counts = {"logs": 0, "spans": 0}
    for path, body in requests:
        data = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        if path.endswith("/logs"):
            counts["logs"] += sum(1 for _ in _logs(data))
        elif path.endswith("/traces"):
            counts["spans"] += sum(1 for _ in _spans(data))
    return counts


def _logs(data: bytes) -> Iterator[Any]:
    for resource in ExportLogsServiceRequest.FromString(data).resource_logs:
        for scope in resource.scope_logs:
            yield from scope.log_records


def _spans(data: bytes) -> Iterator[Any]:
    for resource in ExportTraceServiceRequest.FromString(data).resource_spans:
        for scope in resource.scope_spans:
            yield from scope.spans


def _points(data: bytes) -> Iterator[tuple[Any, Any]]:
    for resource in ExportMetricsServiceRequest.FromString(data).resource_metrics:
        instance = _instance(resource.resource)
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if not metric.name.startswith(_ABOUT_ITSELF):
                    for series, value in _series(metric):
                        yield (instance, series), value


def _instance(resource: Any) -> str:
    """Two processes count each for itself."""
    found = [one.value.string_value for one in resource.attributes if one.key == _INSTANCE]
    return found[0] if found else ""


def _sum(one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
    """Of a series that two processes count."""
    if len(one) == 2:
        return one[0], round(one[1] + other[1], _DIGITS)
    counts = tuple([a + b for a, b in zip(one[3], other[3], strict=True)])
    return one[0] + other[0], round(one[1] + other[1], _DIGITS), one[2], counts


def _log(log: Any, timed: Collection[str]) -> Any:
    return (
        ("event", log.event_name),
        ("body", _value(log.body)),
        ("severity", log.severity_number),
        ("trace", log.trace_id.hex()),
        ("span", log.span_id.hex()),
        ("flags", log.flags & 0xFF),
        ("has times", log.time_unix_nano > 0 or log.observed_time_unix_nano > 0),
        ("attributes", _attributes(log.attributes, timed)),
    )


def _span(span: Any, timed: Collection[str]) -> Any:
    return (
        ("name", span.name),
        ("trace", span.trace_id.hex()),
        ("span", span.span_id.hex()),
        ("parent", span.parent_span_id.hex()),
        ("kind", span.kind),
        ("start", span.start_time_unix_nano),
        ("end", span.end_time_unix_nano),
        ("status", (span.status.code, span.status.message)),
        ("attributes", _attributes(span.attributes, timed)),
    )


def _series(metric: Any) -> Iterator[tuple[Any, Any]]:
    kind = metric.WhichOneof("data")
    data = getattr(metric, kind)
    for point in data.data_points:
        series = (metric.name, metric.unit, kind, _attributes(point.attributes, ()))
        if kind == "histogram":
            spread = (tuple(point.explicit_bounds), tuple(point.bucket_counts))
            yield series, (point.count, round(point.sum, _DIGITS), *spread)
        else:
            value = point.WhichOneof("value")
            yield series, (value, round(getattr(point, value), _DIGITS))


def _attributes(pairs: Any, timed: Collection[str]) -> Any:
    return frozenset(
        (pair.key, ("time",) if pair.key in timed else _value(pair.value)) for pair in pairs
    )


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return kind, tuple([_value(one) for one in value.array_value.values])
    return (kind, getattr(value, kind)) if kind is not None else (None, None)


def attributes_of(records: Counter[Any]) -> Counter[Any]:
    """The attributes alone of log records or spans."""
    return Counter({dict(record)["attributes"]: count for record, count in records.items()})


def in_records(wire: Wire) -> Counter[Any]:
    """The attributes of each record, be it a log record or a span."""
    return attributes_of(wire.logs) + attributes_of(wire.spans)


def differences(ours: Wire, theirs: Wire) -> list[str]:
    """In plain words; none if both are equal."""
    found = _missing("log records", ours.logs, theirs.logs)
    found += _missing("spans", ours.spans, theirs.spans)
    found += [
        f"{_short(series)} is {ours.metrics.get(series)} and {theirs.metrics.get(series)}"
        for series in ours.metrics.keys() | theirs.metrics.keys()
        if ours.metrics.get(series) != theirs.metrics.get(series)
    ][:_MOST_SHOWN]
    return found


def records_differ(ours: Counter[Any], theirs: Counter[Any]) -> list[str]:
    """The same for what is compared by its attributes alone."""
    return _missing("records", ours, theirs)


def _missing(what: str, ours: Counter[Any], theirs: Counter[Any]) -> list[str]:
    only_ours, only_theirs = ours - theirs, theirs - ours
    if not only_ours and not only_theirs:
        return []
    totals = f"{ours.total()} and {theirs.total()} {what}"
    found = [f"{totals}; {only_ours.total()} and {only_theirs.total()} are not the other's"]
    for one, other in zip(_few(only_ours), _few(only_theirs), strict=False):
        found.append(f"such as {_unlike(one, other)}")
    return found


def _few(records: Counter[Any]) -> Sequence[Any]:
    return sorted(records, key=repr)[:_MOST_SHOWN]


def _unlike(one: Any, other: Any) -> str:
    if isinstance(one, frozenset):
        return f"{_short(one - other)} and {_short(other - one)}"
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    return "; ".join(
        f"{a[0]}: {_unlike(a[1], b[1]) if isinstance(a[1], frozenset) else (a[1], b[1])}"
        for a, b in pairs
    )


def _short(value: object) -> str:
    text = repr(sorted(value, key=repr) if isinstance(value, frozenset) else value)
    return text if len(text) < 400 else f"{text[:400]} ..."
