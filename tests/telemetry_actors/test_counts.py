"""One look at mailboxes: what waits, what is in hand, and since when."""

from supervisors.run.deterministic import DeterministicRuntime
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.testing import RecordingSink

APP = {"app_id": "a1", "mode": "chat"}
TENANT = {"tenant_id": "acme"}


class Busy(RecordingSink):
    """Until it isn't."""

    def __init__(self):
        super().__init__()
        self.busy = True

    def export(self, kind, encoded, timeout_s):
        if self.busy:
            return ExportResult(Verdict.RETRY, message="busy")
        return super().export(kind, encoded, timeout_s)


def of(gateway, path):
    return next(m for m in gateway.status().mailboxes if m.path == path)


def test_the_age_is_that_of_the_first_in_line_wherever_it_is():
    """At the door, then in the hand of a sink that gets no answer, then nowhere."""
    runtime, sink = DeterministicRuntime(1), Busy()
    settings = TelemetrySettings.enabled(gateway={"linger_s": 2.0}, sink={"linger_s": 0.0})
    with TelemetryGateway(settings, sinks=[sink], runtime=runtime) as gateway:
        assert of(gateway, "stages/gateway").oldest_age_s == 0.0
        gateway.emit("app_created", TENANT, APP)
        runtime.advance(1.5)
        gateway.emit("app_created", TENANT, APP)
        door = of(gateway, "stages/gateway")
        runtime.advance(8.5)
        logs = of(gateway, "sinks/logs")
        sink.busy = False
        assert gateway.flush(30)
        done = of(gateway, "sinks/logs")

    assert (door.items, door.in_hand, door.oldest_age_s) == (2, 0, 1.5)
    assert (logs.items, logs.in_hand) == (0, 2)
    assert 10.0 <= logs.oldest_age_s < 10.2
    assert (done.items, done.in_hand, done.oldest_age_s) == (0, 0, 0.0)


def test_a_wall_clock_that_is_set_back_makes_nothing_younger_than_now(monkeypatch):
    runtime = DeterministicRuntime(1)
    settings = TelemetrySettings.enabled(gateway={"linger_s": 60.0})
    with TelemetryGateway(settings, sinks=[RecordingSink()], runtime=runtime) as gateway:
        runtime.advance(10.0)
        gateway.emit("app_created", TENANT, APP)
        monkeypatch.setattr(gateway._life.clock, "now_ns", lambda: 0, raising=False)
        age_s = of(gateway, "stages/gateway").oldest_age_s
        monkeypatch.undo()

    assert age_s == 0.0


def test_batches_are_timed_and_restarts_forget_nothing():
    from supervisors.testing import crash

    runtime = DeterministicRuntime(1)
    settings = TelemetrySettings.enabled()
    with TelemetryGateway(settings, sinks=[RecordingSink()], runtime=runtime) as gateway:
        for _ in range(3):
            gateway.emit("app_created", TENANT, APP)
            assert gateway.flush(5)
            crash(gateway._ref("stages/router"), ValueError("x"))
            runtime.run_until_idle()
        timings = gateway.status().timings

    assert sum(timings["stages/router"].counts) == 3
    assert sum(timings["handlers/app_created/handler"].counts) == 3
    assert "handlers/app_deleted/handler" not in timings
    assert sum(timings["sinks/metrics"].counts) >= 3


def test_before_the_tree_is_built_and_after_it_is_stopped_there_is_a_status():
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    before = gateway.status()
    gateway.start()
    gateway.emit("app_created", TENANT, APP)
    gateway.stop()
    after = gateway.status()

    assert (before.cases, before.mailboxes) == ([], [])
    assert "telemetry_actors_threads_stuck 0\n" in before.to_prometheus()
    assert [(case.case, case.exported) for case in after.cases] == [("app_created", 1)]
    assert after.since == before.since
    assert 'telemetry_actors_outcome="exported"} 1\n' in after.to_prometheus()


def test_two_sinks_have_a_line_each():
    runtime, sinks = DeterministicRuntime(1), [RecordingSink(), RecordingSink()]
    sinks[1].name = "other"
    with TelemetryGateway(TelemetrySettings.enabled(), sinks=sinks, runtime=runtime) as gateway:
        gateway.emit("app_created", TENANT, APP)
        assert gateway.flush(5)
        status = gateway.status()

    logs = {s.sink: (s.part, s.exported) for s in status.sinks if s.kind == "logs"}
    assert logs == {
        "recording": ("sinks/logs-recording", 1),
        "other": ("sinks/logs-other", 1),
    }
    assert {m.path for m in status.mailboxes} >= {"sinks/logs-recording", "sinks/spans-other"}
