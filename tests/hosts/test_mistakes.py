"""What people read of a mistake, whatever they have done about logging: each line, and no other."""

import re
import subprocess
import sys
from contextlib import nullcontext
from urllib.parse import urlsplit

import pytest

from tests.hosts.mistakes import MISTAKES, SECRET
from tests.hosts.processes import ROOT
from tests.hosts.programs import environment
from tests.receivers.faulty import FaultyReceiver

LOGGINGS = {
    "none": ("", "telemetry_actors: "),
    "basicConfig": (
        "import logging; logging.basicConfig()\n",
        r"(?:WARNING|ERROR):telemetry_actors:",
    ),
}
QUICK = {
    "lifecycle__exit_timeout_s": 1,
    "otlp__attempt_timeout_s": 2,
    "otlp__give_up_s": 20,
}


def serving(receiver):
    """What answers; None: nothing does."""
    if isinstance(receiver, str):
        return nullcontext()
    return receiver() if isinstance(receiver, type) else FaultyReceiver(receiver)


def outcome(mistake, receiver, set_up):
    url = mistake.receiver if receiver is None else receiver.endpoint
    place = urlsplit(url).netloc
    settings = environment(mistake.endpoint.format(url=url, place=place), QUICK)
    begin = f"{set_up}import time\nfrom telemetry_actors import *\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + mistake.program],
        env={**settings, **mistake.environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    known = {"url": re.escape(url), "place": re.escape(place)}
    return done, [re.sub(r"\{(url|place)\}", lambda m: known[m[1]], line) for line in mistake.lines]


@pytest.mark.timeout(70)
@pytest.mark.parametrize("logging", ["none", pytest.param("basicConfig", marks=pytest.mark.slow)])
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_whoever_reads_stderr_knows_what_to_change(mistake, logging):
    set_up, begins = LOGGINGS[logging]
    with serving(mistake.receiver) as receiver:
        done, expected = outcome(mistake, receiver, set_up)
    lines = done.stderr.splitlines()

    assert SECRET not in done.stderr
    left = list(lines)
    for pattern in expected:
        found = [line for line in left if re.fullmatch(begins + pattern, line)]
        assert found, f"{pattern}\nis not in\n{done.stderr}"
        left = [line for line in left if line not in found[:1]]
    assert left == []
    assert done.returncode == 0
