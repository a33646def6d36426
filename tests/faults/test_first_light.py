"""The main job under fire, judged by the ledger, by what `emit()` returned, and by rotel.

The rule for every comparison with a receiver (semantics.md): exported <= distinct received
<= exported + unconfirmed, with equality where nothing is unconfirmed. The short forms run
in CI; the full ones are `make soak`.
"""

import io
import itertools
import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from supervisors.testing import crash, end_thread
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.demo.arrivals import made_up_arrivals
from telemetry_actors.demo.azure import read_azure
from tests.receivers.rotel import Rotel

PRODUCTION_TRACE = Path("../shared/data/azure_llm_inference_2023_code.csv")
APP = {"app_id": "a1", "mode": "chat"}
STAGES = ["stages/gateway", "stages/router", "stages/dedup", "stages/rehydrator"]
HANDLERS = ["handlers/workflow_run", "handlers/node_execution", "handlers/message_run"]
SINKS = ["sinks/logs", "sinks/spans", "sinks/metrics"]
ENDS = {
    "raise": lambda ref, in_hand: crash(ref, ValueError("ended by the test"), in_hand=in_hand),
    "BaseException": lambda ref, in_hand: crash(ref, SystemExit(3), in_hand=in_hand),
    "thread gone": lambda ref, in_hand: end_thread(ref, in_hand=in_hand),
}


@pytest.fixture
def rotel(tmp_path):
    with Rotel(tmp_path) as running:
        yield running


def a_gateway(rotel, **settings):
    settings = {"enterprise_otlp_endpoint": rotel.endpoint, **settings}
    return TelemetryGateway(TelemetrySettings.enabled(**settings))


def events(rows, arrivals_csv=None):
    """The events of so many requests: of the production trace where it is, else made up."""
    source = arrivals_csv or PRODUCTION_TRACE
    if source.exists():
        lines = itertools.islice(source.read_bytes().splitlines(keepends=True), rows + 1)
        return list(read_azure(io.BytesIO(b"".join(lines))))
    return list(read_azure(io.BytesIO("\n".join(made_up_arrivals(rows)).encode())))


def emit_patiently(gateway, event):
    while not gateway.has_room():
        time.sleep(0.001)
    return gateway.emit(event.case, event.context, event.payload, event_id=event.event_id)


def assert_agrees(ledger, received, *, resent=False):
    """The books against the collector's own count."""
    for line, distinct, all_ in (
        (ledger.signals.logs, received.distinct_logs, received.logs),
        (ledger.signals.spans, received.distinct_spans, received.spans),
    ):
        assert line.exported <= distinct <= line.exported + line.dropped.get("unconfirmed", 0)
        assert resent or all_ == distinct
    assert ledger.balanced()


# -- replaying real traffic ---------------------------------------------------------------------


@pytest.mark.timeout(60)
def test_a_replay_into_rotel_arrives_to_the_last_record(rotel, tmp_path):
    """The command as a user types it, on the production trace where it is."""
    csv = tmp_path / "arrivals.csv"
    csv.write_text("\n".join(made_up_arrivals(8_819)))
    source = PRODUCTION_TRACE if PRODUCTION_TRACE.exists() else csv
    command = ["-m", "telemetry_actors.cli", "replay", "--azure-llm", str(source)]
    answer = subprocess.run(
        [sys.executable, *command, "--endpoint", rotel.endpoint, "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert answer.returncode == 0, answer.stderr
    said = json.loads(answer.stdout.splitlines()[-1])
    rotel.stop()
    received = rotel.received()

    assert said["balanced"]
    assert said["ledger"]["exported"] == said["ledger"]["emitted"] == 3 * 8_819
    assert said["ledger"]["refused"] == {}
    assert received.logs == received.distinct_logs == said["ledger"]["signals"]["logs"]["exported"]
    assert (
        received.spans == received.distinct_spans == said["ledger"]["signals"]["spans"]["exported"]
    )


@pytest.mark.timeout(60)
@pytest.mark.parametrize("how", ENDS)
def test_ending_every_actor_during_a_replay_costs_at_most_one_event_each(rotel, how):
    """Each stage, handler and sink once between messages and once with an event in hand."""
    made = events(1_500)
    victims = [(path, in_hand) for path in STAGES + HANDLERS + SINKS for in_hand in (False, True)]
    victims = [v for v in victims if v != ("sinks/metrics", True)]  # it has no batch
    with a_gateway(rotel, gateway={"batch_events": 64}, sink={"batch_records": 64}) as gateway:
        every = len(made) // (len(victims) + 1)
        for n, event in enumerate(made):
            assert emit_patiently(gateway, event)
            if n % every == every - 1 and victims:
                path, in_hand = victims.pop(0)
                ENDS[how](gateway._ref(path), in_hand)
        assert gateway.flush(30)
        ledger, status = gateway.ledger(), gateway.status()
    rotel.stop()

    assert victims == []
    assert status.restarts >= 17  # more where a supervisor had enough and was replaced itself
    lost = sum(ledger.dropped.values())
    assert lost <= 9
    assert ledger.exported == len(made) - lost
    assert set(ledger.dropped) <= {"stage_crash", "handler_crash"}
    assert_agrees(ledger, rotel.received(), resent=True)


# -- many producers while stages die --------------------------------------------------------------


def flood(rotel, per_thread, threads=8):
    """Threads that emit as fast as they can while a random actor is ended every 0.1 s."""
    returned = [Counter() for _ in range(threads)]
    over = threading.Event()
    rng = random.Random(7)

    def produce(who):
        for n in range(per_thread):
            admission = gateway.emit(
                "app_created", {"tenant_id": f"t{who}"}, APP, event_id=f"{who}-{n}"
            )
            returned[who][str(admission)] += 1
            if admission in ("mailbox_full", "bytes_full"):
                time.sleep(0.0005)  # a producer that is refused slows down

    def kill():
        while not over.wait(0.1):
            path = rng.choice([*STAGES, "handlers/app_created", *SINKS])
            in_hand = rng.random() < 0.5 and path != "sinks/metrics"
            ENDS[rng.choice(list(ENDS))](gateway._ref(path), in_hand)

    with a_gateway(rotel) as gateway:
        workers = [threading.Thread(target=produce, args=(who,)) for who in range(threads)]
        killer = threading.Thread(target=kill)
        for thread in (*workers, killer):
            thread.start()
        for thread in workers:
            thread.join()
        over.set()
        killer.join()
        assert gateway.flush(60)
        ledger, restarts = gateway.ledger(), gateway.status().restarts
    rotel.stop()
    return sum(returned, Counter()), ledger, restarts, rotel.received()


def assert_the_sums_agree(returned, ledger, restarts, received):
    assert ledger.emitted == sum(returned.values())
    assert ledger.accepted == returned["accepted"]
    assert Counter(ledger.refused) == Counter(
        {k: n for k, n in returned.items() if k != "accepted"}
    )
    assert restarts > 0
    assert sum(ledger.dropped.values()) <= restarts
    assert ledger.exported == received.distinct_logs
    assert_agrees(ledger, received, resent=True)


@pytest.mark.timeout(60)
def test_eight_threads_emit_while_a_stage_is_killed_every_tenth_of_a_second(rotel):
    assert_the_sums_agree(*flood(rotel, per_thread=10_000))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_eight_threads_emit_fifty_thousand_each_while_stages_are_killed(rotel):
    returned, ledger, restarts, received = flood(rotel, per_thread=50_000)
    print(f"\n{dict(returned)}, restarts {restarts}, dropped {ledger.dropped}, {received}")
    assert_the_sums_agree(returned, ledger, restarts, received)


# -- a signal handler that emits ------------------------------------------------------------------


def flood_with_signals(rotel, seconds):
    """The main thread floods, and a signal handler emits every 0.5 ms in the middle of it."""
    inside, outside = [], Counter()

    def handler(_signum, _frame):
        inside.append(gateway.emit("app_created", {"tenant_id": "handler"}, APP))

    with a_gateway(rotel) as gateway:
        before = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        try:
            until_s = time.monotonic() + seconds
            while time.monotonic() < until_s:
                for _ in range(100):
                    outside[str(gateway.emit("app_created", {"tenant_id": "main"}, APP))] += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert gateway.flush(60)
        ledger = gateway.ledger()
    rotel.stop()
    return Counter(map(str, inside)), outside, ledger, rotel.received()


def assert_exact(inside, outside, ledger, received):
    returned = inside + outside
    assert sum(inside.values()) > 50
    assert ledger.emitted == sum(returned.values())
    assert ledger.accepted == ledger.exported == returned["accepted"]
    assert received.logs == received.distinct_logs == ledger.exported
    assert ledger.balanced()


@pytest.mark.timeout(60)
def test_a_signal_handler_that_emits_during_a_flood(rotel):
    assert_exact(*flood_with_signals(rotel, seconds=2))


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_signal_handler_that_emits_during_a_flood_of_thirty_seconds(rotel):
    inside, outside, ledger, received = flood_with_signals(rotel, seconds=30)
    print(f"\ninside {dict(inside)}, outside {dict(outside)}, {received}")
    assert_exact(inside, outside, ledger, received)


# -- a receiver that is not there at first --------------------------------------------------------


@pytest.mark.timeout(60)
def test_g27_a_receiver_that_comes_late_gets_what_was_queued(tmp_path):
    """The tree starts against a dead endpoint, says so, and heals when it comes."""
    with Rotel(tmp_path / "first") as first:
        endpoint = first.endpoint
        ports = first.ports
    settings = {"backoff_min_s": 0.05, "backoff_max_s": 0.2}
    gateway = TelemetryGateway(
        TelemetrySettings.enabled(enterprise_otlp_endpoint=endpoint, otlp=settings)
    )
    gateway.start()
    for n in range(100):
        assert gateway.emit("app_created", {"tenant_id": "t"}, APP, event_id=f"{n}")
    assert not gateway.flush(1)
    assert gateway.status().problems
    with Rotel(tmp_path / "second", ports=ports) as second:
        assert gateway.flush(20)
        assert gateway.ledger().exported == 100
        assert gateway.status().problems == []
        assert gateway.stop(5).drained
        second.stop()
        assert second.received().distinct_logs == 100
