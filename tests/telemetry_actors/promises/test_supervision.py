"""g06, g17, g24: nothing in the tree ends the host, and a restart forgets nothing.

Most of it in the deterministic runtime: the product's own tree on one thread, where a crash
can be put between any two steps of a flood, and a minute of waiting for a probe takes none.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections import Counter
from itertools import pairwise

import pykka
import pytest

from supervisors.run.deterministic import DeterministicRuntime
from supervisors.testing import crash, end_thread
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.testing import RecordingSink, running_gateway

APP = {"app_id": "a1", "mode": "chat"}
TENANT = {"tenant_id": "acme"}
WORKERS = [
    "stages/gateway",
    "stages/router",
    "stages/dedup",
    "stages/rehydrator",
    "handlers/app_created",
    "sinks/logs",
    "sinks/spans",
    "sinks/metrics",
    "sinks/providers",
]
SUPERVISORS = ["stages", "handlers", "sinks"]
FATAL = [SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit]


ENDS = {"crash": lambda ref: crash(ref, ValueError("x")), "thread gone": end_thread}


class Bystander(pykka.ThreadingActor):
    """An actor of the host's."""

    def on_receive(self, message):
        return message


@pytest.fixture
def bystander():
    ref = Bystander.start()
    yield ref
    assert ref.ask("well?", timeout=5) == "well?"
    ref.stop()


def emit(gateway, count, start=0):
    for n in range(start, start + count):
        assert gateway.emit("app_created", TENANT, APP, event_id=f"e{n}")


def uids(recording):
    return [record.attributes["log.record.uid"] for record in recording.logs]


def totals(recording):
    """The counters as the receiver has them."""
    return {point.instrument.name: point.value for point in recording.metrics()}


# -- g06 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*WORKERS, *SUPERVISORS])
@pytest.mark.parametrize("error", FATAL)
def test_g06_an_exception_that_would_end_the_process_ends_one_actor(path, error, bystander):
    """Pykka would stop every actor there is, the host's among them."""
    runtime = DeterministicRuntime(1)
    with running_gateway(runtime=runtime) as (gateway, recording):
        emit(gateway, 100)
        assert gateway.flush(5)
        crash(gateway._ref(path), error())
        emit(gateway, 100, start=100)
        assert gateway.flush(5)
        status, ledger = gateway.status(), gateway.ledger()

    (node,) = [n for n in status.tree if n.path in (path, f"{path}/handler") and n.restarts]
    assert node.restarts == 1
    assert error.__name__ in node.last_exit or node.state == "running"
    assert (ledger.exported, ledger.dropped) == (200, {})
    assert uids(recording) == [f"e{n}" for n in range(200)]


def test_g06_that_the_host_stops_all_of_its_actors_is_no_concern_of_ours(bystander):
    """`pykka.ActorRegistry.stop_all()` is the host's to call; none of ours is on that list."""
    with running_gateway() as (gateway, recording):
        emit(gateway, 50)
        host = [ref.actor_urn for ref in pykka.ActorRegistry.get_all()]
        other = Bystander.start()
        pykka.ActorRegistry.unregister(bystander)  # the fixture wants it back
        pykka.ActorRegistry.stop_all(timeout=5)
        pykka.ActorRegistry.register(bystander)
        emit(gateway, 50, start=50)
        assert gateway.flush(5)
        assert gateway.status().restarts == 0

    assert host == [bystander.actor_urn]
    assert not other.is_alive()
    assert len(recording.logs) == 100


def test_g06_a_root_that_has_had_enough_parks_and_probes_its_way_back():
    """While it is parked everything is refused or ends as parked; then all is as before."""
    runtime = DeterministicRuntime(1)
    settings = {"park_probe_min_s": 1.0, "park_probe_max_s": 8.0}
    with running_gateway(runtime=runtime, supervision=settings) as (gateway, recording):
        emit(gateway, 10)
        assert gateway.flush(5)
        emit(gateway, 10, start=10)  # these wait, and end as parked
        for _ in range(6):
            crash(gateway._ref("handlers"), MemoryError())
            runtime.run_until_idle()

        assert gateway.status().state == "parked"
        assert gateway.emit("app_created", TENANT, APP) == "parked"
        assert gateway.ledger().balanced()
        runtime.advance(1.0)
        assert gateway.status().state == "running"
        assert gateway.status().parked == []
        emit(gateway, 10, start=20)
        assert gateway.flush(5)
        ledger = gateway.ledger()

    assert ledger.refused == {"parked": 1}
    assert ledger.exported + ledger.dropped.get("parked", 0) == 30
    assert uids(recording)[:10] == [f"e{n}" for n in range(10)]
    assert uids(recording)[-10:] == [f"e{n}" for n in range(20, 30)]
    assert ledger.balanced()


def test_g06_a_root_whose_probes_fail_goes_on_trying_and_waits_longer_each_time(monkeypatch):
    runtime = DeterministicRuntime(1)
    settings = {"park_probe_min_s": 1.0, "park_probe_max_s": 8.0}
    with running_gateway(runtime=runtime, supervision=settings) as (gateway, _):
        parked = []
        gateway._life.running.root.subscribe(
            lambda event: (
                parked.append(runtime.virtual.time_s) if event[:2] == ("parked", "") else None
            )
        )
        cls = gateway._life.places.slots["root", "stages", "router"].spec.start
        start = cls.on_start
        monkeypatch.setattr(cls, "on_start", lambda self: 1 / 0)
        crash(gateway._ref("stages/router"), ValueError("x"))
        runtime.advance(30.0)
        assert gateway.status().state == "parked"
        monkeypatch.setattr(cls, "on_start", start)
        runtime.advance(8.0)
        assert gateway.status().state == "running"
        emit(gateway, 10)
        assert gateway.flush(5)
        assert gateway.ledger().exported == 10

    waits = [later - earlier for earlier, later in pairwise(parked)]
    assert waits[:4] == pytest.approx([1.0, 2.0, 4.0, 8.0])


HOST = """
import sys
import threading

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.sinks.recording import RecordingSink


class Deadly(RecordingSink):
    def export(self, kind, encoded, timeout_s):
        raise SystemExit(3)


class Manager:
    def add_trace_task(self, *_):
        sys.exit(4)


gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[Deadly()]).start()
for n in range(20):
    gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": "a"})
    gateway.emit("message_run", {"tenant_id": "t"}, {"message_id": "m"}, Manager())
gateway.flush(1.0)
print("the host lives", gateway.stop(1.0) is not None, threading.main_thread().is_alive())
sys.exit(7)
"""


@pytest.mark.timeout(30)
def test_g06_a_process_whose_telemetry_exits_everywhere_exits_as_it_wants_to():
    done = subprocess.run(
        [sys.executable, "-c", HOST], capture_output=True, text=True, timeout=20, check=False
    )

    assert done.stdout.strip() == "the host lives True True"
    assert done.returncode == 7, done.stderr


# -- g16 ------------------------------------------------------------------------------------------


class Stuck:
    """Blocks whoever comes, for the first *times*, until it is let go."""

    def __init__(self, times):
        self._left = times
        self._gate = threading.Event()
        self.release = self._gate.set

    def pass_by(self):
        if self._left:
            self._left -= 1
            self._gate.wait(20)


QUICK = {"hang_deadline_s": 0.1, "sink_hang_deadline_s": 0.1, "sweep_interval_s": 0.02}
"""Ten of these are a second; much less, and a busy machine looks like a hang."""


def zombies_are_gone(gateway):
    runtime = gateway._life.running.root.runtime
    for thread in list(runtime.left_behind.threads):
        thread.join(5)
    return runtime.left_behind.now() == 0 and runtime.left_behind.in_all > 0


@pytest.mark.timeout(30)
@pytest.mark.parametrize(("times", "abandoned"), [(1, 0), (3, 1)])
def test_g16_a_store_that_hangs_costs_nothing_until_the_culprit_is_known(
    monkeypatch, times, abandoned
):
    """The step for the whole batch is redone, then event by event: and then it costs one."""
    stuck = Stuck(times)
    with running_gateway(supervision=QUICK) as (gateway, recording):
        claim = gateway._life.stores.dedup.claim

        def slow_claim(keys):
            stuck.pass_by()
            return claim(keys)

        monkeypatch.setattr(gateway._life.stores.dedup, "claim", slow_claim)
        emit(gateway, 40)
        assert gateway.flush(10)
        ledger = gateway.ledger()
        stuck.release()
        assert zombies_are_gone(gateway)
        assert gateway.flush(5)
        assert gateway.ledger() == ledger

    assert ledger.dropped == ({"abandoned": abandoned} if abandoned else {})
    assert (ledger.exported, ledger.duplicate) == (40 - abandoned, 0)
    assert len(set(uids(recording))) == len(recording.logs) == 40 - abandoned
    assert ledger.balanced()


class Slow(RecordingSink):
    """Its receiver does not answer for a while."""

    def __init__(self, stuck):
        super().__init__()
        self._stuck = stuck

    def export(self, kind, encoded, timeout_s):
        if kind is SignalKind.LOGS:
            self._stuck.pass_by()
        return super().export(kind, encoded, timeout_s)


@pytest.mark.timeout(30)
def test_g16_a_sink_that_hangs_is_given_up_and_what_it_answers_later_counts_for_nothing():
    """The request is sent once more by the next incarnation: the receiver may have it twice."""
    stuck = Stuck(1)
    sink = Slow(stuck)
    settings = TelemetrySettings.enabled(supervision=QUICK)
    with TelemetryGateway(settings, sinks=[sink]) as gateway:
        emit(gateway, 40)
        assert gateway.flush(10)
        ledger = gateway.ledger()
        stuck.release()
        assert zombies_are_gone(gateway)
        assert gateway.flush(5)
        assert gateway.ledger() == ledger

    assert (ledger.exported, ledger.dropped) == (40, {})
    assert set(uids(sink)) == {f"e{n}" for n in range(40)}
    assert max(Counter(uids(sink)).values()) == 2
    assert ledger.balanced()


# -- g17 ------------------------------------------------------------------------------------------


PATIENT = {"intensity": 50}
"""Virtual time stands still, so that all crashes of a test are within one period."""


def flood(gateway, runtime, disturb, events=600, step_every=7):
    """Each id twice, half of the flood apart; every hundred events something goes wrong."""
    for n in range(2 * events):
        assert gateway.emit("app_created", TENANT, APP, event_id=f"e{n % events}")
        if n % step_every == 0:
            runtime.step()
        if n % 100 == 50:
            disturb()
    runtime.run_until_idle()
    assert gateway.flush(10)


@pytest.mark.parametrize("path", WORKERS)
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_g17_a_stage_restarted_in_mid_flood_forgets_nothing(path, end, seed):
    """Dedup table, aggregates, batch in hand, mailboxes: they are the slot's, not the actor's."""
    runtime = DeterministicRuntime(seed)
    with running_gateway(runtime=runtime, supervision=PATIENT) as (gateway, recording):
        flood(gateway, runtime, lambda: end(gateway._ref(path)))
        ledger, status = gateway.ledger(), gateway.status()

    assert status.restarts == 12
    assert status.parked == []
    assert (ledger.exported, ledger.duplicate, ledger.dropped) == (600, 600, {})
    assert uids(recording) == [f"e{n}" for n in range(600)]
    assert totals(recording) == {"dify.app.created.total": 600, "dify.requests.total": 600}
    assert ledger.balanced()


@pytest.mark.parametrize("path", SUPERVISORS)
@pytest.mark.parametrize("seed", [1, 2])
def test_g17_an_escalation_in_mid_flood_forgets_nothing_either(path, seed):
    """All below a supervisor begin a new life, in the slots of the old one."""
    runtime = DeterministicRuntime(seed)
    with running_gateway(runtime=runtime, supervision=PATIENT) as (gateway, recording):
        flood(gateway, runtime, lambda: crash(gateway._ref(path), MemoryError()))
        ledger, status = gateway.ledger(), gateway.status()

    assert status.restarts >= 12 * 2
    assert (ledger.exported, ledger.duplicate, ledger.dropped) == (600, 600, {})
    assert uids(recording) == [f"e{n}" for n in range(600)]
    assert totals(recording) == {"dify.app.created.total": 600, "dify.requests.total": 600}


@pytest.mark.timeout(30)
def test_g17_the_same_with_threads_and_every_stage_in_turn():
    """Four producers; what each stage holds at the moment of its end stays where it is."""
    with running_gateway() as (gateway, recording):

        def produce(who):
            for n in range(500):
                assert gateway.emit("app_created", TENANT, APP, event_id=f"{who}-{n}")
                assert gateway.emit("app_created", TENANT, APP, event_id=f"{who}-{n // 2}")

        producers = [threading.Thread(target=produce, args=(who,)) for who in range(4)]
        for producer in producers:
            producer.start()
        for path in WORKERS:
            crash(gateway._ref(path), ValueError("x"))
        for producer in producers:
            producer.join()
        for path in WORKERS:
            end_thread(gateway._ref(path))
        assert gateway.flush(10)
        ledger = gateway.ledger()

    assert (ledger.exported, ledger.duplicate, ledger.dropped) == (2000, 2000, {})
    assert Counter(uids(recording)).most_common(1)[0][1] == 1
    assert totals(recording)["dify.app.created.total"] == 2000
    for who in range(4):
        own = [int(uid.split("-")[1]) for uid in uids(recording) if uid.startswith(f"{who}-")]
        assert own == sorted(own)


# -- g24 ------------------------------------------------------------------------------------------


def exit_code_of(act):
    """Fork; *act* says in the child with what to leave."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = act()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.timeout(60)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_g24_a_child_may_do_with_the_gateway_what_it_likes(bystander):
    """Whether it stops it, uses the parent's addresses or leaves: the parent doesn't notice."""

    def stops():
        return 0 if gateway.stop(5.0).drained and not recording.logs[before:] else 1

    def asks():
        ref = parents["stages/router"]
        ref.tell("x")
        try:
            ref.ask("well?", timeout=5)
        except pykka.ActorDeadError:
            return 0
        return 1

    def emits_and_leaves():
        return 0 if gateway.emit("app_created", TENANT, APP) else 1

    with running_gateway() as (gateway, recording):
        parents = {"stages/router": gateway._ref("stages/router")}
        emit(gateway, 100)
        assert gateway.flush(5)
        before = len(recording.logs)
        for act in (stops, asks, emits_and_leaves) * 4:
            assert exit_code_of(act) == 0
        emit(gateway, 100, start=100)
        assert gateway.flush(5)
        ledger = gateway.ledger()
        assert gateway.status().restarts == 0

    assert (ledger.emitted, ledger.exported) == (200, 200)
    assert uids(recording) == [f"e{n}" for n in range(200)]
