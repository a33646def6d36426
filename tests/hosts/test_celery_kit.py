"""g23: Celery's pools with `telemetry_actors.hosts.celery`, in real workers with a real Redis.

Wherever Python still runs in a process that ends, all of it arrives; where it doesn't, the test
says what is gone.
"""

import re
import sys
from typing import NamedTuple

import pytest
from celery import Celery

from tests.docs.pages import DOCS, blocks
from tests.hosts.books import arrivals, balance, lost
from tests.hosts.jobs import CeleryQueue
from tests.hosts.processes import Host, until
from tests.hosts.programs import environment

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="workers"),
]

TASKS = 8
ON_TIME_S, EXIT_S = 15.0, 5.0
MISSING = "call telemetry_actors.hosts.celery.install(app)"


class Way(NamedTuple):
    """A pool, and how it is made to end."""

    options: str
    signals: tuple[str, ...] = ("TERM",)
    settings: dict[str, str] = {}


WAYS = {
    "recycled": Way("-P prefork -c 2 --max-tasks-per-child 3"),
    "cold": Way("-P prefork -c 2", ("QUIT",)),
    "warm": Way("-P prefork -c 2"),
    "warm, TERM twice": Way("-P prefork -c 2", ("TERM", "TERM")),
    "warm, then cold": Way("-P prefork -c 2", ("TERM", "QUIT")),
    "too much memory": Way("-P prefork -c 2 --max-memory-per-child 12000"),
    "TERM is QUIT": Way("-P prefork -c 2", ("TERM",), {"REMAP_SIGTERM": "SIGQUIT"}),
    "threads": Way("-P threads -c 4"),
    "threads, cold": Way("-P threads -c 4", ("QUIT",)),
    "solo": Way("-P solo"),
    "solo, cold": Way("-P solo", ("QUIT",)),
    "gevent": Way("-P gevent -c 10"),
    "gevent, cold": Way("-P gevent -c 10", ("QUIT",)),
}
IN_THE_MIDDLE = {
    "cold": Way("-P prefork -c 2", ("QUIT",)),
    "cold, hurried": Way("-P prefork -c 2", ("TERM", "QUIT", "QUIT")),
    "soft": Way("-P prefork -c 2", ("QUIT",), {"HOSTS_SOFT_S": "1"}),
    "TERM is QUIT": Way("-P prefork -c 2", ("TERM", "TERM"), {"REMAP_SIGTERM": "SIGQUIT"}),
}


def some_slow(ways, *in_ci):
    return [pytest.param(w, marks=[] if w in in_ci else [pytest.mark.slow]) for w in ways]


@pytest.fixture
def queue(shared_redis, mark, tmp_path):
    with CeleryQueue(shared_redis.url, mark, tmp_path) as made:
        yield made


@pytest.fixture
def worker(tmp_path, mark, shared_redis):
    """Makes one of that way."""

    def make(way, settings, app="tasks_kit"):
        command = f"celery -q -A tests.hosts.apps.{app} worker -l WARNING --without-gossip"
        command += f" --without-mingle --without-heartbeat {way.options}"
        more = {"HOSTS_REDIS": shared_redis.url, "C_FORCE_ROOT": "1", **way.settings}
        return Host(command, tmp_path, mark, settings | more)

    return make


def ended(host, way, within_s=ON_TIME_S):
    for signal in way.signals:
        host.signal(signal)
    took_s = host.wait(within_s)
    sys.stdout.write(f"\nstopped in {took_s:.2f} s: {host.errors()}")
    assert host.left() == []
    assert "/telemetry_actors/" not in host.errors()  # no traceback of ours; Celery has its own


def books(host, answers, tap):
    came, said = arrivals(tap, host.mark), lost(host.errors())
    accepted = [app_id for app_id, answer in answers.items() if answer.startswith("accepted")]
    sys.stdout.write(f"\n{len(set(came.uids))} of {len(accepted)} came, {said} said lost")
    balance(answers, accepted, came, said)
    return len(came.uids), said


@pytest.mark.parametrize("name", some_slow(WAYS, "recycled"))
def test_g23_with_the_kit_what_tasks_have_emitted_arrives_however_a_worker_ends(
    name, worker, queue, settings, shared_tap
):
    way = WAYS[name]
    with worker(way, settings) as host:
        answers = queue.send(TASKS)
        ended(host, way)
    assert books(host, answers, shared_tap) == (TASKS, 0)
    assert MISSING not in host.errors()


@pytest.mark.parametrize("name", some_slow(IN_THE_MIDDLE))
def test_g23_with_the_kit_what_a_task_has_emitted_before_it_is_cut_short_arrives(
    name, worker, queue, settings, shared_tap, tmp_path
):
    way = IN_THE_MIDDLE[name]
    with worker(way, settings) as host:
        ids = queue.begin("early", 2)
        until(lambda: all((tmp_path / f"begun-{one}").exists() for one in ids))
        ended(host, way)
    assert books(host, dict.fromkeys(ids, "accepted"), shared_tap) == (2, 0)


@pytest.mark.timed
@pytest.mark.parametrize("name", some_slow(("cold", "recycled", "threads", "gevent"), "cold"))
def test_g23_with_a_dead_receiver_each_child_says_in_one_line_what_it_lost_and_ends_on_time(
    name, worker, queue, shared_tap
):
    way = WAYS[name]
    with worker(way, environment("http://127.0.0.1:9", {"lifecycle__exit_timeout_s": 2})) as host:
        answers = queue.send(TASKS // 2)
        ended(host, way, ON_TIME_S + EXIT_S)
    children = {answer.split()[1] for answer in answers.values()}
    assert lost(host.errors()) == TASKS // 2
    assert host.errors().count("events were not delivered") == len(children)


@pytest.mark.slow
@pytest.mark.parametrize("flush_s", ["0", "5"])
def test_g23_a_child_that_is_killed_loses_what_no_task_has_waited_for(
    flush_s, worker, queue, shared_tap
):
    """Nothing of Python runs then. A result is known before its task has waited."""
    way = Way("-P prefork -c 1", ("TERM",), {"HOSTS_FLUSH_S": flush_s})
    with worker(way, environment(shared_tap.endpoint, {"sink__linger_s": 60})) as host:
        answers = queue.send(4)
        if flush_s != "0":
            until(lambda: len(arrivals(shared_tap, host.mark).uids) == 4)
        [child] = {answer.split()[1] for answer in answers.values()}
        host.signal("KILL", int(child))
        ended(host, way)
    assert len(set(arrivals(shared_tap, host.mark).uids)) == (4 if flush_s != "0" else 0)


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        pytest.param("prefork -c 1", 1),
        pytest.param("threads -c 2", 0, marks=pytest.mark.slow),
        pytest.param("solo", 0, marks=pytest.mark.slow),
        pytest.param("gevent -c 2", 0, marks=pytest.mark.slow),
    ],
)
def test_without_the_kit_a_prefork_child_says_once_which_line_is_missing(
    pool, said, worker, queue, settings
):
    way = Way(f"-P {pool}")
    with worker(way, settings, "tasks") as host:
        queue.send(4)
        if said:
            until(lambda: MISSING in host.errors())
        ended(host, way)
    assert len(re.findall(re.escape(MISSING), host.errors())) == said


PAGE = [block.text for block in blocks(DOCS / "hosts.md") if block.language == "python"]


@pytest.mark.slow
def test_the_example_of_the_page_works(tmp_path, mark, shared_redis, settings, shared_tap):
    [service] = [text for text in PAGE if "Celery(" in text]
    url = shared_redis.url
    (tmp_path / "service.py").write_text(service.replace("redis://localhost:6379/0", url))
    command = f"celery -q --workdir {tmp_path} -A service worker -c 1 -Q {mark} -l WARNING"
    with Host(command, tmp_path, mark, settings | {"C_FORCE_ROOT": "1"}) as host:
        sender = Celery("sender", broker=url, backend=url, set_as_current=False)
        with sender:
            answer = sender.send_task("create", (mark,), queue=mark).get(timeout=40)
        ended(host, Way(""))
    assert answer == "accepted"
    came = [log for log in shared_tap.received().logs if mark in str(log["attributes"])]
    assert len(came) == 1
