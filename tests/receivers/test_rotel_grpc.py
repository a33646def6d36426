"""OtlpGrpcSink -> the real rotel: what a third party says has arrived over gRPC."""

import uuid
from contextlib import closing

import pytest

from telemetry_actors.event.signals import Instrument, LogSignal, SignalKind, SpanSignal
from telemetry_actors.ports import MetricPoint, Verdict
from telemetry_actors.sinks import OtlpGrpcSink
from tests.receivers.rotel import Rotel

LOGS, SPANS = SignalKind.LOGS, SignalKind.SPANS
COUNTER = Instrument("dify.requests.total", "counter", "{request}")
BATCH = 512

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def rotel(tmp_path):
    with Rotel(tmp_path) as rotel:
        yield rotel


@pytest.fixture(params=["none", "gzip"])
def sink(rotel, request):
    endpoint = f"http://{rotel.grpc_endpoint}"
    with closing(OtlpGrpcSink(endpoint, compression=request.param)) as sink:
        yield sink


def a_log(note="n"):
    keys = ("dify.event.name", "note", "log.record.uid")
    values = ("dify.app.created", note, str(uuid.uuid4()))
    return LogSignal("dify.app.created", "metric_only", keys, values, b"t" * 16, b"s" * 8, 1, 2)


def a_span(number):
    ids = (b"t" * 16, (number + 1).to_bytes(8, "big"), b"")
    return SpanSignal("dify.workflow.run", *ids, 1, 2, ("dify.tenant_id",), ("acme",), "boom")


def send(sink, kind, records):
    encoded = [sink.encode(kind, record) for record in records]
    for start in range(0, len(encoded), BATCH):
        result = sink.export(kind, encoded[start : start + BATCH], 30.0)
        assert result.verdict is Verdict.ACCEPTED, result


def test_all_three_signals_arrive_compressed_or_not(rotel, sink):
    send(sink, LOGS, [a_log() for _ in range(3_000)])
    send(sink, SPANS, [a_span(i) for i in range(1_000)])
    points = [MetricPoint(COUNTER, ("a",), (f"{i}",), 1, 2, 5) for i in range(3)]
    assert sink.export_metrics(points, 30.0).verdict is Verdict.ACCEPTED

    rotel.stop()
    received = rotel.received()

    assert (received.logs, received.distinct_logs) == (3_000, 3_000)
    assert (received.spans, received.distinct_spans, received.points) == (1_000, 1_000, 3)


def test_more_metrics_than_one_message_takes_arrive(rotel):
    """GRPC servers take 4 MiB by default, resource and all."""
    instruments = [Instrument(f"dify.{n}", "counter", "1") for n in range(10)]
    points = [
        MetricPoint(one, ("a",), (f"{n}{'x' * 1000}",), 1, 2, 5)
        for one in instruments
        for n in range(700)
    ]
    with closing(OtlpGrpcSink(f"http://{rotel.grpc_endpoint}")) as sink:
        result = sink.export_metrics(points, 30.0)
    assert result.verdict is Verdict.ACCEPTED, result

    rotel.stop()
    assert rotel.received().points == 7_000


def test_a_request_over_its_limit_is_to_be_split(rotel):
    """OUT_OF_RANGE is what servers in Rust say above 4 MiB."""
    with closing(OtlpGrpcSink(f"http://{rotel.grpc_endpoint}")) as sink:
        record = sink.encode(LOGS, a_log("x" * 5_000_000))
        result = sink.export(LOGS, [record], 30.0)

    assert result.verdict is Verdict.SPLIT
    assert "too large" in result.message


def test_something_that_is_no_otlp_receiver_is_refused(rotel):
    """UNIMPLEMENTED, by a server that knows gRPC but not the service."""
    with closing(OtlpGrpcSink(f"http://{rotel.grpc_endpoint}")) as sink:
        sink._line(LOGS).channel._method = "/nobody/Knows"
        result = sink.export(LOGS, [sink.encode(LOGS, a_log())], 30.0)

    assert result.verdict is Verdict.REFUSED
    assert result.message.startswith("gRPC UNIMPLEMENTED")
