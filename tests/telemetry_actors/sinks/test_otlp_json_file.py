"""OTLP in a file: read back as JSON, by protobuf's reader, and by a third-party collector."""

import base64
import json
import urllib.request

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.errors import SettingsError
from telemetry_actors.event.signals import Instrument, LogSignal, SignalKind, SpanSignal
from telemetry_actors.ports import MetricPoint, Sink, Verdict
from telemetry_actors.sinks import OtlpJsonFileSink
from telemetry_actors.sinks.encode import encode_log, encode_span
from telemetry_actors.sinks.encode_metrics import encode_metrics
from telemetry_actors.sinks.frame import Frame
from telemetry_actors.sinks.resource import package_version, resource_attributes
from tests.receivers.rotel import Rotel

LOGS, SPANS, METRICS = SignalKind.LOGS, SignalKind.SPANS, SignalKind.METRICS
KEYS = ("text", "int", "float", "bool", "lines", "none")
VALUES = ("ein Wört 😀", 2**60, 1.5, True, "a\nb\x85c\u2028d", None)
LOG = LogSignal("dify.app.created", "metric_only", KEYS, VALUES, b"\xfe" * 16, b"\xff" * 8, 1, 2)
SPAN = SpanSignal("run", b"t" * 16, b"s" * 8, b"p" * 8, 1, 2, KEYS, VALUES, "it broke")
POINTS = [
    MetricPoint(Instrument("n", "counter", "{x}"), ("k",), ("v",), 1, 2, 7),
    MetricPoint(
        Instrument("h", "histogram", "s"), ("k",), ("v",), 1, 2, 3.5, 2, (1.0, 5.0), (1, 1, 0)
    ),
]
REQUESTS = {
    "resourceLogs": ExportLogsServiceRequest,
    "resourceSpans": ExportTraceServiceRequest,
    "resourceMetrics": ExportMetricsServiceRequest,
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "otlp.jsonl"


@pytest.fixture
def sink(path):
    sink = OtlpJsonFileSink(path, service_name="mine")
    yield sink
    sink.close()


def send(sink, kind, *records):
    return sink.export(kind, [sink.encode(kind, record) for record in records], 1.0)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def as_protobuf(line):
    """What a reader of OTLP's JSON makes of it: protobuf's JSON but for ids in hex."""
    (top,) = line
    return ParseDict(_with_base64(line), REQUESTS[top]())


def _with_base64(value):
    if isinstance(value, list):
        return [_with_base64(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64encode(bytes.fromhex(item)).decode()
        if key in ("traceId", "spanId", "parentSpanId")
        else _with_base64(item)
        for key, item in value.items()
    }


def as_sent(records):
    attributes = resource_attributes("mine", environ={})
    return Frame(attributes, version=package_version()).request(records)


def test_it_is_a_sink(sink, path):
    assert isinstance(sink, Sink)
    assert sink.name == "otlp_json_file"
    assert {sink.endpoint_of(kind) for kind in SignalKind} == {path.as_uri()}
    assert sink.size_of(b"{}") == 3
    assert str(path) in repr(sink)


def test_a_line_says_what_a_request_to_a_receiver_would_say(sink, path):
    """To the last byte, for each kind of signal."""
    send(sink, LOGS, LOG, LOG)
    send(sink, SPANS, SPAN)
    sink.export_metrics(POINTS, 1.0)
    logs, spans, metrics = map(as_protobuf, lines(path))

    assert logs == ExportLogsServiceRequest.FromString(as_sent([encode_log(LOG)] * 2))
    assert spans == ExportTraceServiceRequest.FromString(as_sent([encode_span(SPAN)]))
    data = [metric.data for metric in encode_metrics(POINTS)[0]]
    assert metrics == ExportMetricsServiceRequest.FromString(as_sent(data))


def test_the_form_is_otlps(sink, path):
    """Ids in hex, numbers of enumerations, 64-bit integers as texts, camelCase."""
    send(sink, LOGS, LOG)
    send(sink, SPANS, SPAN)
    logs, spans = lines(path)
    (log,) = logs["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    (span,) = spans["resourceSpans"][0]["scopeSpans"][0]["spans"]

    assert (log["traceId"], log["spanId"]) == ("fe" * 16, "ff" * 8)
    assert (log["severityNumber"], log["timeUnixNano"]) == (9, "1")
    assert {a["key"]: a["value"] for a in log["attributes"]}["int"] == {"intValue": str(2**60)}
    assert span["parentSpanId"] == b"p".hex() * 8
    assert (span["kind"], span["status"]) == (1, {"code": 2, "message": "it broke"})
    assert logs["resourceLogs"][0]["scopeLogs"][0]["scope"]["name"] == "dify.enterprise"


def test_a_text_with_line_ends_stays_on_its_line(sink, path):
    """Whatever a reader takes for one."""
    send(sink, LOGS, LOG)
    text = path.read_text(encoding="utf-8")

    assert len(text.splitlines()) == 1
    (log,) = json.loads(text)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert log["attributes"][4]["value"]["stringValue"] == VALUES[4]


def test_many_records_make_several_lines_that_collectors_can_read(sink, path):
    big = LOG._replace(values=("x" * 300_000, *VALUES[1:]))
    send(sink, LOGS, *[big] * 10)

    read = [line["resourceLogs"][0]["scopeLogs"][0]["logRecords"] for line in lines(path)]
    assert [len(records) for records in read] == [3, 3, 3, 1]


def test_nothing_to_send_writes_nothing(sink, path):
    assert sink.export_metrics([], 1.0).verdict is Verdict.ACCEPTED
    assert not path.exists()


def test_a_point_that_can_not_be_encoded_is_named(sink):
    odd = POINTS[0]._replace(label_values=("\ud800",))

    assert sink.export_metrics([*POINTS, odd], 1.0).message == "1 points could not be encoded"


def test_what_can_not_be_used_is_said_at_once(path):
    for options in ({"max_bytes": 0}, {"keep": -1}):
        with pytest.raises(SettingsError):
            OtlpJsonFileSink(path, **options)
    assert not path.exists()


def test_a_disk_that_takes_nothing_is_tried_again_and_heals(tmp_path):
    """Through the tree: the same records, once, in order."""
    path = tmp_path / "missing" / "otlp.jsonl"
    otlp = {"backoff_min_s": 0.01, "backoff_max_s": 0.05, "breaker_open_s": 0.05}
    settings = TelemetrySettings.enabled(otlp=otlp, gateway={"linger_s": 0})
    with TelemetryGateway(settings, sinks=[OtlpJsonFileSink(path)]) as gateway:
        for n in range(20):
            gateway.emit("app_created", {"tenant_id": "t"}, {}, event_id=f"e{n}")
        assert not gateway.flush(0.5)
        (problem, *_) = gateway.status().problems
        assert "No such file or directory" in problem
        path.parent.mkdir()
        assert gateway.flush(5)
        assert gateway.ledger().exported == 20

    uids = [
        attribute["value"]["stringValue"]
        for line in lines(path)
        for record in line.get("resourceLogs", [{"scopeLogs": []}])[0]["scopeLogs"]
        for log in record["logRecords"]
        for attribute in log["attributes"]
        if attribute["key"] == "log.record.uid"
    ]
    assert uids == [f"e{n}" for n in range(20)]


@pytest.mark.timeout(30)
def test_a_third_party_collector_reads_each_line(sink, path, tmp_path):
    """The collector rotel takes OTLP's JSON over HTTP."""
    uid = LOG._replace(keys=("log.record.uid",), values=("one",))
    send(sink, LOGS, uid, uid._replace(values=("two",)))
    send(sink, SPANS, SPAN)
    sink.export_metrics(POINTS[:1], 1.0)  # it can't read a histogram's counts as texts
    with Rotel(tmp_path) as rotel:
        for line, signal in zip(path.read_bytes().splitlines(), SIGNALS, strict=True):
            request = urllib.request.Request(
                f"{rotel.endpoint}/v1/{signal}", line, {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=5) as answer:
                assert answer.status == 200
        rotel.stop()
        received = rotel.received()

    assert (received.distinct_logs, received.distinct_spans, received.points) == (2, 1, 1)


SIGNALS = ("logs", "traces", "metrics")
