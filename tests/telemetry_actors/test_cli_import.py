"""``--import MODULE``: cases of one's own are known to the commands that look at cases."""

import json
import subprocess
import sys
from pathlib import Path

import msgpack
import pytest

from supervisors import SystemClock
from telemetry_actors.books.dead_letters import DeadLetter
from telemetry_actors.books.ledger import Reason
from telemetry_actors.demo.receiver import ReceiverProcess
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.stores.letters import LetterDirectory, StoredLetter

pytestmark = pytest.mark.timeout(60)

SHOP = """
from typing_extensions import TypedDict
from telemetry_actors import CaseDefinition, Signals, register_case

print("a module that talks")

class Shipped(TypedDict):
    order_id: str

def signals(facts, payload, settings):
    return Signals(logs=(facts.log("shop.order.shipped", {"order": payload["order_id"]}),))

register_case(CaseDefinition("order_shipped", Shipped, signals))
"""
LINE = '{"case": "order_shipped", "context": {"tenant_id": "t"}, "payload": {"order_id": "o"}}\n'
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def receiver():
    with ReceiverProcess() as process:
        yield process


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command as a process of its own, in a directory that has a module ``shop``."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "events.jsonl").write_text(LINE * 3)

    def _run(*argv):
        begin = "from telemetry_actors.cli import main; main()"
        return subprocess.run(
            # -c has the directory on its path, and an installed script hasn't.
            [sys.executable, "-c", f"import sys; sys.path.pop(0); {begin}", *map(str, argv)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    return _run


def test_a_replay_knows_the_cases_of_a_module_in_the_current_directory(run, receiver):
    done = run(
        *("replay", "events.jsonl", "--import", "shop", "--json", "--endpoint", receiver.endpoint)
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ledger"]["exported"] == 3
    assert "a module that talks" in done.stderr


def test_without_it_each_line_says_what_to_do(run):
    done = run("replay", "events.jsonl", "--endpoint", "http://127.0.0.1:9")

    assert "line 1: unknown case 'order_shipped'; if the case is one of your own, name" in (
        done.stderr
    )
    assert "--import MODULE" in done.stderr


def test_a_letter_of_such_a_case_is_sent_once_more(run, receiver, tmp_path):
    now_ns = SystemClock().now_ns()
    directory = LetterDirectory(tmp_path / "letters")
    directory.prepare(now_ns)
    packed = msgpack.packb({"order_id": "o"})
    envelope = Envelope("order_shipped", "t", "e-1", now_ns, b"\x80", packed)
    letter = DeadLetter(envelope, Reason.REJECTED, "sinks/logs", "HTTP 403", None, True, 1)
    directory.write(StoredLetter(letter, now_ns, "ab" * 16, 42), now_ns)

    command = ("dead-letters", "replay", "letters", "--endpoint", receiver.endpoint)
    unknown = run(*command)
    assert unknown.returncode == 1
    assert "order_shipped refused: unknown_case (if the case is one of your own" in unknown.stderr
    done = run(*command, "--import", "shop")
    assert done.returncode == 0, done.stderr
    assert directory.names() == []


def test_a_configuration_may_speak_of_them(run, tmp_path):
    (tmp_path / "tree.toml").write_text(
        "[children.handlers.children.order_shipped]\nintensity = 7\n"
    )

    assert run("config", "check", "tree.toml").returncode == 1
    done = run("config", "check", "tree.toml", "--import", "shop")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("module", "text", "words"),
    [
        ("gone", None, "--import gone: ModuleNotFoundError: No module named 'gone'"),
        ("bad", "x = 1\nx.y\n", "--import bad: AttributeError: 'int' object has no attribute 'y'"),
        ("bad", "raise SystemExit(3)", "--import bad: SystemExit: 3"),
        ("bad.py", "", "must be a module such as shop.telemetry; did you mean bad?"),
    ],
)
def test_a_module_that_can_not_be_imported_is_one_line(run, tmp_path, module, text, words):
    if text is not None:
        (tmp_path / "bad.py").write_text(text)
    done = run("replay", "events.jsonl", "--import", module, "--endpoint", "http://127.0.0.1:9")

    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert words in line
    if text and "\n" in text:
        assert line.endswith(f"({tmp_path / 'bad.py'}:2)")
