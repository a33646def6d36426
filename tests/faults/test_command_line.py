"""What somebody who types a command reads when nothing arrives: the cause, in time, and an end."""

import signal
import subprocess
import sys
import time

import pytest

from tests.receivers.faulty import FaultyReceiver, answer, hang

pytestmark = pytest.mark.timeout(90)

LINE = '{"case": "app_created", "context": {"tenant_id": "acme"}, "payload": {"app_id": "a"}}\n'
DEAD = "http://127.0.0.1:9"  # discard: nobody listens
BEGUN_S = 20.0
"""For the interpreter and our imports, on a machine that has other things to do."""


class Command:
    """A command as a process, and its lines of stderr with the time at which each was read."""

    def __init__(self, *argv):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "telemetry_actors", *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines = []

    def read_until(self, words):
        for line in self.process.stderr:
            self.lines.append((time.monotonic(), line.rstrip("\n")))
            if words in line:
                return self.lines[-1]
        raise AssertionError(f"{words!r} is not in\n{self.text}")

    def end(self):
        self.lines += [(time.monotonic(), line.rstrip("\n")) for line in self.process.stderr]
        out = self.process.stdout.read()
        self.process.wait(30)
        return self.process.returncode, out

    @property
    def text(self):
        return "\n".join(line for _, line in self.lines)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text(LINE * 300)
    return path


@pytest.mark.parametrize("command", ["replay", pytest.param("demo", marks=pytest.mark.slow)])
def test_a_dead_address_is_said_at_once_and_ends_it(command, file):
    argv = ["replay", str(file)] if command == "replay" else ["demo", "--events", "200"]
    with Command(*argv, "--endpoint", DEAD, "--json") as run:
        began_s = time.monotonic()
        said_s, cause = run.read_until("fails (retry")
        waits_s, waits = run.read_until("events wait")
        code, out = run.end()

    assert "at http://127.0.0.1:9/v1/" in cause
    assert "nothing listens at 127.0.0.1:9; is the receiver running" in cause
    assert waits == f"{'300' if command == 'replay' else '200'} events wait"
    causes = [line for _, line in run.lines if "/v1/logs: nothing listens" in line]
    assert causes == [cause, run.lines[-1][1]]
    assert said_s - began_s < BEGUN_S
    assert waits_s - said_s < 6
    assert code == 1
    assert run.lines[-1][0] - said_s < 20
    last = run.lines[-1][1]
    assert last.startswith("telemetry-actors: given up, since nothing arrives any more (0 of ")
    assert "nothing listens at 127.0.0.1:9; is the receiver running" in last
    assert len(out.splitlines()) == 1


def test_a_receiver_that_refuses_all_ends_it_with_what_to_do(file):
    with (
        FaultyReceiver(answer(404)) as receiver,
        Command("replay", str(file), "--endpoint", receiver.endpoint) as run,
    ):
        code, _ = run.end()

    last = run.lines[-1][1]
    assert code == 1
    assert last.startswith("telemetry-actors: 0 of 300 events arrived: sink otlp (")
    assert "HTTP 404" in last
    assert "no OTLP receiver is at this path" in last


@pytest.mark.slow
def test_a_receiver_that_does_not_answer_is_named_before_anything_fails(file):
    with (
        FaultyReceiver(hang) as receiver,
        Command("replay", str(file), "--endpoint", receiver.endpoint) as run,
    ):
        _, line = run.read_until("events wait: ")
        run.process.send_signal(signal.SIGINT)
        code, _ = run.end()

    assert line == f"300 events wait: {receiver.endpoint} has not answered so far"
    assert code == 130
    assert run.lines[-1][1].startswith("telemetry-actors: interrupted: 0 of 300 events had arrived")


def test_ctrl_c_while_nothing_arrives_ends_it_soon_and_says_what_was_sent(file):
    with Command("replay", str(file), "--endpoint", DEAD, "--json") as run:
        run.read_until("events wait")
        interrupted_s = time.monotonic()
        run.process.send_signal(signal.SIGINT)
        code, out = run.end()

    assert code == 130
    assert run.lines[-1][0] - interrupted_s < 8
    last = run.lines[-1][1]
    assert last.startswith("telemetry-actors: interrupted: 0 of 300 events had arrived; sink otlp")
    assert len(out.splitlines()) == 1
