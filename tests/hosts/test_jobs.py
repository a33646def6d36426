"""g23, g24: workers of Celery and rq, with one event for each job, and a real Redis.

As in `test_servers`: jobs done = accepted = received + said to be lost.
"""

import re
import sys
from typing import NamedTuple

import pytest

from tests.hosts.books import arrivals, balance, losers, lost, without_advice
from tests.hosts.failing import rows
from tests.hosts.jobs import CeleryQueue, RqQueue
from tests.hosts.processes import Host
from tests.hosts.programs import environment

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="workers"),
]

JOBS = 40
ON_TIME_S, EXIT_S = 15.0, 5.0
CELERY_SAYS = (
    r"$|worker: |Restoring|.*(SecurityWarning|superuser|uid=|User information|absolutely not)"
    r"|  _warn_or_raise|Please specify|.*WARNING/MainProcess\]"
)


class Celery(NamedTuple):
    """A worker of Celery's."""

    options: str
    at_once: int = 1
    stop: str = "TERM"
    codes: tuple[int, ...] = (0,)


CELERY = {
    "solo": Celery("-P solo"),
    "threads": Celery("-P threads -c 4", 4),
    "gevent": Celery("-P gevent -c 10", 10),
    "prefork": Celery("-P prefork -c 2", 2),
    "prefork recycled": Celery("-P prefork -c 2 --max-tasks-per-child 4", 2),
    "prefork cold": Celery("-P prefork -c 2", 2, "QUIT"),
    "threads cold": Celery("-P threads -c 4", 4, "QUIT"),
}


@pytest.fixture
def queue(shared_redis, mark, tmp_path):
    with CeleryQueue(shared_redis.url, mark, tmp_path) as made:
        yield made


@pytest.fixture
def celery(tmp_path, mark, shared_redis):
    """Makes a worker of the options that it gets."""

    def make(row, settings):
        command = "celery -q -A tests.hosts.apps.tasks worker -l WARNING --without-gossip"
        command += f" --without-mingle --without-heartbeat {row.options}"
        more = {"HOSTS_REDIS": shared_redis.url, "C_FORCE_ROOT": "1"}
        return Host(command, tmp_path, mark, settings | more)

    return make


def ended(host, says, codes, within_s=ON_TIME_S):
    took_s = host.wait(within_s)
    sys.stdout.write(f"\nstopped in {took_s:.2f} s: {host.errors()}")
    assert host.left() == []
    odd = [line for line in without_advice(host.errors()) if not re.match(says, line)]
    assert [line for line in odd if "events were not delivered" not in line] == []
    assert host.code in codes


def books(host, answers, tap, count, *, all_come=True):
    """They balance, and so many jobs were done."""
    came, said = arrivals(tap, host.mark), lost(host.errors())
    accepted = [app_id for app_id, answer in answers.items() if answer.startswith("accepted")]
    sys.stdout.write(
        f"\n{len(set(came.uids))} distinct of {len(accepted)} accepted of {len(answers)} came,"
        f" {said} said lost; by {len({answer.split()[1] for answer in answers.values()})}\n"
    )
    assert len(accepted) == count
    balance(answers, accepted, came, said, all_come=all_come)


@pytest.mark.parametrize("name", rows("celery", CELERY, in_ci=("threads",)))
def test_g23_a_celery_worker_that_is_told_to_stop_after_its_last_task_loses_nothing(
    name, celery, queue, settings, shared_tap
):
    row = CELERY[name]
    with celery(row, settings) as host:
        answers = queue.send(JOBS)
        host.signal(row.stop)
        ended(host, CELERY_SAYS, row.codes)
    books(host, answers, shared_tap, JOBS)


WARM = [name for name, row in CELERY.items() if row.stop == "TERM"]


@pytest.mark.parametrize("name", rows("celery in flight", WARM, in_ci=()))
def test_g23_tasks_that_are_being_done_when_a_celery_worker_is_told_to_stop_lose_nothing(
    name, celery, queue, settings, shared_tap
):
    row = CELERY[name]
    with celery(row, settings) as host:
        with queue.held(row.at_once) as go_on:
            host.signal(row.stop)
            answers = go_on()
        ended(host, CELERY_SAYS, row.codes)
    books(host, answers, shared_tap, row.at_once)


@pytest.mark.parametrize("name", rows("celery, dead receiver", CELERY, in_ci=()))
def test_g23_with_a_dead_receiver_a_celery_worker_stops_on_time_and_says_what_it_lost(
    name, celery, queue, shared_tap
):
    row = CELERY[name]
    with celery(row, environment("http://127.0.0.1:9", {})) as host:
        answers = queue.send(JOBS)
        host.signal(row.stop)
        ended(host, rf"{CELERY_SAYS}|.*sink otlp/\w+ fails", row.codes, EXIT_S + ON_TIME_S)
    books(host, answers, shared_tap, JOBS, all_come=False)
    workers = {answer.split()[1] for answer in answers.values()}
    assert losers(host.errors()) == len(workers)


RQ = {
    "simple": "rq.worker.SimpleWorker",
    "fork": "rq.worker.Worker",
    "spawn": "rq.worker.SpawnWorker",
}


@pytest.fixture
def rq_queue(shared_redis, mark):
    with RqQueue(shared_redis.url, mark) as made:
        yield made


def rq_worker(kind, tmp_path, mark, shared_redis, settings, *, burst):
    command = f"rq worker -q -u {shared_redis.url} -w {RQ[kind]} {'-b' * burst} {mark}"
    return Host(command, tmp_path, mark, settings)


@pytest.mark.parametrize("kind", rows("rq", RQ, in_ci=("simple",)))
def test_g23_an_rq_worker_that_has_done_its_jobs_loses_nothing(
    kind, tmp_path, mark, shared_redis, rq_queue, settings, shared_tap
):
    rq_queue.put(JOBS // 2)
    with rq_worker(kind, tmp_path, mark, shared_redis, settings, burst=True) as host:
        ended(host, r"$^", (0,), 60)
    books(host, rq_queue.answers(), shared_tap, JOBS // 2)


@pytest.mark.parametrize("kind", rows("rq, TERM", RQ, in_ci=()))
def test_g23_an_rq_worker_that_is_told_to_stop_loses_nothing(
    kind, tmp_path, mark, shared_redis, rq_queue, settings, shared_tap
):
    rq_queue.put(JOBS // 2)
    with rq_worker(kind, tmp_path, mark, shared_redis, settings, burst=False) as host:
        rq_queue.until_done()
        host.signal("TERM")
        ended(host, r"$^", (0,))
    books(host, rq_queue.answers(), shared_tap, JOBS // 2)
