"""Every Python block of README and docs runs, and prints what the page says.

A block runs in a process of its own, in an empty folder, with a clean environment. The
``text`` block right below it is its output. A block that can't be run by itself says why
in a comment before it: ``<!-- not run ...: reason -->``. Nothing is on stderr, but for what is
said of crashes where the page says ``<!-- it crashes on purpose -->``.
"""

import os
import re
import signal
import subprocess
import sys
import threading

import pytest

from telemetry_actors.demo.receiver import ReceiverProcess
from tests.docs.pages import DOCS, README, blocks, pages, shown

PYTHON = [b for page in pages() for b in blocks(page) if b.language == "python"]
TUTORIAL = list(blocks(DOCS / "tutorial.md"))


def place(block):
    return f"{shown(block.page)}:{block.line}"


def run(*command, cwd, **environment):
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=8,
        cwd=cwd,
        env={**os.environ, "TMPDIR": str(cwd), **environment},
    )


def in_order(output):
    """Logs and metrics are sent by two threads at once, and either may be the first."""
    return sorted(output.splitlines()) if "  metric " in output else output


@pytest.mark.parametrize("block", [b for b in PYTHON if not b.not_run], ids=place)
def test_a_block_runs_and_prints_what_the_page_says(block, tmp_path):
    off = {"ENTERPRISE_TELEMETRY_GATEWAY_ENABLED": "false"}  # not set would be said to who emits
    answer = run("-c", block.text, cwd=tmp_path, **off)

    assert answer.returncode == 0, answer.stderr
    assert in_order(answer.stdout) == in_order(block.output or "")
    if block.crashes:
        assert re.search(r"crashed|hangs", answer.stderr)
        return
    said = block.page.read_text()  # what is heard of is on the page, too
    assert [line for line in answer.stderr.splitlines() if line not in said] == []


def test_a_block_that_is_not_run_says_why_and_names_the_test_that_runs_it():
    excused = [block for block in PYTHON if block.not_run]
    assert [place(block) for block in excused if "test_" not in block.not_run] == []
    assert len(excused) <= 1


def test_the_ten_line_host_works_as_shown(tmp_path):
    """The service of the README, in the environment of the README, until it is told to end."""
    host, shell = _service()
    settings = dict(re.findall(r"(TELEMETRY_ACTORS__\w+)=(\S+)", shell))
    assert len([line for line in host.splitlines() if line.strip()]) == 10
    with ReceiverProcess() as receiver:
        settings["TELEMETRY_ACTORS__ENDPOINT"] = receiver.endpoint
        service = subprocess.Popen(
            [sys.executable, "-u", "-c", host],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **settings},
        )
        with service:
            try:
                _until(lambda: receiver.stats()["logs"] or service.poll() is not None)
                service.send_signal(signal.SIGTERM)
                output, problems = service.communicate(timeout=20)
            finally:
                service.kill()  # or leaving the block would wait for it for ever
        assert service.returncode == 0, problems
        exported, balanced = output.split()
        assert balanced == "True"
        assert int(exported) == receiver.stats()["logs"] >= 1


def test_the_file_of_the_tutorial_is_replayed_as_it_says(tmp_path):
    (jsonl,) = [block.text for block in TUTORIAL if block.language == "json"]
    (said,) = [b.text for b in TUTORIAL if b.language == "text" and b.text.startswith("line 3")]
    (tmp_path / "events.jsonl").write_text(jsonl)
    with ReceiverProcess() as receiver:
        answer = run(
            *("-m", "telemetry_actors.cli", "replay", "events.jsonl"),
            *("--endpoint", receiver.endpoint),
            cwd=tmp_path,
        )
        assert answer.returncode == 0, answer.stderr
        assert receiver.stats()["logs"] == 2
    printed = (answer.stdout + answer.stderr).splitlines()
    assert [line for line in said.splitlines() if line not in printed] == []


def _service():
    """The Python and the shell block of the README's service."""
    both = [
        b for b in blocks(README) if b.language == "sh" or (b.language == "python" and b.not_run)
    ]
    (host,) = [block.text for block in both if block.language == "python"]
    (shell,) = [block.text for block in both if block.language == "sh"]
    return host, shell


def _until(condition):
    breath = threading.Event()
    for _ in range(600):
        if condition():
            return
        breath.wait(0.01)
    raise AssertionError("it never came")
