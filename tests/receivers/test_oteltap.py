"""OtlpSink -> the real oteltap: a second third party, which says all as JSON."""

import uuid
from contextlib import closing

import pytest

from telemetry_actors.ports import MetricPoint, Verdict
from telemetry_actors.signals import Instrument, LogSignal, SignalKind, SpanSignal
from telemetry_actors.sinks import OtlpSink
from tests.receivers.oteltap import OtelTap

LOGS, SPANS = SignalKind.LOGS, SignalKind.SPANS
COUNTER = Instrument("dify.requests.total", "counter", "{request}")

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def oteltap(tmp_path):
    """A running oteltap."""
    with OtelTap(tmp_path) as oteltap:
        yield oteltap


@pytest.fixture
def sink(oteltap):
    """A sink that sends to it."""
    with closing(OtlpSink(oteltap.endpoint)) as sink:
        yield sink


def test_all_three_signals_arrive(oteltap, sink):
    """Values with their types, as another implementation reads them."""
    uids = [str(uuid.uuid4()) for _ in range(700)]
    keys = ("flag", "count", "share", "text", "absent", "log.record.uid")
    logs = [
        LogSignal("dify.app.created", "x", keys, (True, 7, 0.5, "é\n", None, uid), b"", b"", 1, 2)
        for uid in uids
    ]
    assert sink.export(LOGS, [sink.encode(LOGS, log) for log in logs], 30.0) == (
        Verdict.ACCEPTED, 0, "", None, False, 200, None, 0, False,
    )  # fmt: skip
    span = SpanSignal("run", b"t" * 16, b"s" * 8, b"p" * 8, 1, 2, (), (), "boom")
    point = MetricPoint(COUNTER, ("t",), ("acme",), 1, 2, 5)
    assert sink.export(SPANS, [sink.encode(SPANS, span)], 30.0).verdict is Verdict.ACCEPTED
    assert sink.export_metrics([point], 30.0).verdict is Verdict.ACCEPTED

    received = oteltap.wait_until(lambda r: r.spans and r.metrics)

    assert received.log_uids == uids
    assert {a["key"]: a["value"] for a in received.logs[0]["attributes"][:4]} == {
        "flag": {"boolValue": True},
        "count": {"intValue": "7"},
        "share": {"doubleValue": 0.5},
        "text": {"stringValue": "é\n"},
    }
    assert received.spans[0]["status"] == {"message": "boom", "code": 2}
    assert received.spans[0]["parentSpanId"] == "70" * 8
    assert received.metrics[0]["sum"]["isMonotonic"] is True
