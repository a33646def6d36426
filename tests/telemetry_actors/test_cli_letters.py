"""``dead-letters list|show|purge``: what people and machines see of a directory of letters."""

import io
import json
from datetime import UTC, datetime

import msgpack
import pytest

from supervisors import SystemClock
from telemetry_actors.books.dead_letters import Among, DeadLetter
from telemetry_actors.books.ledger import Reason
from telemetry_actors.books.meanings import what_to_do
from telemetry_actors.cli import _letters as _cli_letters
from telemetry_actors.cli import main
from telemetry_actors.cli._letters import Filter, seconds_of
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.event.ids import bounded_id
from telemetry_actors.stores.letters import LetterDirectory, StoredLetter

HOUR_NS = 3600 * 10**9
NOW_NS = SystemClock().now_ns()
PAYLOAD = {"app_id": "a", "n": 1.5, "raw": b"\x00", "odd": float("nan"), "deep": [{"x": None}]}


@pytest.fixture
def place(tmp_path):
    return tmp_path / "letters"


@pytest.fixture
def directory(place):
    found = LetterDirectory(place)
    found.prepare(NOW_NS)
    return found


def keep(directory, event_id="e-1", *, hours=0, reason="rejected", tenant="acme", **more):
    envelope = Envelope(
        more.pop("case", "app_created"),
        tenant,
        event_id,
        NOW_NS,
        msgpack.packb({"tenant_id": tenant}),
        more.pop("payload", msgpack.packb(PAYLOAD)),
    )
    letter = DeadLetter(envelope, Reason(reason), "sinks/logs", "HTTP 403", **more)
    stored = StoredLetter(letter, NOW_NS - hours * HOUR_NS, "ab" * 16, 42)
    return directory.write(stored, NOW_NS)


def run(*argv):
    with pytest.raises(SystemExit) as caught:
        main(["dead-letters", *map(str, argv)])
    return caught.value.code


def listed(capsys, *argv):
    assert run("list", *argv, "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    return json.loads(line)


def ids(found):
    return [letter["event_id"] for letter in found["letters"]]


def refuses(_directory, _name):
    raise PermissionError(13, "Permission denied")


class TestList:
    def test_g18_a_table_has_what_one_needs_to_choose(self, place, directory, capsys):
        keep(directory, hours=50)
        keep(directory, "e-2", reason="parked", among=Among.of(["a", "b"], 1))

        assert run("list", place) == 0
        out = capsys.readouterr().out
        assert "2 dead letters" in out
        for words in ("e-1", "acme", "app_created", "sinks/logs", "rejected", "2d"):
            assert words in out
        assert "parked (assumed)" in out

    def test_it_fits_80_columns_in_a_pipe_and_says_what_went_wrong(self, place, directory, capsys):
        keep(directory, "e" * 36, tenant="t" * 90, case="tool_execution")
        stored = directory.read(keep(directory, "e-2"))
        directory.replace(stored._replace(replays=2))

        assert run("list", place) == 0
        out = capsys.readouterr().out
        assert max(map(len, out.splitlines())) <= 80
        assert "HTTP 403; sent 3 times" in out
        assert "e" * 36 in out
        assert {one["error"] for one in listed(capsys, place)["letters"]} == {"HTTP 403"}

    def test_below_it_stands_what_to_do_about_each_reason_once(self, place, directory, capsys):
        for n in range(3):
            keep(directory, f"e-{n}")
        keep(directory, "e-9", reason="parked")

        assert run("list", place) == 0
        lines = capsys.readouterr().out.splitlines()
        begins = [line.partition(":")[0] for line in lines if line[0].isalpha()]
        assert begins == ["rejected", "parked"]
        text = " ".join(" ".join(lines).split())
        for reason in ("rejected", "parked"):
            assert text.count(what_to_do(reason)) == 1

    def test_as_json(self, place, directory, capsys):
        name = keep(directory, measured=True)
        (letter,) = listed(capsys, place)["letters"]

        assert letter["id"] == name.partition("@")[0]
        assert (letter["at"], letter["measured"], letter["replays"]) == (NOW_NS, True, 0)
        assert "payload" not in letter

    def test_a_filter_that_none_matches_names_the_case_that_was_meant(
        self, place, directory, capsys
    ):
        keep(directory)
        keep(directory, "e-2", case="ticket_sold")
        for wrong, meant in (
            ("app_craeted", "; app_craeted: did you mean app_created?"),
            ("tikcet_sold", "; tikcet_sold: did you mean ticket_sold?"),
            ("nowhere", ""),
        ):
            assert run("list", place, "--case", wrong) == 0
            told = f"telemetry-actors: no letter matches (2 letters in {place}){meant}\n"
            assert capsys.readouterr().err == told

    def test_a_reason_that_there_is_not_names_the_nearest_one(self, place, capsys):
        assert run("list", place, "--reason", "no_snik") == 2
        assert capsys.readouterr().err == (
            "telemetry-actors: invalid value for '--reason': there is no no_snik;"
            " did you mean no_sink? (telemetry-actors dead-letters list -h says more)\n"
        )
        assert run("list", place, "--reason", "xyzzy") == 2
        assert "there is no xyzzy; there are invalid_payload, " in capsys.readouterr().err

    def test_filters(self, place, directory, capsys):
        keep(directory, "old", hours=5)
        keep(directory, "parked", hours=2, reason="parked")
        keep(directory, "other", hours=1, tenant="other", case="feedback_created")
        date = datetime.fromtimestamp((NOW_NS - 3 * HOUR_NS) / 1e9, UTC).isoformat()

        assert ids(listed(capsys, place)) == ["old", "parked", "other"]
        assert ids(listed(capsys, place, "--reason", "parked")) == ["parked"]
        both = ("--reason", "parked", "--reason", "rejected")
        assert ids(listed(capsys, place, *both)) == ["old", "parked", "other"]
        assert ids(listed(capsys, place, "--tenant", "other")) == ["other"]
        assert ids(listed(capsys, place, "--case", "feedback_created")) == ["other"]
        assert ids(listed(capsys, place, "--since", "3h")) == ["parked", "other"]
        assert ids(listed(capsys, place, "--since", date)) == ["parked", "other"]

    def test_what_users_call_things_does_not_reach_the_terminal(self, place, directory, capsys):
        keep(directory, "\x1b[2J[red]x", tenant="\n")
        assert run("list", place) == 0
        out = capsys.readouterr().out

        assert "\x1b" not in out
        assert "%1B%5B2J%5Bred%5Dx" in out

    @pytest.mark.parametrize(
        "since", ["0001-01-01", "0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00-23:59"]
    )
    def test_a_time_before_all_others_lets_all_pass(self, place, directory, capsys, since):
        keep(directory)
        assert ids(listed(capsys, place, "--since", since)) == ["e-1"]

    @pytest.mark.parametrize(
        "since", ["9999-12-31T23:59:59", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59+23:59"]
    )
    def test_a_time_after_all_others_lets_none_pass(self, place, directory, capsys, since):
        keep(directory)
        assert ids(listed(capsys, place, "--since", since)) == []

    def test_a_long_id_is_found_by_itself_and_by_its_digest(self, place, directory, capsys):
        long = "e" * 201
        keep(directory, bounded_id(long), tenant=bounded_id("t" * 999))
        keep(directory)
        for tenant in ("t" * 999, bounded_id("t" * 999)):
            assert ids(listed(capsys, place, "--tenant", tenant)) == [bounded_id(long)]
        for event in (long, bounded_id(long)):
            assert run("show", place, event) == 0
            assert json.loads(capsys.readouterr().out)["event_id"] == bounded_id(long)

    @pytest.mark.parametrize("command", [("list",), ("purge", "--yes"), ("show",)])
    def test_g29_names_of_files_reach_no_terminal_as_they_are(
        self, place, directory, capsys, monkeypatch, command
    ):
        name = keep(directory).replace("e-1", "\x1b[2J\n\x9b2J\x07")
        (place / name).write_bytes(b"")
        verb, *more = command
        if verb == "purge":  # on a disk that lets nothing go
            monkeypatch.setattr(LetterDirectory, "remove", refuses)
        wanted = [name.replace("000001", "9")] if verb == "show" else []
        code = run(verb, place, *wanted, *more)
        captured = capsys.readouterr()

        assert code == {"list": 0, "purge": 1, "show": 2}[verb]
        for text in (captured.out, captured.err):
            assert all(line.isprintable() for line in text.splitlines())
        if verb != "show":
            assert "\\x1b[2J\\n\\x9b2J\\x07" in captured.err

    def test_torn_ones_are_told_and_skipped(self, place, directory, capsys):
        keep(directory, "good")
        for _ in range(25):
            (place / keep(directory, "torn")).write_bytes(b"")
        assert run("list", place, "--json") == 0
        captured = capsys.readouterr()

        found = json.loads(captured.out)
        assert ids(found) == ["good"]
        assert len(found["unreadable"]) == 25
        assert captured.err.count("skipped: torn: 0 bytes") == 20
        assert "5 further files were skipped" in captured.err


class TestShow:
    @pytest.mark.parametrize("by", ["id", "start", "event id"])
    def test_g18_the_whole_letter_as_json(self, place, directory, capsys, by):
        name = keep(directory, among=Among.of(["e-1", "e-2"], 1), serial=7)
        keep(directory, "other", hours=1000)
        wanted = {"id": name.partition("@")[0], "start": name[:12], "event id": "e-1"}[by]

        assert run("show", place, wanted) == 0
        letter = json.loads(capsys.readouterr().out)

        assert letter["error"] == "HTTP 403"
        assert letter["what_to_do"] == what_to_do("rejected")
        assert letter["among"] == {"rejected": 1, "event_ids": ["e-1", "e-2"]}
        assert letter["process"] == {"id": "ab" * 16, "pid": 42, "serial": 7}
        assert letter["envelope"]["context"] == {"tenant_id": "acme"}
        assert letter["envelope"]["payload"] == {
            "app_id": "a",
            "n": 1.5,
            "raw": "AA==",
            "odd": "nan",
            "deep": [{"x": None}],
        }

    def test_a_payload_that_can_not_be_read_is_shown_as_it_is(self, place, directory, capsys):
        keep(directory, payload=b"\xc1")
        assert run("show", place, "e-1") == 0
        payload = json.loads(capsys.readouterr().out)["envelope"]["payload"]

        assert payload["base64"] == "wQ=="
        assert "not msgpack" in payload["unreadable"]

    def test_none_or_several(self, place, directory, capsys):
        name = keep(directory)
        keep(directory)

        assert run("show", place, "nothing") == 2
        assert run("show", place, name[:3]) == 2
        none, several = capsys.readouterr().err.splitlines()
        assert none.endswith(f"no letter 'nothing' in {place}")
        assert "2 letters are meant by" in several

    def test_a_torn_one_says_so(self, place, directory, capsys):
        name = keep(directory)
        (place / name).write_bytes(b"x")

        assert run("show", place, name[:16]) == 2
        assert "skipped: torn: 1 bytes" in capsys.readouterr().err


class TestPurge:
    @pytest.fixture
    def three(self, place, directory):
        keep(directory, "old", hours=100)
        keep(directory, "new")
        (place / keep(directory, "torn")).write_bytes(b"")
        return directory

    def test_all_with_yes(self, place, three, capsys):
        assert run("purge", place, "--yes") == 0
        assert capsys.readouterr().out == "3 letters removed\n"
        assert list(place.iterdir()) == []

    def test_by_age_and_by_what_is_in_them(self, place, three):
        assert run("purge", place, "--older-than", "3d", "--yes") == 0
        assert len(three.names()) == 2
        assert run("purge", place, "--tenant", "acme", "--yes") == 0
        assert len(three.names()) == 1  # whose the torn one was nobody knows

    def test_nothing_to_do_asks_nothing(self, place, directory):
        assert run("purge", place) == 0

    def test_without_a_terminal_it_wants_a_yes(self, place, three, capsys, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))

        assert run("purge", place) == 2
        assert "3 letters would be removed: give --yes" in capsys.readouterr().err
        assert len(three.names()) == 3

    @pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, 0), ("n", 1, 3), ("", 1, 3)])
    def test_it_asks(self, place, three, monkeypatch, answer, code, left):
        stdin = io.StringIO(f"{answer}\n")
        monkeypatch.setattr(stdin, "isatty", lambda: True)
        monkeypatch.setattr("sys.stdin", stdin)

        assert run("purge", place) == code
        assert len(three.names()) == left

    def test_what_can_not_be_removed_is_said(self, place, three, capsys, monkeypatch):
        def no(self, name):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(LetterDirectory, "remove", no)
        assert run("purge", place, "--yes") == 1
        assert "can't be removed: Permission denied" in capsys.readouterr().err


class TestMistakes:
    @pytest.mark.parametrize("command", ["list", "show", "replay", "purge"])
    def test_a_directory_that_is_none(self, command, tmp_path, capsys):
        rest = ["x"] if command == "show" else []
        assert run(command, tmp_path / "missing", *rest) == 2
        assert "No such file or directory" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "argv",
        [
            ("list", "--since", "yesterday"),
            ("list", "--since", "3 h"),
            ("purge", "--older-than", "x"),
            ("purge", "--older-than", "2025-01-31"),
            ("replay", "--since", "x"),
            ("list", "--reason", "whim"),
        ],
        ids=" ".join,
    )
    def test_a_filter_that_is_none(self, argv, tmp_path):
        assert run(argv[0], tmp_path, *argv[1:]) == 2

    def test_replay_without_an_endpoint(self, tmp_path, capsys):
        assert run("replay", tmp_path) == 2
        assert "no endpoint to send to" in capsys.readouterr().err

    @pytest.mark.parametrize("command", ["list", "show", "replay", "purge"])
    def test_exit_codes_are_documented(self, command, capsys):
        assert run(command, "--help") == 0
        text = " ".join(capsys.readouterr().out.split())
        assert "0 =" in text
        assert "2 =" in text


def test_times():
    assert [seconds_of("", text) for text in ("90s", "30m", "2h", "7d", "1w")] == [
        90,
        1800,
        7200,
        604_800,
        604_800,
    ]
    assert Filter().window(5) == (0, 2**63)


def test_the_last_time_of_all_is_shown():
    assert _cli_letters._time(2**63 - 1).startswith("2262-")
