"""Cumulative points in their protobuf bytes: ``Metric`` messages for a `Frame` to send.

As with records, what can't be encoded hurts only itself: such a point is left out and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)

from telemetry_actors.event.own_metrics import description_of
from telemetry_actors.event.signals import Instrument
from telemetry_actors.ports import MetricPoint
from telemetry_actors.sinks.aggregates import OVERFLOW_KEY
from telemetry_actors.sinks.frame import add_attributes

_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_POINTS_IN_MESSAGE = 500  # so that a large collection can be cut into requests


class EncodedMetric(NamedTuple):
    """One ``Metric`` message: up to 500 points of one instrument."""

    data: bytes
    points: int


def encode_metrics(points: Iterable[MetricPoint]) -> tuple[list[EncodedMetric], int]:
    """The messages that hold *points*, and how many points had to be left out.

    Points of one instrument must follow each other.
    """
    messages = []
    left_out = 0
    for instrument, of_instrument in groupby(points, key=lambda point: point.instrument):
        rest = list(of_instrument)
        for start in range(0, len(rest), _POINTS_IN_MESSAGE):
            some = rest[start : start + _POINTS_IN_MESSAGE]
            metric = _metric(instrument, some)
            left_out += len(some) - metric.points
            messages.append(metric)
    return [message for message in messages if message.points], left_out


def _metric(instrument: Instrument, points: Sequence[MetricPoint]) -> EncodedMetric:
    metric = Metric(
        name=instrument.name, unit=instrument.unit, description=description_of(instrument.name)
    )
    if instrument.kind == "histogram":
        metric.histogram.aggregation_temporality = _CUMULATIVE
        count = _append(metric.histogram.data_points, _histogram_point, points)
    elif instrument.kind == "gauge":
        count = _append(metric.gauge.data_points, _gauge_point, points)
    else:
        metric.sum.aggregation_temporality = _CUMULATIVE
        metric.sum.is_monotonic = instrument.kind == "counter"
        count = _append(metric.sum.data_points, _sum_point, points)
    return EncodedMetric(metric.SerializeToString(), count)


def _append(
    field: Any, encode: Callable[[MetricPoint], object], points: Sequence[MetricPoint]
) -> int:
    count = 0
    for point in points:
        try:
            field.append(encode(point))
        except (TypeError, ValueError, OverflowError):  # what protobuf says of such values
            continue
        count += 1
    return count


def _sum_point(point: MetricPoint) -> NumberDataPoint:
    message = _gauge_point(point)
    message.start_time_unix_nano = point.start_ns
    return message


def _gauge_point(point: MetricPoint) -> NumberDataPoint:
    """A last value has no start."""
    message = NumberDataPoint(time_unix_nano=point.time_ns)
    if isinstance(point.value, int):
        message.as_int = point.value
    else:
        message.as_double = point.value
    _add_labels(message, point)
    return message


def _histogram_point(point: MetricPoint) -> HistogramDataPoint:
    message = HistogramDataPoint(
        start_time_unix_nano=point.start_ns,
        time_unix_nano=point.time_ns,
        count=point.measurements,
        sum=point.value,
        explicit_bounds=point.bounds,
        bucket_counts=point.bucket_counts,
    )
    _add_labels(message, point)
    return message


def _add_labels(message: NumberDataPoint | HistogramDataPoint, point: MetricPoint) -> None:
    if point.label_keys == (OVERFLOW_KEY,):
        message.attributes.add(key=OVERFLOW_KEY).value.bool_value = True  # OpenTelemetry's form
    else:
        add_attributes(message.attributes, point.label_keys, point.label_values)
