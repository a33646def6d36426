"""Back-off: waits that grow, end at a limit, and are forgotten after stable uptime."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisors.core.backoff import Backoff
from supervisors.errors import SpecError


def test_the_default_restarts_at_once():
    """OTP has no back-off, and neither has a Backoff that nobody configured."""
    assert [Backoff().delay_s(n, 0.5) for n in (1, 5, 10**6)] == [0.0, 0.0, 0.0]


def test_waits_grow_by_the_factor_up_to_the_limit():
    """1, 3, 9, and then 20 for ever."""
    backoff = Backoff(min_s=1.0, max_s=20.0, factor=3.0)

    assert [backoff.delay_s(n) for n in (1, 2, 3, 4, 5)] == [1.0, 3.0, 9.0, 20.0, 20.0]


def test_factor_one_is_a_constant_wait():
    """No growth, no surprise."""
    assert Backoff(min_s=2.0, factor=1.0).delay_s(1000) == 2.0
    assert Backoff(min_s=2.0, max_s=2.0).delay_s(1000) == 2.0


@pytest.mark.parametrize("factor", [1.0001, 2.0, 1e300])
def test_many_failures_do_not_overflow(factor):
    """A child that has failed a million times waits max_s, and no OverflowError."""
    assert Backoff(min_s=1.0, max_s=30.0, factor=factor).delay_s(10**6) <= 30.0


def test_jitter_takes_away_at_most_its_part():
    """Draw 0 takes nothing; half way through [0, 1) it takes half of the jitter."""
    backoff = Backoff(min_s=10.0, jitter=0.4)

    assert backoff.delay_s(1, 0.0) == 10.0
    assert backoff.delay_s(1, 0.5) == pytest.approx(8.0)


@given(
    min_s=st.floats(0.001, 10),
    jitter=st.floats(0, 1),
    failures=st.integers(1, 10**9),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_no_wait_is_longer_than_promised_or_negative(min_s, jitter, failures, draw):
    """max_s is a promise, whatever chance does."""
    backoff = Backoff(min_s=min_s, max_s=30.0, jitter=jitter)

    assert (1 - jitter) * min_s * 0.999 <= backoff.delay_s(failures, draw) <= 30.0


@pytest.mark.parametrize(("uptime_s", "stable"), [(9.9, False), (10.0, True)])
def test_stable_means_up_for_at_least_so_long(uptime_s, stable):
    """The boundary counts as stable."""
    assert Backoff(stable_after_s=10.0).is_stable(uptime_s) is stable


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"min_s": -1.0}, "min_s"),
        ({"min_s": True}, "min_s"),
        ({"max_s": float("inf")}, "max_s"),
        ({"min_s": 5.0, "max_s": 4.0}, "max_s"),
        ({"factor": 0.5}, "factor"),
        ({"factor": float("nan")}, "factor"),
        ({"jitter": 1.1}, "jitter"),
        ({"jitter": -0.1}, "jitter"),
        ({"stable_after_s": "10"}, "stable_after_s"),
    ],
)
def test_what_can_not_be_meant_is_refused(fields, field):
    """The error names the field."""
    with pytest.raises(SpecError) as caught:
        Backoff(**fields)

    assert caught.value.field == f"Backoff.{field}"


def test_the_shortest_time_of_a_row_of_restarts():
    """Waits after the first, with all the jitter in their favour."""
    assert Backoff(min_s=1.0, jitter=0.0).shortest_s(3) == 2.0 + 4.0 + 8.0
    assert Backoff(min_s=1.0, jitter=0.5).shortest_s(2) == 3.0
    assert Backoff().shortest_s(100) == 0.0


def test_of_any_number_of_restarts_it_is_told_at_once():
    assert Backoff().shortest_s(2**40) == 0.0
    assert Backoff(min_s=1.0, max_s=8.0, jitter=0.0).shortest_s(2**40) == 2.0 + 4.0 + 8 * (
        2**40 - 2
    )
    slow = Backoff(min_s=1.0, max_s=1e9, factor=1.0 + 1e-9, jitter=0.0)
    assert slow.shortest_s(2**40) == pytest.approx(2**40, rel=1e-5)
