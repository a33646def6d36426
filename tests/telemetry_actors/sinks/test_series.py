"""What one label set holds: sums that may fall, floats by declaration, the last by emit time."""

import hashlib

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from telemetry_actors.event.signals import Instrument, Measurement
from telemetry_actors.handlers import INSTRUMENTS
from telemetry_actors.sinks.aggregates import DEFAULT_BOUNDS_S, MetricAggregates
from telemetry_actors.sinks.encode_metrics import encode_metrics

REVENUE = Instrument("shop.revenue", "counter", "EUR", float)
OPEN = Instrument("shop.sessions", "updown_counter", "{session}")
DRIFT = Instrument("shop.drift", "updown_counter", "s", float)
QUEUE = Instrument("shop.queue", "gauge", "{job}")
HEAT = Instrument("shop.heat", "gauge", "Cel", float)
WAIT = Instrument("shop.wait", "histogram", "s", buckets=(0.1, 1, 10))
NOW_NS = 1_000
INT64_MAX = 2**63 - 1
CUMULATIVE = 2


def at(value, emitted_at_ns, instrument=QUEUE, label="a"):
    return Measurement(instrument, ("shop",), (label,), value), emitted_at_ns


def put(aggregates, dated):
    """Measurements with their emit times."""
    made = list(dated)
    return aggregates.record([m for m, _ in made], [at_ns for _, at_ns in made])


@pytest.fixture
def aggregates():
    return MetricAggregates(lambda: NOW_NS)


def values(aggregates):
    return {p.label_values[0]: (p.value, p.time_ns) for p in aggregates.collect()}


def sent(aggregates):
    """What a receiver reads, by name."""
    messages, left_out = encode_metrics(aggregates.collect())
    assert left_out == 0
    return {metric.name: metric for metric in (Metric.FromString(m.data) for m in messages)}


# -- sums -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [[3], [3, 12.5], [12.5, 3], [0]])
def test_a_float_counter_sends_doubles_whatever_it_is_given(aggregates, given):
    aggregates.record(REVENUE.measure(value) for value in given)

    metric = sent(aggregates)["shop.revenue"]
    (point,) = metric.sum.data_points
    assert (metric.sum.is_monotonic, metric.sum.aggregation_temporality) == (True, CUMULATIVE)
    assert (point.WhichOneof("value"), point.as_double) == ("as_double", sum(given))


def test_an_up_down_counter_may_fall_below_nothing(aggregates):
    aggregates.record([OPEN.measure(2), OPEN.measure(-5), DRIFT.measure(-0.5), DRIFT.measure(1)])

    metrics = sent(aggregates)
    sessions, drift = metrics["shop.sessions"].sum, metrics["shop.drift"].sum
    assert (sessions.data_points[0].as_int, drift.data_points[0].as_double) == (-3, 0.5)
    for each in (sessions, drift):
        assert (each.is_monotonic, each.aggregation_temporality) == (False, CUMULATIVE)
        assert each.data_points[0].start_time_unix_nano == NOW_NS


def test_an_up_down_counter_comes_back_from_the_end_of_an_int64(aggregates):
    aggregates.record([OPEN.measure(INT64_MAX), OPEN.measure(10)])
    assert sent(aggregates)["shop.sessions"].sum.data_points[0].as_int == INT64_MAX
    aggregates.record([OPEN.measure(-11)])
    assert sent(aggregates)["shop.sessions"].sum.data_points[0].as_int == INT64_MAX - 1
    aggregates.record([OPEN.measure(-(2**80)), OPEN.measure(-INT64_MAX), OPEN.measure(-INT64_MAX)])
    assert sent(aggregates)["shop.sessions"].sum.data_points[0].as_int == -(2**63)


@pytest.mark.parametrize(
    "bad",
    [
        *(REVENUE.measure(v) for v in (-0.5, True, float("nan"), float("inf"), 1e201, 10**400)),
        *(OPEN.measure(v) for v in (1.5, True)),
        *(DRIFT.measure(v) for v in (True, float("-inf"), -1e201)),
        *(QUEUE.measure(v) for v in (1.5, True)),
        *(HEAT.measure(v) for v in (True, float("nan"), -(10**400))),
        *(WAIT.measure(v) for v in (True, -1, "1")),
    ],
)
def test_a_value_that_would_spoil_its_series_is_not_taken(aggregates, bad):
    """Mappings of users are looked at before; here the series defends itself."""
    assert aggregates.record([bad]) == (0, 0)
    assert (aggregates.collect(), aggregates.invalid) == ([], 1)


# -- gauges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(10, 20, 30), (30, 20, 10), (20, 30, 10), (30, 10, 20)])
def test_a_gauge_is_the_last_by_emit_time_in_whichever_order_values_come(aggregates, order):
    for emitted_at_ns in order:
        assert put(aggregates, [at(emitted_at_ns * 7, emitted_at_ns)]) == (1, 0)

    assert values(aggregates) == {"a": (210, 30)}


def test_of_two_at_the_same_time_the_later_arrival_stays(aggregates):
    put(aggregates, [at(1, 20), at(2, 20)])
    put(aggregates, [at(3, 20)])

    assert values(aggregates) == {"a": (3, 20)}


def test_label_sets_have_times_of_their_own(aggregates):
    put(aggregates, [at(1, 20), at(2, 10, label="b"), at(3, 15, label="b"), at(4, 19)])

    assert values(aggregates) == {"a": (1, 20), "b": (3, 15)}


@pytest.mark.parametrize(
    ("instrument", "value", "field", "there"),
    [
        *((QUEUE, 5, "as_int", 5), (QUEUE, -5, "as_int", -5), (QUEUE, 2**80, "as_int", INT64_MAX)),
        *((HEAT, 5, "as_double", 5.0), (HEAT, -1.5, "as_double", -1.5)),
    ],
)
def test_a_gauge_is_sent_with_the_time_of_its_value(aggregates, instrument, value, field, there):
    put(aggregates, [at(value, 30, instrument)])

    (point,) = sent(aggregates)[instrument.name].gauge.data_points
    assert (point.WhichOneof("value"), getattr(point, field)) == (field, there)
    assert (point.time_unix_nano, point.start_time_unix_nano) == (30, 0)


def test_a_gauge_nobody_dated_is_of_when_it_came(aggregates):
    aggregates.record([QUEUE.measure(4, shop="a")])
    put(aggregates, [at(9, -5, label="b")])

    assert values(aggregates) == {"a": (4, NOW_NS), "b": (9, 0)}


def test_an_event_from_the_future_counts_as_of_now():
    """Another machine's clock would else hold its value fast until time has caught up."""
    now = [100]
    aggregates = MetricAggregates(lambda: now[0])
    put(aggregates, [at(1, 10**18)])
    now[0] = 110
    put(aggregates, [at(2, 105)])

    assert values(aggregates) == {"a": (2, 105)}


def test_a_clock_that_is_set_back_holds_no_gauge_fast():
    now = [10_000]
    aggregates = MetricAggregates(lambda: now[0])
    put(aggregates, [at(1, 9_999)])
    now[0] = 500
    put(aggregates, [at(2, 400)])  # may be a replay: it can't be told
    now[0] = 510
    put(aggregates, [at(3, 505)])

    assert values(aggregates) == {"a": (3, 505)}


def test_a_gauge_has_no_overflow_point_and_what_is_left_out_is_counted():
    """The last of several things' values says nothing. Those that have a place go on."""
    told, left = [], []
    aggregates = MetricAggregates(
        lambda: NOW_NS,
        cardinality_limit=2,
        on_overflow=lambda *what: told.append(what),
        on_left_out=lambda *what: left.append(what),
    )
    assert put(aggregates, (at(n, 10 + n, label=x) for n, x in enumerate("abcd"))) == (2, 2)
    assert put(aggregates, [at(9, 50), at(9, 50, label="c"), (OPEN.measure(), 50)]) == (2, 1)

    points = aggregates.collect()
    aggregates.collect()
    assert [(p.label_values, p.value) for p in points if p.instrument == QUEUE] == [
        *((("a",), 9), (("b",), 1)),
    ]
    assert aggregates.instruments() == [(QUEUE.name, 2, 0, 3), (OPEN.name, 1, 0, 0)]
    assert (told, left) == ([], [(QUEUE.name, 2)])
    assert (aggregates.recorded, aggregates.left_out, aggregates.invalid) == (4, 3, 0)


# -- buckets --------------------------------------------------------------------------------------


def test_a_histogram_has_its_own_buckets_and_others_the_settings(aggregates):
    other = WAIT._replace(name="shop.other", buckets=())
    for instrument in (WAIT, other):
        aggregates.record(instrument.measure(value) for value in (0.1, 0.5, 10, 11))

    metrics = sent(aggregates)
    (own,), (default,) = (metrics[n].histogram.data_points for n in ("shop.wait", "shop.other"))
    assert (list(own.explicit_bounds), list(own.bucket_counts)) == ([0.1, 1, 10], [1, 1, 1, 1])
    assert list(default.explicit_bounds) == list(DEFAULT_BOUNDS_S)
    assert (own.count, own.sum) == (default.count, default.sum) == (4, 21.6)


# -- the platform's -------------------------------------------------------------------------------


def test_what_the_fourteen_cases_measure_is_the_same_bytes_as_before_there_were_other_kinds():
    aggregates = MetricAggregates(lambda: 7)
    for n, instrument in enumerate(INSTRUMENTS):
        given = (0, n, 2**62) if instrument.kind == "counter" else (0, 0.25 * n, 700)
        aggregates.record(
            Measurement(instrument, ("tenant_id",), (tenant,), value)
            for value in given
            for tenant in ("acme", "ü")
        )

    messages, left_out = encode_metrics(aggregates.collect())

    data = b"".join(message.data for message in messages)
    digest = "ab33e399595113f67c6cd43aa66d62677766c857b06f59f7cd002564048112b3"
    assert (left_out, hashlib.sha256(data).hexdigest()) == (0, digest)
