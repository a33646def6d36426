"""g26, g27, and the budget of stop: flush is honest, the tree starts without what it needs."""

import threading
import time

import pytest

from supervisors import Supervisor
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.testing import RecordingSink, running_gateway
from tests.stopwatch import Stopwatch

APP = {"app_id": "a1"}
TENANT = {"tenant_id": "acme"}


def uids(recording):
    return {record.attributes["log.record.uid"] for record in recording.logs}


def test_g26_true_means_that_all_accepted_before_is_there():
    with running_gateway() as (gateway, recording):
        for round_ in range(20):
            before = {f"{round_}-{n}" for n in range(50)}
            for event_id in before:
                gateway.emit("app_created", TENANT, APP, event_id=event_id)
            assert gateway.flush(5)
            assert before <= uids(recording)


def test_g26_other_threads_later_events_do_not_prolong_it():
    stop = threading.Event()
    with running_gateway() as (gateway, recording):

        def chatter(who):
            n = 0
            while not stop.is_set():
                gateway.emit("app_created", TENANT, APP, event_id=f"{who}-{n}")
                n += 1
                stop.wait(0.001)

        threads = [threading.Thread(target=chatter, args=(who,)) for who in range(4)]
        for thread in threads:
            thread.start()
        for n in range(10):
            assert gateway.emit("app_created", TENANT, APP, event_id=f"mine-{n}")
            assert gateway.flush(5)
            assert f"mine-{n}" in uids(recording)
        stop.set()
        for thread in threads:
            thread.join()


def test_g26_an_event_emitted_after_it_began_is_not_waited_for():
    class Late(RecordingSink):
        """While the first event is on its way another one is emitted, and gets stuck."""

        gateway: TelemetryGateway
        open = threading.Event()

        def export(self, kind, encoded, timeout_s):
            if not self.logs:
                other = threading.Thread(
                    target=self.gateway.emit, args=("app_created", TENANT, APP)
                )
                other.start()
                other.join()
            else:
                assert self.open.wait(20)
            return super().export(kind, encoded, timeout_s)

    sink = Late()
    settings = TelemetrySettings.enabled(gateway={"linger_s": 60}, sink={"linger_s": 60})
    with TelemetryGateway(settings, sinks=[sink]) as gateway:
        sink.gateway = gateway
        gateway.emit("app_created", TENANT, APP)
        assert gateway.flush(3)
        assert gateway.ledger().in_flight == 1
        sink.open.set()


@pytest.mark.timed
def test_g26_a_flush_cuts_lingers_short():
    with running_gateway(gateway={"linger_s": 60}, sink={"linger_s": 60}) as (gateway, recording):
        gateway.emit("app_created", TENANT, APP)
        began = time.perf_counter()
        assert gateway.flush(5)
        assert time.perf_counter() - began < 2
        assert len(recording.logs) == 1


class Dead(RecordingSink):
    """Nobody answers."""

    def __init__(self, *, logs=True, metrics=True):
        super().__init__()
        self.dead_logs, self.dead_metrics = logs, metrics

    def export(self, kind, encoded, timeout_s):
        if self.dead_logs:
            return ExportResult(Verdict.RETRY, message="refused")
        return super().export(kind, encoded, timeout_s)

    def export_metrics(self, points, timeout_s):
        if self.dead_metrics:
            return ExportResult(Verdict.RETRY, message="refused")
        return super().export_metrics(points, timeout_s)


@pytest.mark.parametrize("dead", [Dead(metrics=False), Dead(logs=False)])
def test_g26_false_when_an_outcome_or_the_metrics_are_missing(dead):
    with TelemetryGateway(TelemetrySettings.enabled(), sinks=[dead]) as gateway:
        gateway.emit("app_created", TENANT, APP)
        assert not gateway.flush(0.3)
        gateway.stop(0.5)


def test_g26_true_when_there_is_nothing_to_send():
    with running_gateway() as (gateway, _):
        assert gateway.flush(1)
    assert TelemetryGateway(TelemetrySettings.enabled(), sinks=[]).flush(1)


def test_g26_a_dropped_event_has_its_outcome():
    with running_gateway() as (gateway, _):
        gateway.emit("workflow_run", TENANT, {})
        assert gateway.flush(1)


# -- g27 ------------------------------------------------------------------------------------------


def test_g27_no_endpoint_at_all_is_said_once_and_counted(caplog):
    with TelemetryGateway(TelemetrySettings.enabled()) as gateway:
        for _ in range(10):
            gateway.emit("app_created", TENANT, APP)
        assert gateway.flush(5)
        assert gateway.ledger().dropped == {"no_sink": 10}
        assert gateway.ledger().balanced()
        assert gateway.status().problems == ["no sink: events end as dropped (no_sink)"]

    warnings = [r.message for r in caplog.records if "no sink" in r.message]
    assert len(warnings) == 1
    assert "localhost" not in caplog.text


def test_g27_a_receiver_that_is_not_there_is_said_counted_and_healed(caplog):
    class Sometimes(Dead):
        asked = threading.Event()

        def export(self, kind, encoded, timeout_s):
            self.asked.set()
            return super().export(kind, encoded, timeout_s)

    sink = Sometimes()
    settings = TelemetrySettings.enabled(otlp={"backoff_min_s": 0.02, "backoff_max_s": 0.05})
    with TelemetryGateway(settings, sinks=[sink]) as gateway:
        gateway.emit("app_created", TENANT, APP)
        assert not gateway.flush(0.3)
        assert sink.asked.is_set()
        assert gateway.status().problems
        sink.dead_logs = sink.dead_metrics = False
        assert gateway.flush(5)
        assert gateway.ledger().exported == 1
        assert gateway.status().problems == []

    assert [r for r in caplog.records if "fails" in r.message]
    assert [r for r in caplog.records if "accepts again" in r.message]


# -- stop -----------------------------------------------------------------------------------------


def test_stop_drains_what_is_queued():
    gateway = TelemetryGateway(
        TelemetrySettings.enabled(gateway={"linger_s": 60}), sinks=[sink := RecordingSink()]
    ).start()
    for _ in range(500):
        gateway.emit("app_created", TENANT, APP)

    report = gateway.stop(5)

    assert report.drained
    assert report.metrics_exported
    assert len(sink.logs) == 500
    assert gateway.stop() is report
    assert gateway.ledger().balanced()


@pytest.mark.parametrize(("timeout_s", "exported"), [(5, 1), (0.1, 0)])
def test_stop_while_the_first_event_waits_for_its_tree_builds_it_if_there_is_time(
    timeout_s, exported
):
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    gateway._life.door.enqueuer.asleep = False  # as if the thread that builds the tree were slow
    gateway.emit("app_created", TENANT, APP)
    gateway.stop(timeout_s)

    assert gateway.ledger().exported == exported
    assert gateway.ledger().dropped == ({} if exported else {"shutdown": 1})
    assert gateway.ledger().balanced()


@pytest.mark.timed
def test_stop_with_a_dead_receiver_ends_on_time_and_counts_the_rest():
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[Dead()]).start()
    for _ in range(2000):
        gateway.emit("app_created", TENANT, APP)
    watch = Stopwatch()
    report = gateway.stop(1.0)

    assert watch.took_s() < 1.2
    assert not report.drained
    assert report.shutdown == 2000
    assert gateway.ledger().dropped == {"shutdown": 2000}
    assert gateway.ledger().balanced()
    assert gateway.status().state == "stopped"


@pytest.mark.timed
def test_g22_there_is_time_left_for_ending_the_threads_and_counting():
    class Obedient(RecordingSink):
        """Nobody answers, and it waits for exactly as long as it may."""

        asked = threading.Event()

        def export(self, kind, encoded, timeout_s):
            self.asked.set()
            threading.Event().wait(timeout_s)
            return ExportResult(Verdict.RETRY)

    sink = Obedient()
    parts = {
        "gateway": {"linger_s": 0},
        "sink": {"linger_s": 0},
        "otlp": {"attempt_timeout_s": 0.1},
    }
    gateway = TelemetryGateway(TelemetrySettings.enabled(**parts), sinks=[sink]).start()
    gateway.emit("app_created", TENANT, APP)
    assert sink.asked.wait(5)
    report = gateway.stop(1.0)

    assert (report.threads_left, report.shutdown + report.unconfirmed) == (0, 1)
    assert report.seconds < 1.0


@pytest.mark.timed
def test_stop_with_a_hanging_receiver_ends_on_time_and_calls_its_request_unconfirmed():
    class Hanging(RecordingSink):
        release = threading.Event()

        def export(self, kind, encoded, timeout_s):
            self.release.wait(20)
            return super().export(kind, encoded, timeout_s)

    sink = Hanging()
    gateway = TelemetryGateway(
        TelemetrySettings.enabled(gateway={"linger_s": 0}, sink={"linger_s": 0}), sinks=[sink]
    ).start()
    for _ in range(2000):
        gateway.emit("app_created", TENANT, APP)
    watch = Stopwatch()
    report = gateway.stop(1.0)

    assert watch.took_s() < 1.2
    assert report.threads_left == 1
    assert report.unconfirmed > 0
    ledger = gateway.ledger()
    assert ledger.dropped == {"unconfirmed": report.unconfirmed, "shutdown": report.shutdown}
    assert report.unconfirmed + report.shutdown == 2000
    assert ledger.balanced()
    sink.release.set()  # the thread that was left behind comes back, and books nothing
    for thread in threading.enumerate():
        if thread.name == "root/sinks/logs":
            thread.join(5)
    assert gateway.ledger() == ledger


def a_gateway_that_keeps(count):
    """A gateway that has *count* events at its door, and no time at all to send them."""
    settings = TelemetrySettings.enabled(gateway={"linger_s": 60})
    gateway = TelemetryGateway(settings, sinks=[RecordingSink()]).start()
    for _ in range(count):
        assert gateway.emit("app_created", TENANT, APP)
    return gateway


def test_the_books_balance_at_each_moment_in_which_a_stop_counts():
    """What it has taken out of a mailbox and not booked yet is held (a starved host takes long)."""
    gateway = a_gateway_that_keeps(100)
    books, seen = gateway._here().books, []

    def looking_at(book):
        def look(*arguments):
            seen.append(gateway.ledger())
            book(*arguments)

        return look

    for name in ("end", "drop_all", "report"):
        setattr(books, name, looking_at(getattr(books, name)))
    gateway.stop(0)

    assert any(ledger.in_flight == 100 for ledger in seen)
    assert [ledger for ledger in seen if not (ledger.balanced() and ledger.settled)] == []


def test_a_stop_that_is_not_over_in_time_reports_what_it_has_counted():
    gateway = a_gateway_that_keeps(100)
    books, over = gateway._here().books, threading.Event()
    drop_all, slow = books.drop_all, []

    def slow_drop(*arguments):
        drop_all(*arguments)
        slow.append(over.wait(5))

    books.drop_all = slow_drop
    report = gateway.stop(0)
    over.set()

    assert (report.shutdown, report.drained) == (100, False)
    assert gateway.stop(5).shutdown == 100
    assert slow == [True]


def test_emit_after_stop_is_refused_and_counted():
    with running_gateway() as (gateway, _):
        pass

    assert gateway.emit("app_created", TENANT, APP) == "stopping"
    assert gateway.ledger().refused == {"stopping": 1}


def test_a_tree_that_cannot_be_built_drops_what_is_queued_and_is_tried_again(monkeypatch):
    from telemetry_actors.life import building

    real, left = building.parts_of, [1]

    def failing(life):
        if left[0]:
            left[0] -= 1
            raise OSError("no more threads")
        return real(life)

    monkeypatch.setattr(building, "parts_of", failing)
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    assert gateway.emit("app_created", TENANT, APP)
    breath = threading.Event()
    while gateway.status().state != "running":
        breath.wait(0.01)
    assert gateway.ledger().dropped == {"parked": 1}
    assert gateway.emit("app_created", TENANT, APP)
    assert gateway.flush(5)
    assert gateway.ledger().exported == 1
    gateway.stop(1)


def test_an_event_that_comes_while_the_tree_is_started_is_in_the_books(monkeypatch):
    """The tree runs before `start()` has returned; what it holds by then is in flight."""
    seen = []
    real = Supervisor.start

    def start_and_look(spec, **options):
        ref = real(spec, **options)
        assert gateway.emit("app_created", TENANT, APP)
        breath = threading.Event()
        while (
            gateway._life.door.mailbox.user
        ):  # taken by the gateway stage, on to the sink's linger
            breath.wait(0.005)
        seen.append(gateway.ledger())
        return ref

    monkeypatch.setattr(Supervisor, "start", staticmethod(start_and_look))
    settings = TelemetrySettings.enabled(gateway={"linger_s": 0}, sink={"linger_s": 60})
    gateway = TelemetryGateway(settings, sinks=[RecordingSink()])
    gateway._life.door.enqueuer.asleep = False
    with gateway:
        assert (seen[0].in_flight, seen[0].balanced()) == (1, True)
        assert gateway.flush(5)
        assert gateway.ledger().exported == 1


def test_stop_during_the_start_of_another_thread_leaves_no_tree_behind(monkeypatch):
    began, go_on = threading.Event(), threading.Event()
    real = Supervisor.start

    def slow_start(spec, **options):
        began.set()
        go_on.wait(5)
        return real(spec, **options)

    monkeypatch.setattr(Supervisor, "start", staticmethod(slow_start))
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    starter = threading.Thread(target=gateway.start)
    starter.start()
    assert began.wait(5)
    stopper = threading.Thread(target=gateway.stop)
    stopper.start()
    go_on.set()
    starter.join(5)
    stopper.join(5)

    assert gateway.status().state == "stopped"
    assert [t for t in threading.enumerate() if t.name.startswith("root/")] == []


def test_a_ledger_is_not_settled_until_the_journal_has_heard_of_an_outcome():
    """Until then it still holds the event, which the books have ended."""
    with running_gateway() as (gateway, _):
        stores, seen = gateway._life.stores, []
        stores.on_ended = lambda _tickets: seen.append(gateway.ledger().settled)
        gateway.emit("app_created", TENANT, APP)
        assert gateway.flush(5)

        assert seen == [False]
        assert gateway.ledger().settled
