"""g23: gunicorn with the names of `telemetry_actors.hosts.gunicorn` in its configuration file."""

import sys

import pytest

from tests.hosts.books import arrivals, balance, lost
from tests.hosts.processes import until
from tests.hosts.programs import environment
from tests.hosts.web import WebServer

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="servers"),
]

REQUESTS = 20
WAYS = {
    "sync": "",
    "preload": "--preload",
    "gthread": "-k gthread --threads 4",
    "gevent": "-k gevent",
    "recycled": "--max-requests 7",
}


def server(options, tmp_path, mark, settings):
    command = (
        "gunicorn -b 127.0.0.1:{port} --no-control-socket -w 2"
        f" -c python:tests.hosts.apps.gunicorn_kit {options} tests.hosts.apps.wsgi:app"
    )
    return WebServer(command, tmp_path, mark, settings, workers=2)


def ended(host, within_s=20):
    host.signal("TERM")
    took_s = host.wait(within_s)
    sys.stdout.write(f"\nstopped in {took_s:.2f} s\n{host.errors()[-2000:]}")
    assert host.left() == []
    assert "Traceback" not in host.errors()


@pytest.mark.parametrize(
    "name", [pytest.param(w, marks=[] if w == "preload" else [pytest.mark.slow]) for w in WAYS]
)
def test_g23_with_its_hooks_a_worker_delivers_before_it_leaves(
    name, tmp_path, mark, settings, shared_tap
):
    with server(WAYS[name], tmp_path, mark, settings) as host:
        answers = host.send(REQUESTS, at_once=2)
        ended(host)
    accepted = [answer.app_id for answer in answers if answer.admission == "accepted"]
    balance(accepted, accepted, arrivals(shared_tap, mark), lost(host.errors()))
    assert (len(accepted), lost(host.errors())) == (len(answers), 0)
    assert "telemetry_actors" not in host.errors()


@pytest.mark.slow
def test_g08_what_an_earlier_life_left_in_the_journal_is_sent_without_an_event(
    tmp_path, mark, shared_tap
):
    journal = {"journal__directory": tmp_path / "journal", "lifecycle__exit_timeout_s": 1}
    with server("", tmp_path, mark, environment("http://127.0.0.1:9", journal)) as host:
        answers = host.send(REQUESTS, at_once=2)
        ended(host)
    with server("", tmp_path, mark, environment(shared_tap.endpoint, journal)) as host:
        until(lambda: len(set(arrivals(shared_tap, mark).app_ids)) == len(answers))
        ended(host)
