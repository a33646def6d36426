"""g23, g24: uWSGI with its kit, with and without lazy-apps and fork hooks."""

import sys
import time

import pytest

from tests.hosts.books import arrivals, balance, lost
from tests.hosts.programs import environment
from tests.hosts.web import WebServer

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="servers"),
]

REQUESTS, EARLY = 20, 5
MISSING = "call telemetry_actors.hosts.uwsgi.install()"
IDLE_S = 0.3
"""A worker that is told to go in the middle of a request calls nothing at its end."""
WAYS = {
    "master": "",
    "master, fork hooks": "--py-call-uwsgi-fork-hooks",
    "lazy": "--lazy-apps",
    "without teardown": "--skip-atexit-teardown",
    "lazy, without teardown": "--lazy-apps --skip-atexit-teardown",
    "recycled": "--max-requests 7",
    "threads": "--threads 2",
}


def some_slow(ways, *in_ci):
    return [pytest.param(w, marks=[] if w in in_ci else [pytest.mark.slow]) for w in ways]


@pytest.fixture
def server(tmp_path, mark):
    """Makes one with those options."""

    def make(options, settings, app="wsgi_uwsgi", early=0):
        command = (
            "uwsgi --http-socket 127.0.0.1:{port} --master --processes 2 --need-app --die-on-term"
            f" --disable-logging {options} --module tests.hosts.apps.{app}:app"
        )
        more = {"HOSTS_AT_IMPORT": str(early)}
        return WebServer(command, tmp_path, mark, settings | more, workers=2)

    return make


def ended(host, within_s=20):
    time.sleep(IDLE_S)
    host.signal("TERM")
    took_s = host.wait(within_s)
    sys.stdout.write(f"\nstopped in {took_s:.2f} s\n{host.errors()[-2000:]}")
    assert host.left() == []
    assert "Traceback" not in host.errors()


@pytest.mark.parametrize("name", some_slow(WAYS, "without teardown"))
def test_g23_with_the_kit_what_was_emitted_in_workers_and_before_the_fork_arrives(
    name, server, settings, shared_tap
):
    with server(WAYS[name], settings, early=EARLY) as host:
        answers = host.send(REQUESTS, at_once=2)
        ended(host)
    came = arrivals(shared_tap, host.mark)
    early = [one for one in came.app_ids if one.startswith("import-")]
    accepted = [answer.app_id for answer in answers if answer.admission == "accepted"]
    balance([*accepted, *early], [*accepted, *early], came, lost(host.errors()))
    assert len(accepted) == len(answers)
    loaded = len({one.split("-")[1] for one in early})  # lazy-apps: in each worker
    assert len(early) == EARLY * loaded
    assert loaded == (2 if "lazy" in name else loaded)
    assert MISSING not in host.errors()


@pytest.mark.slow
def test_g23_with_a_dead_receiver_each_process_says_what_it_lost(server):
    settings = environment("http://127.0.0.1:9", {"lifecycle__exit_timeout_s": 1})
    with server("", settings, early=EARLY) as host:
        answers = host.send(REQUESTS, at_once=2)
        ended(host)
    assert lost(host.errors()) == len(answers) + EARLY
    assert host.errors().count("events were not delivered") == 3


@pytest.mark.slow
def test_without_the_kit_a_worker_says_which_line_is_missing(server, settings):
    with server("", settings, "wsgi") as host:
        host.send(REQUESTS, at_once=2)
        ended(host)
    assert host.errors().count(MISSING) in (1, 2)
