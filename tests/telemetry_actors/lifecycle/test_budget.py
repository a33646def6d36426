"""One budget for the end of a process: what one has waited, the next one has no longer."""

from telemetry_actors.lifecycle.budget import EndBudget


def test_nothing_is_spent_at_first():
    assert EndBudget().left_s(5.0, now_s=1_000.0) == 5.0


def test_what_several_have_waited_adds_up():
    budget = EndBudget()
    budget.spend(10.0, 12.0)
    budget.spend(20.0, 21.0)

    assert budget.left_s(5.0, now_s=30.0) == 2.0
    assert budget.left_s(10.0, now_s=30.0) == 7.0


def test_whoever_comes_last_has_time_to_count():
    budget = EndBudget()
    budget.spend(0.0, 100.0)

    assert budget.left_s(5.0, now_s=100.0) == 0.1
    assert budget.left_s(0.05, now_s=100.0) == 0.05
    assert budget.left_s(0.0, now_s=100.0) == 0.0


def test_what_was_waited_long_ago_belongs_to_no_end():
    budget = EndBudget()
    budget.spend(0.0, 4.0)

    assert budget.left_s(5.0, now_s=63.9) == 1.0
    assert budget.left_s(5.0, now_s=64.0) == 5.0
