"""The command line: exit codes, one clear sentence for each mistake, and the books at the end."""

import json
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from telemetry_actors.cli import main

GOOD = '{"case": "app_created", "context": {"tenant_id": "acme"}, "payload": {"app_id": "a"}}\n'


def run(*argv):
    """The exit code of the command, run in this process."""
    with pytest.raises(SystemExit) as caught:
        main([str(arg) for arg in argv])
    return caught.value.code


def last_json(capsys):
    """The one line on stdout."""
    (line,) = capsys.readouterr().out.splitlines()
    return json.loads(line)


class TestMistakes:
    """Nothing is started; exit code 2 and a sentence on stderr."""

    def test_replay_without_an_endpoint(self, tmp_path, capsys):
        file = tmp_path / "events.jsonl"
        file.write_text(GOOD)

        assert run("replay", file) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("telemetry-actors: no endpoint to send to: give --endpoint")

    def test_replay_of_nothing_or_of_two_things(self, tmp_path, capsys):
        assert run("replay", "--endpoint", "http://h") == 2
        assert run("replay", tmp_path, "--azure-llm", tmp_path, "--endpoint", "http://h") == 2
        lines = capsys.readouterr().err.splitlines()
        assert lines == ["telemetry-actors: give either FILE or --azure-llm CSV"] * 2

    def test_replay_of_a_file_that_is_not_there(self, tmp_path, capsys):
        missing = tmp_path / "missing.jsonl"

        assert run("replay", missing, "--endpoint", "http://h") == 2
        assert f"can't read {missing}: No such file" in capsys.readouterr().err

    def test_replay_of_a_folder(self, tmp_path, capsys):
        assert run("replay", tmp_path, "--endpoint", "http://h") == 2
        assert "Is a directory" in capsys.readouterr().err

    def test_replay_of_another_csv(self, tmp_path, capsys):
        file = tmp_path / "other.csv"
        file.write_text("a,b\n1,2\n")

        assert run("replay", "--azure-llm", file, "--endpoint", "http://h") == 2
        assert "the first line must be TIMESTAMP,ContextTokens" in capsys.readouterr().err

    @pytest.mark.parametrize("command", [["replay", "-"], ["demo"]])
    def test_a_wrong_endpoint(self, capsys, command):
        assert run(*command, "--endpoint", "collector") == 2
        assert capsys.readouterr().err == (
            "telemetry-actors: --endpoint 'collector': "
            "must be a URL such as http://otel-collector:4318\n"
        )

    def test_an_endpoint_with_a_login_names_what_may_hold_one(self, capsys):
        assert run("replay", "-", "--endpoint", "http://u:secret@h") == 2
        assert capsys.readouterr().err == (
            "telemetry-actors: --endpoint: must hold no login; "
            "ENTERPRISE_OTLP_HEADERS or ENTERPRISE_OTLP_API_KEY may\n"
        )

    def test_a_wrong_setting_in_the_environment(self, capsys, monkeypatch):
        monkeypatch.setenv("TELEMETRY_ACTORS__SINK__LINGER_S", "-1")

        assert run("replay", "-", "--endpoint", "http://h") == 2
        words = "SINK__LINGER_S = '-1': must be greater than or equal to 0"
        assert f"TELEMETRY_ACTORS__{words}" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "argv",
        [
            ["dance"],
            ["replay", "-", "--speed", "-1"],
            ["replay", "-", "--speed", "fast"],
            ["demo", "--events", "0"],
            ["demo", "--loud"],
        ],
    )
    def test_a_wrong_option(self, argv, capsys):
        assert run(*argv) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert len(captured.err.splitlines()) == 1

    @pytest.mark.parametrize(
        ("argv", "words"),
        [
            (["replya", "x"], "there is no command replya; did you mean replay?"),
            (["dead-letters", "lsit"], "there is no command lsit; did you mean list?"),
            (["xyz"], "there is no command xyz; there are demo, replay, config, dead-letters"),
            (["replay", "-", "--endpiont", "x"], "no option --endpiont; did you mean --endpoint?"),
            (["--versoin"], "there is no option --versoin; did you mean --version?"),
        ],
    )
    def test_a_word_that_is_not_there_names_the_nearest(self, argv, words, capsys):
        assert run(*argv) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert words in line


class TestHelp:
    """What one needs to know is in ``--help``."""

    @pytest.mark.parametrize("command", ["demo", "replay"])
    def test_exit_codes_are_documented(self, command, capsys):
        assert run(command, "--help") == 0
        text = " ".join(capsys.readouterr().out.split())
        for code in ("0 =", "1 =", "2 =", "130 ="):
            assert code in text

    def test_version(self, capsys):
        assert run("--version") == 0
        python = platform.python_version()
        assert re.fullmatch(
            rf"telemetry-actors \d+\.\d+\.\d+ \(CPython {python}\)\n", capsys.readouterr().out
        )

    @pytest.mark.parametrize(
        "command",
        [
            [],
            ["demo"],
            ["replay"],
            ["config"],
            *(["config", word] for word in ("check", "show", "schema")),
            ["dead-letters"],
            *(["dead-letters", word] for word in ("list", "show", "replay", "purge")),
        ],
    )
    def test_the_short_word_for_help_is_known_everywhere(self, command, capsys):
        assert run(*command, "-h") == 0
        short = capsys.readouterr().out
        assert run(*command, "--help") == 0
        assert capsys.readouterr().out == short

    def test_python_m(self):
        done = subprocess.run(
            [sys.executable, "-m", "telemetry_actors", "--version"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith("telemetry-actors ")

    def test_a_shell_completes(self):
        """As bash does it: its script is shown, and asks us for the words."""
        line = "telemetry-actors dead-letters re"
        script = f"""
            export PATH={Path(sys.executable).parent}:$PATH
            source <(telemetry-actors --show-completion bash)
            complete -p telemetry-actors
            COMP_WORDS=({line}); COMP_CWORD=2
            _telemetry_actors_completion telemetry-actors
            echo "${{COMPREPLY[@]}}"
        """
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, check=True, timeout=60
        )
        assert done.stdout.splitlines() == [
            "complete -o default -F _telemetry_actors_completion telemetry-actors",
            "replay",
        ]

    @pytest.mark.parametrize("argv", [["--show-completion", "bsh"], ["--install-completion=bsh"]])
    def test_a_shell_that_is_not_known_is_told_with_those_that_are(self, argv, capsys):
        assert run(*argv) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err == (
            "telemetry-actors: there is no completion for bsh; did you mean bash?; there are bash,"
            " zsh, fish, powershell, pwsh\n"
        )

    def test_the_shell_that_is_named_is_the_one_that_is_shown(self, capsys):
        assert run("--show-completion", "zsh") == 0
        assert capsys.readouterr().out.startswith("#compdef telemetry-actors")

    def test_a_host_that_types_no_command_pays_for_none(self):
        """Importing the package, or the entry point, brings neither typer nor rich."""
        code = (
            "import sys, telemetry_actors, telemetry_actors.cli; "
            "print(sorted({'typer', 'rich', 'click'} & set(sys.modules)))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )

        assert done.stdout == "[]\n"
