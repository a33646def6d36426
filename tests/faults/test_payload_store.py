"""The payload store under real faults: a full disk, a folder that goes, kill -9, a bucket's server.

A bucket is moto's S3 server, a process of its own.
"""

import importlib.util
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from telemetry_actors.testing import running_gateway
from tests.telemetry_actors.promises.stores import files, settled_store, until

ROOT = Path(__file__).parents[2]
LARGE = "x" * 1_500_000
NEEDED = ("s3fs", "moto", "flask", "boto3")


def emit(gateway, n):
    payload = {"message_id": f"m{n}", "status": "succeeded", "inputs": LARGE}
    return gateway.emit("message_run", {"tenant_id": "t"}, payload, event_id=f"e{n}")


def a_gateway(directory, **store):
    return running_gateway(
        enterprise_include_content=True, payload_store={"directory": directory, **store}
    )


def assert_all_came_whole(gateway, recording, count):
    inputs = [log.attributes["dify.message.inputs"] for log in recording.logs]
    assert inputs == [LARGE] * count
    assert gateway.ledger().exported == count
    assert gateway.ledger().balanced()


# -- a disk ---------------------------------------------------------------------------------------


@contextmanager
def no_file_over(size_bytes):
    """What a full disk does to a write, for the whole process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_with_a_full_disk_payloads_travel_inline_and_nothing_half_stays(tmp_path):
    with a_gateway(tmp_path) as (gateway, recording):
        with no_file_over(1_000_000):
            for n in range(3):
                assert emit(gateway, n)
            assert gateway.flush()
        assert_all_came_whole(gateway, recording, 3)
        assert gateway.status().payload_store.failed >= 1
        assert files(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_on_a_small_disk_it_goes_on_inline_and_heals_when_there_is_room(tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("this container may not mount")
    try:
        with a_gateway(tmp_path) as (gateway, recording):
            assert emit(gateway, 0)
            assert gateway.flush()
            assert gateway.status().payload_store.healthy is False
            subprocess.run(["mount", "-o", "remount,size=50m", tmp_path], check=True)
            _emit_until_written(gateway, 1)
            assert gateway.status().payload_store.healthy
            assert_all_came_whole(gateway, recording, gateway.ledger().emitted)
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def _emit_until_written(gateway, first):
    """The breaker lets a try through after a second or so."""
    deadline = time.monotonic() + 8
    n = first
    while gateway.status().payload_store.written == 0 and time.monotonic() < deadline:
        assert emit(gateway, n)
        assert gateway.flush()
        n += 1
        time.sleep(0.2)
    assert gateway.status().payload_store.written == 1


def test_a_folder_that_is_taken_away_is_made_again(tmp_path):
    root = tmp_path / "store"
    with a_gateway(root) as (gateway, recording):
        for n in range(3):
            assert emit(gateway, n)
            assert gateway.flush()
            settled_store(gateway)
            shutil.rmtree(root)
        assert_all_came_whole(gateway, recording, 3)
        assert gateway.status().payload_store.written == 3


def test_a_folder_that_can_not_be_written_costs_nothing_but_memory():
    """A place where not even root may make a file."""
    with a_gateway(Path("/proc/self/payloads")) as (gateway, recording):
        assert emit(gateway, 1)
        assert gateway.flush()
        assert_all_came_whole(gateway, recording, 1)
        assert any("payload store" in problem for problem in gateway.status().problems)


_KILLED = """
import sys, threading
from telemetry_actors.testing import running_gateway
from tests.telemetry_actors.promises.stores import held_store
running = running_gateway(payload_store={"directory": sys.argv[1]}, enterprise_include_content=True)
with held_store(running) as (gateway, _, gate):
    payload = {"message_id": "m", "status": "ok", "inputs": "x" * 1_500_000}
    assert gateway.emit("message_run", {"tenant_id": "t"}, payload)
    gate.wait_for("get")
    print("now", flush=True)
    threading.Event().wait()
"""


def test_what_a_killed_process_has_left_is_swept_by_the_next_one_in_time(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, tmp_path], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout.readline() == b"now\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len(files(tmp_path)) == 1

    with a_gateway(tmp_path):  # it may be another process's that lives
        pass
    assert len(files(tmp_path)) == 1
    time.sleep(0.2)
    with a_gateway(tmp_path, orphan_age_s=0.1) as (gateway, _):
        until(lambda: gateway.status().payload_store.swept == 1)
    assert files(tmp_path) == []


# -- a bucket -------------------------------------------------------------------------------------


@contextmanager
def s3_server():
    """moto, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve = "import sys; from moto.server import main; main(['-p', sys.argv[1]])"
    server = subprocess.Popen(
        [sys.executable, "-c", serve, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield port, server
    finally:
        server.kill()
        server.wait()


@pytest.mark.timed
@pytest.mark.timeout(90)
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in NEEDED),
    reason="moto[server] and s3fs are not installed (make install)",
)
def test_a_bucket_that_works_loses_an_object_hangs_heals_and_dies():
    credentials = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    with s3_server() as (port, server):
        answer = subprocess.run(
            [sys.executable, "-m", "tests.faults.s3_session", str(server.pid)],
            capture_output=True,
            text=True,
            check=False,
            timeout=80,
            cwd=ROOT,
            env={**os.environ, **credentials, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"},
        )
    assert answer.returncode == 0, answer.stderr
    said = json.loads(answer.stdout)

    assert said["object"] == "e1"
    assert said["whole"] == [1_500_000]
    assert said["afterwards"] == 0
    assert said["object gone"] == [[0], True]
    assert said["hung"] == [1_500_000] * 5  # inline
    assert said["hung_s"] < 5
    assert said["healed"]
    assert said["killed"] == [1_500_000]
    assert said["balanced"]
