"""g23: SIGTERM with and without our handler, in real processes; and the handler's own rules."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from telemetry_actors.lifecycle import stop_on_sigterm
from tests.hosts.programs import PRELUDE, ended, environment, run, started, terminate, until_it_says
from tests.receivers.faulty import FaultyReceiver, hang

pytestmark = pytest.mark.timeout(60)

GRACE_S = 1.0
"""For the time-out's own 0.2 s, and for the signal's way to a process on a busy machine."""
ON_REQUEST = "from telemetry_actors.lifecycle import stop_on_sigterm\n"
RUNS = "say(0)\nwhile True: time.sleep(10)\n"


def end_by_sigterm(program, endpoint, **settings):
    """Its end, and how long that took after the signal."""
    with started(program, endpoint, **settings) as process:
        accepted = 0
        while number := until_it_says(process):
            accepted += number
        terminated_s = terminate(process)
        end = ended(process)
        return end._replace(
            accepted=accepted + end.accepted, took_s=time.monotonic() - terminated_s
        )


def test_g23_without_the_handler_sigterm_ends_a_process_on_the_spot(tap, arrived):
    program = f"get_gateway().start(); emit_some(100)\n{RUNS}"
    end = end_by_sigterm(program, tap.endpoint, sink__linger_s=60)
    assert end.code == -signal.SIGTERM
    assert arrived() == 0


@pytest.mark.parametrize("when", ["emit", "flush", "stop", "start", "nothing"])
def test_g23_on_request_sigterm_stops_first_and_then_ends_the_process(tap, arrived, when):
    """Whatever the main thread is in the middle of."""
    busy = {
        "emit": "while True: emit('app_created', {'tenant_id': 't'}, None)",
        "flush": "while True: get_gateway().flush(5)",
        "stop": "get_gateway().stop(30); time.sleep(30)",
        "start": "while True: get_gateway().start()",
        "nothing": "time.sleep(30)",
    }[when]
    program = f"{ON_REQUEST}stop_on_sigterm()\nemit_some(100); say(0)\n{busy}"
    end = end_by_sigterm(program, tap.endpoint)
    assert end.code == -signal.SIGTERM
    refused = "case app_created: events are refused (invalid)"  # what it emits in its loop
    assert [line for line in end.errors.splitlines() if refused not in line] == []
    assert arrived() == end.accepted == 100


def test_g23_a_handler_of_the_hosts_is_called_after_what_is_queued_got_out(tap, arrived):
    """The gateway goes on meanwhile, since the host may have work to finish."""
    program = f"""{ON_REQUEST}
ending = []
def graceful(signum, frame):
    ending.append(signum)
signal.signal(signal.SIGTERM, graceful)
stop_on_sigterm()
emit_some(100)
say(0)
while not ending:
    time.sleep(0.01)
emit_some(50)
sys.exit(7)
"""
    end = end_by_sigterm(program, tap.endpoint)
    assert (end.code, end.errors) == (7, "")
    assert arrived() == end.accepted == 150


def test_g23_a_handler_of_the_hosts_that_leaves_at_once_loses_nothing(tap, arrived):
    program = f"""{ON_REQUEST}
signal.signal(signal.SIGTERM, lambda *_: os._exit(9))
stop_on_sigterm()
emit_some(100)
{RUNS}"""
    end = end_by_sigterm(program, tap.endpoint)
    assert end.code == 9
    assert arrived() == 100


def test_g23_where_sigterm_is_ignored_it_stays_ignored(tap, arrived):
    program = f"""{ON_REQUEST}
signal.signal(signal.SIGTERM, signal.SIG_IGN)
stop_on_sigterm()
emit_some(50)
os.kill(os.getpid(), signal.SIGTERM)
emit_some(50)
"""
    end = run(program, tap.endpoint)
    assert end.code == 0
    assert arrived() == end.accepted == 100


@pytest.mark.timed
@pytest.mark.parametrize("kind", ["dead", "hanging"])
def test_g23_sigterm_that_can_not_deliver_is_on_time_and_says_so_in_one_line(kind):
    program = (
        f"{ON_REQUEST}stop_on_sigterm(timeout_s=1)\nget_gateway().start(); emit_some(100)\n{RUNS}"
    )
    with FaultyReceiver(hang) as receiver:
        endpoint = receiver.endpoint if kind == "hanging" else "http://127.0.0.1:9"
        end = end_by_sigterm(program, endpoint)
    assert end.code == -signal.SIGTERM
    assert end.took_s < 1 + GRACE_S + end.still_s
    assert len(end.errors.splitlines()) == 1
    assert "100 events were not delivered" in end.errors


@pytest.mark.timed
def test_g23_a_second_sigterm_does_not_wait():
    program = (
        f"{ON_REQUEST}stop_on_sigterm(timeout_s=20)\nget_gateway().start(); emit_some(100)\n{RUNS}"
    )
    with started(program, "http://127.0.0.1:9") as process:
        while until_it_says(process):
            pass
        terminate(process)
        time.sleep(0.5)
        began_s = terminate(process)
        end = ended(process)
    assert end.code == -signal.SIGTERM
    assert time.monotonic() - began_s < 5


def test_g23_only_the_gateway_that_was_named_is_stopped(tap, arrived):
    program = f"""{ON_REQUEST}
from telemetry_actors import TelemetryGateway, TelemetrySettings
other = TelemetryGateway(TelemetrySettings.enabled(sink={{"linger_s": 60}})).start()
stop_on_sigterm(get_gateway())
other.emit("app_created", {{}}, {{}})
emit_some(100)
{RUNS}"""
    end = end_by_sigterm(program, tap.endpoint)
    assert end.code == -signal.SIGTERM
    assert arrived() == 100


GRACEFUL = """
ending = []
signal.signal(signal.SIGTERM, lambda *_: ending.append(1))
stop_on_sigterm(timeout_s=2)
get_gateway().start(); emit_some(100); say(0)
while not ending: time.sleep(0.01)
"""


@pytest.mark.timed
def test_g23_a_handler_and_the_exit_have_one_budget():
    """As under gunicorn: its own handler lets the worker come to its end."""
    program = f"{ON_REQUEST}{GRACEFUL}sys.exit(0)"
    end = end_by_sigterm(program, "http://127.0.0.1:9", lifecycle__exit_timeout_s=2)
    assert end.code == 0
    assert end.took_s < 2 + GRACE_S + end.still_s
    assert len(end.errors.splitlines()) == 1
    assert "100 events are not delivered yet" in end.errors


def test_g23_what_is_lost_after_the_first_word_is_said_too():
    program = f"{ON_REQUEST}{GRACEFUL}emit_some(1); sys.exit(0)"
    end = end_by_sigterm(program, "http://127.0.0.1:9", lifecycle__exit_timeout_s=2)
    assert ["100 events are not" in line for line in end.errors.splitlines()] == [True, False]
    assert "101 events were not delivered" in end.errors


def test_g23_a_host_that_raises_the_signal_again_does_not_leave_without_a_word():
    """As uvicorn does: no exit callback runs then."""
    program = f"""{ON_REQUEST}{GRACEFUL}
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.raise_signal(signal.SIGTERM)
"""
    end = end_by_sigterm(program, "http://127.0.0.1:9")
    assert end.code == -signal.SIGTERM
    assert len(end.errors.splitlines()) == 1
    assert "100 events are not delivered yet" in end.errors


def test_g23_what_was_lost_for_want_of_a_tree_is_said_before_the_signal_is_raised_again():
    """It waits nowhere any more, and no line has said so yet."""
    program = f"""{ON_REQUEST}
os.environ["ENTERPRISE_OTLP_API_KEY_FILE"] = "/nowhere/key"
{GRACEFUL.replace("get_gateway().start(); ", "")}
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.raise_signal(signal.SIGTERM)
"""
    end = end_by_sigterm(program, "http://127.0.0.1:9")
    assert end.code == -signal.SIGTERM
    (said,) = [line for line in end.errors.splitlines() if "told to end" in line]
    assert "100 events are not delivered yet (parked 100), and the process is told to end" in said
    assert "the tree couldn't be started: ENTERPRISE_OTLP_API_KEY_FILE = /nowhere/key" in said


def test_g23_what_the_journal_holds_is_not_called_lost(tmp_path):
    """The next process sends it."""
    program = f"""{ON_REQUEST}
ending = []
signal.signal(signal.SIGTERM, lambda *_: ending.append(1))
stop_on_sigterm(timeout_s=1)
get_gateway().start(); emit_some(20)
while get_gateway().status().journal.durable < 20: time.sleep(0.01)
say(0)
while not ending: time.sleep(0.01)
sys.exit(0)
"""
    end = end_by_sigterm(
        program,
        "http://127.0.0.1:9",
        journal__directory=tmp_path,
        lifecycle__exit_timeout_s=1,
    )
    assert (end.code, end.accepted, end.errors) == (0, 20, "")


def can_unshare():
    """Whether this machine lets us have a process 1 of our own."""
    try:
        tried = subprocess.run([*PROCESS_1, "true"], capture_output=True, check=False)
        return tried.returncode == 0
    except OSError:
        return False


PROCESS_1 = ["unshare", "--pid", "--fork", "--kill-child"]
if os.geteuid():
    PROCESS_1[1:1] = ["--user", "--map-root-user"]


@pytest.mark.skipif(not can_unshare(), reason="no pid namespaces here")
def test_g23_process_1_of_a_container_ends(tap, arrived):
    """No signal ends it by default, so it has to leave."""
    program = f"{PRELUDE}{ON_REQUEST}stop_on_sigterm()\nemit_some(100); say(0)\ntime.sleep(60)"
    with subprocess.Popen(
        [*PROCESS_1, sys.executable, "-c", program],
        env=environment(tap.endpoint, {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as outside:
        try:
            assert until_it_says(outside) == 100
            assert until_it_says(outside) == 0
            children = f"/proc/{outside.pid}/task/{outside.pid}/children"
            os.kill(int(Path(children).read_text().split()[0]), signal.SIGTERM)
            _, errors = outside.communicate(timeout=20)
        finally:
            outside.kill()
    assert (outside.returncode, errors) == (128 + signal.SIGTERM, "")
    assert arrived() == 100


# -- the handler's own rules ----------------------------------------------------------------------


def test_close_puts_the_old_handler_back_and_no_other():
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_sigterm() as handler:
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    handler.close()
    assert signal.getsignal(signal.SIGTERM) is before

    handler = stop_on_sigterm()
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # somebody else's, later
        handler.close()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_it_is_installed_again_after_a_handler_of_the_hosts_has_returned():
    called = []
    before = signal.signal(signal.SIGTERM, lambda *_: called.append(1))
    try:
        with stop_on_sigterm():
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert called == [1] * 4


def test_outside_the_main_thread_it_says_where_it_belongs():
    said = []

    def ask():
        try:
            stop_on_sigterm()
        except ValueError as error:
            said.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert said == ["stop_on_sigterm() works in the main thread only: call it from there"]


def test_within_uvicorn_it_says_that_it_will_be_taken_away(monkeypatch):
    """Its server has SIGTERM while it serves, and puts back at its end what was there before."""
    from uvicorn import Config, Server

    from telemetry_actors.lifecycle import sigterm

    said = []
    monkeypatch.setattr(sigterm, "say_at_the_end", said.append)
    server = Server(Config("none:app"))
    with server.capture_signals(), stop_on_sigterm():
        assert "telemetry_actors.hosts.asgi" in said[0]
    with stop_on_sigterm():
        assert len(said) == 1
