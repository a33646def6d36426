"""Dead letters on real disks that fail, and a process that is killed in mid-write."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import msgpack
import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.stores.letters import BadLetter, LetterDirectory
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.timeout(60)

WRITER = """
import sys
from telemetry_actors import TelemetryGateway, TelemetrySettings

settings = TelemetrySettings.enabled(
    dead_letters={"directory": sys.argv[1]}, gateway={"linger_s": 0.0}
)
with TelemetryGateway(settings, sinks=[]) as gateway:
    print("up", flush=True)
    for n in range(10**6):
        while not gateway.has_room():
            pass
        gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": f"{n:06}", "mode": "x" * 20_000})
"""


def a_gateway(place, **letters):
    quick = {"gateway": {"linger_s": 0.0}, "dead_letters": {"directory": place, **letters}}
    return TelemetryGateway(TelemetrySettings.enabled(**quick), sinks=[])


def emit(gateway, count, size=10):
    for n in range(count):
        assert gateway.emit(
            "app_created", {"tenant_id": "t"}, {"app_id": f"{n}", "mode": "x" * size}
        )
    assert gateway.flush(10)


def files(place):
    return list(place.iterdir()) if place.exists() else []


def until(what):
    deadline_s = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def settled(gateway):
    """The state of the files, once nothing waits."""
    until(lambda: gateway.status().dead_letter_files.waiting == 0)
    return gateway.status().dead_letter_files


@pytest.fixture
def child(tmp_path):
    """A process that drops as many large events as it can."""
    command = [sys.executable, "-c", WRITER, tmp_path / "letters"]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert started.stdout.readline() == "up\n"
    yield started
    started.kill()
    started.wait()
    started.stdout.close()


def kill(child):
    os.kill(child.pid, signal.SIGKILL)
    child.wait()


def read(place):
    """Whole letters, and the others."""
    found = list(LetterDirectory(place).letters())
    bad = [one for one in found if isinstance(one, BadLetter)]
    return [one for one in found if not isinstance(one, BadLetter)], bad


def numbers(whole):
    return [int(msgpack.unpackb(one.letter.envelope.payload)["app_id"]) for one in whole]


@pytest.mark.parametrize("after_files", [1, 60])
def test_g18_a_kill_leaves_whole_letters_and_one_begun_at_most(child, tmp_path, after_files):
    place = tmp_path / "letters"
    until(lambda: len(files(place)) >= after_files)
    kill(child)
    whole, bad = read(place)

    assert len(whole) >= after_files - 1
    assert len(bad) <= 1
    assert numbers(whole) == list(range(len(whole)))  # none is missing before the last


def test_g18_what_was_begun_when_its_process_was_killed_is_told_and_swept(child, tmp_path):
    place = tmp_path / "letters"

    def is_in_mid_write():
        os.kill(child.pid, signal.SIGSTOP)
        os.waitpid(child.pid, os.WUNTRACED)  # the signal takes its time to get there
        if any(file.suffix == ".tmp" for file in files(place)):
            return True
        os.kill(child.pid, signal.SIGCONT)
        return False

    until(is_in_mid_write)
    kill(child)
    whole, bad = read(place)

    assert numbers(whole) == list(range(len(whole)))
    assert [one.reason.partition(":")[0] for one in bad] == ["unfinished"]

    begun = place / bad[0].name
    os.utime(begun, (0, 0))
    with a_gateway(place) as gateway:
        until(lambda: not begun.exists())
        emit(gateway, 1)
    assert len(read(place)[0]) == len(whole) + 1


FULL = """
import json, logging, resource, signal, sys
from telemetry_actors import TelemetryGateway, TelemetrySettings

logging.basicConfig(level=logging.WARNING)
settings = TelemetrySettings.enabled(dead_letters={"directory": sys.argv[1]})
with TelemetryGateway(settings, sinks=[]) as gateway:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
    for n, size in enumerate([10, 8000, 10, 9000, 10]):
        gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": f"{n}", "mode": "x" * size})
    gateway.flush(10)
print(json.dumps({
    "files": gateway.status().dead_letter_files.model_dump(),
    "balanced": gateway.ledger().balanced(),
    "dropped": gateway.ledger().dropped,
}))
"""


def test_g18_a_disk_that_takes_no_more_is_survived_and_counted(tmp_path):
    """The kernel itself breaks the writes off in the middle."""
    place = tmp_path / "letters"
    done = subprocess.run(
        [sys.executable, "-c", FULL, place], capture_output=True, text=True, check=True, timeout=30
    )
    said = json.loads(done.stdout)

    assert said["dropped"] == {"no_sink": 5}
    assert said["balanced"]
    assert (said["files"]["written"], said["files"]["unwritten"]) == (3, 2)
    assert 1 <= done.stderr.count("can't be written to") <= 2  # once for each time that it began
    assert len(list(LetterDirectory(place).letters())) == len(files(place)) == 3


def test_g18_a_directory_that_is_removed_is_made_again(tmp_path):
    place = tmp_path / "letters"
    with a_gateway(place) as gateway:
        emit(gateway, 3)
        assert settled(gateway).written == 3
        shutil.rmtree(place)
        emit(gateway, 2)
        state = settled(gateway)

    assert (state.written, state.unwritten, state.problem) == (5, 0, "")
    assert len(files(place)) == 2


READ_ONLY = """
import json, logging, os, sys
from telemetry_actors import TelemetryGateway, TelemetrySettings

logging.basicConfig(level=logging.WARNING)
settings = TelemetrySettings.enabled(dead_letters={"directory": sys.argv[1]})
gateway = TelemetryGateway(settings, sinks=[]).start()
if os.geteuid() == 0:
    os.seteuid(65534)  # root may write everywhere
for n in range(20):
    gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": f"{n}"})
gateway.flush(10)
gateway.stop()
print(json.dumps([gateway.status().dead_letter_files.model_dump(), gateway.ledger().balanced()]))
"""


def test_g18_a_directory_that_may_not_be_written_is_told_once_and_survived(tmp_path):
    place = tmp_path / "letters"
    place.mkdir(mode=0o500)
    command = [sys.executable, "-c", READ_ONLY, place]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    state, balanced = json.loads(done.stdout)

    assert (state["written"], state["unwritten"], balanced) == (0, 20, True)
    assert state["problem"].startswith("Permission denied: let this process's user write there")
    assert done.stderr.count("can't be written to") == 1
    assert files(place) == []


def test_g18_a_directory_whose_place_is_taken_is_told_once_and_survived(tmp_path, caplog):
    place = tmp_path / "letters"
    place.write_text("a file")
    check_unwritable(place, tmp_path, caplog, place.unlink)


def check_unwritable(place, tmp_path, caplog, mend):
    """It starts, says so once, counts, and comes back once the disk does."""
    with a_gateway(place) as gateway:
        emit(gateway, 20)
        state = settled(gateway)
        assert (state.written, state.unwritten) == (0, 20)
        assert any("dead letters can't be written" in p for p in gateway.status().problems)
        mend()
        emit(gateway, 5)
        state = settled(gateway)

    assert (state.written, state.unwritten, state.problem) == (5, 20, "")
    assert sum("can't be written to" in message for message in caplog.messages) == 1
    assert len(gateway.dead_letters()) == 25
    assert gateway.ledger().balanced()


@pytest.mark.timed
def test_g18_emit_pays_nothing_for_a_disk_that_hangs(tmp_path, monkeypatch):
    """A write that never comes back holds up neither events nor the stop."""
    hanging = threading.Event()
    monkeypatch.setattr(LetterDirectory, "write", lambda self, stored, now_ns: hanging.wait(30))
    gateway = a_gateway(tmp_path / "letters").start()
    began_s = time.monotonic()
    emit(gateway, 50)
    assert time.monotonic() - began_s < 5
    assert gateway.ledger().dropped == {"no_sink": 50}

    watch = Stopwatch()
    gateway.stop(1.0)
    assert watch.took_s() < 1.2
    assert gateway.status().dead_letter_files.unwritten == 50
    hanging.set()


def test_two_processes_share_a_directory(tmp_path):
    place = tmp_path / "letters"
    children = [
        subprocess.Popen([sys.executable, "-c", WRITER.replace("10**6", "50"), place])
        for _ in range(2)
    ]
    assert [child.wait(30) for child in children] == [0, 0]

    found = list(LetterDirectory(place).letters())
    assert not [one for one in found if isinstance(one, BadLetter)]
    assert len({one.process for one in found}) == 2
    assert len(found) == 100
