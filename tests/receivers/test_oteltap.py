"""OtlpSink -> the real oteltap: a second third party, which says all as JSON."""

import uuid
from contextlib import closing

import pytest

from telemetry_actors.event.signals import Instrument, LogSignal, SignalKind, SpanSignal
from telemetry_actors.ports import ExportResult, MetricPoint, Verdict
from telemetry_actors.sinks import OtlpSink
from telemetry_actors.sinks.aggregates import MetricAggregates
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
    assert sink.export(LOGS, [sink.encode(LOGS, log) for log in logs], 30.0) == ExportResult(
        Verdict.ACCEPTED, status_code=200
    )
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


def test_instruments_of_all_kinds_are_what_another_implementation_reads(oteltap, sink):
    """Int or float by declaration, sums that may fall, last values, buckets of one's own."""
    aggregates = MetricAggregates(lambda: 50)
    heat = Instrument("shop.heat", "gauge", "Cel", number=float)
    aggregates.record(
        [
            Instrument("shop.revenue", "counter", "EUR", number=float).measure(3),
            Instrument("shop.sessions", "updown_counter", "{session}").measure(-2),
            heat.measure(20, room="a"),
            heat.measure(19, room="a"),
            Instrument("shop.wait", "histogram", "s", buckets=(0.1, 1)).measure(0.5),
        ],
        [1, 1, 40, 30, 1],
    )
    assert sink.export_metrics(aggregates.collect(), 30.0).verdict is Verdict.ACCEPTED

    received = oteltap.wait_until(lambda r: len(r.metrics) == 4)

    found = {metric["name"]: metric for metric in received.metrics}
    (revenue,) = found["shop.revenue"]["sum"]["dataPoints"]
    (heat_now,) = found["shop.heat"]["gauge"]["dataPoints"]
    (wait,) = found["shop.wait"]["histogram"]["dataPoints"]
    assert (found["shop.revenue"]["sum"]["isMonotonic"], revenue["asDouble"]) == (True, 3)
    sessions = found["shop.sessions"]["sum"]
    assert sessions["dataPoints"][0]["asInt"] in (-2, "-2")
    assert (sessions.get("isMonotonic", False), sessions["aggregationTemporality"]) == (False, 2)
    assert (heat_now["asDouble"], int(heat_now["timeUnixNano"])) == (20, 40)
    assert wait["explicitBounds"] == [0.1, 1]
    assert [int(count) for count in wait["bucketCounts"]] == [0, 1, 0]
