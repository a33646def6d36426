"""Points in their protobuf bytes: cumulative, and none spoils another."""

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from telemetry_actors.event.own_metrics import SELF_METRICS
from telemetry_actors.event.signals import Instrument, Measurement
from telemetry_actors.ports import MetricPoint
from telemetry_actors.sinks.aggregates import MetricAggregates
from telemetry_actors.sinks.encode_metrics import encode_metrics
from telemetry_actors.sinks.frame import Frame

COUNTER = Instrument("dify.requests.total", "counter", "{request}")
HISTOGRAM = Instrument("dify.workflow.duration", "histogram", "s")
CUMULATIVE = 2

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
measurements = st.one_of(
    st.builds(Measurement, st.just(COUNTER), st.just(("a",)), st.tuples(texts), st.integers(0, 99)),
    st.builds(
        Measurement, st.just(HISTOGRAM), st.just(("b",)), st.tuples(texts), st.floats(0, 700)
    ),
)


def a_sum(value=5, key="tenant_id", label="acme"):
    return MetricPoint(COUNTER, (key,), (label,), 1, 2, value)


def decoded(point):
    (message,), left_out = encode_metrics([point])
    assert left_out == 0
    return Metric.FromString(message.data)


def test_a_sum_is_monotonic_and_cumulative():
    """As the receiver must add nothing up itself."""
    metric = decoded(a_sum())

    (point,) = metric.sum.data_points
    assert (metric.name, metric.unit) == ("dify.requests.total", "{request}")
    assert (metric.sum.is_monotonic, metric.sum.aggregation_temporality) == (True, CUMULATIVE)
    assert (point.as_int, point.start_time_unix_nano, point.time_unix_nano) == (5, 1, 2)
    assert [(a.key, a.value.string_value) for a in point.attributes] == [("tenant_id", "acme")]


def test_a_histogram_has_bounds_and_counts():
    """One count more than bounds."""
    point = MetricPoint(HISTOGRAM, (), (), 1, 2, 3.5, 3, (1.0, 2.0), (1, 1, 1))

    metric = decoded(point)

    (data,) = metric.histogram.data_points
    assert metric.histogram.aggregation_temporality == CUMULATIVE
    assert (data.count, data.sum) == (3, 3.5)
    assert (list(data.explicit_bounds), list(data.bucket_counts)) == ([1.0, 2.0], [1, 1, 1])


def test_an_up_down_counter_is_a_sum_that_may_fall():
    metric = decoded(a_sum()._replace(instrument=Instrument("n", "updown_counter", "{item}")))

    assert (metric.sum.is_monotonic, metric.sum.aggregation_temporality) == (False, CUMULATIVE)
    assert metric.sum.data_points[0].start_time_unix_nano == 1


def test_a_gauge_is_a_last_value_without_a_start():
    metric = decoded(a_sum(1.5)._replace(instrument=Instrument("n", "gauge", "s")))

    (point,) = metric.gauge.data_points
    assert (point.as_double, point.start_time_unix_nano, point.time_unix_nano) == (1.5, 0, 2)


def test_metrics_about_the_gateway_say_what_they_mean():
    """And a port stays a number."""
    own = next(m for m in SELF_METRICS if m.name == "otel.sdk.exporter.log.exported")
    metric = decoded(MetricPoint(own.instrument, ("server.port",), (4318,), 1, 2, 5))

    assert metric.description == own.description
    assert metric.sum.data_points[0].attributes[0].value.int_value == 4318


def test_the_overflow_point_is_marked_by_a_bool():
    """OpenTelemetry's own form of the attribute."""
    metric = decoded(a_sum(key="otel.metric.overflow", label="true"))

    (attribute,) = metric.sum.data_points[0].attributes
    assert attribute.value.WhichOneof("value") == "bool_value"
    assert attribute.value.bool_value is True


def test_a_point_that_can_not_be_encoded_is_left_out_alone():
    """A lone surrogate in one label, a sum beyond 64 bits: the others go."""
    points = [a_sum(1), a_sum(label="\ud800"), a_sum(2**63), a_sum(2)]

    (message,), left_out = encode_metrics(points)

    kept = [point.as_int for point in Metric.FromString(message.data).sum.data_points]
    assert (kept, message.points, left_out) == ([1, 2], 2, 2)


def test_a_large_collection_makes_several_messages():
    """So that it can be cut into requests."""
    messages, _ = encode_metrics([a_sum(i) for i in range(1200)])

    assert [message.points for message in messages] == [500, 500, 200]


@given(st.lists(measurements))
def test_a_request_parses_to_what_was_collected(batch):
    """From measurements over aggregates to bytes and back."""
    aggregates = MetricAggregates(lambda: 1)
    aggregates.record(batch)
    points = aggregates.collect()
    messages, _ = encode_metrics(points)

    data = Frame({}).request(message.data for message in messages)

    (resource,) = ExportMetricsServiceRequest.FromString(data).resource_metrics
    metrics = {metric.name: metric for metric in resource.scope_metrics[0].metrics}
    sums = (
        [p.as_int for p in metrics[COUNTER.name].sum.data_points] if COUNTER.name in metrics else []
    )
    assert sums == [p.value for p in points if p.instrument is COUNTER]
    counts = [
        list(p.bucket_counts) for name in metrics for p in metrics[name].histogram.data_points
    ]
    assert counts == [list(p.bucket_counts) for p in points if p.instrument is HISTOGRAM]
