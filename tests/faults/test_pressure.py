"""Floods, dead sinks, and a host that starves us; in real time (g02, g04, g13).

The short forms run in CI, the full ones are `make soak`.
"""

import json
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.testing import RecordingSink
from tests.receivers.faulty import FaultyReceiver, hang
from tests.telemetry_actors.promises.test_content import VALID

MB = 1024 * 1024
QUIET = [f"quiet-{n}" for n in range(50)]
NODE = VALID["node_execution"]
FEEDBACK = {"message_id": "m1", "app_id": "a1", "rating": "like"}


def run_host(kind, **arguments):
    """A host of `hosts_under_pressure.py` in a process of its own."""
    command = [sys.executable, "-m", "tests.faults.hosts_under_pressure", kind]
    answer = subprocess.run(
        [*command, json.dumps(arguments)], capture_output=True, text=True, check=False, timeout=200
    )
    assert answer.returncode == 0, answer.stderr
    print(kind, arguments, answer.stdout.strip())
    return json.loads(answer.stdout)


# -- a flood --------------------------------------------------------------------------------------


class Slow(RecordingSink):
    """Takes so many records a second, until it is told to hurry."""

    def __init__(self, records_a_second):
        super().__init__()
        self.pace, self.hurry = records_a_second, threading.Event()

    def export(self, kind, encoded, timeout_s):
        self.hurry.wait(len(encoded) / self.pace)
        return super().export(kind, encoded, timeout_s)


class Producer(threading.Thread):
    """Emits events of one case for its tenants in turn, so many a second in all."""

    def __init__(self, gateway, case, payload, tenants, a_second, seconds):
        super().__init__()
        self._emit = lambda tenant: gateway.emit(case, {"tenant_id": tenant}, payload)
        self._tenants, self._a_second, self._seconds = tenants, a_second, seconds
        self.answers = {tenant: Counter() for tenant in tenants}

    def run(self):
        began, sent = time.monotonic(), 0
        while (gone_s := time.monotonic() - began) < self._seconds:
            for _ in range(min(int(gone_s * self._a_second) - sent, 500)):
                tenant = self._tenants[sent % len(self._tenants)]
                self.answers[tenant][str(self._emit(tenant))] += 1
                sent += 1
            time.sleep(0.001)


@pytest.mark.alone
@pytest.mark.timed
@pytest.mark.parametrize(
    ("seconds", "budgets"),
    [
        (5, {"mailbox_events": 2000, "total_events": 10_000}),
        pytest.param(20, {}, marks=pytest.mark.slow),
    ],
    ids=["short", "full"],
)
@pytest.mark.timeout(200)
def test_g13_one_tenant_at_50000_a_second_takes_nothing_from_50_at_20(seconds, budgets):
    """The sink takes a tenth of the load. Feedback comes through while nodes are refused."""
    sink = Slow(5_100)
    settings = TelemetrySettings.enabled(gateway=budgets)
    with TelemetryGateway(settings, sinks=[sink]) as gateway:
        flood = Producer(gateway, "node_execution", NODE, ["flood"], 50_000, seconds)
        quiet = Producer(gateway, "node_execution", NODE, QUIET, 1000, seconds)
        feedback = Producer(gateway, "feedback_created", FEEDBACK, ["feedback"], 50, seconds)
        for producer in (flood, quiet, feedback):
            producer.start()
        for producer in (flood, quiet, feedback):
            producer.join()
        refused = gateway.status().pressure.refused_tenants
        sink.hurry.set()
        assert gateway.flush(30)
        ledger = gateway.ledger()

    print(flood.answers, sum(quiet.answers.values(), Counter()), feedback.answers)
    for producer in (quiet, feedback):
        assert all(set(answers) == {"accepted"} for answers in producer.answers.values())
    turned_away = flood.answers["flood"]["mailbox_full"]
    assert turned_away > 1000
    assert [(tenant.tenant_id, tenant.refused) for tenant in refused] == [("flood", turned_away)]
    assert ledger.balanced()
    assert ledger.exported == ledger.accepted
    assert ledger.by_case["feedback_created"].exported == feedback.answers["feedback"]["accepted"]


# -- dead sinks -----------------------------------------------------------------------------------


@pytest.mark.alone
@pytest.mark.timed  # so much must have come in after so many seconds
@pytest.mark.parametrize(
    ("seconds", "total_bytes"),
    [
        (4, 128 * MB),
        pytest.param(60, 256 * MB, marks=pytest.mark.slow),
    ],
    ids=["short", "full"],
)
@pytest.mark.parametrize("dead_by", [pytest.param("refused", marks=pytest.mark.slow), "hanging"])
@pytest.mark.timeout(200)
def test_g04_with_every_sink_dead_memory_stays_within_the_budget(dead_by, seconds, total_bytes):
    with FaultyReceiver(hang) as receiver:
        endpoint = receiver.endpoint if dead_by == "hanging" else "http://127.0.0.1:9"
        host = run_host("dead", endpoint=endpoint, seconds=seconds, total_bytes=total_bytes)

    assert host["grown_bytes"] < 1.2 * total_bytes
    assert host["event_bytes"] <= host["event_bytes_capacity"]
    assert host["answers"]["bytes_full"] > 100
    assert host["balanced"]


# -- a host that starves us -----------------------------------------------------------------------


@pytest.mark.alone
@pytest.mark.timed
@pytest.mark.parametrize(
    ("calls_a_second", "seconds"),
    [
        (1000, 3),
        *(pytest.param(calls, 20, marks=pytest.mark.slow) for calls in (300, 1000, 20_000)),
    ],
)
@pytest.mark.timeout(200)
def test_g02_a_host_that_starves_us_is_given_way_by_its_own_emit(calls_a_second, seconds):
    """A machine that is busy with other things may itself take 0.5 s: the best of three."""
    for _attempt in range(3):
        host = run_host("starve", calls_a_second=calls_a_second, seconds=seconds, give_way=True)
        assert host["balanced"]
        if host["overdue_s"] < 0.5:
            return
    pytest.fail(f"overdue by {host['overdue_s']:.2f} s in three attempts")


@pytest.mark.parametrize(
    ("calls_a_second", "seconds"),
    [
        (1000, 3),
        pytest.param(300, 20, marks=pytest.mark.slow),
    ],
)
@pytest.mark.timeout(200)
def test_with_giving_way_off_the_age_shows_and_the_budgets_hold(calls_a_second, seconds):
    """How much of it a busy machine lets happen can't be said; the books balance in any case."""
    host = run_host("starve", calls_a_second=calls_a_second, seconds=seconds, give_way=False)

    assert host["gave_way"] == 0
    assert host["balanced"]
    assert host["in_flight"] <= 10_000 * 0.9 + 1
    if host["in_flight"] > 1500:  # so much has piled up: it was starved
        assert host["oldest_age_s"] > 0.5
