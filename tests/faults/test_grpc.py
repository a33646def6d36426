"""The tree with OTLP over gRPC: judged by rotel, by the books, and by the clock."""

import json
import subprocess
import sys
import threading
import time

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.event.signals import LogSignal, SignalKind
from telemetry_actors.sinks import OtlpGrpcSink
from tests.faults.test_first_light import assert_agrees, emit_patiently, events
from tests.faults.test_supervision import in_child
from tests.receivers.faulty import FaultyReceiver
from tests.receivers.faulty import hang as silence
from tests.receivers.rotel import Rotel
from tests.stopwatch import Stopwatch

APP = {"app_id": "a1", "mode": "chat"}
LOG = LogSignal("dify.app.created", "metric_only", ("k",), ("v",), b"", b"", 1, 2)

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # 3.12 on: fork
]


@pytest.fixture
def rotel(tmp_path):
    with Rotel(tmp_path) as running:
        yield running


def a_gateway(endpoint, **settings):
    named = {"enterprise_otlp_endpoint": endpoint, "enterprise_otlp_protocol": "grpc"}
    return TelemetryGateway(TelemetrySettings.enabled(**named, **settings))


def send(sink, timeout_s=5.0):
    return sink.export(SignalKind.LOGS, [sink.encode(SignalKind.LOGS, LOG)], timeout_s)


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_what_is_exported_over_grpc_has_arrived(rotel, compression):
    """All events, to the last record and point; the endpoint as gRPC's users write it."""
    made = events(1_500)
    with a_gateway(rotel.grpc_endpoint, otlp={"compression": compression}) as gateway:
        for event in made:
            assert emit_patiently(gateway, event)
        assert gateway.flush(30)
        ledger = gateway.ledger()
    rotel.stop()

    received = rotel.received()
    assert ledger.exported == ledger.emitted == len(made)
    assert received.distinct_logs == ledger.signals.logs.exported
    assert received.distinct_spans == ledger.signals.spans.exported > 0
    assert received.points > 0
    assert_agrees(ledger, received)


def test_a_request_that_is_too_large_is_halved_until_it_fits(rotel):
    """Records of 100 kB, and twice as many in a request as rotel takes."""
    sink = {"batch_bytes": 10_000_000, "linger_s": 0.5}
    with a_gateway(rotel.grpc_endpoint, sink=sink, enterprise_include_content=True) as gateway:
        for n in range(90):
            payload = {"message_id": f"m{n}", "status": "succeeded", "inputs": "x" * 100_000}
            assert gateway.emit("message_run", {"tenant_id": "t"}, payload)
        assert gateway.flush(30)
        ledger, problems = gateway.ledger(), gateway.status().problems
    rotel.stop()

    assert ledger.exported == 90, (ledger.dropped, problems)
    assert len(rotel.output()) > 9_000_000
    assert_agrees(ledger, rotel.received())


@pytest.mark.timed
def test_g27_a_receiver_that_goes_and_comes_back_gets_what_was_queued(tmp_path):
    """Over gRPC's own back-off: within one of ours."""
    waits = {"backoff_min_s": 0.05, "backoff_max_s": 0.2}
    with Rotel(tmp_path / "first") as first:
        gateway = a_gateway(first.grpc_endpoint, otlp=waits)
        gateway.start()
        assert gateway.emit("app_created", {"tenant_id": "t"}, APP)
        assert gateway.flush(10)
        ports = first.ports
    for _ in range(100):
        assert gateway.emit("app_created", {"tenant_id": "t"}, APP)
    assert not gateway.flush(2)
    with Rotel(tmp_path / "second", ports=ports) as second:
        came_s = time.monotonic()
        assert gateway.flush(20)
        assert time.monotonic() - came_s < 5
        assert gateway.stop(5).drained
        second.stop()
        assert second.received().distinct_logs == 100
    assert gateway.ledger().exported == 101


@pytest.mark.timed
@pytest.mark.parametrize("reads", [False, True])
def test_g22_stop_keeps_to_its_time_with_a_peer_that_is_silent(reads):
    """The call ends at its deadline, and that is within the budget."""
    with FaultyReceiver(silence, reads=reads) as receiver:
        gateway = a_gateway(receiver.endpoint, sink={"linger_s": 0})
        gateway.start()
        assert gateway.emit("app_created", {"tenant_id": "t"}, APP)
        time.sleep(0.5)  # the request is on its way
        watch = Stopwatch()
        gateway.stop(1.0)
        took_s = watch.took_s()
    ledger = gateway.ledger()

    assert took_s < 1.0 + 0.2
    assert ledger.dropped == {"unconfirmed": 1}
    assert ledger.balanced()


# -- g24: a fork while a call is on its way --------------------------------------------------------


@pytest.mark.timed
def test_g24_a_child_can_use_grpc_though_its_parent_was_in_the_middle_of_a_call(rotel):
    """The parent's call is cancelled, and sent again; the child's channel is its own."""
    endpoint = f"http://{rotel.grpc_endpoint}"
    answers = []
    with FaultyReceiver(silence, reads=False) as receiver:
        ours, silent = OtlpGrpcSink(endpoint), OtlpGrpcSink(receiver.endpoint)
        for _ in range(10):
            assert send(ours).verdict == "accepted"
            call = threading.Thread(target=lambda: answers.append(send(silent, 20.0)))
            call.start()
            time.sleep(0.05)
            began_s = time.monotonic()
            assert in_child(lambda: [send(ours).verdict for _ in range(2)]) == ["accepted"] * 2
            call.join()
            assert time.monotonic() - began_s < 5
            assert send(ours).verdict == "accepted"
        ours.close()
        silent.close()

    assert [(a.verdict, a.unconfirmed) for a in answers] == [("retry", True)] * 10
    rotel.stop()
    assert rotel.received().logs == 10 * (2 + 2)


@pytest.mark.timed
def test_g24_a_fork_does_not_wait_for_idle_channels(rotel):
    """Only for a call; and a child that ends as Python ends leaves its parent's channel alone."""
    code = f"""
import json, os, sys, time
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.sinks import OtlpGrpcSink
sink = OtlpGrpcSink("http://{rotel.grpc_endpoint}")
verdicts, took_s = [], []
for n in range(5):
    verdicts.append(sink.export(SignalKind.LOGS, [], 5.0).verdict)
    time.sleep(0.1)
    began_s = time.monotonic()
    child = os.fork()
    if child == 0:
        sys.exit(sink.export(SignalKind.LOGS, [], 5.0).verdict != "accepted")
    took_s.append(time.monotonic() - began_s)
    verdicts.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps([verdicts, sorted(took_s)[2]]))
"""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert (ended.stderr, ended.returncode) == ("", 0)
    verdicts, took_s = json.loads(ended.stdout)
    assert verdicts == ["accepted", 0] * 5
    assert took_s < 0.05


def test_g24_a_gateway_over_grpc_forks(rotel):
    """Parent and child each send what is theirs, while the parent is sending."""
    over = threading.Event()
    with a_gateway(rotel.grpc_endpoint, sink={"linger_s": 0}) as gateway:

        def chatter():
            while not over.is_set():
                gateway.emit("app_created", {"tenant_id": "parent"}, APP)
                time.sleep(0.001)

        def child():
            for _ in range(20):
                gateway.emit("app_created", {"tenant_id": "child"}, APP)
            flushed = gateway.flush(10)
            gateway.stop(5)
            return [flushed, gateway.ledger().exported, gateway.ledger().balanced()]

        talker = threading.Thread(target=chatter)
        talker.start()
        try:
            for _ in range(5):
                time.sleep(0.1)
                assert in_child(child) == [True, 20, True]
        finally:
            over.set()
            talker.join()
        assert gateway.flush(20)
        ledger = gateway.ledger()
    rotel.stop()

    assert ledger.dropped == {}
    assert ledger.exported == ledger.accepted
    assert rotel.received().distinct_logs == ledger.exported + 5 * 20
