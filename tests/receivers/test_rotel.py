"""OtlpSink -> the real rotel: what a third party says has arrived."""

import uuid
from contextlib import closing

import pytest

from telemetry_actors.event.signals import Instrument, LogSignal, SignalKind, SpanSignal
from telemetry_actors.ports import MetricPoint, Verdict
from telemetry_actors.sinks import OtlpSink
from telemetry_actors.sinks.aggregates import MetricAggregates
from tests.receivers.rotel import Rotel

LOGS, SPANS = SignalKind.LOGS, SignalKind.SPANS
COUNTER = Instrument("dify.requests.total", "counter", "{request}")
HISTOGRAM = Instrument("dify.workflow.duration", "histogram", "s")
BATCH = 512

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def rotel(tmp_path):
    """A running rotel."""
    with Rotel(tmp_path) as rotel:
        yield rotel


@pytest.fixture
def sink(rotel):
    """A sink that sends to it."""
    with closing(OtlpSink(rotel.endpoint)) as sink:
        yield sink


def a_log(event_name="dify.app.created", note="n"):
    keys = ("dify.event.name", "dify.tenant_id", "note", "log.record.uid")
    values = (event_name, "acme", note, str(uuid.uuid4()))
    return LogSignal(event_name, "metric_only", keys, values, b"t" * 16, b"s" * 8, 1, 2)


def a_span(number):
    ids = (b"t" * 16, (number + 1).to_bytes(8, "big"), b"")
    return SpanSignal("dify.workflow.run", *ids, 1, 2, ("dify.tenant_id",), ("acme",), "boom")


def send(sink, kind, records):
    encoded = [sink.encode(kind, record) for record in records]
    for start in range(0, len(encoded), BATCH):
        result = sink.export(kind, encoded[start : start + BATCH], 30.0)
        assert result.verdict is Verdict.ACCEPTED, result


def test_all_three_signals_arrive(rotel, sink):
    """Counts are equal, names too."""
    logs = [a_log(), a_log(), a_log("dify.app.deleted")]
    send(sink, LOGS, [*logs, logs[0]])
    send(sink, SPANS, [a_span(1), a_span(2), a_span(1)])
    points = [
        MetricPoint(COUNTER, ("a",), ("b",), 1, 2, 5),
        MetricPoint(COUNTER, ("a",), ("c",), 1, 2, 5),
        MetricPoint(HISTOGRAM, (), (), 1, 2, 3.5, 2, (1.0,), (1, 1)),
    ]
    assert sink.export_metrics(points, 30.0).verdict is Verdict.ACCEPTED

    rotel.stop()
    received = rotel.received()

    assert (received.logs, received.distinct_logs) == (4, 3)
    assert received.by_event == {"dify.app.created": 3, "dify.app.deleted": 1}
    assert (received.spans, received.distinct_spans, received.points) == (3, 2, 3)


def test_metrics_of_all_kinds_are_printed_as_they_were_measured(rotel, sink):
    """As a third party reads them: sums that may fall, last values, buckets of one's own."""
    aggregates = MetricAggregates(lambda: 50)
    jobs = Instrument("shop.jobs", "gauge", "{job}")
    aggregates.record(
        [
            Instrument("shop.revenue", "counter", "EUR", number=float).measure(12.5),
            Instrument("shop.sessions", "updown_counter", "{session}").measure(-2),
            jobs.measure(7),
            jobs.measure(9),
            Instrument("shop.wait", "histogram", "s", buckets=(0.1, 1)).measure(0.5),
        ],
        [1, 1, 40, 30, 1],
    )
    assert sink.export_metrics(aggregates.collect(), 30.0).verdict is Verdict.ACCEPTED
    rotel.stop()

    printed = rotel.output().decode()
    for lines in (
        "Unit: EUR\n     -> DataType: Sum\n     -> IsMonotonic: true\n",
        "StartTimestamp: 50\nTimestamp: 50\nValue: 12.5\n",
        "Unit: {session}\n     -> DataType: Sum\n     -> IsMonotonic: false\n",
        "StartTimestamp: 50\nTimestamp: 50\nValue: -2\n",
        "Unit: {job}\n     -> DataType: Gauge\n",
        "StartTimestamp: 0\nTimestamp: 40\nValue: 7\n",
        "ExplicitBounds #0: 0.1\nExplicitBounds #1: 1\nBuckets #0, Count: 0\nBuckets #1, Count: 1",
    ):
        assert lines in printed


def test_a_log_is_printed_as_it_was_sent(rotel, sink):
    """A third party reads the fields as we mean them."""
    send(sink, LOGS, [a_log()])
    rotel.stop()

    printed = rotel.output().decode()
    for line in (
        "SeverityNumber: SEVERITY_NUMBER_INFO(9)",
        "EventName: dify.app.created",
        "Body: Str(telemetry.metric_only)",
        "-> dify.tenant_id: Str(acme)",
        f"Trace ID       : {'74' * 16}",
        "Flags: 1",
        "InstrumentationScope dify.enterprise",
        "-> service.name: Str(dify)",
    ):
        assert line in printed


def test_texts_with_line_breaks_are_not_taken_for_records(rotel, sink):
    """It escapes nothing; the reader doesn't fall for it."""
    note = "a\nLogRecord #7\nSpan #1\n     -> log.record: Str(x)\nFlags: 1\n"
    send(sink, LOGS, [a_log(note=note), a_log(note=note)])
    rotel.stop()

    received = rotel.received()
    assert (received.logs, received.distinct_logs, received.spans) == (2, 2, 0)


def test_it_can_be_waited_for(rotel, sink):
    """While it runs: it prints after it has answered."""
    send(sink, LOGS, [a_log() for _ in range(1000)])

    received = rotel.wait_until(lambda r: r.distinct_logs >= 1000)

    assert received.logs == 1000


def test_thirty_thousand_records_arrive_to_the_last(rotel, sink):
    """What the demo sends, in a second or two."""
    send(sink, LOGS, [a_log() for _ in range(30_000)])
    send(sink, SPANS, [a_span(i) for i in range(10_000)])
    rotel.stop()

    received = rotel.received()

    assert (received.logs, received.distinct_logs) == (30_000, 30_000)
    assert (received.spans, received.distinct_spans) == (10_000, 10_000)


def test_a_request_over_its_limit_is_to_be_split(rotel, sink):
    """Its own answer, 413 above 20 MiB, and its own words."""
    record = sink.encode(LOGS, a_log(note="x" * 22_000_000))

    result = sink.export(LOGS, [record], 30.0)

    assert (result.verdict, result.message) == ("split", "HTTP 413 length limit exceeded")


def test_gzip_is_unpacked(rotel):
    """Compression by our sink, unpacked by a third party."""
    with closing(OtlpSink(rotel.endpoint, compression="gzip")) as sink:
        send(sink, LOGS, [a_log() for _ in range(600)])
    rotel.stop()

    assert rotel.received().distinct_logs == 600
