"""``replay -`` of a pipe that nothing comes by; and streams that are closed."""

import signal
import subprocess
import sys

import pytest

from tests.hosts.processes import ROOT

COMMAND = [sys.executable, "-m", "telemetry_actors"]
REPLAY = [*COMMAND, "replay", "-", "--endpoint", "http://127.0.0.1:9"]
WAITING = "telemetry-actors: waiting for lines on standard input\n"
INTERRUPTED = "telemetry-actors: interrupted: 0 of 0 events had arrived"


NOTHING = "telemetry-actors: no event was sent: there was no good line"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("number", "code", "last"),
    [(None, 0, NOTHING), (signal.SIGTERM, 130, INTERRUPTED), (signal.SIGINT, 130, INTERRUPTED)],
)
def test_it_says_once_that_it_waits_and_ends_with_the_books(number, code, last):
    pipe = subprocess.PIPE
    with subprocess.Popen(REPLAY, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=ROOT) as it:
        assert it.stderr.readline() == WAITING
        if number is None:
            it.stdin.close()
        else:
            it.send_signal(number)
        books, errors = it.stdout.read(), it.stderr.read()
        assert it.wait(20) == code
    assert "ok  the books balance" in books
    assert errors.splitlines()[-1:] == [last]
    assert WAITING not in errors


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("closed", "argv", "code", "said"),
    [
        ("<&-", REPLAY[3:], 2, "telemetry-actors: standard input is closed; give a FILE or lines"),
        (">&-", ["dead-letters", "list", "{tmp}"], 0, ""),
        (">&-", ["config", "schema"], 0, ""),
        (">&-", ["config", "show"], 0, ""),
    ],
)
def test_a_stream_that_is_closed_is_no_traceback(closed, argv, code, said, tmp_path):
    words = " ".join([*COMMAND, *argv]).format(tmp=tmp_path)
    done = subprocess.run(
        ["sh", "-c", f"HOME= COLUMNS=20 exec {words} {closed}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr.strip()) == (code, said)
