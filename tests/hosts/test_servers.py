"""g23, g24: servers from PyPI, with an application that emits one event for each request.

Requests served = accepted = distinct ``log.record.uid`` received + what was said to be lost, with
default settings, however a server begins and ends its processes. Each server runs once here;
`make soak` runs the whole matrix.
"""

import re
import sys
from collections import Counter

import pytest

from tests.hosts.books import arrivals, balance, losers, lost, without_advice
from tests.hosts.failing import rows
from tests.hosts.matrix import ROWS
from tests.hosts.processes import until
from tests.hosts.programs import environment

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="servers"),
]

REQUESTS = 60
ON_TIME_S = 10.0
"""For a graceful stop with a well receiver; a bare server takes up to 3 s on a busy machine."""
EXIT_S = 5.0
BY_NAME = {row.name: row for row in ROWS}
WAIT = [row.name for row in ROWS if row.waits]


def ended(server, row, within_s=ON_TIME_S):
    """Wait for its end, which is as it should be; how long it took."""
    took_s = server.wait(within_s)
    assert server.left() == []
    odd = [line for line in without_advice(server.errors()) if not re.match(row.says, line)]
    assert [line for line in odd if "events were not delivered" not in line] == []
    assert server.code in row.codes
    return took_s


def books(server, answers, tap, *, all_come=True):
    """They balance, and all requests were served."""
    came, said = arrivals(tap, server.mark), lost(server.errors())
    asked = [answer.app_id for answer in answers]
    accepted = [answer.app_id for answer in answers if answer.admission == "accepted"]
    sys.stdout.write(
        f"\n{len(set(came.uids))} distinct of {len(accepted)} accepted of {len(asked)} came,"
        f" {said} said lost; served by {Counter(answer.pid for answer in answers)}\n"
    )
    assert {(answer.status, answer.admission) for answer in answers} == {(200, "accepted")}
    balance(asked, accepted, came, said, all_come=all_come)


# -- the end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    rows(
        "the last answer",
        BY_NAME,
        in_ci=(
            *("gunicorn gthread", "gunicorn gevent", "gunicorn django"),
            *("gunicorn sync preload, made", "uvicorn one", "granian wsgi", "uwsgi lazy", "flask"),
        ),
    ),
)
def test_g23_a_signal_right_after_the_last_answer_loses_nothing(
    name, tmp_path, mark, settings, shared_tap
):
    row = BY_NAME[name]
    with row.starts(tmp_path, mark, settings) as server:
        answers = server.send(REQUESTS, at_once=min(4, row.at_once))
        server.signal(row.stop)
        took_s = ended(server, row)
    sys.stdout.write(f"\n{name}: stopped in {took_s:.2f} s")
    books(server, answers, shared_tap)


@pytest.mark.parametrize("name", rows("in flight", WAIT, in_ci=("gunicorn sync",)))
def test_g23_requests_that_are_being_served_when_the_signal_comes_lose_nothing(
    name, tmp_path, mark, settings, shared_tap
):
    row = BY_NAME[name]
    with row.starts(tmp_path, mark, settings) as server:
        with server.held(row.at_once) as go_on:
            server.signal(row.stop)
            answers = go_on()
        took_s = ended(server, row)
    sys.stdout.write(f"\n{name}: stopped in {took_s:.2f} s")
    books(server, answers, shared_tap)


@pytest.mark.parametrize("name", rows("dead receiver", BY_NAME, in_ci=("gunicorn gthread",)))
def test_g23_with_a_dead_receiver_a_server_stops_on_time_and_each_worker_says_one_line(
    name, tmp_path, mark, shared_tap
):
    row = BY_NAME[name]
    with row.starts(tmp_path, mark, environment("http://127.0.0.1:9", {})) as server:
        answers = server.send(20, at_once=min(4, row.at_once))
        server.signal(row.stop)
        took_s = ended(server, row, within_s=EXIT_S + ON_TIME_S)
    sys.stdout.write(f"\n{name}: stopped in {took_s:.2f} s: {server.errors()}")
    books(server, answers, shared_tap, all_come=False)
    workers = {answer.pid for answer in answers}
    assert losers(server.errors()) == len(workers)


# -- in between ------------------------------------------------------------------------------------

PREFORK = [name for name in BY_NAME if re.fullmatch(r"gunicorn (sync|gthread|gevent)", name)]


@pytest.mark.parametrize("name", rows("reload", PREFORK, in_ci=()))
def test_g23_a_reload_under_load_loses_nothing(name, tmp_path, mark, settings, shared_tap):
    row = BY_NAME[name]
    with row.starts(tmp_path, mark, settings) as server:
        answers = server.send(REQUESTS, at_once=row.at_once)
        before = {answer.pid for answer in answers}
        server.signal("HUP")
        until(lambda: not before & _pids_of(_more(server, row, answers)))
        server.signal(row.stop)
        ended(server, row)
    books(server, answers, shared_tap)


def _more(server, row, answers):
    some = server.send(row.at_once * 2, at_once=row.at_once)
    answers += some
    return some


def _pids_of(answers):
    return {answer.pid for answer in answers}


@pytest.mark.parametrize("name", rows("kill", PREFORK, in_ci=("gunicorn sync",)))
def test_g08_a_worker_that_is_killed_leaves_its_journal_to_the_next(
    name, tmp_path, mark, shared_tap
):
    """With the receiver gone when it is killed; the next life of the server delivers."""
    row = BY_NAME[name]
    journal = {"journal__directory": tmp_path / "journal"}
    with row.starts(tmp_path, mark, environment("http://127.0.0.1:9", journal)) as server:
        answers = server.send(REQUESTS, at_once=row.at_once)
        durable = {}
        until(lambda: durable.update(server.durable()) or sum(durable.values()) == len(answers))
        for pid in _pids_of(answers):
            server.signal("KILL", int(pid))
        server.kill()
    with row.starts(tmp_path, mark, environment(shared_tap.endpoint, journal)) as server:
        answers += server.send(2, at_once=2)  # the tree starts with a process's first event (H15)
        until(lambda: len(set(arrivals(shared_tap, mark).app_ids)) == len(answers))
        server.signal(row.stop)
        ended(server, row)
    books(server, answers, shared_tap)
