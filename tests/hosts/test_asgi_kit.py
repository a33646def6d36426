"""g23: the ASGI kit in the servers from PyPI, however each ends its processes.

Requests served = accepted = distinct ``log.record.uid`` received, with default settings; a dead
receiver costs one line for each process and its time for an exit. A few rows run here; the others
by `make soak`.
"""

import re
import sys
import urllib.request
from contextlib import suppress

import pytest

from tests.docs.pages import DOCS, blocks
from tests.hosts.books import arrivals, balance, lost
from tests.hosts.matrix import Row
from tests.hosts.processes import Host, until
from tests.hosts.programs import environment
from tests.servers.redis import free_port

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="servers"),
]

APPS = "tests.hosts.apps.asgi_kit"
UVICORN = r"INFO: |^\r?$|WARNING:  WatchFiles"
LINES = r"\[.+\] (\[\d+\] )?\[(INFO|WARNING|ERROR)\] "
ON_TIME_S = 15.0
"""For a graceful stop with a well receiver, on a busy machine."""
EXIT_S, GRACE_S = 5.0, 0.2
WAITED = re.compile(r"waited (\d+\.\d) s")


def uvicorn(name, options, app, workers=1, codes=(0, -15, -2, 130)):
    command = f"uvicorn --port {{port}} {options} {APPS}:{app}"
    return Row(
        f"uvicorn {name}{app}", command, workers=workers, at_once=8, codes=codes, says=UVICORN
    )


def gunicorn(name, options, app):
    worker = "-k uvicorn_worker.UvicornWorker"
    command = f"gunicorn -b 127.0.0.1:{{port}} --no-control-socket -w 2 {worker} {options}"
    return Row(f"gunicorn {name}{app}", f"{command} {APPS}:{app}", at_once=8, says=LINES)


def hypercorn(name, options, app):
    command = f"hypercorn -b 127.0.0.1:{{port}} -w 2 {options} {APPS}:{app}"
    return Row(f"hypercorn {name}{app}", command, at_once=8, says=LINES)


def granian(name, options, app):
    command = f"granian --port {{port}} --workers 2 --interface asgi {options} {APPS}:{app}"
    return Row(f"granian {name}{app}", command, at_once=8, says=r"\[INFO\] ")


ROWS = {
    row.name: row
    for row in (
        uvicorn("", "", "fastapi"),
        uvicorn("", "", "own"),
        uvicorn("", "", "around"),
        uvicorn("", "", "raising"),
        uvicorn("", "", "ignoring"),
        uvicorn("asyncio ", "--loop asyncio", "fastapi"),
        uvicorn("two ", "--workers 2", "fastapi", workers=2),
        uvicorn("two ", "--workers 2", "raising", workers=2),
        uvicorn("reload ", "--reload --reload-dir tests/hosts/apps", "fastapi"),
        gunicorn("", "", "fastapi"),
        gunicorn("", "", "raising"),
        gunicorn("preload ", "--preload", "own"),
        gunicorn("recycled ", "--max-requests 7", "fastapi"),
        hypercorn("", "", "fastapi"),
        hypercorn("", "", "ignoring"),
        hypercorn("uvloop ", "-k uvloop", "own"),
        hypercorn("trio ", "-k trio", "fastapi"),
        hypercorn("trio ", "-k trio", "raising"),
        granian("", "", "fastapi"),
        granian("", "", "raising"),
    )
}
IN_CI = {"uvicorn fastapi", "uvicorn two raising", "hypercorn trio fastapi"}


def stops(name):
    """Signals at which it stops in an orderly way.

    gunicorn passes INT on as QUIT, and its UvicornWorker then goes on until it is killed.
    """
    return ("TERM",) if name.startswith("gunicorn") else ("TERM", "INT")


def each(names, signals, in_ci=IN_CI):
    return pytest.mark.parametrize(
        ("name", "signal"),
        [
            pytest.param(
                name,
                signal,
                marks=[] if name in in_ci and signal == "TERM" else [pytest.mark.slow],
            )
            for name in names
            for signal in signals
            if signal in stops(name)
        ],
    )


def ended(server, row, within_s=ON_TIME_S):
    """Wait for its end, which is as it should be."""
    took_s = server.wait(within_s)
    sys.stdout.write(f"\nended with {server.code} in {took_s:.2f} s: {server.errors()}\n")
    assert server.left() == []
    odd = [line for line in server.errors().splitlines() if not re.match(row.says, line)]
    assert [line for line in odd if "events were not delivered" not in line] == []
    assert server.code in row.codes


def nothing_is_lost(server, row, answers, tap):
    """Each request was served, and its event has come; and the last one of each process.

    gunicorn leaves some requests without an answer when it recycles a worker; their events come.
    """
    came = arrivals(tap, server.mark)
    last = came.app_ids.count("the last one")
    came = came._replace(app_ids=[app_id for app_id in came.app_ids if app_id != "the last one"])
    accepted = [answer.app_id for answer in answers if answer.admission == "accepted"]
    balance([answer.app_id for answer in answers], accepted, came, lost(server.errors()))
    assert set(accepted) <= set(came.app_ids)
    if "max-requests" not in server.command:
        assert len(accepted) == len(came.app_ids) == len(answers)
        assert last == last_ones(server, row.workers)


def last_ones(server, workers):
    """Some applications emit one more event at the end of each process."""
    return workers if "own" in server.command or "around" in server.command else 0


@each(ROWS, ["TERM", "INT"])
def test_g23_after_the_last_answer_nothing_is_lost(
    name, signal, tmp_path, mark, settings, shared_tap
):
    row = ROWS[name]
    with row.starts(tmp_path, mark, settings) as server:
        answers = server.send(40, at_once=4)
        server.signal(signal)
        ended(server, row)
    nothing_is_lost(server, row, answers, shared_tap)


@each(ROWS, ["TERM", "INT"], in_ci={"hypercorn trio fastapi"})
def test_g23_requests_that_are_being_served_lose_nothing(
    name, signal, tmp_path, mark, settings, shared_tap
):
    row = ROWS[name]
    with row.starts(tmp_path, mark, settings) as server:
        with server.held(row.at_once) as go_on:
            server.signal(signal)
            answers = go_on()
        ended(server, row)
    nothing_is_lost(server, row, answers, shared_tap)


@each(ROWS, ["TERM"], in_ci={"uvicorn two raising"})
def test_g23_with_a_dead_receiver_each_process_says_one_line_and_ends_on_time(
    name, signal, tmp_path, mark, shared_tap
):
    row = ROWS[name]
    with row.starts(tmp_path, mark, environment("http://127.0.0.1:9", {})) as server:
        answers = server.send(20, at_once=4)
        server.signal(signal)
        ended(server, row, within_s=EXIT_S + ON_TIME_S)
    workers = {answer.pid for answer in answers if answer.pid}
    waited_s = [float(said) for said in WAITED.findall(server.errors())]
    assert len(waited_s) == server.errors().count("events were not delivered") == len(workers)
    assert max(waited_s) <= EXIT_S + GRACE_S
    accepted = sum(answer.admission == "accepted" for answer in answers)
    said = lost(server.errors()) - last_ones(server, len(workers))
    assert accepted <= said <= len(answers)
    assert accepted == len(answers) or "max-requests" in server.command


# -- the page --------------------------------------------------------------------------------------

PAGE = list(blocks(DOCS / "hosts.md"))
SERVICES = {
    "uvicorn": ("FastAPI(lifespan=asgi.lifespan)", "--port", "/apps/{}"),
    "gunicorn": ("FastAPI(lifespan=asgi.lifespan)", "-b", "/apps/{}"),
    "hypercorn": ("asgi.wrap(bare)", "-b", "/{}"),
}


@pytest.mark.parametrize("server", SERVICES)
def test_the_services_of_the_page_lose_nothing(server, tmp_path, mark, settings, shared_tap):
    """As the page says it, but for the port."""
    says, option, path = SERVICES[server]
    (service,) = [b.text for b in PAGE if b.language == "python" and says in b.text]
    command = next(b.text for b in PAGE if b.language == "sh" and b.text.startswith(server))
    (tmp_path / "service.py").write_text(service)
    port = free_port()
    address = str(port) if option == "--port" else f"127.0.0.1:{port}"
    host = Host(f"{command.strip()} {option} {address}", tmp_path, mark, settings)
    host._environment["PYTHONPATH"] += f":{tmp_path}"
    asked = []

    def ask():
        asked.append(path.format(f"{mark}-{len(asked)}"))
        request = urllib.request.Request(f"http://127.0.0.1:{port}{asked[-1]}", method="POST")
        with suppress(OSError), urllib.request.urlopen(request, timeout=10) as answer:
            return b"accepted" in answer.read()
        asked.pop()
        return False

    with host:
        until(ask, within_s=60)
        assert all(ask() for _ in range(20))
        host.signal("TERM")
        host.wait(ON_TIME_S)
        assert host.left() == []
    came = [app_id for app_id in arrivals(shared_tap, "acme").app_ids if mark in app_id]
    assert sorted(came) == sorted(one.removeprefix("/apps/") for one in asked)
