"""The journal against real ends: kill -9, judged by a third-party receiver."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from tests.receivers.faulty import FaultyReceiver, answer
from tests.receivers.oteltap import OtelTap

CHILD = "tests.faults.producing_child"
THREADS, BATCH = 4, 64


def settings_of(directory, tap, **journal):
    return {
        "enterprise_otlp_endpoint": tap.endpoint,
        "gateway": {"batch_events": BATCH, "linger_s": 0.02},
        "sink": {"batch_records": BATCH, "linger_s": 0.05},
        "journal": {"directory": str(directory), **journal},
    }


class Killed:
    """A child that emitted for a while and was then killed."""

    def __init__(self, folder, settings, *, after_s, rate):
        counts = folder / "counts"
        counts.write_bytes(bytes(8 * THREADS))
        command = [sys.executable, "-m", CHILD, json.dumps(settings), str(counts)]
        with subprocess.Popen(
            [*command, str(THREADS), str(rate)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        ) as child:
            assert child.stdout.readline() == b"ready\n"
            time.sleep(after_s)
            child.kill()
        self.pid = child.pid
        self.accepted = sum(memoryview(counts.read_bytes()).cast("Q"))

    def owns(self, uid):
        return uid.startswith(f"{self.pid}-")


def replayed(settings):
    """The next start: everything that it finds goes out. The ledger, and the status."""
    with TelemetryGateway(TelemetrySettings.enabled(**settings)) as gateway:
        until(lambda: gateway.status().journal.replays or gateway._life.stores.journal.idle)
        until(lambda: gateway._life.stores.journal.idle and gateway.flush(5))
        return gateway.ledger(), gateway.status().journal


def until(condition, within_s=20.0):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "too late"
        time.sleep(0.01)


def kill_and_replay(folder, tap, rng, **journal):
    """One round; what was accepted is what arrived, and what the ledger calls lost."""
    settings = settings_of(folder / "journal", tap, **journal)
    killed = Killed(folder, settings, after_s=rng.uniform(0.0, 0.6), rate=rng.choice([300, 3_000]))
    ledger, journal_status = replayed(settings)
    arrived = Counter(uid for uid in tap.received().log_uids if killed.owns(uid))

    assert ledger.balanced()
    assert ledger.in_flight == 0
    assert ledger.sources.get("lost_on_crash", 0) == journal_status.lost_on_crash
    assert abs(killed.accepted - len(arrived) - journal_status.lost_on_crash) <= THREADS
    twice = [uid for uid, n in arrived.items() if n > 1]
    assert len(twice) <= 2 * BATCH
    assert max(arrived.values(), default=1) <= 2
    assert list((folder / "journal").iterdir()) == []
    return killed, ledger


def rounds(tmp_path, fsync, count):
    """So many kills; how many events were recovered in all, and how many lost."""
    rng = random.Random(fsync)
    found = Counter()
    with OtelTap(tmp_path) as tap:
        for round_ in range(count):
            folder = tmp_path / f"{round_}"
            folder.mkdir()
            _, ledger = kill_and_replay(folder, tap, rng, fsync=fsync)
            found.update(ledger.sources)
    return found


@pytest.mark.timeout(60)
@pytest.mark.parametrize("fsync", ["never", "interval", "always"])
def test_g08_what_is_durable_survives_kill_9_and_what_is_not_is_counted(tmp_path, fsync):
    assert rounds(tmp_path, fsync, 3)["journal"] > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fsync", ["never", "interval", "always"])
def test_g08_fifty_kills(tmp_path, fsync):
    found = rounds(tmp_path, fsync, 50)
    assert found["journal"] > 0
    assert found["lost_on_crash"] > 0


# -- an outage ------------------------------------------------------------------------------------

CRAMPED = {
    "gateway": {"batch_events": 16, "linger_s": 0.02, "mailbox_events": 64},
    "stages": {"mailbox_batches": 1},
    "sink": {"batch_records": 16, "linger_s": 0.05, "mailbox_records": 16},
    "otlp": {"give_up_s": 1, "attempt_timeout_s": 1, "backoff_max_s": 0.5},
}
RATE = 200


def outage(tmp_path, seconds):
    """503 for so long at 200 events a second, with memory for a second of it; then a receiver."""
    with FaultyReceiver(answer(503)) as down:
        settings = {
            "enterprise_otlp_endpoint": down.endpoint,
            "journal": {"directory": tmp_path / "journal"},
            **CRAMPED,
        }
        gateway = TelemetryGateway(TelemetrySettings.enabled(**settings)).start()
        ids = [f"e{n:05}" for n in range(int(seconds * RATE))]
        began = time.monotonic()
        for n, event_id in enumerate(ids):
            time.sleep(max(0.0, began + n / RATE - time.monotonic()))
            assert gateway.emit(
                "app_created", {"tenant_id": "t"}, {"app_id": "a"}, event_id=event_id
            )
        spilled = gateway.status().journal.spilled
    with OtelTap(tmp_path / "tap", [int(down.endpoint.rpartition(":")[2])]) as tap:
        assert gateway.flush(60)
        ledger = gateway.ledger()
        gateway.stop()
        return ids, spilled, ledger, tap.received().log_uids


def check_outage(tmp_path, seconds):
    ids, spilled, ledger, uids = outage(tmp_path, seconds)
    assert spilled > len(ids) // 4
    assert (ledger.exported, ledger.dropped, ledger.in_flight) == (len(ids), {}, 0)
    assert ledger.balanced()
    assert uids == ids


@pytest.mark.timeout(60)
def test_g08_three_seconds_of_503_with_little_memory_cost_nothing(tmp_path):
    check_outage(tmp_path, 3)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_g08_twenty_seconds_of_503_with_little_memory_cost_nothing(tmp_path):
    check_outage(tmp_path, 20)
