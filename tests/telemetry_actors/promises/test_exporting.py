"""g19: what the receiver says is heard, and one that does not answer costs little.

Mostly in the deterministic runtime: minutes of an outage take no time, and a request costs as
much virtual time as the test says.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from supervisors.run.deterministic import DeterministicRuntime
from supervisors.testing import crash
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.errors import SettingsError
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.sinks import OtlpSink
from telemetry_actors.testing import RecordingSink
from tests.receivers.faulty import FaultyReceiver, answer, close, hang, reset

LOGS, SPANS, METRICS = SignalKind.LOGS, SignalKind.SPANS, SignalKind.METRICS
APP = {"app_id": "a1", "mode": "chat"}
TENANT = {"tenant_id": "acme"}
NODE = {
    "workflow_id": "w",
    "workflow_run_id": "123e4567-e89b-12d3-a456-426614174000",
    "node_execution_id": "550e8400-e29b-41d4-a716-446655440000",
    "node_id": "n",
    "node_type": "llm",
    "status": "succeeded",
}
NO_ANSWER = ExportResult(Verdict.RETRY, message="TimeoutError: timed out", unconfirmed=True)
REFUSED = ExportResult(Verdict.RETRY, message="ConnectionRefusedError: refused")


class Receiver(RecordingSink):
    """Stands for a receiver somewhere; answers as it is told to, in virtual time.

    Args:
        costs_s: virtual seconds for a request without success.
        apart: each kind of signal has an endpoint of its own.
    """

    def __init__(self, runtime, fault=REFUSED, *, name="far", costs_s=0.0, apart=False):
        super().__init__()
        self.name, self.fault, self._costs_s, self._apart = name, fault, costs_s, apart
        self._virtual = runtime.virtual
        self.down = {LOGS, SPANS, METRICS}
        self.requests = []
        """Virtual time and kind of each."""

    def endpoint_of(self, kind):
        return f"http://{self.name}-{kind}" if self._apart else f"http://{self.name}"

    def export(self, kind, encoded, timeout_s):
        return self._fails(kind) or super().export(kind, encoded, timeout_s)

    def export_metrics(self, points, timeout_s):
        return self._fails(METRICS) or super().export_metrics(points, timeout_s)

    def _fails(self, kind):
        self.requests.append((self._virtual.time_s, kind))
        if kind not in self.down:
            return None
        self._virtual.time_s += self._costs_s
        return self.fault


@pytest.fixture
def runtime():
    return DeterministicRuntime(1)


@pytest.fixture
def running(runtime):
    """Start gateways to fakes; they are stopped when the test ends."""
    gateways = []

    def _running(*sinks, **settings):
        settings = {"sink": {"batch_records": 10}, "metrics": {"interval_s": 1000.0}, **settings}
        gateway = TelemetryGateway(
            TelemetrySettings.enabled(**settings), sinks=sinks, runtime=runtime
        )
        gateways.append(gateway.start())
        return gateway

    yield _running
    for gateway in gateways:
        gateway.stop(1.0)


def emit_logs(gateway, count, start=0):
    for n in range(start, start + count):
        assert gateway.emit("app_created", TENANT, APP, event_id=f"e{n}")


def emit_spans(gateway, count):
    for n in range(count):
        node = {**NODE, "node_execution_id": f"550e8400-e29b-41d4-a716-{n:012d}"}
        assert gateway.emit("node_execution", TENANT, node, event_id=f"n{n}")


def breaker_of(gateway, kind=LOGS):
    (found,) = [s.breaker for s in gateway.status().sinks if s.kind == kind]
    return found


def uids(sink):
    return [record.attributes["log.record.uid"] for record in sink.logs]


# -- what the receiver says ----------------------------------------------------------------------

QUICK = {"attempt_timeout_s": 0.3, "backoff_min_s": 0.01, "backoff_max_s": 0.05}


def through_sockets(receiver, events, **otlp):
    """The books, and the event ids in each request for logs, after so many events."""
    settings = TelemetrySettings.enabled(gateway={"linger_s": 0}, otlp={**QUICK, **otlp})
    with TelemetryGateway(settings, sinks=[OtlpSink(receiver.endpoint)]) as gateway:
        emit_logs(gateway, events)
        assert gateway.flush(5)
        ledger = gateway.ledger()
    assert ledger.balanced()
    return ledger, [ids_in(r.body) for r in receiver.requests if r.path == "/v1/logs"]


def ids_in(body):
    (resource,) = ExportLogsServiceRequest.FromString(body).resource_logs
    return [
        attribute.value.string_value
        for record in resource.scope_logs[0].log_records
        for attribute in record.attributes
        if attribute.key == "log.record.uid"
    ]


@pytest.mark.parametrize(("status", "exported"), [(200, 5), (204, 5), (302, 0), (403, 0), (500, 0)])
def test_g19_2xx_alone_is_an_export(status, exported):
    with FaultyReceiver(answer(status), only="/v1/logs") as receiver:
        ledger, requests = through_sockets(receiver, 5)

    assert (ledger.exported, len(requests)) == (exported, 1)
    assert ledger.dropped == ({} if exported else {"rejected": 5})


def test_g19_a_partial_success_is_read():
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = 2
    with FaultyReceiver(answer(200, response.SerializeToString()), only="/v1/logs") as receiver:
        ledger, _ = through_sockets(receiver, 5)

    assert (ledger.exported, ledger.dropped) == (3, {"rejected": 2})
    assert ledger.assumed == {"rejected": 2}


@pytest.mark.parametrize("status", [400, 413])
def test_g19_400_and_413_are_halved_down_to_the_culprit(status):
    """One in a hundred: the others arrive, in order, by a few more requests."""

    def picky(connection, ended):
        (*_, body) = [r.body for r in receiver.requests if r.path == "/v1/logs"]
        return answer(status if "e57" in ids_in(body) else 200)(connection, ended)

    with FaultyReceiver(picky, only="/v1/logs") as receiver:
        ledger, requests = through_sockets(receiver, 100)

    assert (ledger.exported, ledger.dropped) == (99, {"rejected": 1})
    taken = [uid for ids in requests if "e57" not in ids for uid in ids]
    assert taken == [f"e{n}" for n in range(100) if n != 57]
    assert len(requests) <= 20


@pytest.mark.parametrize(
    "fault",
    [*map(answer, (429, 502, 503, 504)), hang, reset, close],
    ids=["429", "502", "503", "504", "hang", "reset", "close"],
)
def test_g19_what_may_pass_is_sent_again_as_it_was(fault):
    with FaultyReceiver(fault, fault, answer(200), only="/v1/logs") as receiver:
        ledger, requests = through_sockets(receiver, 5)

    assert (ledger.exported, ledger.dropped) == (5, {})
    assert requests == [[f"e{n}" for n in range(5)]] * len(requests)
    assert len(requests) == 3


def waits(receiver, kind=LOGS):
    """Seconds between the requests of a kind."""
    return [b - a for a, b in pairwise(at for at, of in receiver.requests if of is kind)]


def test_g19_retries_begin_soon_back_off_and_end_at_one_deadline(runtime, running):
    """The defaults, with the breaker out of the way."""
    receiver = Receiver(runtime)
    gateway = running(receiver, otlp={"breaker_failures": 10**6})
    emit_logs(gateway, 10)
    runtime.advance(61.5)  # and the linger

    found = waits(receiver)
    assert found[0] <= 1.0
    assert max(found) <= 5.0
    assert max(found) > 2.5
    assert sum(found) <= 60.0
    assert gateway.ledger().dropped == {"retry_exhausted": 10}
    assert sum(found) > 55.0


def test_g19_retry_after_is_honoured(runtime, running):
    receiver = Receiver(runtime, ExportResult(Verdict.RETRY, retry_after_s=7.0))
    gateway = running(receiver)
    emit_logs(gateway, 10)
    runtime.advance(20.0)

    assert waits(receiver) == pytest.approx([7.0, 7.0])
    receiver.down = set()
    runtime.advance(7.0)
    assert gateway.ledger().exported == 10


# -- the circuit breaker --------------------------------------------------------------------------


def test_g19_behind_an_open_breaker_nobody_pays_the_time_out(runtime, running):
    """Two minutes without an answer, a hundred batches of two kinds: a probe at a time."""
    receiver = Receiver(runtime, NO_ANSWER, costs_s=10.0)
    gateway = running(receiver, supervision={"sink_hang_deadline_s": 1000.0})
    emit_logs(gateway, 1000)
    emit_spans(gateway, 100)
    runtime.advance(120.0)

    opened = 5
    assert opened < len(receiver.requests) <= opened + 120 / 10
    assert gateway.ledger().balanced()


def test_g19_the_probe_comes_within_two_seconds_and_its_success_lets_all_go(runtime, running):
    receiver = Receiver(runtime)
    gateway = running(receiver)
    emit_logs(gateway, 100)
    emit_spans(gateway, 20)
    runtime.advance(20.0)
    assert breaker_of(gateway).state == "open"
    probes = [at for at, _ in receiver.requests][5:]
    assert max(b - a for a, b in pairwise(probes)) <= 2.0

    receiver.down = set()
    healed_s = runtime.virtual.time_s
    before = len(receiver.requests)
    runtime.advance(2.0)
    assert receiver.requests[before][0] <= healed_s + 2.0
    assert breaker_of(gateway).state == "closed"
    assert gateway.ledger().exported == 120
    assert [u for u in uids(receiver) if u[0] == "e"] == [f"e{n}" for n in range(100)]


def test_g19_the_three_signals_of_an_endpoint_share_one_breaker(runtime, running):
    """What the spans have found out the logs and the metrics need not pay for."""
    receiver = Receiver(runtime, ExportResult(Verdict.RETRY, retry_after_s=30.0))
    gateway = running(receiver, otlp={"breaker_failures": 1})
    emit_spans(gateway, 1)
    runtime.advance(2.0)
    assert breaker_of(gateway, LOGS) == breaker_of(gateway, SPANS) == breaker_of(gateway, METRICS)
    asked = len(receiver.requests)
    emit_logs(gateway, 20)
    runtime.advance(20.0)
    assert not gateway.flush(1.0)

    assert len(receiver.requests) == asked == 1
    assert gateway.ledger().in_flight == 21


def test_g19_another_endpoint_and_another_sink_have_their_own(runtime, running):
    apart = Receiver(runtime, name="apart", apart=True)
    apart.down = {SPANS}
    well = Receiver(runtime, name="well")
    well.down = set()
    gateway = running(apart, well, otlp={"breaker_failures": 1})
    emit_spans(gateway, 1)
    emit_logs(gateway, 50)
    runtime.advance(3.0)
    states = {(s.sink, s.kind): s.breaker.state for s in gateway.status().sinks}

    assert states.pop(("apart", "spans")) == "open"
    assert set(states.values()) == {"closed"}
    assert len(apart.logs) == 51
    assert len(well.logs) == 51
    assert len(well.spans) == 1


def test_g19_a_restart_of_the_sink_does_not_forget_that_the_breaker_is_open(runtime, running):
    """It is the slot's (g17): else each crash would cost a time-out."""
    receiver = Receiver(runtime, ExportResult(Verdict.RETRY, retry_after_s=10.0))
    gateway = running(
        receiver, otlp={"breaker_failures": 1, "give_up_s": 10.0, "attempt_timeout_s": 1.0}
    )
    emit_logs(gateway, 10)
    runtime.advance(2.0)  # given up at once; the breaker is open, and nobody has anything in hand
    assert (len(receiver.requests), gateway.ledger().dropped) == (1, {"retry_exhausted": 10})
    for path in ("sinks/logs", "sinks/spans", "sinks"):
        crash(gateway._ref(path), MemoryError())
        runtime.run_until_idle()
    emit_logs(gateway, 10, start=10)
    runtime.advance(5.0)
    assert gateway.status().restarts >= 3
    assert len(receiver.requests) == 1
    receiver.down = set()
    runtime.advance(5.0)

    assert gateway.ledger().exported == 10


@pytest.mark.parametrize(
    ("fault", "reason"), [(REFUSED, "retry_exhausted"), (NO_ANSWER, "unconfirmed")]
)
def test_g19_what_waits_behind_an_open_breaker_has_a_deadline_of_its_own(
    runtime, running, fault, reason
):
    receiver = Receiver(runtime, fault)
    gateway = running(receiver, otlp={"give_up_s": 20.0, "breaker_failures": 2})
    emit_logs(gateway, 10)
    runtime.advance(19.0)
    assert gateway.ledger().in_flight == 10
    emit_logs(gateway, 10, start=10)  # these came later, and have all of their time
    runtime.advance(3.0)
    assert gateway.ledger().dropped == {reason: 10}
    runtime.advance(14.0)
    assert gateway.ledger().in_flight == 10
    runtime.advance(5.0)

    assert sum(gateway.ledger().dropped.values()) == 20
    assert gateway.ledger().balanced()


def test_g19_an_outage_costs_one_deadline_and_not_one_for_each_batch(runtime, running):
    receiver = Receiver(runtime)
    gateway = running(receiver)
    emit_logs(gateway, 500)  # fifty batches
    runtime.advance(59.0)
    assert gateway.ledger().in_flight == 500
    runtime.advance(5.0)

    assert gateway.ledger().dropped == {"retry_exhausted": 500}
    assert gateway.dead_letters()[-1].error == "the circuit breaker of the endpoint is open"


def test_what_waited_before_the_outage_has_all_of_its_time(runtime, running):
    """Only time without an answer counts: an old event is sent like any other."""
    receiver = Receiver(runtime)
    gateway = running(receiver, gateway={"linger_s": 500.0})
    emit_logs(gateway, 10)
    runtime.advance(510.0)
    assert gateway.ledger().in_flight == 10
    receiver.down = set()
    runtime.advance(3.0)

    assert gateway.ledger().exported == 10


def test_g19_a_stop_wakes_what_waits_behind_the_breaker(runtime, running):
    """And tries once more, whatever the receiver had asked for."""
    receiver = Receiver(runtime, ExportResult(Verdict.RETRY, retry_after_s=50.0))
    gateway = running(receiver, otlp={"breaker_failures": 1})
    emit_spans(gateway, 5)
    emit_logs(gateway, 50)
    runtime.advance(5.0)
    receiver.down = set()
    report = gateway.stop(3.0)

    assert report.drained
    assert report.seconds < 2.0
    assert gateway.ledger().exported == 55


def test_a_stop_wakes_a_back_off_too(runtime, running):
    receiver = Receiver(runtime, ExportResult(Verdict.RETRY, retry_after_s=50.0))
    gateway = running(receiver)
    emit_logs(gateway, 5)
    runtime.advance(5.0)
    receiver.down = set()

    assert gateway.stop(3.0).seconds < 1.0
    assert gateway.ledger().exported == 5


def test_metrics_behind_an_open_breaker_come_when_it_is_time(runtime, running):
    """Not an interval later."""
    receiver = Receiver(runtime)
    gateway = running(receiver, otlp={"breaker_failures": 1}, metrics={"interval_s": 30.0})
    emit_logs(gateway, 5)
    runtime.advance(29.9)
    receiver.down = {METRICS}
    runtime.advance(0.5)
    receiver.down = set()
    runtime.advance(3.0)

    assert [p.value for p in receiver.metrics() if p.instrument.name.endswith("created.total")]


@pytest.mark.timeout(30)
def test_g19_a_receiver_that_hangs_costs_few_time_outs_and_heals():
    """Threads and sockets: after the breaker has opened one request at a time finds out."""
    otlp = {"attempt_timeout_s": 0.2, "breaker_failures": 3, "breaker_open_s": 0.2}
    with FaultyReceiver(*[hang] * 6, answer(200)) as receiver:
        settings = TelemetrySettings.enabled(
            sink={"batch_records": 10}, gateway={"linger_s": 0}, otlp=otlp
        )
        with TelemetryGateway(settings, sinks=[OtlpSink(receiver.endpoint)]) as gateway:
            emit_logs(gateway, 300)
            emit_spans(gateway, 30)
            assert gateway.flush(20)
            ledger, status = gateway.ledger(), gateway.status()

    assert (ledger.exported, ledger.dropped) == (330, {})
    assert {s.breaker.state for s in status.sinks} == {"closed"}
    assert {s.endpoint for s in status.sinks} == {receiver.endpoint}


# -- several sinks --------------------------------------------------------------------------------


class Well(RecordingSink):
    """Takes all, and remembers how long each record had been on its way."""

    name = "well"

    def __init__(self, clock):
        super().__init__()
        self._clock = clock
        self.delays_s = []

    def export(self, kind, encoded, timeout_s):
        now_ns = self._clock.now_ns()
        if kind is LOGS:
            self.delays_s += [(now_ns - record.time_ns) / 1e9 for record in encoded]
        return super().export(kind, encoded, timeout_s)


class Picky(RecordingSink):
    """Rejects the last record of each request."""

    name = "picky"

    def export(self, kind, encoded, timeout_s):
        super().export(kind, encoded, timeout_s)
        return ExportResult(Verdict.ACCEPTED, rejected=1, message="one is odd")


def test_g19_each_of_several_sinks_has_its_line_and_the_worst_is_the_outcome(runtime, running):
    well, dead = Well(runtime.clock), Receiver(runtime, NO_ANSWER, name="dead")
    gateway = running(well, dead, Picky(), otlp={"give_up_s": 10.0})
    emit_logs(gateway, 20)  # two requests at each
    runtime.advance(15.0)
    ledger = gateway.ledger()

    lines = {name: line.model_dump() for name, line in ledger.signals.logs.by_sink.items()}
    assert lines == {
        "well": {"exported": 20, "dropped": {}, "assumed": {}},
        "dead": {
            "exported": 0,
            "dropped": {"unconfirmed": 10, "retry_exhausted": 10},
            "assumed": {},
        },
        "picky": {"exported": 18, "dropped": {"rejected": 2}, "assumed": {"rejected": 2}},
    }
    assert ledger.exported == 0  # one sink of three doesn't have it
    assert sum(ledger.dropped.values()) == 20
    assert ledger.balanced()


def test_g19_a_dead_sink_holds_up_a_well_one_for_its_give_up_time_at_most(runtime, running):
    """Its mailbox fills, and pressure runs back; nothing is lost for want of room."""
    well, dead = Well(runtime.clock), Receiver(runtime, name="dead")
    gateway = running(
        well, dead, otlp={"give_up_s": 20.0}, sink={"mailbox_records": 50, "batch_records": 10}
    )
    for second in range(100):
        emit_logs(gateway, 10, start=10 * second)
        runtime.advance(1.0)
    assert max(well.delays_s) > 5.0  # it does hold it up
    runtime.advance(25.0)
    ledger = gateway.ledger()

    assert uids(well) == [f"e{n}" for n in range(1000)]
    assert max(well.delays_s) <= 20.0 + 4.0  # and what batches linger
    assert ledger.refused == {}
    assert ledger.dropped == {"retry_exhausted": 1000}
    assert ledger.signals.logs.by_sink["well"].exported == 1000
    assert ledger.balanced()


@pytest.mark.parametrize("names", [("a", "a"), ("a", ""), ("a/b", "c")])
def test_two_sinks_that_can_not_be_told_apart_are_refused(names):
    sinks = [RecordingSink() for _ in names]
    for sink, name in zip(sinks, names, strict=True):
        sink.name = name

    with pytest.raises(SettingsError, match="a name of its own"):
        TelemetryGateway(TelemetrySettings.enabled(), sinks=sinks)


def test_two_otlp_receivers_at_once():
    with FaultyReceiver(answer(200)) as one, FaultyReceiver(answer(403)) as other:
        sinks = [OtlpSink(one.endpoint, name="one"), OtlpSink(other.endpoint, name="other")]
        with TelemetryGateway(TelemetrySettings.enabled(), sinks=sinks) as gateway:
            emit_logs(gateway, 5)
            gateway.flush(0.2)  # False: the other one's metrics are refused
            assert gateway.stop(5.0).drained
            by_sink = gateway.ledger().signals.logs.by_sink

    assert (by_sink["one"].exported, by_sink["other"].dropped) == (5, {"rejected": 5})


# -- status ---------------------------------------------------------------------------------------


def test_g19_the_status_shows_breaker_and_last_failures_of_each_endpoint(runtime, running):
    fault = ExportResult(Verdict.RETRY, message="HTTP 503 no", status_code=503, rpc_code=14)
    receiver = Receiver(runtime, fault)
    gateway = running(receiver)
    assert breaker_of(gateway).model_dump(exclude={"since"}) == {
        "state": "closed",
        "failures": 0,
        "next_probe_s": None,
    }
    emit_logs(gateway, 10)
    emit_spans(gateway, 1)
    runtime.advance(3.0)
    (logs,) = [s for s in gateway.status().sinks if s.kind == "logs"]

    assert (logs.sink, logs.endpoint, logs.healthy) == ("far", "http://far", False)
    assert logs.breaker.state == "open"
    assert logs.breaker.failures == len(logs.last_failures) >= 5
    assert 0 < (logs.breaker.next_probe_s or 0) <= 1.0
    now_ns = runtime.clock.now_ns()
    assert now_ns - 2_000_000_000 < logs.breaker.since <= now_ns
    assert {f.kind for f in logs.last_failures} == {"logs", "spans"}
    assert [f.time for f in logs.last_failures] == sorted(f.time for f in logs.last_failures)
    last = logs.last_failures[-1]
    assert (last.verdict, last.status_code, last.rpc_code) == ("retry", 503, 14)
    assert last.message == "HTTP 503 no"
    runtime.advance(20.0)
    assert len(gateway.status().sinks[0].last_failures) == 8  # the last few


def test_g19_a_yes_with_a_warning_is_noted_and_is_no_failure(runtime, running):
    receiver = Receiver(runtime, ExportResult(Verdict.ACCEPTED, message="old version"))
    gateway = running(receiver)
    emit_logs(gateway, 10)
    runtime.advance(3.0)
    (logs,) = [s for s in gateway.status().sinks if s.kind == "logs"]

    assert (logs.healthy, logs.failures, logs.last_failures) == (True, 0, [])
    assert (logs.warnings, logs.last_warning) == (1, "old version")
    assert gateway.ledger().exported == 10
    assert gateway.status().problems == []
