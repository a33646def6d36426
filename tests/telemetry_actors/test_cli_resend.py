"""``dead-letters replay`` for real: dropped events through the tree, to a receiver process."""

import json
import os

import msgpack
import pytest

from supervisors import SystemClock
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.books.dead_letters import DeadLetter
from telemetry_actors.books.ledger import Reason
from telemetry_actors.cli import main
from telemetry_actors.demo.receiver import ReceiverProcess
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.stores.letters import LetterDirectory, StoredLetter
from tests.telemetry_actors.test_cli_runs import DEAD, IMPATIENT

pytestmark = pytest.mark.timeout(60)

NOW_NS = SystemClock().now_ns()


@pytest.fixture(scope="module")
def _process():
    with ReceiverProcess() as process:
        yield process


@pytest.fixture
def receiver(_process):
    """Its endpoint; `new_logs` counts since the test began."""
    before = _process.stats()["logs"]
    _process.new_logs = lambda: _process.stats()["logs"] - before
    return _process


@pytest.fixture
def place(tmp_path):
    return tmp_path / "letters"


@pytest.fixture
def directory(place):
    found = LetterDirectory(place)
    found.prepare(NOW_NS)
    return found


def keep(directory, count, **changes):
    for n in range(count):
        event_id = f"{os.urandom(4).hex()}-{n}"
        envelope = Envelope("app_created", "t", event_id, NOW_NS, b"\x80", packed(app_id="a"))
        envelope = envelope._replace(**changes)
        letter = DeadLetter(envelope, Reason.REJECTED, "sinks/logs", "HTTP 403", None, True, n)
        directory.write(StoredLetter(letter, NOW_NS + n, "ab" * 16, 42), NOW_NS)


def packed(**payload):
    return msgpack.packb(payload)


@pytest.fixture
def run(capsys):
    """Run the command in this process: its exit code, and its one line of JSON."""

    def _run(*argv):
        with pytest.raises(SystemExit) as caught:
            main(["dead-letters", "replay", *map(str, argv), "--json"])
        (line,) = capsys.readouterr().out.splitlines()
        return caught.value.code, json.loads(line)

    return _run


@pytest.mark.parametrize("dry", [False, True])
def test_a_filter_that_no_letter_matches_is_told_with_the_case_that_was_meant(
    run, place, directory, capsys, dry
):
    """It was a success in all that is printed."""
    keep(directory, 2)
    argv = ["dead-letters", "replay", str(place), "--case", "app_craeted", "--endpoint", DEAD]
    with pytest.raises(SystemExit) as caught:
        main([*argv, "--dry-run"] if dry else argv)

    captured = capsys.readouterr()
    told = f"no letter matches (2 letters in {place}); app_craeted: did you mean app_created?\n"
    assert captured.err == f"telemetry-actors: {told}"
    assert caught.value.code == (0 if dry else 1)
    assert ("NO  something was delivered" in captured.out) is not dry
    assert len(directory.names()) == 2


def test_nothing_to_replay_is_no_fault(run, place, directory, capsys):
    assert run(place, "--endpoint", DEAD, "--reason", "rejected")[0] == 0
    assert "matches" not in capsys.readouterr().err


def test_g18_what_was_dropped_arrives_and_its_letters_go(run, receiver, place, directory):
    keep(directory, 30)
    code, result = run(place, "--endpoint", receiver.endpoint)

    assert code == 0
    assert result["letters"]["read"] == result["letters"]["exported"] == 30
    assert result["ledger"]["sources"] == {"emit": 0, "dead_letters": 30}
    assert result["ledger"]["signals"]["measurements"]["recorded"] == 0  # they say "measured"
    assert result["balanced"]
    assert receiver.new_logs() == 30
    assert directory.names() == []


def test_g18_a_letter_stays_until_its_event_has_arrived(run, place, directory, monkeypatch):
    for name, value in IMPATIENT.items():
        monkeypatch.setenv(name, value)
    keep(directory, 3)
    keep(directory, 1, case="message_run", payload=packed(message_id=7, inputs="content"))
    code, result = run(place, "--endpoint", DEAD)

    assert code == 1
    assert result["letters"]["dropped"] == 4
    found = list(directory.letters())
    reasons = {(f.letter.envelope.case, str(f.letter.reason), f.replays) for f in found}
    assert reasons == {
        ("app_created", "retry_exhausted", 1),
        ("message_run", "invalid_payload", 1),
    }
    assert all(f.letter.measured for f in found)
    (message,) = [f.letter for f in found if f.letter.envelope.case == "message_run"]
    assert b"content" in message.envelope.payload  # though it was not let through here


def test_what_does_not_fit_in_waits_and_nothing_is_refused(
    run, receiver, place, directory, monkeypatch
):
    monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__MAILBOX_EVENTS", "20")
    monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__LINGER_S", "0.01")
    keep(directory, 300)
    code, result = run(place, "--endpoint", receiver.endpoint)

    assert code == 0
    assert result["ledger"]["refused"] == {}
    assert receiver.new_logs() == 300


def test_the_same_event_twice_is_sent_once(run, receiver, place, directory):
    keep(directory, 2, event_id=os.urandom(4).hex())
    code, result = run(place, "--endpoint", receiver.endpoint)

    assert code == 0
    assert (result["letters"]["exported"], result["letters"]["duplicate"]) == (1, 1)
    assert directory.names() == []


def test_a_case_that_nobody_knows_here_is_told_and_stays(
    run, receiver, place, directory, monkeypatch
):
    keep(directory, 1, case="of_our_own")
    (place / directory.names()[0].replace("-000001@", "-000009@")).write_bytes(b"torn")
    code, result = run(place, "--endpoint", receiver.endpoint)

    assert code == 1
    assert result["letters"] == {
        "read": 1,
        "exported": 0,
        "duplicate": 0,
        "dropped": 0,
        "kept": 0,
        "unreadable": 1,
    }
    assert len(directory.names()) == 2


def test_a_filter_and_a_dry_run(run, receiver, place, directory):
    keep(directory, 2)
    keep(directory, 1, tenant_id="other")
    code, result = run(place, "--tenant", "other", "--dry-run")
    assert code == 0
    assert [letter["tenant_id"] for letter in result["letters"]] == ["other"]
    assert len(directory.names()) == 3

    code, _ = run(place, "--tenant", "other", "--endpoint", receiver.endpoint)
    assert code == 0
    assert len(directory.names()) == 2


def test_a_letter_that_can_not_be_removed_is_told_and_makes_the_code_1(
    run, receiver, place, directory, monkeypatch
):
    def no(self, name):
        raise OSError(30, "Read-only file system")

    keep(directory, 2)
    monkeypatch.setattr(LetterDirectory, "remove", no)
    code, result = run(place, "--endpoint", receiver.endpoint)

    assert code == 1
    assert (result["letters"]["exported"], result["letters"]["kept"]) == (2, 2)


def test_g18_from_a_gateway_that_drops_to_a_receiver_that_takes(run, receiver, place, monkeypatch):
    """The whole way, and without a second letter where the directory is set for both."""
    monkeypatch.setenv("TELEMETRY_ACTORS__DEAD_LETTERS__DIRECTORY", str(place))
    with TelemetryGateway(TelemetrySettings.enabled(), sinks=[]) as gateway:
        for n in range(10):
            assert gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": f"a{n}"})
    assert gateway.status().dead_letter_files.written == 10
    code, result = run(place, "--endpoint", receiver.endpoint)

    assert code == 0
    assert result["ledger"]["signals"]["measurements"]["recorded"] > 0  # they had not been measured
    assert receiver.new_logs() == 10
    assert list(place.iterdir()) == []
