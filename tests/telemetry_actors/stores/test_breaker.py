"""The breaker of a store, move by move: times are handed in."""

import random

import pytest

from telemetry_actors.stores._breaker import StoreBreaker, StoreState


class NoJitter(random.Random):
    def random(self):
        return 0.0


@pytest.fixture
def breaker():
    """Opens at the third failure, for 1 s, then 2 s, then 4 s; a probe has 0.5 s."""
    return StoreBreaker(failures=3, open_s=1.0, longest_s=4.0, probe_limit_s=0.5, rng=NoJitter())


def opened(breaker, now_s=0.0):
    for _ in range(3):
        breaker.failed(now_s)
    return breaker


def test_it_opens_at_so_many_failures_in_a_row(breaker):
    for _ in range(2):
        breaker.failed(0.0)
    breaker.succeeded()
    for _ in range(2):
        breaker.failed(0.0)
    assert breaker.may_ask(0.0)
    assert breaker.wait_s(0.0) == 0.0

    breaker.failed(0.0)

    assert breaker.state is StoreState.OPEN
    assert not breaker.may_ask(0.999)
    assert breaker.wait_s(0.25) == 0.75


def test_when_its_time_is_over_one_may_look(breaker):
    opened(breaker)

    assert [breaker.may_ask(1.0), breaker.may_ask(1.0), breaker.may_ask(1.4)] == [
        True,
        False,
        False,
    ]
    assert breaker.state is StoreState.HALF_OPEN

    breaker.succeeded()
    assert breaker.state is StoreState.CLOSED
    assert breaker.may_ask(1.4)


def test_a_probe_that_fails_doubles_the_time_up_to_the_longest(breaker):
    opened(breaker)
    now_s, waits = 1.0, []
    for _ in range(4):
        assert breaker.may_ask(now_s)
        breaker.failed(now_s)
        waits.append(breaker.wait_s(now_s))
        now_s += waits[-1]

    assert waits == [2.0, 4.0, 4.0, 4.0]


def test_after_a_success_the_times_are_short_again(breaker):
    opened(breaker)
    assert breaker.may_ask(1.0)
    breaker.failed(1.0)
    assert breaker.may_ask(3.0)
    breaker.succeeded()
    opened(breaker, 5.0)

    assert breaker.wait_s(5.0) == 1.0


def test_a_probe_that_nobody_tells_the_end_of_is_given_up(breaker):
    opened(breaker)
    assert breaker.may_ask(1.0)
    assert not breaker.may_ask(1.49)
    assert breaker.may_ask(1.5)


def test_a_failure_of_one_that_was_on_its_way_already_prolongs_nothing(breaker):
    opened(breaker)
    breaker.failed(0.9)

    assert breaker.may_ask(1.0)


def test_waits_differ_by_up_to_a_quarter():
    waits = set()
    for seed in range(50):
        breaker = StoreBreaker(
            failures=1, open_s=1.0, longest_s=4.0, probe_limit_s=0.5, rng=random.Random(seed)
        )
        breaker.failed(0.0)
        waits.add(breaker.wait_s(0.0))

    assert len(waits) == 50
    assert 0.75 <= min(waits) < 0.8
    assert 0.95 < max(waits) <= 1.0
