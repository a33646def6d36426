"""Parking: a supervisor that has spent its budget waits, probes, and comes back by itself."""

from typing import Any

import pytest

from supervisors.core import protocol as to
from supervisors.core.backoff import Backoff
from supervisors.core.spec import ExtraArgs, SupervisorSpec
from supervisors.errors import ChildStartError, Refusal, RestartLimitReached
from supervisors.exit import Exit
from tests.core_states import copy_of, state_of
from tests.supervisors.steered import Steered, child, refusal


def a_parking(*children, **fields):
    """A supervisor that parks at the first crash, and probes after 1, 2, 4 and then 5 s."""
    defaults: dict[str, Any] = {"on_intensity": "park", "intensity": 0, "probe_max_s": 5.0}
    return Steered(*children, **defaults | fields)


def test_it_stops_its_children_and_waits_instead_of_ending():
    """In reverse; the reason and the wait are told."""
    tree = a_parking("a", "b", "c")

    assert tree.crash("b") == ["stop c", "stop a", "parked", "wait 1"]
    (parked,) = tree.seen(to.Parked)
    assert isinstance(parked.reason, RestartLimitReached)
    assert not parked.reason.on_probation
    assert parked.probe_s == 1.0
    assert tree.core.parked
    assert tree.reports() == [("child_terminated", "b"), ("shutdown", "b")]


def test_a_probe_starts_all_children_in_order():
    """Unparked comes when the last of them is up."""
    tree = a_parking("a", "b")
    tree.crash("a")
    tree.stubborn.add("b")

    assert tree.fire() == ["start a", "start b"]
    assert tree.send(to.ChildUp("b", 2)) == ["unparked"]
    assert not tree.core.parked
    assert tree.states() == {"a": "running", "b": "running"}


def test_a_crash_on_probation_parks_again_for_twice_as_long():
    """Up to probe_max_s, whatever the intensity."""
    tree = a_parking("a", intensity=9)
    tree.fails("a", times=9)
    tree.crash("a")
    waits = []
    for _ in range(4):
        tree.fire()
        waits.append(tree.crash("a")[-1])

    assert waits == ["wait 2", "wait 4", "wait 5", "wait 5"]
    assert tree.seen(to.Parked)[-1].reason.on_probation


def test_a_start_that_fails_on_probation_parks_again():
    """Those that had started are stopped again."""
    tree = a_parking("a", "b", "c")
    tree.crash("a")
    tree.fails("b")

    tree.forget()

    assert tree.fire() == ["start a", "start b", "stop a", "parked", "wait 2"]
    assert tree.reports() == [("start_error", "b")]
    assert tree.seen(to.Parked)[0].reason.on_probation
    assert tree.states() == {"a": "restarting", "b": "restarting", "c": "restarting"}
    assert tree.fire() == ["start a", "start b", "start c", "unparked"]


@pytest.mark.parametrize("proof", [{"progressed": True}, {"uptime_s": 10.0}])
def test_who_has_proved_itself_has_a_budget_again(proof):
    """After progress or stable uptime a crash is a crash, and parking starts over at 1 s."""
    tree = a_parking("a", intensity=1)
    tree.crash("a")
    tree.crash("a")
    tree.fire()

    assert tree.crash("a", **proof) == ["start a"]
    assert tree.crash("a") == ["parked", "wait 1"]


def test_one_childs_proof_is_not_anothers():
    """That a works doesn't help b, which has done nothing yet."""
    tree = a_parking("a", "b", intensity=1)
    tree.crash("a")
    tree.crash("a")
    tree.fire()
    tree.crash("a", progressed=True)

    assert tree.crash("b") == ["stop a", "parked", "wait 2"]


def test_a_group_restart_is_no_proof():
    """Restarted along with a, b is still on probation."""
    tree = a_parking("a", "b", intensity=1, strategy="one_for_all")
    tree.crash("a")
    tree.crash("a")
    tree.fire()
    tree.crash("a", progressed=True)

    assert tree.crash("b")[-1] == "wait 2"


def test_the_budget_is_new_after_a_probe():
    """The crashes that led to parking are paid for."""
    tree = a_parking("a", intensity=1, period_s=100.0)
    tree.crash("a")
    tree.crash("a")
    tree.fire()

    assert tree.crash("a", progressed=True) == ["start a"]


def test_free_crashes_do_not_park():
    """count_progress and parking together: a handler that hits a bad event in ten goes on."""
    tree = a_parking("a", count_progress=True)
    for _ in range(20):
        assert tree.crash("a", progressed=True) == ["start a"]

    assert tree.crash("a", progressed=False)[-1] == "wait 1"


def test_a_failed_restart_parks_when_the_budget_is_spent():
    """Not only crashes do."""
    tree = a_parking("a", "b", intensity=1)
    tree.fails("a")

    assert tree.crash("a") == ["start a", "stop b", "parked", "wait 1"]


def test_a_failed_boot_is_a_failed_boot():
    """There was nothing yet that could come back."""
    tree = a_parking("a", boot=False)
    tree.fails("a")

    assert tree.send(to.Boot()) == ["start a", "boot failed"]


def test_stop_while_parked_comes_at_once():
    """No timer is left behind."""
    tree = a_parking("a", "b")
    tree.crash("a")

    assert tree.send(to.Stop()) == ["cancel", "finished shutdown stopped"]
    assert tree.timers == {}
    assert not tree.core.parked


def test_stop_while_it_is_going_to_park_is_a_stop():
    """It waits for the children, and not for a probe."""
    tree = a_parking("a", "b")
    tree.stubborn.add("b")
    tree.crash("a")
    tree.send(to.Stop())

    log = tree.crash("b", Exit.shutdown())
    assert log == ["parked", "wait 1", "cancel", "finished shutdown stopped"]


def test_a_probe_timer_that_was_cancelled_does_no_harm():
    """It may have been on its way already."""
    tree = a_parking("a")
    tree.crash("a")
    (late,) = tree.timers
    tree.send(to.Stop())

    assert tree.send(to.Timer(late)) == []


def test_the_timer_of_an_earlier_probe_does_no_harm():
    """Each probe has a key of its own."""
    tree = a_parking("a")
    tree.crash("a")
    (late,) = tree.timers
    tree.fire()
    tree.crash("a")

    assert tree.send(to.Timer(late)) == []


def test_back_offs_do_not_outlive_parking():
    """Timers are cancelled, and failures forgotten."""
    tree = a_parking("a", "b", intensity=1, backoff=Backoff(min_s=1.0, jitter=0.0))
    assert tree.crash("a") == ["wait 1"]

    assert tree.crash("b") == ["cancel", "parked", "wait 1"]
    tree.fire()
    assert tree.crash("a", progressed=True) == ["wait 1"]


# -- requests while parked ------------------------------------------------------------------------


def test_parked_children_are_shown_as_restarting():
    """Which they are, with a long wait."""
    tree = a_parking("a", "b")
    tree.crash("a")

    assert {view.state for view in tree.ask("which_children")} == {"restarting"}
    assert tree.ask("count_children").active == 0
    assert refusal(tree, "restart_child", "a") is Refusal.restarting
    assert refusal(tree, "delete_child", "a") is Refusal.restarting


def test_terminate_child_takes_a_child_out_of_the_next_probe():
    """So an operator can take the broken one out, and the rest comes back."""
    tree = a_parking("a", "b")
    tree.crash("a")
    tree.ask("terminate_child", "a")

    assert tree.fire() == ["start b", "unparked"]
    assert tree.ask("restart_child", "a").state == "running"


def test_nothing_is_started_by_hand_while_parked():
    """Neither a new child nor a stopped one; both can be deleted."""
    tree = a_parking("a", "b")
    tree.ask("terminate_child", "b")
    tree.crash("a")

    assert refusal(tree, "restart_child", "b") is Refusal.parked
    assert refusal(tree, "start_child", child("c")) is Refusal.parked
    tree.ask("delete_child", "b")
    assert tree.states() == {"a": "restarting"}


def test_a_probe_leaves_alone_who_was_stopped_by_hand_or_had_ended():
    """one_for_one: they are not part of what went wrong."""
    tree = a_parking("a", "b", child("c", restart="transient"), "d", "e", "f")
    tree.ask("terminate_child", "b")
    tree.ask("terminate_child", "f")
    tree.ask("restart_child", "f")
    tree.crash("c", Exit.normal())
    tree.ignores("d")
    tree.ask("terminate_child", "d")
    tree.ask("restart_child", "d")
    tree.ask("terminate_child", "e")
    tree.fails("e")
    with pytest.raises(ChildStartError):
        tree.ask("restart_child", "e")
    tree.crash("a")

    assert tree.fire() == ["start a", "start f", "unparked"]


def test_a_probe_leaves_alone_what_a_reload_has_brought():
    """New specs are not started, by no one but restart_child."""
    tree = a_parking("a")
    tree.ask("reload", SupervisorSpec((child("a"), child("b")), intensity=0, on_intensity="park"))
    tree.crash("a")

    assert tree.fire() == ["start a", "unparked"]


def test_a_probe_of_a_group_starts_the_whole_group():
    """one_for_all: as any restart of the group would."""
    tree = a_parking("a", "b", strategy="one_for_all")
    tree.ask("terminate_child", "b")
    tree.crash("a")

    assert tree.fire() == ["start a", "start b", "unparked"]


def test_siblings_that_a_failed_group_restart_had_stopped_come_back():
    """They were stopped for a's sake, not by hand."""
    tree = a_parking("a", "b", strategy="rest_for_one", intensity=1)
    tree.fails("a")
    tree.crash("a")

    assert tree.fire() == ["start a", "start b", "unparked"]


def test_temporary_children_do_not_come_back():
    """Temporary means once."""
    tree = a_parking("a", child("b", restart="temporary"))

    assert tree.crash("a") == ["stop b", "removed b", "parked", "wait 1"]
    assert tree.fire() == ["start a", "unparked"]


def test_a_probe_with_nobody_left_unparks():
    """All were terminated meanwhile: there is nothing to wait for."""
    tree = a_parking("a")
    tree.crash("a")
    tree.ask("terminate_child", "a")

    assert tree.fire() == ["unparked"]


def test_simple_children_park_together_and_come_back_with_their_arguments():
    """Stopped all at once, started one by one."""
    tree = a_parking(child("t"), strategy="simple_one_for_one")
    for label in "xyz":
        tree.ask("start_child", ExtraArgs((label,), label=label))
    tree.stubborn.update("yz")
    tree.forget()

    assert sorted(tree.crash("x")) == ["stop y", "stop z"]
    tree.stubborn.clear()
    tree.crash("y", Exit.shutdown())
    assert tree.crash("z", Exit.shutdown()) == ["parked", "wait 1"]
    assert tree.fire() == ["start x", "start y", "start z", "unparked"]
    assert [effect.extra_args for effect in tree.seen(to.StartChild)] == [("x",), ("y",), ("z",)]


def test_a_probe_goes_on_with_a_copy():
    """Probation, waits and timers are part of the state."""
    tree = a_parking("a")
    tree.crash("a")
    original, tree.core = tree.core, copy_of(tree.core)
    tree.fire()
    assert (original.parked, tree.core.parked) == (True, False)
    before = state_of(tree.core)
    tree.core = copy_of(tree.core)

    assert state_of(tree.core) == before
    assert tree.crash("a") == ["parked", "wait 2"]
