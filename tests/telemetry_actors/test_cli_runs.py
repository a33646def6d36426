"""``demo`` and ``replay`` for real: the whole tree, a receiver process, and the books."""

import json
import signal
import subprocess
import sys

import pytest

from supervisors import SystemClock
from telemetry_actors.books.meanings import ADMISSIONS, REASONS
from telemetry_actors.cli import main
from telemetry_actors.cli._progress import ProgressDisplay
from telemetry_actors.demo.arrivals import made_up_arrivals
from telemetry_actors.demo.event import IF_YOUR_OWN
from telemetry_actors.demo.receiver import ReceiverProcess

pytestmark = pytest.mark.timeout(60)

GOOD = '{"case": "app_created", "context": {"tenant_id": "acme"}, "payload": {"app_id": "a"}}\n'
DEAD = "http://127.0.0.1:9"  # discard: nobody listens
IMPATIENT = {
    "TELEMETRY_ACTORS__LIFECYCLE__STOP_TIMEOUT_S": "1",
    "TELEMETRY_ACTORS__OTLP__GIVE_UP_S": "0.3",
    "TELEMETRY_ACTORS__OTLP__ATTEMPT_TIMEOUT_S": "0.2",
    "TELEMETRY_ACTORS__OTLP__BACKOFF_MIN_S": "0.05",
    "TELEMETRY_ACTORS__OTLP__BACKOFF_MAX_S": "0.1",
}


def test_g29_a_note_is_one_line_and_no_command_to_the_terminal(capsys):
    """What is refused is named, and a letter's case is anybody's."""
    with ProgressDisplay(SystemClock()) as progress:
        progress.note("\x1b[2J\n\x9b2J refused: [red]x")

    assert capsys.readouterr().err == "\\x1b[2J\\n\\x9b2J refused: [red]x\n"


@pytest.fixture
def receiver():
    with ReceiverProcess() as process:
        yield process


@pytest.fixture
def run(capsys):
    """Run a command in this process: its exit code, and its one line of JSON."""

    def _run(*argv):
        with pytest.raises(SystemExit) as caught:
            main([*map(str, argv), "--json"])
        (line,) = capsys.readouterr().out.splitlines()
        return caught.value.code, json.loads(line)

    return _run


class TestDemo:
    """Two forced ends, balanced books, and a receiver that agrees."""

    def test_the_books_balance_and_agree_with_the_receiver(self, run):
        code, result = run("demo", "--events", 600)

        assert code == 0
        assert result["balanced"] is True
        assert result["restarts"] == 2
        assert result["ledger"]["emitted"] == result["ledger"]["accepted"] == 600
        logs, spans = (result["ledger"]["signals"][kind] for kind in ("logs", "spans"))
        assert result["received"]["logs"] == logs["exported"]
        assert result["received"]["spans"] == spans["exported"]
        assert result["received"]["points"] > 0

    def test_its_tables_show_the_tree_and_the_restarts(self, capsys):
        with pytest.raises(SystemExit) as caught:
            main(["demo", "--events", "100"])

        captured = capsys.readouterr()
        assert caught.value.code == 0
        assert "sinks/logs: ended by force; its supervisor has restarted it" in captured.err
        assert "The tree, 2 restarts" in captured.out
        assert "100 = 100 + 0" in captured.out
        assert "NO" not in captured.out
        assert not [word for word in REASONS if f"\n{word}: " in captured.out]

    def test_with_an_endpoint_it_sends_there(self, run, receiver):
        code, result = run("demo", "--events", 100, "--endpoint", receiver.endpoint)

        assert code == 0
        assert result["received"] is None
        assert receiver.stats()["logs"] == 100

    def test_a_dead_endpoint_ends_with_balanced_books_and_code_1(self, run, monkeypatch):
        """Nothing is exported, and all of it is counted."""
        for name, value in IMPATIENT.items():
            monkeypatch.setenv(name, value)

        code, result = run("demo", "--events", 100, "--endpoint", DEAD)

        assert code == 1
        assert result["balanced"] is True
        assert result["ledger"]["dropped"] == {"retry_exhausted": 100}


class TestReplay:
    """Every event of a good line arrives; bad ones are told apart."""

    def test_jsonl_with_bad_lines(self, run, receiver, tmp_path, capsys):
        file = tmp_path / "events.jsonl"
        file.write_text(GOOD * 3 + "nonsense\n" + GOOD + '{"case": "tea_break"}\n')

        code, result = run("replay", file, "--endpoint", receiver.endpoint)

        assert code == 0
        assert result["events"] == result["ledger"]["exported"] == 4
        assert result["ledger"]["refused"] == {}
        assert result["bad_lines"] == {
            "count": 2,
            "first": [
                {"line": 4, "reason": "not JSON: Expecting value at column 1"},
                {"line": 6, "reason": f"unknown case 'tea_break'; {IF_YOUR_OWN}"},
            ],
        }
        assert receiver.stats()["logs"] == 4

    @pytest.mark.parametrize(("lines", "bad"), [("nonsense\n", 1), ("", 0)])
    def test_without_one_good_line_it_says_that_nothing_was_sent(
        self, run, tmp_path, capsys, lines, bad
    ):
        file = tmp_path / "events.jsonl"
        file.write_text(lines)
        with pytest.raises(SystemExit) as caught:
            main(["replay", str(file), "--endpoint", DEAD])

        told = capsys.readouterr().err.splitlines()[-1]
        assert told == "telemetry-actors: no event was sent: there was no good line"
        assert caught.value.code == 0
        assert run("replay", file, "--endpoint", DEAD)[1]["bad_lines"]["count"] == bad

    def test_a_repeated_event_id_is_a_duplicate_and_no_loss(self, run, receiver, tmp_path):
        file = tmp_path / "events.jsonl"
        file.write_text(GOOD.replace("}}\n", '}, "event_id": "e-1"}\n') * 3)

        code, result = run("replay", file, "--endpoint", receiver.endpoint)

        assert code == 0
        assert (result["ledger"]["exported"], result["ledger"]["duplicate"]) == (1, 2)

    def test_arrivals_of_an_llm_service(self, run, receiver, tmp_path):
        file = tmp_path / "arrivals.csv"
        file.write_text("".join(made_up_arrivals(200)))

        code, result = run("replay", "--azure-llm", file, "--endpoint", receiver.endpoint)

        assert code == 0
        assert result["events"] == result["ledger"]["exported"] == 600
        stats = receiver.stats()
        assert (stats["logs"], stats["spans"]) == (600, 400)
        assert stats["repeated_logs"] == stats["repeated_spans"] == 0

    def test_a_small_mailbox_makes_it_wait_and_nothing_is_refused(
        self, run, receiver, tmp_path, monkeypatch
    ):
        monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__MAILBOX_EVENTS", "20")
        monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__LINGER_S", "0.01")
        file = tmp_path / "events.jsonl"
        file.write_text(GOOD * 500)

        code, result = run("replay", file, "--endpoint", receiver.endpoint)

        assert code == 0
        assert result["ledger"]["refused"] == {}
        assert result["ledger"]["exported"] == 500

    def test_an_event_that_is_lost_makes_the_code_1(self, run, receiver, tmp_path):
        file = tmp_path / "events.jsonl"
        file.write_text(GOOD + '{"case": "workflow_run", "context": {}, "payload": {}}\n')

        code, result = run("replay", file, "--endpoint", receiver.endpoint)

        assert code == 1
        assert result["balanced"] is True
        assert result["ledger"]["dropped"] == {"invalid_payload": 1}

    def test_under_a_drop_and_a_refusal_it_says_what_to_do(
        self, receiver, tmp_path, capsys, monkeypatch
    ):
        """Once for each word, whatever the number of events."""
        file = tmp_path / "events.jsonl"
        bad = '{"case": "workflow_run", "context": {}, "payload": {}}\n'
        file.write_text(GOOD * 2 + bad * 3)
        monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__MAX_CONTEXT_BYTES", "8")

        with pytest.raises(SystemExit):
            main(["replay", str(file), "--endpoint", receiver.endpoint])

        lines = capsys.readouterr().out.splitlines()
        for table, word in ((ADMISSIONS, "too_large"), (REASONS, "invalid_payload")):
            row = table[word]
            assert lines.count(f"{word}: {row.meaning}; {row.what_to_do}") == 1

    def test_a_configured_endpoint_is_enough(self, run, receiver, tmp_path, monkeypatch):
        monkeypatch.setenv("ENTERPRISE_OTLP_ENDPOINT", receiver.endpoint)
        file = tmp_path / "events.jsonl"
        file.write_text(GOOD)

        code, _ = run("replay", file)

        assert code == 0

    def test_ctrl_c_ends_it_cleanly_with_the_books(self, receiver):
        """Standard input stays open, as from a pipe; the interrupt ends the wait for it."""
        command = [sys.executable, "-m", "telemetry_actors.cli", "replay", "-", "--json"]
        with subprocess.Popen(
            [*command, "--endpoint", receiver.endpoint],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            process.stdin.write(GOOD * 50 + "nonsense\n")
            process.stdin.flush()
            for line in process.stderr:
                if line.startswith("line 51"):
                    break
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)

        assert process.returncode == 130, err
        result = json.loads(out)
        assert result["interrupted"] is True
        assert result["balanced"] is True
        assert result["ledger"]["exported"] == 50
