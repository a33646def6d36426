"""g23: rq's workers with `telemetry_actors.hosts.rq`, with a real Redis."""

import sys

import pytest

from tests.hosts.books import arrivals, balance, lost
from tests.hosts.jobs import RqQueue
from tests.hosts.processes import Host, until
from tests.hosts.programs import environment

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="workers"),
]

JOBS = 4
KIT = "telemetry_actors.hosts.rq"
MISSING = "--worker-class telemetry_actors.hosts.rq.Worker"


@pytest.fixture
def queue(shared_redis, mark):
    with RqQueue(shared_redis.url, mark) as made:
        yield made


@pytest.fixture
def worker(tmp_path, mark, shared_redis):
    """Makes one of that class, which ends when all jobs are done unless told otherwise."""

    def make(which, settings, options="-b"):
        command = f"rq worker -q -u {shared_redis.url} -w {which} {options} {mark}"
        return Host(command, tmp_path, mark, settings)

    return make


def ended(host, within_s=60):
    took_s = host.wait(within_s)
    sys.stdout.write(f"\nstopped in {took_s:.2f} s: {host.errors()}")
    assert host.left() == []
    assert host.code == 0


def books(host, answers, tap):
    came, said = arrivals(tap, host.mark), lost(host.errors())
    accepted = [app_id for app_id, answer in answers.items() if answer.startswith("accepted")]
    balance(answers, accepted, came, said)
    return len(came.uids), said


@pytest.mark.parametrize(
    "name",
    [
        "Worker",
        pytest.param("SimpleWorker", marks=pytest.mark.slow),
        pytest.param("SpawnWorker", marks=pytest.mark.slow),
    ],
)
def test_g23_with_the_kit_what_jobs_have_emitted_arrives(name, worker, queue, settings, shared_tap):
    queue.put(JOBS)
    with worker(f"{KIT}.{name}", settings) as host:
        ended(host)
    assert books(host, queue.answers(), shared_tap) == (JOBS, 0)
    assert host.errors() == ""


@pytest.mark.slow
def test_g23_what_a_job_that_fails_has_emitted_arrives(worker, queue, settings, shared_tap):
    [app_id] = queue.put(1, "tests.hosts.apps.jobs.fail")
    with worker(f"{KIT}.Worker", settings) as host:
        ended(host)
    assert queue.answers() == {}
    assert books(host, {app_id: "accepted"}, shared_tap) == (1, 0)


@pytest.mark.slow
def test_g23_a_job_that_is_being_done_when_a_worker_is_told_to_stop_loses_nothing(
    worker, queue, settings, shared_tap, tmp_path
):
    [app_id] = queue.put(1, "tests.hosts.apps.work.hold")
    with worker(f"{KIT}.Worker", settings, "") as host:
        until((tmp_path / f"begun-{app_id}").exists)
        host.signal("TERM")
        (tmp_path / "release").touch()
        ended(host)
    assert books(host, queue.answers(), shared_tap) == (1, 0)


@pytest.mark.slow
def test_g23_a_work_horse_that_is_killed_says_nothing(
    worker, queue, settings, shared_tap, tmp_path
):
    """A second SIGTERM has rq kill it: what it had accepted is gone."""
    [app_id] = queue.put(1, "tests.hosts.apps.jobs.early")
    with worker(f"{KIT}.Worker", settings | {"TELEMETRY_ACTORS__SINK__LINGER_S": "60"}, "") as host:
        until((tmp_path / f"begun-{app_id}").exists)
        host.signal("INT")
        until(lambda: "cold shut down" in host.errors() + host.out() or _again(host))
        host.wait(30)
    assert len(arrivals(shared_tap, host.mark).uids) == 0


def _again(host):
    if not host.has_ended():
        host.signal("INT")  # one that comes within a second of the first is left out by rq
    return host.has_ended()


def test_g23_with_a_dead_receiver_each_work_horse_says_one_line_and_ends_on_time(worker, queue):
    queue.put(2)
    settings = environment("http://127.0.0.1:9", {"lifecycle__exit_timeout_s": 1})
    with worker(f"{KIT}.Worker", settings) as host:
        ended(host)
    assert lost(host.errors()) == len(queue.answers()) == 2
    assert host.errors().count("events were not delivered") == 2
    assert len(host.errors().splitlines()) == 2


@pytest.mark.parametrize(
    ("which", "said"),
    [("Worker", 1), pytest.param("SimpleWorker", 0, marks=pytest.mark.slow)],
)
def test_without_the_kit_a_work_horse_says_which_line_is_missing(
    which, said, worker, queue, settings, tmp_path
):
    [app_id] = queue.put(1, "tests.hosts.apps.jobs.early_and_hold")
    with worker(f"rq.worker.{which}", settings) as host:
        until((tmp_path / f"begun-{app_id}").exists)
        if said:
            until(lambda: MISSING in host.errors())
        (tmp_path / "release").touch()
        ended(host)
    assert host.errors().count(MISSING) == said
