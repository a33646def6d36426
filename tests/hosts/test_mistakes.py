"""What people read of a mistake, whatever they have done about logging: each line, and no other."""

import re
import subprocess
import sys
from collections import Counter
from contextlib import nullcontext
from urllib.parse import urlsplit

import pytest

from tests.hosts.books import without_advice
from tests.hosts.mistakes import MISTAKES, SECRET
from tests.hosts.mistakes_of_crashes import CRASHES
from tests.hosts.mistakes_of_payloads import PAYLOADS
from tests.hosts.mistakes_of_settings import SETTINGS
from tests.hosts.processes import ROOT
from tests.hosts.programs import environment
from tests.hosts.web import WebServer
from tests.receivers.faulty import FaultyReceiver

LOGGINGS = {
    "none": ("", "telemetry_actors: "),
    "basicConfig": (
        "import logging; logging.basicConfig()\n",
        r"(?:WARNING|ERROR):telemetry_actors:",
    ),
}
MOST_OF_A_CAUSE = 3
"""Records of one cause in a minute; no program here runs for longer."""
ALL = (*MISTAKES, *CRASHES, *SETTINGS, *PAYLOADS)
QUICK = {
    "lifecycle__exit_timeout_s": 1,
    "otlp__attempt_timeout_s": 2,
    "otlp__give_up_s": 20,
}


GUNICORN = "gunicorn -b 127.0.0.1:{port} --log-level critical tests.hosts.apps.mistaken:app"


def serving(receiver):
    """What answers; None: nothing does."""
    if isinstance(receiver, str):
        return nullcontext()
    return receiver() if isinstance(receiver, type) else FaultyReceiver(receiver)


def known(mistake, receiver):
    """Environment of the program, and the lines that are expected."""
    url = mistake.receiver if receiver is None else receiver.endpoint
    names = {"url": url, "place": urlsplit(url).netloc}
    settings = environment(mistake.endpoint.format(**names), QUICK)
    expected = [
        re.sub(r"\{(url|place)\}", lambda m: re.escape(names[m[1]]), line) for line in mistake.lines
    ]
    return {**settings, **mistake.environment}, expected


def check(lines, begins, expected):
    """Each line is one of those, and each of those is there once."""
    text, left = "\n".join(lines), list(lines)
    assert SECRET not in text
    for pattern in expected:
        found = [line for line in left if re.fullmatch(begins + pattern, line)]
        assert found, f"{pattern}\nis not in\n{text}"
        left.remove(found[0])
    assert left == []
    assert max(Counter(map(cause_of, lines)).values(), default=0) <= MOST_OF_A_CAUSE, text


def cause_of(line):
    """Of a crash the innermost place of a user's code; of all else its subject."""
    place = re.search(r"(/srv/\S+:\d+)", line)
    return place[1] if place else line.partition("telemetry_actors:")[2].split()[0]


@pytest.mark.timeout(70)
@pytest.mark.parametrize("logging", ["none", pytest.param("basicConfig", marks=pytest.mark.slow)])
@pytest.mark.parametrize("mistake", ALL, ids=lambda mistake: mistake.name)
def test_whoever_reads_stderr_knows_what_to_change(mistake, logging):
    set_up, begins = LOGGINGS[logging]
    begin = f"{set_up}import time\nfrom telemetry_actors import *\n"
    with serving(mistake.receiver) as receiver:
        settings, expected = known(mistake, receiver)
        done = subprocess.run(
            [sys.executable, "-c", begin + mistake.program],
            env=settings,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    check(done.stderr.splitlines(), begins, expected)
    assert done.returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(90)
@pytest.mark.parametrize("mistake", ALL, ids=lambda mistake: mistake.name)
def test_so_does_whoever_reads_gunicorns(mistake, mark, tmp_path):
    with serving(mistake.receiver) as receiver:
        settings, expected = known(mistake, receiver)
        settings["HOSTS_PROGRAM"] = mistake.program
        with WebServer(GUNICORN, tmp_path, mark, settings) as server:
            server.send(1)
            server.signal("TERM")
            server.wait(30.0)
    lines = [line for line in server.all_errors().splitlines() if "telemetry_actors" in line]
    lines = without_advice("\n".join(lines))
    check(lines, "telemetry_actors: ", expected)
