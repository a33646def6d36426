"""The restart budget: at most so many restarts in any window, the window's ends included."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisors.core._intensity import RestartBudget
from tests.core_states import copy_of_budget


def test_as_many_as_the_intensity_are_allowed():
    """One more is one too many."""
    budget = RestartBudget(intensity=2, period_s=5.0)

    assert [budget.admit(0.0), budget.admit(0.0), budget.admit(0.0)] == [True, True, False]


def test_intensity_zero_allows_none():
    """The first crash is one too many."""
    assert not RestartBudget(intensity=0, period_s=5.0).admit(100.0)


@pytest.mark.parametrize(("later_s", "allowed"), [(4.9, False), (5.0, False), (5.0001, True)])
def test_a_restart_exactly_one_period_old_still_counts(later_s, allowed):
    """OTP keeps what is not older than the period: the boundary belongs to the window."""
    budget = RestartBudget(intensity=1, period_s=5.0)
    budget.admit(0.0)

    assert budget.ages_s(later_s) == ((later_s,) if later_s <= 5.0 else ())
    assert budget.admit(later_s) is allowed


def test_the_window_slides_with_each_restart():
    """Four crashes, each out of the reach of the one before: never too many (multiple_restarts)."""
    budget = RestartBudget(intensity=1, period_s=1.0)

    assert all(budget.admit(n * 1.5) for n in range(4))


def test_refused_restarts_count_as_well():
    """OTP pushes before it counts, so a refusal delays the next admission."""
    budget = RestartBudget(intensity=1, period_s=5.0)

    assert [budget.admit(at_s) for at_s in (0.0, 4.0, 8.0)] == [True, False, False]


def test_memory_is_bounded_by_the_intensity():
    """A storm of crashes in one instant keeps three times, not a million."""
    budget = RestartBudget(intensity=2, period_s=5.0)
    for _ in range(1000):
        budget.admit(0.0)

    assert budget.ages_s(0.0) == (0.0, 0.0, 0.0)


def test_a_resized_budget_keeps_its_history():
    """As OTP's code_change: new limits, old restarts."""
    budget = RestartBudget(intensity=3, period_s=5.0)
    budget.admit(0.0)
    budget.admit(1.0)
    budget.resize(1, 5.0)

    assert not budget.admit(2.0)
    budget.resize(9, 0.5)
    assert budget.admit(2.0)
    assert budget.ages_s(2.0) == (0.0, 0.0)


def test_a_resized_budget_counts_as_far_as_its_new_limit():
    """From 1 to 3: the fourth is one too many, and is noticed."""
    budget = RestartBudget(intensity=1, period_s=5.0)
    budget.resize(3, 5.0)

    assert [budget.admit(0.0) for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize("copied", [False, True])
def test_a_budget_made_smaller_and_larger_again_has_forgotten_nothing(copied):
    """Three restarts, then 0 and 3: the next one is the fourth within the period."""
    budget = RestartBudget(intensity=3, period_s=5.0)
    assert [budget.admit(at_s) for at_s in (0.0, 1.0, 2.0)] == [True, True, True]
    budget.resize(0, 5.0)
    if copied:
        budget = copy_of_budget(budget)
    budget.resize(3, 5.0)

    assert not budget.admit(3.0)
    assert budget.ages_s(3.0) == (3.0, 2.0, 1.0, 0.0)


def test_a_cleared_budget_is_a_new_one():
    """Parking clears it: a probe begins without a past."""
    budget = RestartBudget(intensity=1, period_s=5.0)
    budget.admit(0.0)
    budget.clear()

    assert budget.admit(0.0)
    assert repr(budget) == "<RestartBudget 1 of 1 in 5 s>"


def test_a_copy_is_independent():
    """What happens to one does not happen to the other."""
    budget = RestartBudget(intensity=1, period_s=5.0)
    budget.admit(0.0)
    twin = copy_of_budget(budget)

    assert not twin.admit(1.0)
    assert budget.ages_s(1.0) == (1.0,)


@given(
    st.integers(0, 4),
    st.integers(1, 10),
    st.lists(st.integers(0, 6), max_size=40),
)
def test_it_agrees_with_the_ten_line_reference(intensity, period_s, gaps_s):
    """The reference keeps all restarts for ever and counts those in the window."""
    budget = RestartBudget(intensity, period_s)
    restarts, now_s = [], 0
    for gap_s in gaps_s:
        now_s += gap_s
        restarts.append(now_s)
        recent = [at for at in restarts if at >= now_s - period_s]

        assert budget.admit(now_s) is (len(recent) <= intensity)
