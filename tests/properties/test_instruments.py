"""Sums, last values and buckets against a model made the plain way, in any order of arrival."""

from collections import defaultdict
from math import fsum
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors.event.signals import Instrument, Measurement
from telemetry_actors.sinks.aggregates import MetricAggregates
from telemetry_actors.sinks.encode_metrics import encode_metrics

LATE_NS = 2**62
INT64 = (-(2**63), 2**63 - 1)
ORDERS = Instrument("orders", "counter", "1")
REVENUE = Instrument("revenue", "counter", "EUR", float)
OPEN = Instrument("open", "updown_counter", "1")
DRIFT = Instrument("drift", "updown_counter", "s", float)
QUEUE = Instrument("queue", "gauge", "1")
HEAT = Instrument("heat", "gauge", "Cel", float)
WAIT = Instrument("wait", "histogram", "s", buckets=(0, 0.5, 2))

ints = st.integers(-(2**70), 2**70) | st.integers(-5, 5)
floats = st.floats(-1e9, 1e9) | st.integers(-5, 5)
times = st.integers(1, 30) | st.integers(1, LATE_NS)
labels = st.sampled_from("ab").map(lambda label: (label,))


class Dated(NamedTuple):
    """A measurement and the emit time of its event."""

    instrument: Instrument
    label_values: tuple[str, ...]
    value: float
    emitted_at_ns: int


def measured(instrument, value):
    return st.builds(Dated, st.just(instrument), labels, value, times)


def put(aggregates, dated):
    made = [Measurement(d.instrument, ("l",), d.label_values, d.value) for d in dated]
    return aggregates.record(made, [d.emitted_at_ns for d in dated])


batch = st.lists(
    st.one_of(
        measured(ORDERS, ints.map(abs)),
        measured(REVENUE, floats.map(abs)),
        measured(OPEN, ints),
        measured(DRIFT, floats),
        measured(QUEUE, ints),
        measured(HEAT, floats),
        measured(WAIT, floats.map(abs)),
    ),
    max_size=60,
)


def clamped(value):
    return max(INT64[0], min(value, INT64[1]))


def expected(instrument, came):
    """The value of one point, from all that came to it, in order."""
    given = [m.value for m in came]
    if instrument.kind == "gauge":
        newest = max(m.emitted_at_ns for m in came)
        last = [m.value for m in came if m.emitted_at_ns == newest][-1]
        return clamped(last) if instrument.number is int else float(last)
    if instrument.number is int:
        return clamped(sum(map(clamped, given)))
    return pytest.approx(fsum(given), abs=1e-3)


@given(batch, st.randoms(use_true_random=False), st.integers(1, 60))
def test_aggregates_are_what_the_model_says_in_any_order_of_arrival(came, random, size):
    random.shuffle(came)
    aggregates = MetricAggregates(lambda: LATE_NS)
    for start in range(0, len(came), size):
        some = came[start : start + size]
        assert put(aggregates, some) == (len(some), 0)
    model = defaultdict(list)
    for measurement in came:
        model[measurement.instrument, measurement.label_values].append(measurement)

    points = aggregates.collect()

    assert len(points) == len(model)
    for point in points:
        of_point = model[point.instrument, point.label_values]
        assert point.value == expected(point.instrument, of_point)
        assert type(point.value) is point.instrument.number
        if point.instrument.kind == "gauge":
            assert point.time_ns == max(m.emitted_at_ns for m in of_point)
        if point.instrument is WAIT:
            assert point.measurements == len(of_point)
            assert point.bucket_counts[0] == sum(m.value == 0 for m in of_point)
    assert encode_metrics(points)[1] == 0


@given(batch, st.randoms(use_true_random=False))
def test_sums_of_ints_and_gauges_of_distinct_times_do_not_depend_on_the_order(came, random):
    came = [m for m in came if m.instrument in (ORDERS, OPEN, QUEUE)]
    came = [m._replace(emitted_at_ns=n + 1) for n, m in enumerate(came)]
    one, other = MetricAggregates(lambda: LATE_NS), MetricAggregates(lambda: LATE_NS)
    put(one, came)
    random.shuffle(came)
    put(other, came)

    assert set(one.collect()) == set(other.collect())


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(-9, 9), times), max_size=40),
    st.integers(1, 4),
)
def test_a_gauge_over_its_limit_keeps_those_it_has_and_counts_the_others(came, limit):
    aggregates = MetricAggregates(lambda: LATE_NS, cardinality_limit=limit)
    recorded, left_out = put(aggregates, [Dated(QUEUE, (label,), n, at) for label, n, at in came])

    first = list(dict.fromkeys(label for label, _, _ in came))[:limit]
    assert {p.label_values[0] for p in aggregates.collect()} == set(first)
    assert recorded == sum(label in first for label, _, _ in came)
    assert left_out == len(came) - recorded == aggregates.left_out
