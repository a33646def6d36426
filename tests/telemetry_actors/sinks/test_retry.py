"""Retries: how long to wait, whom to obey, when to give up; and what is left while stopping."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisors.testing import FakeClock
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.sinks.retry import RetryPlan, StopBudget

BUSY = ExportResult(Verdict.RETRY, message="busy")


class Draws(random.Random):
    """Draws what it is told, for ever."""

    def __init__(self, draw):
        super().__init__()
        self._draw = draw

    def random(self):
        return self._draw


def a_plan(draw=0.0, *, give_up_s=60.0, min_s=0.2, max_s=5.0, now_s=0.0):
    return RetryPlan(
        now_s, give_up_s=give_up_s, min_s=min_s, max_s=max_s, most_asked_s=60.0, rng=Draws(draw)
    )


def test_waits_double_up_to_the_longest():
    plan = a_plan()

    assert [plan.next_delay_s(0.0, BUSY) for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_chance_takes_off_up_to_half():
    plan = a_plan(draw=0.5)

    assert [plan.next_delay_s(0.0, BUSY) for _ in range(3)] == pytest.approx([0.15, 0.3, 0.6])


@given(seed=st.integers(), attempts=st.integers(1, 12))
def test_every_wait_is_more_than_half_of_its_step_and_never_more_than_it(seed, attempts):
    plan = RetryPlan(
        0.0, give_up_s=1e9, min_s=0.2, max_s=5.0, most_asked_s=60.0, rng=random.Random(seed)
    )
    for attempt in range(attempts):
        step_s = min(0.2 * 2**attempt, 5.0)
        assert step_s / 2 < plan.next_delay_s(0.0, BUSY) <= step_s


@pytest.mark.parametrize(("asked_s", "waits_s"), [(0.0, 0.2), (0.1, 0.2), (7.0, 7.0)])
def test_retry_after_is_the_least(asked_s, waits_s):
    """Even beyond the longest wait: the receiver knows."""
    assert a_plan().next_delay_s(0.0, BUSY._replace(retry_after_s=asked_s)) == waits_s


def test_after_a_retry_after_the_doubling_goes_on():
    plan = a_plan()
    plan.next_delay_s(0.0, BUSY._replace(retry_after_s=7.0))

    assert plan.next_delay_s(7.0, BUSY) == 0.4


@pytest.mark.parametrize(
    ("now_s", "waits_s"), [(59.7, 0.2), (59.8, None), (60.0, None), (100.0, None)]
)
def test_a_wait_that_would_end_at_the_deadline_or_later_is_not_begun(now_s, waits_s):
    assert a_plan().next_delay_s(now_s, BUSY) == waits_s


def test_the_deadline_counts_from_the_first_attempt():
    plan = a_plan(now_s=1000.0, give_up_s=1.0)

    assert plan.next_delay_s(1000.5, BUSY) == 0.2
    assert plan.next_delay_s(1000.7, BUSY) is None


def test_a_retry_after_beyond_the_deadline_ends_it_at_once():
    assert a_plan().next_delay_s(0.0, BUSY._replace(retry_after_s=60.0)) is None


# -- what is left while stopping ------------------------------------------------------------------


def test_there_is_no_limit_before_the_stop():
    budget = StopBudget(FakeClock().now_s)

    assert (budget.limit(10.0), budget.limit_wait(30.0)) == (10.0, 30.0)


@pytest.mark.parametrize(
    ("elapsed_s", "left_s"), [(0.0, 3.0), (1.0, 2.0), (2.96, 0.05), (3.0, 0.05), (9.0, 0.05)]
)
def test_an_attempt_may_take_what_is_left_and_is_one_in_any_case(elapsed_s, left_s):
    clock = FakeClock()
    budget = StopBudget(clock.now_s)
    budget.begin(3.0)
    clock.advance(elapsed_s)

    assert budget.limit(10.0) == pytest.approx(left_s)


@pytest.mark.parametrize(
    ("elapsed_s", "wait_s"), [(0.0, None), (2.99, None), (3.0, 0.05), (9.0, 0.05)]
)
def test_when_the_time_is_up_no_attempt_is_begun(elapsed_s, wait_s):
    clock = FakeClock()
    budget = StopBudget(clock.now_s)
    assert budget.wait_s() is None
    budget.begin(3.0)
    clock.advance(elapsed_s)

    assert budget.wait_s() == wait_s


def test_an_attempt_that_is_shorter_stays_so():
    budget = StopBudget(FakeClock().now_s)
    budget.begin(3.0)

    assert budget.limit(0.5) == 0.5


@pytest.mark.parametrize(("asked_s", "waits_s"), [(0.1, 0.1), (0.2, 0.2), (30.0, 0.2)])
def test_waits_are_short_while_stopping_whatever_the_receiver_asks_for(asked_s, waits_s):
    budget = StopBudget(FakeClock().now_s)
    budget.begin(3.0)

    assert budget.limit_wait(asked_s) == waits_s


@pytest.mark.parametrize(
    ("behind_s", "asked_s", "waits_s"),
    [(0.1, None, 0.1), (3.0, None, 0.2), (0.1, 7.0, 7.0)],
)
def test_behind_an_open_breaker_it_is_there_when_one_may_probe(behind_s, asked_s, waits_s):
    result = BUSY._replace(retry_after_s=asked_s)

    assert a_plan().next_delay_s(0.0, result, behind_s) == waits_s
