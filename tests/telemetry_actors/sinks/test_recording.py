"""RecordingSink keeps what it is given."""

import threading

from telemetry_actors.event.signals import Instrument, LogSignal, SignalKind, SpanSignal
from telemetry_actors.ports import MetricPoint, Sink, Verdict
from telemetry_actors.sinks import RecordingSink

LOGS, SPANS = SignalKind.LOGS, SignalKind.SPANS
LOG = LogSignal("dify.app.created", "metric_only", ("k",), ("value",), b"", b"", 1, 2)
SPAN = SpanSignal("run", b"t" * 16, b"s" * 8, b"", 1, 2, ("k",), (1,), None)


def keep(sink, kind, *records):
    return sink.export(kind, [sink.encode(kind, record) for record in records], 1.0)


def test_it_keeps_records_in_order_by_kind():
    """And accepts everything."""
    sink = RecordingSink()
    other = LOG._replace(event_name="dify.app.deleted")

    assert keep(sink, LOGS, LOG, other).verdict is Verdict.ACCEPTED
    assert keep(sink, SPANS, SPAN).verdict is Verdict.ACCEPTED
    assert sink.logs == [LOG, other]
    assert sink.spans == [SPAN]


def test_what_was_read_does_not_change():
    """A list that was handed out is a copy."""
    sink = RecordingSink()
    before = sink.logs
    keep(sink, LOGS, LOG)

    assert before == []
    sink.clear()
    assert (sink.logs, sink.spans, sink.metrics()) == ([], [], [])


def test_metrics_are_those_of_the_latest_collection():
    """Points are cumulative: the latest says all."""
    sink = RecordingSink()
    point = MetricPoint(Instrument("n", "counter", "1"), (), (), 1, 2, 5)
    sink.export_metrics([point], 1.0)
    sink.export_metrics([point._replace(value=7)], 1.0)

    assert [p.value for p in sink.metrics()] == [7]


def test_the_gateway_s_own_metrics_are_apart():
    """A test of a host's counts what its events have made."""
    sink = RecordingSink()
    names = ("dify.requests.total", "otel.sdk.log.created", "telemetry_actors.events")
    sink.export_metrics(
        [MetricPoint(Instrument(name, "counter", "1"), (), (), 1, 2, 5) for name in names], 1.0
    )

    assert [p.instrument.name for p in sink.metrics()] == ["dify.requests.total"]
    assert [p.instrument.name for p in sink.self_metrics()] == list(names[1:])


def test_threads_lose_nothing():
    """Each kind has a thread, and a test may have more."""
    sink = RecordingSink()
    threads = [
        threading.Thread(target=lambda: [keep(sink, LOGS, LOG, LOG) for _ in range(200)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(sink.logs) == 1600


def test_it_is_a_sink():
    """The shape that the sink actor knows; sizes are near those on the wire."""
    sink = RecordingSink()

    assert isinstance(sink, Sink)
    assert sink.size_of(LOG) == 14
    assert repr(sink) == "<RecordingSink 0 logs, 0 spans>"
