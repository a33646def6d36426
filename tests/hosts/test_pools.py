"""g23, g24: pools of processes, with one event for each task."""

import sys

import pytest

from tests.hosts.books import arrivals, balance, lost, without_advice
from tests.hosts.failing import rows
from tests.hosts.processes import Host

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="fork"),
]

TASKS = 40
POOLS = [
    f"{kind} {how}" for kind in ("executor", "pool") for how in ("fork", "spawn", "forkserver")
]


@pytest.mark.parametrize(
    "name", rows("pools", POOLS, in_ci=("executor fork", "executor spawn", "pool forkserver"))
)
def test_g23_workers_of_a_pool_deliver_what_they_accepted(
    name, tmp_path, mark, settings, shared_tap
):
    command = f"python -m tests.hosts.apps.pools {name} {TASKS}"
    with Host(command, tmp_path, mark, settings) as host:
        host.wait(60)
        assert host.left() == []
    assert (host.code, without_advice(host.errors())) == (0, [])
    answers = dict(line.split(" ", 1) for line in host.out().splitlines())
    accepted = [app_id for app_id, answer in answers.items() if answer.startswith("accepted ")]
    came = arrivals(shared_tap, mark)
    sys.stdout.write(f"\n{len(set(came.uids))} distinct of {len(accepted)} came\n")
    assert len(accepted) == TASKS
    assert len(set(answers.values())) == 2  # both workers had some
    balance(answers, accepted, came, lost(host.errors()))
