"""Rate x fault: whatever the receiver does, both lines of the books agree with its own count.

In CI every fault at one rate, with short times, and nobody looks at how long it takes; the whole
matrix, with its bounds, is `make soak`.
"""

import pytest

from supervisors import SystemClock
from supervisors.testing import crash, end_thread
from tests.faults.scenario import SHORT, Scale, run_through
from tests.receivers.faults import FAULTS, NO_ANSWER, Nowhere, outage
from tests.receivers.faulty import answer
from tests.receivers.judge import ACCEPT, Judge, Kept, before
from tests.receivers.rotel import Rotel, read_received

LIMIT_S = 5.0  # beside the sending itself and what the fault lasts
SOAK_RATES = [50, 500, 5000]
CI_FAULTS = [*FAULTS, outage(1)]  # three seconds of it, and by default times: test_figures.py
SOAK_FAULTS = [*FAULTS, outage(20)]
BY_NAME = {fault.name: fault for fault in FAULTS}
FLAPPING, THROTTLED = BY_NAME["flapping"], BY_NAME["429, Retry-After 1 s"]
VICTIMS = [
    "stages/gateway",
    "stages/router",
    "stages/dedup",
    "stages/rehydrator",
    "handlers/app_created",
    "handlers/workflow_run",
    "sinks/logs",
    "sinks/spans",
]


def go_through(fault, scale, **more):
    """One cell, checked; what has to come of this fault is checked too."""
    if fault.delivers == "all":
        scale = scale._replace(flush_s=fault.seconds + 30)
    run = run_through(fault.receiver(), scale, otlp=fault.otlp, **more)
    sending_s = scale.events / scale.rate_per_s
    waiting_s = scale.flush_s if fault.delivers != "all" else fault.seconds
    waiting_s += fault.per_request_s * scale.events / SHORT["sink"]["batch_records"]
    run.check(emitted=scale.events, at_most_s=sending_s + waiting_s + LIMIT_S, stop_s=scale.stop_s)
    assert_delivers(fault, run, timed=more.get("timed", True))
    return run


def assert_delivers(fault, run, *, timed=True):
    """As much as the fault lets through, and a fitting reason for the rest."""
    ledger, reasons = run.ledger, fault.reasons
    assert ledger.refused == {}
    if not timed and "timed out" in run.status.model_dump_json():
        reasons = reasons | NO_ANSWER  # what runs beside has kept the receiver from answering
    assert set(ledger.dropped) <= reasons
    if fault.delivers == "all":
        assert ledger.exported == ledger.emitted
        assert run.flushed
        assert run.report.drained
    elif fault.delivers == "none":
        assert ledger.exported == 0
        assert run.status.problems
    else:
        assert 0 < ledger.exported < ledger.emitted


def assert_few_lines(caplog):
    """At most two causes, that it is over, and what was lost; however many events it was."""
    lines = [r for r in caplog.records if r.name == "telemetry_actors" and r.levelname != "INFO"]
    assert len(lines) <= 4, caplog.text


@pytest.mark.timeout(60)
@pytest.mark.parametrize("fault", CI_FAULTS, ids=lambda f: f.name)
def test_g19_the_books_agree_with_the_receiver(fault, caplog):
    go_through(fault, Scale(flush_s=10.0), timed=False)
    assert_few_lines(caplog)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", CI_FAULTS, ids=lambda f: f.name)
def test_a_hundred_thousand_events_make_no_more_lines_than_two_hundred(fault, caplog):
    scale = Scale(events=100_000, rate_per_s=1e9, flush_s=10.0)
    run_through(fault.receiver(), scale, otlp=fault.otlp, timed=False)
    assert_few_lines(caplog)


@pytest.mark.slow
@pytest.mark.timed
@pytest.mark.timeout(120)
@pytest.mark.parametrize("rate", SOAK_RATES)
@pytest.mark.parametrize("fault", SOAK_FAULTS, ids=lambda f: f.name)
def test_g19_the_books_agree_with_the_receiver_at_every_rate(fault, rate):
    go_through(fault, Scale(events=2 * rate, rate_per_s=rate))


@pytest.mark.timed
@pytest.mark.timeout(30)
def test_g19_nobody_is_asked_again_before_his_retry_after():
    """Our own back-off would be over many times by then."""
    asked_at_s = []

    def plan(asked):
        if asked.records:  # metrics are collected anew, and know no retry
            asked_at_s.append(asked.at_s)
        return before(answer(429, retry_after="1")) if asked.at_s < 0.5 else ACCEPT

    scale = Scale(events=64, rate_per_s=1e9, flush_s=20, stop_s=2)
    run = run_through(Judge(plan), scale, otlp={"give_up_s": 10.0})

    run.check(emitted=64, at_most_s=10, stop_s=2)
    assert run.kept.logs == run.ledger.exported == 64
    assert len([at_s for at_s in asked_at_s if at_s < 0.95]) <= 2, "logs once, spans once"


@pytest.mark.timed
@pytest.mark.timeout(30)
def test_g22_a_name_server_that_hangs_holds_up_no_stop():
    """A look-up has no time-out of its own: its thread is left behind, and its events counted."""
    run = run_through(Nowhere(hangs=True), Scale(), supervision={"sweep_interval_s": 0.05})

    run.check(emitted=200, at_most_s=5, stop_s=0.4)
    assert run.ledger.exported == 0
    assert set(run.ledger.dropped) <= {"shutdown", "unconfirmed"}
    assert run.report.threads_left >= 1


# -- a receiver that is a third party's, and goes away for a while -----------------------------


class Restarted(Rotel):
    """A rotel that is killed and started again on its ports; keeps the output of all its lives."""

    def __init__(self, folder):
        super().__init__(folder)
        self._earlier = b""

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._earlier += self.output()

    def start_again(self):
        self._wanted = self.ports
        self.start()

    def kept(self):
        self.stop()
        return kept_by_rotel(self._earlier + self.output())


def kept_by_rotel(output):
    received = read_received(output)
    return Kept(received.distinct_logs, received.distinct_spans)


@pytest.mark.timed
@pytest.mark.timeout(60)
def test_a_receiver_that_is_killed_and_started_again_gets_the_rest(tmp_path):
    """Ours waits and sends again; what rotel had accepted but not yet printed is its own loss."""
    rotel = Restarted(tmp_path)

    def meanwhile(gateway, n):
        if n == 60:
            assert gateway.flush(10)
            rotel.wait_until(lambda received: received.distinct_logs == n)  # it prints late
            rotel.kill()
        elif n == 140:
            rotel.start_again()

    scale = Scale(events=200, rate_per_s=400, flush_s=30, stop_s=2)
    run = run_through(rotel, scale, meanwhile=meanwhile, otlp={"give_up_s": 60.0})

    run.check(emitted=200, at_most_s=20, stop_s=2)
    assert run.kept.logs == run.ledger.exported == 200
    assert run.kept.spans == 40


# -- faults of our own while the receiver has one, too --------------------------------------------


class JumpingClock(SystemClock):
    """A wall clock that somebody sets, far ahead and far back by turns. `now_s` goes on as ever."""

    def __init__(self):
        self.looks = 0

    def now_ns(self):
        self.looks += 1
        day_ns = 86_400 * 10**9
        return super().now_ns() + (400 * day_ns if self.looks % 7 < 3 else -400 * day_ns)


@pytest.mark.timed
@pytest.mark.timeout(30)
@pytest.mark.parametrize("fault", [FLAPPING, THROTTLED], ids=lambda f: f.name)
def test_a_wall_clock_that_jumps_neither_loses_nor_delays_anything(fault):
    """Waits, deadlines and dedup go by the monotonic clock."""
    clock = JumpingClock()

    go_through(fault, Scale(), clock=clock)

    assert clock.looks >= 200


@pytest.mark.timed
@pytest.mark.timeout(60)
@pytest.mark.parametrize("end", ["crash", "thread gone"])
def test_a_stage_killed_while_the_receiver_flaps_costs_at_most_its_event(end):
    """Every tenth event one of them ends, by turns between two messages and with one in hand."""
    ended = []

    def meanwhile(gateway, n):
        if n % 10 == 9:
            path, in_hand = VICTIMS[n // 10 % len(VICTIMS)], n % 20 == 9
            ref = gateway._ref(path)
            ended.append(path)
            if end == "crash":
                crash(ref, ValueError("ended by the test"), in_hand=in_hand)
            else:
                end_thread(ref, in_hand=in_hand)

    scale = Scale(events=300, rate_per_s=300, flush_s=30, stop_s=2)
    supervision = {"sweep_interval_s": 0.05, "intensity": 1000}
    run = run_through(
        FLAPPING.receiver(),
        scale,
        meanwhile=meanwhile,
        otlp=FLAPPING.otlp,
        supervision=supervision,
    )

    run.check(emitted=300, at_most_s=20, stop_s=2)
    assert run.flushed
    assert run.status.restarts >= len(ended) // 2
    assert sum(run.ledger.dropped.values()) <= len(ended)
    assert set(run.ledger.dropped) <= {"stage_crash", "handler_crash"}
