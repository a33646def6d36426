"""What arrives is compared as protobuf decodes it; the smallest difference is found."""

import gzip

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.wire import (
    Request,
    attributes_of,
    counted,
    decoded,
    differences,
    in_records,
    records_differ,
)


def log(**attributes):
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.event_name, record.time_unix_nano, record.trace_id = "run", 5, b"t" * 16
    fill(record, attributes)
    return Request("/v1/logs", request.SerializeToString())


def span(name="run", **attributes):
    request = ExportTraceServiceRequest()
    record = request.resource_spans.add().scope_spans.add().spans.add(name=name)
    fill(record, attributes)
    return Request("/v1/traces", request.SerializeToString())


def counter(value, name="runs"):
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name=name)
    metric.sum.data_points.add(as_int=value)
    return Request("/v1/metrics", request.SerializeToString())


def fill(record, attributes):
    for key, value in attributes.items():
        place = record.attributes.add(key=key).value
        if isinstance(value, str):
            place.string_value = value
        elif isinstance(value, float):
            place.double_value = value
        else:
            place.int_value = value


def test_the_same_in_another_order_and_in_other_requests_is_equal():
    one, two = log(a=1, b="x"), log(b="y")
    assert differences(decoded([one, two]), decoded([two, one])) == []
    assert differences(decoded([one]), decoded([log(b="x", a=1)])) == []


def test_a_request_that_is_compressed_is_equal_to_one_that_is_not():
    plain = log(a=1)
    packed = plain._replace(body=gzip.compress(plain.body))
    assert differences(decoded([plain]), decoded([packed])) == []
    assert counted([plain, packed, span()]) == {"logs": 2, "spans": 1}


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ([log(a=2)], "a"),
        ([log(a=1.0)], "double_value"),
        ([log(a=1), log(a=1)], "1 and 2 log records"),
        ([], "1 and 0 log records"),
    ],
)
def test_a_difference_is_said(other, words):
    found = differences(decoded([log(a=1)]), decoded(other))
    assert words in " ".join(found)


def test_spans_and_metrics_count_too():
    assert differences(decoded([span()]), decoded([span("walk")])) != []
    assert differences(decoded([counter(3)]), decoded([counter(4)])) != []


def test_of_a_series_the_last_value_counts_and_own_metrics_do_not():
    own = counter(9, name="otel.sdk.exported")
    assert differences(decoded([counter(1), counter(3), own]), decoded([counter(3)])) == []


def test_a_time_of_emitting_only_has_to_be_there():
    one, two = log(at="12:00"), log(at="12:01")
    assert differences(decoded([one]), decoded([two])) != []
    assert differences(decoded([one], {"at"}), decoded([two], {"at"})) == []
    assert differences(decoded([one], {"at"}), decoded([log()], {"at"})) != []


def test_one_record_an_event_is_compared_by_its_attributes_be_it_log_or_span():
    ours = attributes_of(decoded([log(a=1), log(a=2)]).logs)
    assert records_differ(ours, in_records(decoded([span(a=1), log(a=2)]))) == []
    assert records_differ(ours, in_records(decoded([span(a=1), span(a=3)]))) != []
