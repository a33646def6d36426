"""OTP's rules of restart: types, strategies, intensity, significant children (B1)."""

from itertools import product

import pytest

from supervisors.core import protocol as to
from supervisors.core.words import AutoShutdown, Restart, Strategy
from supervisors.errors import ChildStartError, RestartLimitReached
from supervisors.exit import Exit
from tests.supervisors.steered import ENDS, Steered, child

ABNORMAL = {"crash", "killed", "lost", "hung"}
STATIC = [s for s in Strategy if s is not Strategy.simple_one_for_one]


# -- restart types -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "restart", "end"), list(product(Strategy, Restart, ENDS)), ids=str
)
def test_who_is_restarted_after_which_end(strategy, restart, end):
    """permanent: always; transient: after abnormal ends; temporary: never, and its spec is gone."""
    tree = Steered(child("a", restart=restart), strategy=strategy)
    if strategy is Strategy.simple_one_for_one:
        tree.ask("start_child", None)
    (name,) = tree.states()
    tree.forget()

    log = tree.crash(name, ENDS[end])

    if restart is Restart.permanent or (restart is Restart.transient and end in ABNORMAL):
        assert log == [f"start {name}"]
        assert tree.states() == {name: "running"}
    elif restart is Restart.temporary or strategy is Strategy.simple_one_for_one:
        assert log == [f"removed {name}"]
    else:
        assert log == []
        assert tree.states() == {name: "stopped"}
    reported = restart is Restart.permanent or end in ABNORMAL
    assert tree.reports() == ([("child_terminated", name)] if reported else [])


# -- strategies ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "log"),
    [
        ("one_for_one", ["start b"]),
        ("one_for_all", ["stop d", "stop c", "stop a", "start a", "start b", "start c", "start d"]),
        ("rest_for_one", ["stop d", "stop c", "start b", "start c", "start d"]),
    ],
)
def test_siblings_are_stopped_in_reverse_and_started_in_order(strategy, log):
    """Nobody is started before all are stopped."""
    assert Steered(*"abcd", strategy=strategy).crash("b") == log


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_a_temporary_bystander_is_not_started_again(strategy):
    """temporary_bystander: its spec goes with it."""
    tree = Steered("a", child("b", restart="temporary"), "c", strategy=strategy)

    assert tree.crash("a") == ["stop c", "stop b", "removed b", "start a", "start c"]


def test_a_group_restart_starts_those_that_were_stopped_by_hand():
    """As in OTP: what is undefined is started with its group."""
    tree = Steered("a", "b", strategy="one_for_all")
    tree.ask("terminate_child", "a")
    tree.forget()

    assert tree.crash("b") == ["start a", "start b"]


def test_one_for_all_stops_all_again_when_a_start_in_the_group_fails():
    """one_for_all_other_child_fails_restart: a is up, b fails: a is stopped before the next try."""
    tree = Steered("a", "b", strategy="one_for_all", intensity=2)
    tree.fails("b")

    assert tree.crash("a") == ["stop b", "start a", "start b", "stop a", "start a", "start b"]


def test_rest_for_one_retries_only_from_the_one_that_failed():
    """rest_for_one_other_child_fails_restart: a stays as it was restarted."""
    tree = Steered("a", "b", "c", strategy="rest_for_one", intensity=2)
    tree.fails("b")

    assert tree.crash("a") == [
        *("stop c", "stop b", "start a", "start b"),
        *("start b", "start c"),
    ]


# -- intensity -----------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STATIC)
def test_one_restart_too_many_ends_the_supervisor(strategy):
    """All children are stopped, newest first; the exit is shutdown, and says why."""
    tree = Steered("a", "b", "c", strategy=strategy, intensity=0)

    assert tree.crash("b") == ["stop c", "stop a", "finished shutdown intensity_exceeded"]
    (finished,) = tree.seen(to.Finished)
    assert finished.exit == Exit.shutdown()
    assert isinstance(finished.exit.error, RestartLimitReached)
    assert finished.exit.error.child_id == "b"
    assert tree.reports() == [("child_terminated", "b"), ("shutdown", "b")]


@pytest.mark.parametrize(("later_s", "survives"), [(5.0, False), (5.001, True)])
def test_the_window_includes_its_boundary(later_s, survives):
    """A restart exactly period_s ago still counts."""
    tree = Steered("a", intensity=1, period_s=5.0)
    tree.crash("a")
    tree.now_s = later_s

    assert (tree.crash("a") == ["start a"]) is survives


def test_a_group_restart_counts_once():
    """However many children it starts."""
    tree = Steered("a", "b", "c", strategy="one_for_all", intensity=1)

    assert "start c" in tree.crash("a")


def test_every_failed_restart_costs_budget():
    """one_for_one_escalation: a child that can't be started exhausts the budget by itself."""
    tree = Steered("a", "b", intensity=3)
    tree.fails("b", times=9)

    assert tree.crash("b") == [
        *("start b", "start b", "start b"),
        *("stop a", "finished shutdown intensity_exceeded"),
    ]
    assert tree.reports().count(("start_error", "b")) == 3


def test_what_is_done_by_hand_costs_nothing():
    """start_child, restart_child and their failures leave the budget alone."""
    tree = Steered("a", intensity=1)
    for _ in range(3):
        tree.ask("terminate_child", "a")
        tree.fails("a")
        with pytest.raises(ChildStartError):
            tree.ask("restart_child", "a")
        tree.ask("restart_child", "a")

    assert tree.crash("a") == ["start a"]


def test_ends_that_need_no_restart_cost_nothing():
    """A hundred temporary children may crash."""
    tree = Steered(*[child(f"c{n}", restart="temporary") for n in range(100)], intensity=0)
    for n in range(100):
        tree.crash(f"c{n}")

    assert tree.seen(to.Finished) == []


def test_time_that_goes_back_stands_still():
    """A late time stamp can't break the budget."""
    tree = Steered("a", intensity=1, period_s=5.0)
    tree.now_s = 100.0
    tree.crash("a")
    tree.now_s = 50.0

    assert tree.crash("a") == ["finished shutdown intensity_exceeded"]


@pytest.mark.parametrize(("count_progress", "survives"), [(True, True), (False, False)])
def test_a_crash_after_progress_may_be_free(count_progress, survives):
    """count_progress: an incarnation that has handled a message costs no budget."""
    tree = Steered("a", intensity=1, count_progress=count_progress)
    for _ in range(5):
        if not tree.seen(to.Finished):
            tree.crash("a", progressed=True)

    assert (tree.seen(to.Finished) == []) is survives


def test_a_crash_without_progress_costs_budget_all_the_same():
    """A child that is broken altogether is found out."""
    tree = Steered("a", intensity=1, count_progress=True)
    tree.crash("a", progressed=True)
    tree.crash("a", progressed=False)

    assert tree.crash("a", progressed=False) == ["finished shutdown intensity_exceeded"]


def test_a_failed_restart_is_never_free():
    """What did not start has made no progress."""
    tree = Steered("a", intensity=1, count_progress=True)
    tree.fails("a", times=9)

    assert tree.crash("a", progressed=True) == [
        *("start a", "start a"),
        "finished shutdown intensity_exceeded",
    ]


# -- significant children ------------------------------------------------------------------------


@pytest.mark.parametrize(("restart", "end"), list(product(["transient", "temporary"], ENDS)))
def test_any_significant_child_that_ends_for_good_ends_the_supervisor(restart, end):
    """significant_transient, significant_temporary."""
    tree = Steered(
        child("a", restart=restart, significant=True), "b", auto_shutdown="any_significant"
    )
    log = tree.crash("a", ENDS[end])

    if restart == "transient" and end in ABNORMAL:
        assert log == ["start a"]
    else:
        assert log[-2:] == ["stop b", "finished shutdown auto_shutdown"]
        assert tree.seen(to.Finished)[0].exit == Exit.shutdown()


@pytest.mark.parametrize("auto_shutdown", AutoShutdown)
def test_an_insignificant_child_never_ends_the_supervisor(auto_shutdown):
    """nonsignificant_temporary, nonsignificant_transient."""
    tree = Steered(child("a", restart="temporary"), auto_shutdown=auto_shutdown)

    assert tree.crash("a", Exit.normal()) == ["removed a"]


def test_all_significant_waits_for_the_last_one():
    """One that is down by hand is not waited for; one that is being restarted is."""
    a, b, c = (child(name, restart="transient", significant=True) for name in "abc")
    tree = Steered(a, b, c, auto_shutdown="all_significant", intensity=9)
    tree.ask("terminate_child", "c")
    tree.stubborn.add("b")
    tree.crash("b")

    assert tree.crash("a", Exit.normal()) == []
    assert tree.send(to.ChildUp("b", 2)) == []
    assert tree.crash("b", Exit.normal()) == ["finished shutdown auto_shutdown"]


@pytest.mark.parametrize("strategy", STATIC)
def test_a_significant_child_that_others_stop_ends_nothing(strategy):
    """significant_bystander, and terminate_child."""
    tree = Steered(
        "a",
        child("b", restart="temporary", significant=True),
        strategy=strategy,
        auto_shutdown="any_significant",
    )
    tree.crash("a")
    if strategy is Strategy.one_for_one:
        tree.ask("terminate_child", "b")

    assert tree.states() == {"a": "running"}
