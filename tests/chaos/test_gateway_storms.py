"""The whole gateway under storms; a few here, many in `make soak`."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

import supervisors
import telemetry_actors
from tests.chaos.gateway_storm import blow
from tests.chaos.jitter import jitter


def weather(capsys, seeds, seconds, **kinds):
    wrongs, faults = [], Counter()
    for seed in seeds:
        one = blow(seed, seconds, **kinds)
        wrongs += [f"--seed {seed}: {wrong}" for wrong in one.wrongs]
        faults += one.faults
    with capsys.disabled():
        sys.stdout.write(f"\n  {dict(faults)} ")
    assert wrongs == []
    assert len(faults) == 4


@pytest.mark.timeout(60)
@pytest.mark.parametrize("journal", [False, True], ids=["memory", "journal"])
def test_whatever_befalls_its_actors_the_books_balance_and_a_receiver_agrees(journal, capsys):
    weather(capsys, range(1), 1.0, journal=journal)


@pytest.mark.timeout(60)
def test_whatever_the_receiver_answers_meanwhile(capsys):
    weather(capsys, range(2, 3), 1.0, moody=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("start", range(100, 140, 10))
@pytest.mark.parametrize("journal", [False, True], ids=["memory", "journal"])
@pytest.mark.parametrize("moody", [False, True], ids=["well", "moody"])
def test_whatever_befalls_its_actors_for_long(journal, moody, start, capsys):
    weather(capsys, range(start, start + 10), 2.0, journal=journal, moody=moody)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("package", [supervisors, telemetry_actors])
@pytest.mark.parametrize("journal", [False, True], ids=["memory", "journal"])
def test_whatever_befalls_them_though_any_line_may_be_late(journal, package, capsys):
    with jitter(package, 1, 0.001, 0.003):
        weather(capsys, range(200, 205), 2.0, journal=journal, moody=True)
