"""Plans: while children are being stopped and started, the rest waits, as in OTP's mailbox.

Back-off is here as well: it is the pause in the middle of a restart.
"""

import pytest

from supervisors.core import protocol as to
from supervisors.core.backoff import Backoff
from supervisors.errors import ChildStartError, NotRunning, Refusal
from supervisors.exit import Exit
from tests.core_states import copy_of
from tests.supervisors.steered import Steered, child, refusal

SLOWLY = Backoff(min_s=1.0, max_s=4.0, jitter=0.0, stable_after_s=10.0)


# -- what waits, and in which order ---------------------------------------------------------------


def test_requests_wait_until_a_restart_is_done():
    """OTP's supervisor would be blocked in the child's start function."""
    tree = Steered("a", "b")
    tree.stubborn.add("a")
    tree.crash("a")
    request = tree.request("which_children")
    tree.send(request)
    assert tree.seen(to.Reply) == []

    tree.send(to.ChildUp("a", 2))

    assert [view.state for view in tree.reply_to(request).value] == ["running", "running"]


def test_requests_are_served_between_two_attempts():
    """hanging_restart_loop: the retry stands behind what waited already."""
    tree = Steered("a", intensity=9)
    tree.fails("a", times=2)
    request = tree.request("terminate_child", "a")

    assert tree.send(tree.fell("a"), request) == ["start a"]
    assert tree.states() == {"a": "stopped"}
    assert tree.reply_to(request).error is None


def test_a_restart_loop_is_seen_as_restarting():
    """delete_child and restart_child are refused, count_children counts it as not active."""
    tree = Steered("a", "b", intensity=9)
    tree.fails("a")
    asked = [
        tree.request("which_children"),
        tree.request("delete_child", "a"),
        tree.request("restart_child", "a"),
        tree.request("start_child", child("a")),
        tree.request("count_children"),
    ]
    tree.send(tree.fell("a"), *asked)
    which, delete, restart, start, count = [tree.reply_to(request) for request in asked]

    assert [view.state for view in which.value] == ["running", "restarting"]
    assert delete.error.reason is restart.error.reason is Refusal.restarting
    assert start.error.reason is Refusal.already_present
    assert count.value == to.ChildCounts(specs=2, active=1, supervisors=0, workers=2)
    assert tree.states()["a"] == "running", "the loop went on behind the requests"


def test_stop_overtakes_nothing():
    """What was asked before is answered before."""
    tree = Steered("a")
    tree.stubborn.add("a")
    tree.crash("a")
    request = tree.request("which_children")
    tree.send(request, to.Stop())
    tree.stubborn.clear()

    assert tree.send(to.ChildUp("a", 2)) == ["stop a", "finished shutdown stopped"]
    assert tree.reply_to(request).error is None


def test_what_waits_when_the_supervisor_ends_is_turned_away():
    """Every request gets its one answer; the end comes last."""
    tree = Steered("a", "b", intensity=0)
    tree.stubborn.add("b")
    asked = [tree.request("which_children"), tree.request("terminate_child", "b")]
    tree.send(tree.fell("a"), *asked)
    tree.crash("b", Exit.shutdown())

    assert all(isinstance(tree.reply_to(request).error, NotRunning) for request in asked)
    assert isinstance(tree.effects[-1], to.Finished)


def test_events_before_the_boot_wait_for_it():
    """A stop that comes too early is a stop."""
    tree = Steered("a", boot=False)

    assert tree.send(to.Stop()) == []
    assert tree.send(to.Boot()) == ["start a", "booted", "stop a", "finished shutdown stopped"]


# -- children that are quicker than the plan ------------------------------------------------------


def test_a_child_that_falls_while_it_waits_to_be_stopped_is_taken_as_stopped():
    """It keeps its own exit, isn't stopped again, and costs no budget of its own."""
    tree = Steered("a", "b", "c", strategy="one_for_all", intensity=1)
    tree.stubborn.add("c")

    assert tree.crash("a") == ["stop c"]
    assert tree.crash("b") == []
    tree.stubborn.clear()
    assert tree.crash("c", Exit.shutdown()) == ["start a", "start b", "start c"]
    assert tree.states() == {"a": "running", "b": "running", "c": "running"}
    assert tree.reports() == [("child_terminated", "a"), ("shutdown_error", "b")]
    assert tree.crash("b")[-1] == "finished shutdown intensity_exceeded"


def test_a_child_that_falls_while_a_sibling_starts_is_dealt_with_next():
    """Nothing is lost, nothing is done twice."""
    tree = Steered("a", "b", intensity=9)
    tree.stubborn.add("a")
    tree.crash("a")
    fallen = tree.fell("b")
    assert tree.send(fallen, fallen) == []

    assert tree.send(to.ChildUp("a", 2)) == ["start b"]


def test_children_that_fell_during_a_failed_boot_are_not_stopped_again():
    """They are down; their exits are judged as those of stopped children."""
    tree = Steered("a", "b", boot=False)
    tree.stubborn.add("b")
    tree.send(to.Boot())
    tree.crash("a")

    assert tree.send(to.ChildFailed("b", 1, "no")) == ["boot failed"]
    assert tree.reports() == [("start_error", "b"), ("shutdown_error", "a")]


def test_simple_children_that_fell_are_not_stopped_again():
    """A parallel stop asks the living only."""
    tree = Steered("t", strategy="simple_one_for_one", intensity=9)
    one, two = (tree.ask("start_child").id for _ in range(2))
    tree.stubborn.add(two)
    tree.crash(two)
    tree.send(to.Stop(), tree.fell(one))
    tree.stubborn.clear()

    log = tree.send(to.ChildUp(two, tree.current[two]))
    assert log == [f"stop {two}", "finished shutdown stopped"]


def test_a_restart_of_a_sibling_ends_a_restart_loop():
    """The try that waits finds the child running, and passes."""
    tree = Steered("a", "b", strategy="rest_for_one", intensity=2)
    tree.stubborn.add("b")
    tree.crash("b")
    tree.crash("a")
    tree.stubborn.clear()

    assert tree.send(to.ChildFailed("b", 2, "no")) == ["start a", "start b"]


# -- back-off -----------------------------------------------------------------------------------


def test_a_restart_waits_for_its_back_off():
    """Meanwhile the child is restarting, and an observer knows for how long."""
    tree = Steered("a", backoff=SLOWLY)

    assert tree.crash("a") == ["wait 1"]
    assert tree.states() == {"a": "restarting"}
    assert tree.seen(to.Restarting) == [to.Restarting("a", 1.0)]
    assert tree.fire() == ["start a"]
    assert tree.states() == {"a": "running"}


def test_without_back_off_a_restart_is_announced_and_immediate():
    """Delay 0."""
    tree = Steered("a")
    tree.crash("a")

    assert tree.seen(to.Restarting) == [to.Restarting("a", 0.0)]


def test_waits_grow_with_failures_in_a_row_of_either_kind():
    """A crash and a failed start count alike; max_s is the limit."""
    tree = Steered("a", backoff=SLOWLY, intensity=9)
    tree.fails("a")

    assert tree.crash("a") == ["wait 1"]
    assert tree.fire() == ["start a", "wait 2"]
    assert tree.fire() == ["start a"]
    assert tree.crash("a") == ["wait 4"]
    tree.fire()
    assert tree.crash("a") == ["wait 4"]


@pytest.mark.parametrize(("uptime_s", "wait"), [(9.9, "wait 2"), (10.0, "wait 1")])
def test_only_stable_uptime_forgets_failures(uptime_s, wait):
    """A start that succeeds proves nothing."""
    tree = Steered("a", backoff=SLOWLY, intensity=9)
    tree.crash("a")
    tree.fire()

    assert tree.crash("a", uptime_s=uptime_s) == [wait]


def test_each_child_has_a_back_off_of_its_own():
    """One child's failures don't slow another's restart."""
    tree = Steered("a", "b", backoff=SLOWLY, intensity=9)
    tree.crash("a")
    tree.fire()
    tree.crash("a")

    assert tree.crash("b") == ["wait 1"]


def test_budget_is_charged_when_the_child_falls_not_when_it_is_started():
    """So a supervisor that has to give up does so at once."""
    tree = Steered("a", "b", backoff=SLOWLY, intensity=1)
    assert tree.crash("a") == ["wait 1"]

    assert tree.crash("b") == ["cancel", "finished shutdown intensity_exceeded"]


def test_stop_during_a_back_off_comes_at_once():
    """Nothing is waited for; the timer is cancelled."""
    tree = Steered("a", "b", backoff=SLOWLY)
    tree.crash("a")

    assert tree.send(to.Stop()) == ["cancel", "stop b", "finished shutdown stopped"]
    assert tree.timers == {}


def test_a_timer_that_fires_too_late_does_no_harm():
    """Cancelled and fired at once: it is not the present timer any more."""
    tree = Steered("a", backoff=SLOWLY, intensity=9)
    tree.crash("a")
    (late,) = tree.timers
    tree.ask("terminate_child", "a")
    tree.ask("restart_child", "a")
    tree.crash("a")

    assert tree.send(to.Timer(late)) == []


def test_terminate_child_during_a_back_off_gives_up_on_the_child():
    """The spec stays, stopped; restart_child starts it without waiting."""
    tree = Steered("a", backoff=SLOWLY)
    tree.crash("a")
    assert refusal(tree, "restart_child", "a") is Refusal.restarting
    tree.forget()

    tree.ask("terminate_child", "a")
    assert tree.log == ["cancel"]
    assert tree.states() == {"a": "stopped"}
    tree.ask("restart_child", "a")
    assert tree.states() == {"a": "running"}


def test_a_simple_child_that_is_terminated_during_its_back_off_is_gone():
    """And so is its timer."""
    tree = Steered("t", strategy="simple_one_for_one", backoff=SLOWLY)
    name = tree.ask("start_child").id
    tree.crash(name)
    tree.forget()

    tree.ask("terminate_child", name)
    assert tree.log == ["cancel", f"removed {name}"]


def test_a_group_is_stopped_before_the_back_off_not_after_it():
    """Who depends on a child that is down has no business running meanwhile."""
    tree = Steered("a", "b", "c", strategy="rest_for_one", backoff=SLOWLY)

    assert tree.crash("b") == ["stop c", "wait 1"]
    assert tree.states() == {"a": "running", "b": "restarting", "c": "stopped"}
    assert tree.fire() == ["start b", "start c"]


def test_a_group_restart_takes_along_who_waits_for_a_back_off():
    """After a's back-off both are started, and b's timer is gone."""
    tree = Steered("a", "b", strategy="rest_for_one", backoff=SLOWLY, intensity=9)
    tree.crash("b")

    assert tree.crash("a") == ["cancel", "wait 1"]
    assert tree.fire() == ["start a", "start b"]
    assert tree.timers == {}


def test_a_restart_by_hand_during_a_siblings_back_off_is_undone_by_the_group():
    """As in OTP's retry loops: the group starts from a clean state."""
    tree = Steered("a", "b", strategy="rest_for_one", backoff=SLOWLY)
    tree.crash("a")
    tree.ask("restart_child", "b")

    assert tree.fire() == ["stop b", "start a", "start b"]


def test_a_timer_that_fires_during_a_plan_waits():
    """Two restarts don't mix."""
    tree = Steered("a", "b", backoff=SLOWLY, intensity=9)
    tree.crash("a")
    tree.stubborn.add("b")
    request = tree.request("terminate_child", "b")
    tree.send(request)
    assert tree.fire() == []

    assert tree.crash("b", Exit.shutdown()) == ["start a"]


def test_jitter_is_the_seeds_business():
    """Same seed, same waits; other seed, other waits; a copy goes on alike."""
    jittery = Backoff(min_s=1.0, factor=1.0, jitter=1.0)

    def waits(seed, copying=False):
        tree = Steered("a", backoff=jittery, intensity=9, seed=seed)
        for _ in range(4):
            if copying:
                tree.core = copy_of(tree.core)
            tree.crash("a")
            tree.fire()
        return [effect.delay_s for effect in tree.seen(to.SetTimer)]

    assert waits(1) == waits(1) == waits(1, copying=True)
    assert waits(1) != waits(2)
    assert len(set(waits(1))) == 4
    assert all(0 < wait <= 1 for wait in waits(1))


def test_a_failed_start_by_hand_is_told_to_who_asked():
    """The supervisor does not try again by itself."""
    tree = Steered("a", backoff=SLOWLY)
    tree.ask("terminate_child", "a")
    tree.fails("a", error="no disk")
    tree.forget()

    with pytest.raises(ChildStartError, match="no disk"):
        tree.ask("restart_child", "a")
    assert tree.log == ["start a"]
    assert tree.states() == {"a": "stopped"}
