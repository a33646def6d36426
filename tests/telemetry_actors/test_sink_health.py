"""How a sink fares: counted per kind, remembered per endpoint, said once per change."""

import random

import pytest

from telemetry_actors.base.breaker import Breaker
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.sinks.health import Endpoint, SinkHealth

WELL = ExportResult(Verdict.ACCEPTED)
BUSY = ExportResult(Verdict.RETRY, message="busy")


@pytest.fixture
def endpoint():
    breaker = Breaker(
        0.0, failures=5, open_s=1.0, longest_s=60.0, probe_limit_s=11.0, rng=random.Random(1)
    )
    return Endpoint("http://far", breaker, "a")


def test_kinds_that_share_an_endpoint_share_its_last_failures(endpoint):
    logs = SinkHealth("sink a/logs", SignalKind.LOGS, endpoint)
    spans = SinkHealth("sink a/spans", SignalKind.SPANS, endpoint)
    logs.note(1, BUSY)
    spans.note(2, ExportResult(Verdict.ACCEPTED, rejected=1, message="odd"))

    assert (logs.failures, spans.failures) == (1, 1)
    assert [(f.time_ns, f.kind) for f in endpoint.failures] == [(1, "logs"), (2, "spans")]
    assert spans.last_failure == "1 records of a request were rejected: odd"


def test_only_the_last_few_failures_are_kept(endpoint):
    logs = SinkHealth("sink a/logs", SignalKind.LOGS, endpoint)
    for time_ns in range(100):
        logs.note(time_ns, BUSY)

    assert [f.time_ns for f in endpoint.failures] == list(range(92, 100))


def test_a_change_is_said_once(endpoint, caplog):
    logs = SinkHealth("sink a/logs", SignalKind.LOGS, endpoint)
    for result in (WELL, BUSY, BUSY, BUSY, WELL, WELL):
        logs.note(1, result)

    assert caplog.messages == [
        "sink a/logs fails (retry: busy) at http://far",
        "sink a accepts again after 0 s; 3 requests had failed",
    ]


def test_one_request_is_one(endpoint, caplog):
    logs = SinkHealth("sink a/logs", SignalKind.LOGS, endpoint)
    for result in (BUSY, WELL):
        logs.note(1, result)

    assert caplog.messages[-1] == "sink a accepts again after 0 s; 1 request had failed"


def test_requests_are_timed_by_how_they_ended(endpoint):
    logs = SinkHealth("sink a/logs", SignalKind.LOGS, endpoint)
    for result, took_s in ((WELL, 0.002), (WELL, 0.2), (BUSY, 3.0)):
        logs.count(result, took_s, 0)

    assert {key: (sum(t.counts), t.total_s) for key, t in logs.requests.items()} == {
        (None, ""): (2, 0.202),
        (None, "unreachable"): (1, 3.0),
    }
    assert logs.points == {}


@pytest.mark.parametrize(
    ("result", "points"),
    [
        (WELL, {"": 10}),
        (ExportResult(Verdict.ACCEPTED, rejected=3), {"": 7, "rejected": 3}),
        (ExportResult(Verdict.ACCEPTED, rejected=99), {"rejected": 10}),
        (ExportResult(Verdict.ACCEPTED, left_out=4), {"": 6, "encode_error": 4}),
        (ExportResult(Verdict.REFUSED, status_code=404), {"404": 10}),
        (ExportResult(Verdict.SPLIT), {"rejected": 10}),
        (ExportResult(Verdict.RETRY, unconfirmed=True), {"unconfirmed": 10}),
    ],
)
def test_points_that_were_not_taken_have_failed(endpoint, result, points):
    """Whatever the receiver's answer is called."""
    metrics = SinkHealth("sink a/metrics", SignalKind.METRICS, endpoint)
    metrics.count(result, 0.1, 10)

    assert +metrics.points == points


def test_a_yes_that_can_not_be_read_is_counted_and_said_once(endpoint, caplog):
    logs = SinkHealth("sink a/logs", SignalKind.LOGS, endpoint)
    for _ in range(3):
        logs.note(1, ExportResult(Verdict.ACCEPTED, message="not OTLP", unreadable=True))

    assert (logs.unreadable, logs.healthy, logs.warnings) == (3, True, 3)
    [line] = caplog.messages
    assert "can't be read (not OTLP)" in line
