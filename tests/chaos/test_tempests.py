"""Storms over several lives, with all that may fail around a gateway; many more in `make soak`."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from tests.chaos.parts import PARTS
from tests.chaos.tempest import blow, chosen
from tests.servers.redis import Redis

CI_SEEDS = range(20)
KINDS = {*PARTS, "journal", "moody", "lives"}


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with Redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


def weather(capsys, redis, seeds, seconds):
    wrongs, faults = [], Counter()
    for seed in seeds:
        toll = blow(seed, seconds, redis)
        faults += toll.faults
        wrongs += [f"--seed {seed} {sorted(toll.kinds)}: {wrong}" for wrong in toll.wrongs]
    with capsys.disabled():
        sys.stdout.write(f"\n  {dict(faults)} ")
    assert wrongs == []
    assert faults.total()


def test_the_seeds_try_each_part_and_each_pair_of_parts():
    tried = [chosen(seed) for seed in CI_SEEDS]
    pairs = {(one, other) for one in KINDS for other in KINDS if one < other}
    assert {pair for pair in pairs if not any(kinds.issuperset(pair) for kinds in tried)} == set()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("start", range(0, 20, 5))
def test_whatever_fails_around_it_nothing_is_lost_without_a_word(start, redis, capsys):
    weather(capsys, redis, CI_SEEDS[start : start + 5], 0.2)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("start", range(1000, 1200, 10))
def test_whatever_fails_around_it_for_long(start, redis, capsys):
    weather(capsys, redis, range(start, start + 10), 1.0)
