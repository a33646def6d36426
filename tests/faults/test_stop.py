"""g22 and g26 against real peers of every kind: well, slow, dead, and hanging wherever one can.

The short forms run in CI with a second to stop in; the full ones (five seconds, a full mailbox)
are `make soak`.
"""

import os
import signal
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.testing import RecordingSink
from tests.receivers.faulty import FaultyReceiver, answer, drip, hang, raw, reset
from tests.receivers.grpc_receiver import GrpcReceiver
from tests.receivers.grpc_receiver import hang as never
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.timed

APP = {"app_id": "a1", "mode": "chat"}
TENANT = {"tenant_id": "acme"}
RUN = {"workflow_id": "w", "workflow_run_id": "r", "status": "succeeded", "elapsed_time": 1.0}
GRACE_S = 0.2
"""What `stop()` may take beyond its time-out (g22)."""


def slow(connection, ended):
    """Answers, but takes its time."""
    ended.wait(0.4)
    return answer(200)(connection, ended)


BEHAVIOURS = {
    "well": answer(200),
    "slow": slow,
    "overloaded": answer(503, retry_after="50"),
    "hangs at headers": hang,
    "hangs within headers": raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "hangs within the body": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"),
    "drips": drip(0.1, after=b"HTTP/1.1 200 OK\r\nX: "),
    "resets": reset,
}
UNWELL = ["dead", "hangs at connect", "hangs while we send", *list(BEHAVIOURS)[2:]]


@contextmanager
def a_peer(kind):
    """Endpoint, and who knows what has come in (None: nothing was taken)."""
    if kind == "dead":
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        yield f"http://127.0.0.1:{port}", None
    elif kind == "hangs at connect":
        with full_backlog() as port:
            yield f"http://127.0.0.1:{port}", None
    elif kind == "hangs while we send":
        with FaultyReceiver(hang, reads=False) as receiver:
            yield receiver.endpoint, None
    else:
        with FaultyReceiver(BEHAVIOURS[kind]) as receiver:
            yield receiver.endpoint, receiver if kind != "overloaded" else None


@contextmanager
def full_backlog():
    """A port that takes no more connections: an attempt hangs until its time-out."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(listener.getsockname())
            waiting.append(one)
        try:
            yield listener.getsockname()[1]
        finally:
            for one in waiting:
                one.close()


def a_gateway(endpoint, **settings):
    parts = {"gateway": {"linger_s": 0.01}, "sink": {"linger_s": 0.01}, **settings}
    settings = TelemetrySettings.enabled(enterprise_otlp_endpoint=endpoint, **parts)
    return TelemetryGateway(settings).start()


def emit(gateway, count):
    """So many events, a run among every ten; all are accepted."""
    for n in range(count):
        if n % 10:
            assert gateway.emit("app_created", TENANT, APP)
        else:
            assert gateway.emit("workflow_run", TENANT, {**RUN, "workflow_run_id": f"r{n}"})


def log_uids(receiver):
    """Distinct ``log.record.uid`` in all requests that came in whole."""
    found = set()
    for request in list(receiver.requests):
        if not request.path.endswith("/logs"):
            continue
        for resource in ExportLogsServiceRequest.FromString(request.body).resource_logs:
            for record in (r for scope in resource.scope_logs for r in scope.log_records):
                found |= {
                    a.value.string_value for a in record.attributes if a.key == "log.record.uid"
                }
    return found


def assert_the_books_are_right(gateway, report, receiver, accepted):
    ledger = gateway.ledger()
    assert ledger.accepted == accepted
    assert ledger.balanced()
    assert ledger.in_flight == 0
    assert ledger.exported + sum(ledger.dropped.values()) == accepted
    assert report.shutdown == ledger.dropped.get("shutdown", 0)
    logs = ledger.signals.logs
    received = len(log_uids(receiver)) if receiver is not None else 0
    assert logs.exported <= received <= logs.exported + logs.dropped.get("unconfirmed", 0)


def stop_on_time(gateway, timeout_s):
    watch, began_s = Stopwatch(), time.monotonic()
    report = gateway.stop(timeout_s)
    took_s, lasted_s = watch.took_s(), time.monotonic() - began_s
    print(f"\nstop({timeout_s:g}) took {took_s:.2f} s of {lasted_s:.2f}: {report}")
    assert took_s < timeout_s + GRACE_S
    if lasted_s > timeout_s:  # the counting may have what the machine took by standing still
        report = gateway.stop(lasted_s - took_s)
    return report


def until_stopped(gateway):
    until_s = time.monotonic() + 5
    while gateway.status().state != "stopped":
        assert time.monotonic() < until_s
        time.sleep(0.01)


# -- g22: stop() keeps to its time ----------------------------------------------------------------


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", UNWELL)
def test_g22_stop_is_on_time_whatever_the_peer_does(kind):
    with a_peer(kind) as (endpoint, receiver):
        gateway = a_gateway(endpoint)
        emit(gateway, 2000)
        time.sleep(0.3)  # requests are on their way, or have failed and wait for the next try
        report = stop_on_time(gateway, 1.0)
        assert not report.drained
        assert_the_books_are_right(gateway, report, receiver, 2000)
        assert gateway.status().state == "stopped"


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", ["well", "slow"])
def test_g22_stop_delivers_all_that_there_is_time_for(kind):
    with a_peer(kind) as (endpoint, receiver):
        gateway = a_gateway(endpoint, sink={"batch_records": 1000})
        emit(gateway, 2000)
        report = stop_on_time(gateway, 5.0)
        assert report.drained
        assert report.metrics_exported
        assert_the_books_are_right(gateway, report, receiver, 2000)
        assert gateway.ledger().exported == len(log_uids(receiver)) == 2000


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["well", "slow", *UNWELL])
def test_g22_stop_of_five_seconds_with_a_full_mailbox(kind):
    with a_peer(kind) as (endpoint, receiver):
        gateway = a_gateway(endpoint, sink={"mailbox_records": 1000})
        accepted = 0
        until_s = time.monotonic() + 20
        while time.monotonic() < until_s:  # until it is full, with all that can be in hand
            if gateway.emit("app_created", TENANT, APP):
                accepted += 1
            elif accepted >= 10_000:
                break
        report = stop_on_time(gateway, 5.0)
        assert_the_books_are_right(gateway, report, receiver, accepted)


@pytest.mark.timeout(30)
def test_g22_the_three_signals_are_drained_at_the_same_time():
    """Each of them takes most of the time that there is."""

    def very_slow(connection, ended):
        ended.wait(1.6)
        return answer(200)(connection, ended)

    with FaultyReceiver(very_slow) as receiver:
        gateway = a_gateway(receiver.endpoint, gateway={"linger_s": 60}, sink={"linger_s": 60})
        emit(gateway, 50)
        report = stop_on_time(gateway, 3.0)
    assert report.drained
    assert report.metrics_exported
    assert sorted(r.path for r in receiver.requests) == ["/v1/logs", "/v1/metrics", "/v1/traces"]


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_g22_a_request_that_began_before_the_stop_is_ended_by_it(protocol):
    """It has ten seconds, and no thread is left behind for as long."""
    with FaultyReceiver(hang) if protocol == "http" else GrpcReceiver(never) as receiver:
        gateway = a_gateway(receiver.endpoint, enterprise_otlp_protocol=protocol)
        gateway.emit("app_created", TENANT, APP)
        until_s = time.monotonic() + 5
        while not receiver.requests:
            assert time.monotonic() < until_s
            time.sleep(0.01)
        report = stop_on_time(gateway, 0.5)

    assert (report.threads_left, report.unconfirmed, report.shutdown) == (0, 1, 0)


def test_g22_a_retry_that_waits_is_woken_and_delivers():
    """The receiver asked for a minute's patience, and is well again when we stop."""
    with FaultyReceiver(answer(503, retry_after="50"), answer(200)) as receiver:
        gateway = a_gateway(receiver.endpoint)
        assert gateway.emit("app_created", TENANT, APP)
        receiver.until_asked(1)
        time.sleep(0.1)
        report = stop_on_time(gateway, 3.0)
    assert report.drained
    assert report.seconds < 1.5
    assert gateway.ledger().exported == 1


# -- from anywhere, at any time -------------------------------------------------------------------


def in_threads(*calls):
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.timeout(30)
def test_g22_two_stops_at_once_keep_to_their_own_times():
    with a_peer("hangs at headers") as (endpoint, _):
        gateway = a_gateway(endpoint)
        emit(gateway, 100)
        took_s, reports = {}, {}

        def stop(timeout_s):
            watch = Stopwatch()
            reports[timeout_s] = gateway.stop(timeout_s)
            took_s[timeout_s] = watch.took_s()

        first = threading.Thread(target=stop, args=(2.0,))
        first.start()
        time.sleep(0.2)
        in_threads(lambda: stop(0.3), lambda: stop(5.0))
        first.join()
    assert took_s[0.3] < 0.3 + GRACE_S
    assert took_s[2.0] < 2.0 + GRACE_S
    assert took_s[5.0] < 2.0 + GRACE_S
    assert reports[5.0] is reports[2.0]
    assert not reports[0.3].drained


@pytest.mark.timeout(30)
@pytest.mark.parametrize("what", ["emit", "flush", "start"])
def test_g22_stop_while_others_are_at_it(what):
    with a_peer("hangs at headers") as (endpoint, _):
        settings = TelemetrySettings.enabled(enterprise_otlp_endpoint=endpoint)
        gateway = TelemetryGateway(settings)
        over = threading.Event()
        do = {
            "emit": lambda: gateway.emit("app_created", TENANT, APP),
            "flush": lambda: gateway.flush(0.5),
            "start": gateway.start,
        }[what]

        def keep_on():
            while not over.is_set():
                do()
                time.sleep(0.0005)  # three that never pause would starve all other threads

        threads = [threading.Thread(target=keep_on) for _ in range(3)]
        for thread in threads:
            thread.start()
        gateway.emit("app_created", TENANT, APP)
        time.sleep(0.05)
        try:
            report = stop_on_time(gateway, 1.0)
            until_stopped(gateway)
            assert not report.drained
        finally:
            over.set()
            for thread in threads:
                thread.join()
    assert gateway.ledger().balanced()
    assert gateway.ledger().in_flight == 0


@pytest.mark.timeout(30)
@pytest.mark.parametrize("what", ["emit", "flush", "stop", "start", "ledger"])
def test_g22_stop_in_a_signal_handler(what):
    """Whatever it interrupts, also another stop: it comes back, and so does what it interrupted."""
    with a_peer("hangs at headers") as (endpoint, _):
        settings = TelemetrySettings.enabled(enterprise_otlp_endpoint=endpoint)
        gateway = TelemetryGateway(settings)
        if what != "start":
            gateway.start()
            emit(gateway, 500)
        do = {
            "emit": lambda: gateway.emit("app_created", TENANT, APP),
            "flush": lambda: gateway.flush(2.0),
            "stop": lambda: gateway.stop(2.0),
            "start": gateway.start,
            "ledger": gateway.ledger,
        }[what]
        took_s = []

        def handler(_signum, _frame):
            watch = Stopwatch()
            gateway.stop(0.5)
            took_s.append(watch.took_s())

        before = signal.signal(signal.SIGUSR1, handler)
        later_s = 0.002 if what == "start" else 0.1
        sender = threading.Timer(later_s, os.kill, (os.getpid(), signal.SIGUSR1))
        sender.start()
        try:
            until_s = time.monotonic() + 1.5
            while not took_s and time.monotonic() < until_s:
                do()
        finally:
            sender.join()
            signal.signal(signal.SIGUSR1, before)
        assert took_s[0] < 0.5 + GRACE_S
        until_stopped(gateway)  # it may have had to wait for what it held up
    assert gateway.ledger().balanced()
    assert gateway.ledger().in_flight == 0


@pytest.mark.timeout(30)
def test_g22_stop_in_a_signal_handler_that_has_interrupted_the_books():
    """As `ledger()` would be, with its lock held: the tree can't book anything meanwhile."""
    gateway = a_gateway("http://127.0.0.1:9")
    emit(gateway, 500)
    took_s = []

    def handler(_signum, _frame):
        watch = Stopwatch()
        gateway.stop(0.5)
        took_s.append(watch.took_s())

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with gateway._life.books._lock:
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert took_s[0] < 0.5 + GRACE_S
    until_stopped(gateway)
    assert gateway.ledger().dropped == {"shutdown": 500}
    assert gateway.ledger().balanced()


@pytest.mark.timeout(30)
def test_g22_stop_from_within_a_sink_comes_back():
    class Stopping(RecordingSink):
        report = None

        def export(self, kind, encoded, timeout_s):
            watch = Stopwatch()
            report = gateway.stop(0.5)
            self.took_s, self.report = watch.took_s(), report
            return super().export(kind, encoded, timeout_s)

    sink = Stopping()
    gateway = TelemetryGateway(TelemetrySettings.enabled(sink={"linger_s": 0}), sinks=[sink])
    gateway.start()
    gateway.emit("app_created", TENANT, APP)
    until_s = time.monotonic() + 5
    while sink.report is None and time.monotonic() < until_s:
        time.sleep(0.01)
    assert sink.took_s < 0.5 + GRACE_S
    assert gateway.ledger().dropped == {"unconfirmed": 1}
    assert gateway.ledger().balanced()


@pytest.mark.timeout(30)
def test_g22_no_time_at_all_counts_everything():
    """The best of three is on time: two processes that want both cores can cost any one a while."""
    took_s = []
    for _ in range(3):
        gateway = a_gateway("http://127.0.0.1:9")
        emit(gateway, 2000)
        watch = Stopwatch()
        gateway.stop(0)
        took_s.append(watch.took_s())
        until_stopped(gateway)
        dropped = gateway.ledger().dropped
        assert set(dropped) <= {"shutdown", "unconfirmed"}  # a request may be on its way
        assert sum(dropped.values()) == 2000
        assert gateway.ledger().balanced()
    assert min(took_s) < GRACE_S


@pytest.mark.timeout(30)
def test_g22_without_a_time_out_the_setting_is_it():
    gateway = a_gateway("http://127.0.0.1:9", lifecycle={"stop_timeout_s": 0.4})
    emit(gateway, 10)
    watch = Stopwatch()
    gateway.stop()
    assert watch.took_s() < 0.4 + GRACE_S


@pytest.mark.timeout(30)
def test_g22_a_start_that_hangs_is_not_waited_for_and_undoes_itself(monkeypatch):
    from telemetry_actors.sinks.metrics_actor import MetricSinkActor

    go_on = threading.Event()
    monkeypatch.setattr(MetricSinkActor, "on_start", lambda _self: go_on.wait(20))
    gateway = TelemetryGateway(
        TelemetrySettings.enabled(enterprise_otlp_endpoint="http://127.0.0.1:9")
    )
    gateway.emit("app_created", TENANT, APP)
    report = stop_on_time(gateway, 0.6)
    assert report.shutdown == 1
    go_on.set()
    until_s = time.monotonic() + 5
    while any(t.name.startswith("root/") for t in threading.enumerate()):
        assert time.monotonic() < until_s
        time.sleep(0.01)
    assert gateway.ledger().dropped == {"shutdown": 1}
    assert gateway.ledger().balanced()


@pytest.mark.timeout(30)
def test_g22_where_no_thread_can_be_started_the_tree_runs_on_the_caller(monkeypatch):
    """As at the end of CPython 3.12, or in a process at its limit."""
    import _thread

    def none(*_args, **_kwargs):
        raise RuntimeError("can't start new thread")

    sink = RecordingSink()
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[sink])
    gateway._life.door.enqueuer.asleep = False  # as if the thread that builds it had failed
    emit(gateway, 100)
    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", none)
        for name in ("_start_new_thread", "_start_joinable_thread"):  # the latter since 3.13
            patch.setattr(threading, name, none, raising=False)
        report = stop_on_time(gateway, 5.0)
    assert report.drained
    assert report.metrics_exported
    assert gateway.ledger().exported == len(sink.logs) == 100
    assert gateway.ledger().balanced()


# -- g26: flush() is honest with each of them ---------------------------------------------------


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", ["well", "slow", *UNWELL])
def test_g26_flush_says_what_is_so_whatever_the_peer_does(kind):
    with a_peer(kind) as (endpoint, receiver):
        gateway = a_gateway(endpoint)
        emit(gateway, 200)
        watch = Stopwatch()
        flushed = gateway.flush(4.0 if kind in ("well", "slow") else 0.5)
        took_s = watch.took_s()
        ledger = gateway.ledger()
        gateway.stop(0.5)
    assert flushed is (kind in ("well", "slow"))
    if flushed:
        assert ledger.exported == len(log_uids(receiver)) == 200
        assert any(r.path == "/v1/metrics" for r in receiver.requests)
    else:
        assert took_s < 0.5 + GRACE_S
        assert ledger.in_flight == 200 - sum(ledger.dropped.values())


def test_g26_after_a_stop_flush_says_how_it_ended():
    with FaultyReceiver(answer(200)) as receiver:
        gateway = a_gateway(receiver.endpoint)
        emit(gateway, 10)
        gateway.stop(5.0)
        assert gateway.flush(5.0)
    gateway = a_gateway("http://127.0.0.1:9")
    emit(gateway, 10)
    gateway.stop(0.2)
    assert not gateway.flush(5.0)
