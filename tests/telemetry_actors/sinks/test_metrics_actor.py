"""The metric sink exports all points at each interval and when it is asked."""

import threading

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.testing import RecordingSink

TENANT = {"tenant_id": "acme"}


class Answering(RecordingSink):
    """Counts the exports of metrics, and answers what it is told to."""

    def __init__(self, *answers):
        super().__init__()
        self.exports, self._answers = [], list(answers)

    def export_metrics(self, points, timeout_s):
        self.exports.append({p.instrument.name: p.value for p in points})
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


class CantTake(Answering):
    """Says 400 to every request with a point of one tenant."""

    def __init__(self, tenant):
        super().__init__()
        self._tenant = tenant
        self.taken = []

    def export_metrics(self, points, timeout_s):
        self.exports.append(len(points))
        if any(self._tenant in point.label_values for point in points):
            return ExportResult(Verdict.SPLIT, message="what is this?", status_code=400)
        self.taken += [(p.instrument.name, p.label_values) for p in points]
        return ExportResult(Verdict.ACCEPTED)


def test_g12_a_point_that_the_receiver_cannot_take_costs_no_other_its_place():
    sink = CantTake("odd")
    with a_gateway(sink) as gateway:
        for tenant in ("a", "b", "odd", "c", "d"):
            gateway.emit("app_created", {"tenant_id": tenant}, {})
        assert not gateway.flush(5)  # not all of it was accepted
        status = next(s for s in gateway.status().sinks if s.kind == "metrics")

    tenants = {labels[0] for _, labels in sink.taken}
    assert tenants == {"a", "b", "c", "d"}
    assert "what is this?" in status.last_failure


@pytest.mark.timeout(20)
def test_a_collection_that_is_refused_for_good_is_not_waited_for():
    """A wrong key stays wrong, however long it is tried."""
    sink = Answering(*[ExportResult(Verdict.REFUSED, message="who are you?")] * 1000)
    with a_gateway(sink) as gateway:
        gateway.emit("app_created", TENANT, {})
        assert not gateway.flush(3600)
        assert len(sink.exports) == 2
        report = gateway.stop(3600)

    assert (report.drained, report.metrics_exported) == (True, False)
