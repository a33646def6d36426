"""A thousand storms in virtual time, twenty on real threads; ten times that in `make soak`.

After each the books must balance (`audit.py`), and a Pykka actor that has nothing to do with
us must be as alive as before: nothing here ends the host's actors (supervision.md A2, row 6).
A seed that fails is in the message: ``python -m tests.chaos.run --seed N [--threads]``.
"""

from __future__ import annotations

import sys
from collections import Counter

import pykka
import pytest

import supervisors
from tests.chaos.jitter import jitter
from tests.chaos.storm import VirtualStorm, storm

CHUNK = 250
HAPPENS = ["restarting", "failed", "ignored", "parked", "unparked", "finished", "culprits"]


class Bystander(pykka.ThreadingActor):
    def on_receive(self, message):
        return message


@pytest.fixture(autouse=True)
def bystander():
    """The host's own actor."""
    ref = Bystander.start()
    yield ref
    assert ref.ask("well?", timeout=5) == "well?"
    assert pykka.ActorRegistry.get_all() == [ref]
    ref.stop()


def weather(capsys, seeds, *, threads=False):
    """Run the storms of *seeds*; what happened, all in all."""
    seen, wrongs = Counter(), []
    for seed in seeds:
        found, tally = storm(seed, threads=threads)
        seen += tally
        wrongs += [f"--seed {seed}{' --threads' * threads}: {wrong}" for wrong in found]
    with capsys.disabled():
        sys.stdout.write(f"\n  seeds {seeds.start} to {seeds.stop - 1}: {dict(seen)} ")
    assert wrongs == []
    return seen


@pytest.mark.timeout(60)
@pytest.mark.parametrize("start", range(0, 1000, CHUNK))
def test_storms_in_virtual_time(start, capsys):
    seen = weather(capsys, range(start, start + CHUNK))

    assert min(seen[kind] for kind in HAPPENS) > 20


@pytest.mark.timeout(120)
@pytest.mark.parametrize("start", [0, 10])
def test_storms_on_real_threads(start, capsys):
    weather(capsys, range(start, start + 10), threads=True)


def test_a_seed_is_a_history():
    """The same seed gives the same trace, another one another."""
    first, again, other = VirtualStorm(5), VirtualStorm(5), VirtualStorm(6)

    assert first.run() == again.run() == other.run() == []
    assert first.runtime.trace == again.runtime.trace
    assert first.witness.events == again.witness.events
    assert len(first.runtime.trace) > 100
    assert first.runtime.trace != other.runtime.trace


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("start", range(1000, 10_000, 1000))
def test_storms_in_virtual_time_for_long(start, capsys):
    weather(capsys, range(start, start + 1000))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("start", range(20, 200, 20))
def test_storms_on_real_threads_for_long(start, capsys):
    weather(capsys, range(start, start + 20), threads=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("share", [0.003, 0.02])
@pytest.mark.parametrize("start", range(200, 400, 50))
def test_storms_in_which_any_line_may_be_late(start, share, capsys):
    with jitter(supervisors, start, share, 0.003):
        weather(capsys, range(start, start + 50), threads=True)
