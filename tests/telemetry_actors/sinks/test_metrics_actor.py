"""The metric sink exports all points at each interval and when it is asked."""

import threading

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.event.own_metrics import is_own
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


def test_an_idle_gateway_tells_of_itself_at_each_interval():
    sink = Answering()
    with a_gateway(sink, interval_s=0.02) as gateway:
        poll(lambda: len(sink.exports) >= 2)
        assert gateway.ledger().emitted == 0

    assert sink.metrics() == []
    assert sink.self_metrics()


@pytest.mark.parametrize("verdict", [Verdict.REFUSED, Verdict.RETRY])
def test_own_metrics_alone_never_decide_what_flush_says(verdict):
    """A receiver that takes no metrics, and events that make none."""
    sink = Answering(*[ExportResult(verdict, message="no metrics here")] * 99)
    with a_gateway(sink, app_counters=False, app_requests=False) as gateway:
        gateway.emit("app_created", TENANT, {})
        assert gateway.flush(5)
        poll(lambda: sink.exports)
        assert gateway.flush(5)

    assert gateway.ledger().exported == 1


def test_own_metrics_alone_hold_a_stop_up_for_a_second_at_most():
    class Slow(Answering):
        """Takes note of the time that it is given."""

        def __init__(self):
            super().__init__()
            self.given_s = []

        def export_metrics(self, points, timeout_s):
            self.given_s.append(timeout_s)
            return super().export_metrics(points, timeout_s)

    sink = Slow()
    with a_gateway(sink, app_counters=False, app_requests=False) as gateway:
        gateway.emit("app_created", TENANT, {})

    assert sink.given_s and max(sink.given_s) <= 1.0


def test_a_fault_in_own_metrics_is_said_once_and_costs_nobody_elses(monkeypatch, caplog):
    def broken(_status):
        raise KeyError("gone")

    monkeypatch.setattr("telemetry_actors.observe.counts.points", broken)
    sink = Answering()
    with a_gateway(sink) as gateway:
        for _ in range(3):
            gateway.emit("app_created", TENANT, {})
            assert gateway.flush(5)
        restarts = gateway.status().restarts

    (said,) = [r.getMessage() for r in caplog.records]
    assert said.startswith("the gateway's own metrics can't be read: KeyError at ")
    assert sink.exports[-1]["dify.app.created.total"] == 3
    assert restarts == 0


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

    tenants = {labels[0] for name, labels in sink.taken if name.startswith("dify.")}
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
