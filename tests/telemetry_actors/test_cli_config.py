"""``telemetry-actors config``: what a file may say of the tree, and what it may not."""

import json
import tomllib

import pytest

from telemetry_actors.cli import main
from tests.supervisors.json_schema import accepts


def run(*argv):
    """The exit code of the command, run in this process."""
    with pytest.raises(SystemExit) as caught:
        main([str(arg) for arg in argv])
    return caught.value.code


@pytest.fixture
def file(tmp_path):
    return tmp_path / "tree.toml"


class TestCheck:
    """Exit code 0 and the differences, or 1 and a sentence."""

    def test_a_file_that_can_be_used_is_told_with_what_it_changes(self, file, capsys):
        file.write_text(
            "[children.handlers]\nintensity = 9\n"
            "[children.handlers.children.app_created.children.handler]\nhang_after_s = 5\n"
            "[children.sinks.children.logs]\nshutdown_s = 5\n"
        )

        assert run("config", "check", file) == 0
        captured = capsys.readouterr()
        assert captured.out.splitlines() == [
            f"{file}: ok, 2 value(s) differ from the settings'",
            "  children.handlers.intensity = 9 (was 5)",
            "  children.handlers.children.app_created.children.handler.hang_after_s = 5 (was 30.0)",
        ]
        assert captured.err == ""

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("[children.handlrs]", "[children.handlrs]: no such child; did you mean handlers?"),
            (
                "[children.handlers.children.app_crated]",
                "[children.handlers.children.app_crated]: no such child; did you mean app_created?",
            ),
            (
                "[children.stages]\nhang_after = 1",
                "[children.stages] hang_after: no such key; did you mean hang_after_s?",
            ),
            ("intensity = -1", "intensity = -1: must be a whole number >= 0"),
            ("intensity = ", "isn't TOML: Invalid value (at end of document)"),
        ],
    )
    def test_a_mistake_is_said_with_file_table_and_key(self, file, capsys, text, says):
        file.write_text(text)

        assert run("config", "check", file) == 1
        assert capsys.readouterr().err == f"telemetry-actors: {file}: {says}\n"

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("intensity = 1" + "0" * 400, ": must be a whole number <= 1099511627776"),
            ("[children.sinks]\nintensity = 1099511627777", ": must be a whole number <= 1099511"),
            ('"a\\u001b[2J\\nb" = 1', ": a\\x1b[2J\\nb: no such key; there is"),
        ],
    )
    def test_g29_whatever_stands_in_a_file_it_is_one_line(self, file, capsys, text, says):
        file.write_text(text)

        assert run("config", "check", file) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert says in line
        assert line.isprintable()
        assert len(line) < 500

    def test_a_budget_of_any_size_is_checked_at_once(self, file, capsys):
        file.write_text("intensity = 10000000000\n")

        assert run("config", "check", file) == 0
        assert "intensity = 10000000000 (was 5)" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ('start = "a:B"', "start = 'a:B': can't be set: the actors of the product"),
            ("args = [1]", "args: can't be set: the actors of the product"),
            ("kwargs = {}", "kwargs: can't be set: the actors of the product"),
            ('restart = "temporary"', "restart = 'temporary': can't be set: every part"),
            ("significant = true", "significant = True: can't be set: no part ends the tree"),
            ("redeliver = 1", "redeliver = 1: can't be set: an event that ends its actor"),
            ('ask_errors = "reply"', "ask_errors = 'reply': can't be set: nobody asks"),
            ("mailbox = {max_items = 1}", "max_items = 1: can't be set here but by the settings"),
            ('dispatcher = "supervisors"', "dispatcher = 'supervisors': must be another name"),
            ('shutdown_s = "brutal_kill"', "shutdown_s = 'brutal_kill': must be seconds or"),
        ],
    )
    def test_what_is_the_products_own_can_not_be_set(self, file, capsys, text, says):
        file.write_text(f"[children.sinks.children.logs]\n{text}\n")

        assert run("config", "check", file) == 1
        assert says in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ('on_intensity = "exit"', "on_intensity = 'exit': can't be set: the root and each"),
            ('auto_shutdown = "never"', "auto_shutdown = 'never': can't be set: no part ends"),
            ('strategy = "simple_one_for_one"', "must be one_for_one, one_for_all or rest_for"),
            ('[children.handlers]\ndispatcher = "x"', "can't be set of a supervisor: they share"),
            ("[children.handlers]\nhang_after_s = 1", "can't be set of a supervisor: set it of"),
            ("[children.handlers.mailbox]\nmax_items = 1", "a supervisor is never told to wait"),
            (
                "[children.sinks.children.providers.mailbox]\nmax_items = 1",
                "by the settings: providers.mailbox_calls, providers.mailbox_bytes",
            ),
            (
                "[children.stages.children.gateway.mailbox]\nmax_items = 1",
                "by the settings: gateway.mailbox_events",
            ),
            (
                "[children.stages.children.dedup.mailbox]\nmax_items = 1",
                "by the settings: stages.mailbox_batches",
            ),
        ],
    )
    def test_nor_what_would_break_a_promise(self, file, capsys, text, says):
        file.write_text(text)

        assert run("config", "check", file) == 1
        assert says in capsys.readouterr().err

    def test_what_is_hardly_meant_is_said_and_allowed(self, file, capsys):
        file.write_text("[children.handlers.backoff]\nmin_s = 9\n")

        assert run("config", "check", file) == 0
        assert "handlers: no child alone can exceed intensity 5" in capsys.readouterr().err

    def test_a_file_that_is_not_there(self, file, capsys):
        assert run("config", "check", file) == 1
        assert capsys.readouterr().err == (
            f"telemetry-actors: {file}: can't be read: No such file or directory\n"
        )

    def test_a_wrong_setting_is_another_matter(self, file, capsys, monkeypatch):
        monkeypatch.setenv("TELEMETRY_ACTORS__SINK__LINGER_S", "-1")
        file.write_text("")

        assert run("config", "check", file) == run("config", "show") == run("config", "schema") == 2


class TestShow:
    """What a file may say, as such a file."""

    def test_what_is_shown_can_be_used_and_changes_nothing(self, file, capsys):
        assert run("config", "show") == 0
        file.write_text(capsys.readouterr().out)

        assert run("config", "check", file) == 0
        assert capsys.readouterr().out == f"{file}: ok, 0 value(s) differ from the settings'\n"

    def test_a_file_shows_in_it_and_in_the_same_as_json(self, file, capsys):
        file.write_text("[children.stages.children.router]\nhang_after_s = 'none'\n")

        assert run("config", "show", "--config", file) == 0
        shown = tomllib.loads(capsys.readouterr().out)
        assert shown["children"]["stages"]["children"]["router"]["hang_after_s"] == "none"
        assert run("config", "show", "--config", file, "--json") == 0
        (line,) = capsys.readouterr().out.splitlines()
        assert json.loads(line) == shown

    def test_the_file_of_the_environment_is_in_force(self, file, capsys, monkeypatch):
        file.write_text("intensity = 77\n")
        monkeypatch.setenv("TELEMETRY_ACTORS__CONFIG", str(file))

        assert run("config", "show") == 0
        assert tomllib.loads(capsys.readouterr().out)["intensity"] == 77

    def test_settings_show_in_it(self, capsys, monkeypatch):
        monkeypatch.setenv("TELEMETRY_ACTORS__SUPERVISION__INTENSITY", "8")

        assert run("config", "show", "--json") == 0
        assert json.loads(capsys.readouterr().out)["intensity"] == 8

    def test_a_wrong_file(self, file, capsys):
        file.write_text("x = 1")

        assert run("config", "show", "--config", file) == 1
        assert f"{file}: x: no such key" in capsys.readouterr().err


def test_the_schema_accepts_what_is_shown_and_no_table_that_is_not_there(capsys):
    assert run("config", "schema") == 0
    schema = json.loads(capsys.readouterr().out)
    assert run("config", "show", "--json") == 0

    assert accepts(schema, json.loads(capsys.readouterr().out))
    assert not accepts(schema, {"children": {"handlrs": {}}})
    assert not accepts(schema, {"strategy": "simple_one_for_one"})
    assert not accepts(schema, {"children": {"sinks": {"shutdown_s": "brutal_kill"}}})
    assert not accepts(schema, {"children": {"sinks": {"children": {"logs": {"args": []}}}}})


@pytest.mark.parametrize("command", [["demo"], ["replay", "-", "--endpoint", "http://127.0.0.1:1"]])
def test_demo_and_replay_refuse_a_wrong_file_before_anything_runs(command, file, capsys):
    file.write_text("[children.sink]")

    assert run(*command, "--config", file) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"telemetry-actors: config = {file}: [children.sink]: no such child; did you mean sinks?"
    )
