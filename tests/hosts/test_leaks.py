"""g24, style 27 in the large: neither forks nor lives of a gateway leave anything behind.

A program counts its threads, descriptors and resident pages before and after; the first rounds are
left out, since whatever is imported late comes with them. The short form runs in CI.
"""

import json
import subprocess
import sys

import pytest

from tests.hosts.programs import PRELUDE, environment

pytestmark = pytest.mark.timeout(60)

RSS_KB = 4_000
"""It goes up and down by as much with the allocator; 200 lives that each kept 20 kB would show."""
COUNT = """
import gc, json

def sizes():
    gc.collect()
    pages = int(open("/proc/self/statm").read().split()[1])
    return {
        "threads": len(os.listdir("/proc/self/task")),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "rss_kb": pages * os.sysconf("SC_PAGE_SIZE") // 1024,
    }

def compare(do, rounds):
    for _ in range(30):  # until the allocator has what it wants
        do()
    before = most_of(do)
    for _ in range(rounds):
        do()
    print(json.dumps([before, sizes()]))

def most_of(do):
    seen = []
    for _ in range(10):
        do()
        seen.append(sizes())
    return {name: max(one[name] for one in seen) for name in seen[0]}
"""
FORKS = """
def fork():
    if os.fork() == 0:
        accepted = emit("app_created", {"tenant_id": "child"}, {"app_id": "a"})
        sys.exit(0 if accepted and get_gateway().stop(5).drained else 9)
    assert os.wait()[1] == 0

get_gateway().start()
emit("app_created", {"tenant_id": "t"}, {"app_id": "a"})
assert get_gateway().flush(5)
compare(fork, ROUNDS)
"""
LIVES = """
from telemetry_actors import TelemetryGateway

def live():
    gateway = TelemetryGateway().start()
    assert gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": "a"})
    assert gateway.stop(5).drained

compare(live, ROUNDS)
"""


@pytest.mark.parametrize(
    "rounds", [10, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
)
@pytest.mark.parametrize("program", [FORKS, LIVES], ids=["forks", "lives"])
@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_g24_forks_and_lives_leave_no_thread_no_descriptor_and_no_memory(
    program, rounds, shared_tap
):
    ended = subprocess.run(
        [sys.executable, "-c", f"{PRELUDE}{COUNT}ROUNDS = {rounds}\n{program}"],
        env=environment(shared_tap.endpoint, {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    before, after = json.loads(ended.stdout)
    sys.stdout.write(f"\n{rounds} rounds: {before} -> {after}\n")
    assert after["threads"] == before["threads"]
    assert after["descriptors"] == before["descriptors"]
    assert after["rss_kb"] - before["rss_kb"] < RSS_KB
