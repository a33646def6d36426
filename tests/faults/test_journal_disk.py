"""The journal on disks that fail in earnest: full, read-only, removed; and two processes on one."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.testing import RecordingSink

TENANT = {"tenant_id": "acme"}
APP = {"app_id": "a" * 200, "mode": "chat"}
NIMBLE = {"gateway": {"linger_s": 0.005}, "sink": {"linger_s": 0.005}}
ROOT = os.geteuid() == 0


class Receiver(RecordingSink):
    up = True

    def export(self, kind, encoded, timeout_s):
        if not self.up:
            return ExportResult(Verdict.RETRY, message="HTTP 503")
        return super().export(kind, encoded, timeout_s)


@pytest.fixture
def receiver():
    return Receiver()


def a_gateway(directory, receiver, **journal):
    journal = {"directory": directory, **journal}
    return TelemetryGateway(TelemetrySettings.enabled(**NIMBLE, journal=journal), sinks=[receiver])


def until(condition, within_s=10.0):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "too late"
        time.sleep(0.005)


def emit(gateway, count):
    for _ in range(count):
        until(gateway.has_room)
        assert gateway.emit("app_created", TENANT, APP)


@contextmanager
def a_small_disk(at):
    """1 MiB of tmpfs."""
    at.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(at)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


def remounted(at, how):
    subprocess.run(["mount", "-o", f"remount,{how}", str(at)], check=True)


@pytest.mark.timeout(30)
@pytest.mark.skipif(not ROOT, reason="mounts a tmpfs")
def test_g08_a_disk_that_is_full_is_told_survived_and_come_back_to(tmp_path, receiver, caplog):
    receiver.up = False
    with a_small_disk(tmp_path / "disk") as disk:
        with a_gateway(disk, receiver) as gateway:
            emit(gateway, 4_000)
            until(lambda: gateway.status().journal.state == "out")
            assert "No space left" in gateway.status().problems[-1]
            told = [r for r in caplog.records if "the journal" in r.getMessage()]
            assert [r.levelname for r in told] == ["WARNING"]
            receiver.up = True
            assert gateway.flush(10)  # acks fail, too; the events go on
            emit(gateway, 100)
            assert gateway.flush(10)
            ledger = gateway.ledger()
            assert (ledger.exported, ledger.dropped) == (4_100, {})
            until(lambda: _works_again(gateway), within_s=15)
        assert ledger.balanced()


def _works_again(gateway):
    before = gateway.status().journal.durable
    emit(gateway, 1)
    return gateway.flush(5) and gateway.status().journal.durable > before


LIMITED = """
import resource, signal, sys
from pathlib import Path
from telemetry_actors.testing import running_gateway
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
with running_gateway(journal={"directory": sys.argv[1], "segment_bytes": 10**7,
                              "max_bytes": 10**8}, gateway={"linger_s": 0.001}) as (gateway, _):
    for n in range(3_000):
        while not gateway.has_room():
            pass
        assert gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": "a", "mode": "chat"})
    assert gateway.flush(10)
    ledger, journal = gateway.ledger(), gateway.status().journal
print(ledger.exported, ledger.balanced(), journal.errors > 0, 0 < journal.durable < 3_000)
"""


@pytest.mark.timeout(30)
def test_g08_a_file_that_may_not_grow_is_survived(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "journal")],
        capture_output=True,
        text=True,
        check=False,
        timeout=25,
    )
    assert done.stdout.split() == ["3000", "True", "True", "True"], done.stderr


@pytest.mark.timeout(30)
@pytest.mark.skipif(not ROOT, reason="mounts a tmpfs")
def test_g08_a_disk_that_becomes_read_only_is_survived_and_come_back_to(tmp_path, receiver):
    with a_small_disk(tmp_path / "disk") as disk:
        (disk / "journal").mkdir()
        remounted(disk, "ro")
        with a_gateway(disk / "journal", receiver) as gateway:
            emit(gateway, 50)
            assert gateway.flush(5)
            assert gateway.status().journal.state == "out"
            assert "Read-only" in gateway.status().journal.problem
            remounted(disk, "rw")
            until(lambda: _works_again(gateway))
            assert gateway.status().journal.state == "on"
            assert not [p for p in gateway.status().problems if "journal" in p]
        assert gateway.ledger().balanced()


@pytest.mark.timeout(30)
def test_g08_a_directory_that_is_removed_again_and_again_is_survived(tmp_path, receiver):
    home = tmp_path / "journal"
    with a_gateway(home, receiver) as gateway:
        for _ in range(3):
            emit(gateway, 100)
            shutil.rmtree(home, ignore_errors=True)
            emit(gateway, 100)
        assert gateway.flush(5)
        ledger = gateway.ledger()
        until(lambda: _works_again(gateway))
    assert (ledger.exported, ledger.dropped) == (600, {})
    assert len(receiver.logs) >= 600
    assert gateway.ledger().balanced()


def test_g08_a_directory_that_is_moved_away_is_noticed(tmp_path, receiver):
    """What is written there is found by nobody; the files are there all the same."""
    home = tmp_path / "journal"
    with a_gateway(home, receiver) as gateway:
        emit(gateway, 100)
        assert gateway.flush(5)
        home.rename(tmp_path / "moved")
        emit(gateway, 100)
        assert gateway.flush(5)
        until(lambda: _works_again(gateway))
        emit(gateway, 100)
        assert gateway.flush(5)
        assert list(home.glob("*/*"))
    ledger = gateway.ledger()
    assert ledger.balanced()
    assert ledger.exported == ledger.accepted >= 300  # looking is emitting


FIGHTER = """
import json, sys
from telemetry_actors.testing import running_gateway
with running_gateway(journal={"directory": sys.argv[1], "segment_bytes": 20_000},
                     gateway={"linger_s": 0.002}, sink={"linger_s": 0.01}) as (gateway, recording):
    print("ready", flush=True)
    for n in range(int(sys.argv[2])):
        while not gateway.has_room():
            pass
        gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": "a", "mode": "chat"})
    assert gateway.flush(20)
    ledger = gateway.ledger()
    print(json.dumps({"exported": ledger.exported, "sources": ledger.sources,
                      "balanced": ledger.balanced(),
                      "ids": [log.attributes["log.record.uid"] for log in recording.logs]}))
"""


@pytest.mark.timeout(40)
def test_g08_processes_that_share_a_directory_never_take_each_others_events(tmp_path):
    """Four live at once and two come later: what one has is replayed by none of the others."""
    import json

    def start():
        return subprocess.Popen(
            [sys.executable, "-c", FIGHTER, str(tmp_path), "3000"],
            stdout=subprocess.PIPE,
            text=True,
        )

    fighters = [start() for _ in range(4)]
    assert fighters[0].stdout.readline() == "ready\n"
    fighters += [start() for _ in range(2)]
    said = [json.loads(f.communicate(timeout=35)[0].splitlines()[-1]) for f in fighters]

    assert all(one["balanced"] for one in said)
    assert [one["sources"] for one in said] == [{"emit": 3_000}] * 6
    ids = [event_id for one in said for event_id in one["ids"]]
    assert len(ids) == len(set(ids)) == 18_000
    assert list(tmp_path.iterdir()) == []
