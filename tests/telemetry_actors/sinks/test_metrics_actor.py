"""The metric sink exports all points at each interval and when it is asked."""

import threading

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors._self_metrics import is_own
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.testing import RecordingSink

TENANT = {"tenant_id": "acme"}


class Answering(RecordingSink):
    """Counts the exports of metrics, and answers what it is told to."""

    def __init__(self, *answers):
        super().__init__()
        self.exports, self._answers = [], list(answers)

    def export_metrics(self, points, timeout_s):
        values = {p.instrument.name: p.value for p in points}
        self.exports.append({name: value for name, value in values.items() if not is_own(name)})
        super().export_metrics(points, timeout_s)
        return self._answers.pop(0) if self._answers else ExportResult(Verdict.ACCEPTED)


def a_gateway(sink, **metrics):
    settings = TelemetrySettings.enabled(gateway={"linger_s": 0}, metrics=metrics)
    return TelemetryGateway(settings, sinks=[sink])


def test_points_are_exported_at_each_interval_without_being_asked_for():
    sink = Answering()
    with a_gateway(sink, interval_s=0.02) as gateway:
        gateway.emit("app_created", TENANT, {})
        poll(lambda: len(sink.exports) >= 3)

    assert sink.exports[-1]["dify.app.created.total"] == 1  # cumulative: the same again
    assert sink.exports[-2] == sink.exports[-1]


def test_nothing_is_sent_while_there_is_no_point():
    sink = Answering()
    with a_gateway(sink) as gateway:
        assert gateway.flush(5)

    assert sink.exports == []


@pytest.mark.parametrize(
    "answer",
    [
        ExportResult(Verdict.RETRY, message="busy"),
        ExportResult(Verdict.REFUSED, message="no"),
        ExportResult(Verdict.ACCEPTED, rejected=1, message="one point is odd"),
    ],
)
def test_a_collection_that_is_not_accepted_whole_is_made_anew(answer):
    sink = Answering(answer)
    with a_gateway(sink) as gateway:
        gateway.emit("app_created", TENANT, {})
        assert gateway.flush(5)
        status = next(s for s in gateway.status().sinks if s.kind == "metrics")

    assert len(sink.exports) >= 2
    assert (status.failures, status.healthy) == (1, True)
    assert answer.message in status.last_failure


def test_it_has_no_answer_to_other_questions():
    with a_gateway(Answering()) as gateway:
        assert gateway._ref("sinks/metrics").ask("what is this?", timeout=2) is None
        assert gateway.status().restarts == 0


def poll(condition):
    breath = threading.Event()
    for _ in range(1000):
        if condition():
            return
        breath.wait(0.005)
    raise AssertionError("it never came")
