"""The core from boot to end: start order, stop order, late news, copies (supervision.md, B1).

Whole histories are compared with OTP's own supervisor in tests/otp; here and in the files
beside it each rule has a name and stands alone.
"""

import pytest

from supervisors.core import protocol as to
from supervisors.core.backoff import Backoff
from supervisors.core.words import BRUTAL_KILL
from supervisors.errors import ChildStartError, NotRunning
from supervisors.exit import Exit
from tests.core_states import copy_of, state_of
from tests.supervisors.steered import ENDS, Steered, child

# -- start ---------------------------------------------------------------------------------------


def test_children_start_left_to_right_each_after_the_one_before():
    """The second is not ordered before the first is up; booted comes when all are."""
    tree = Steered("a", "b", boot=False)
    tree.stubborn.add("a")

    assert tree.send(to.Boot()) == ["start a"]
    assert tree.send(to.ChildUp("a", 1)) == ["start b", "booted"]
    assert tree.states() == {"a": "running", "b": "running"}


def test_a_supervisor_without_children_boots():
    """sup_start_normal: starts empty, stops with reason shutdown."""
    tree = Steered(boot=False)

    assert tree.send(to.Boot()) == ["booted"]
    assert tree.send(to.Stop()) == ["finished shutdown stopped"]


def test_a_failed_boot_is_rolled_back_in_reverse_and_not_retried():
    """Those before the failed one are stopped, those behind were never started."""
    tree = Steered("a", "b", "c", "d", boot=False)
    tree.fails("c", error="no disk")

    assert tree.send(to.Boot()) == [
        *("start a", "start b", "start c"),
        *("stop b", "stop a", "boot failed"),
    ]
    (failed,) = tree.seen(to.BootFailed)
    assert isinstance(failed.error, ChildStartError)
    assert (failed.error.child_id, failed.error.cause) == ("c", "no disk")
    assert tree.effects[-1] is failed
    assert tree.reports() == [("start_error", "c")]


def test_the_cause_of_a_failed_start_is_kept():
    """An exception becomes the cause of ours."""
    cause = OSError("no disk")
    tree = Steered("a", boot=False)
    tree.stubborn.add("a")
    tree.send(to.Boot(), to.ChildFailed("a", 1, cause))

    assert tree.seen(to.BootFailed)[0].error.__cause__ is cause


def test_a_child_may_choose_not_to_run():
    """sup_start_ignore_child: the spec is kept, stopped; a temporary one's is not."""
    tree = Steered("a", child("b", restart="temporary"), "c", boot=False)
    tree.ignores("a")
    tree.ignores("b")

    assert tree.send(to.Boot()) == ["start a", "start b", "removed b", "start c", "booted"]
    assert tree.states() == {"a": "stopped", "c": "running"}


def test_a_child_that_ends_while_it_starts_has_failed_to_start():
    """Its end is all that comes; the supervisor does not wait for more."""
    tree = Steered("a", boot=False)
    tree.stubborn.add("a")

    assert tree.send(to.Boot(), to.ChildDown("a", 1, Exit.lost())) == ["start a", "boot failed"]
    assert tree.seen(to.BootFailed)[0].error.cause == "lost"


def test_a_child_that_ends_while_it_is_restarted_is_tried_again():
    """With what it raised as the cause."""
    cause = OSError("no disk")
    tree = Steered("a", intensity=2)
    tree.stubborn.add("a")
    tree.crash("a")

    assert tree.crash("a", Exit.crash(cause)) == ["start a"]
    assert tree.seen(to.Report)[-1] == to.Report("start_error", "a", cause)


def test_progress_is_reported_for_each_start():
    """OTP's progress reports, in order."""
    tree = Steered("a", "b", boot=False)
    tree.send(to.Boot())

    assert [(r.context, r.id) for r in tree.seen(to.Report)] == [
        ("progress", "a"),
        ("progress", "b"),
    ]


def test_booting_twice_is_booting_once():
    """Only the first Boot counts."""
    tree = Steered("a", boot=False)

    assert tree.send(to.Boot(), to.Boot()) == ["start a", "booted"]
    assert tree.send(to.Boot()) == []


# -- stop ----------------------------------------------------------------------------------------


def test_children_are_stopped_newest_first_one_by_one():
    """The next is not asked before the last one is down."""
    tree = Steered("a", "b", "c")
    tree.stubborn.add("c")

    assert tree.send(to.Stop()) == ["stop c"]
    assert tree.crash("c", Exit.killed()) == ["stop b", "stop a", "finished shutdown stopped"]
    assert tree.reports() == [("shutdown_error", "c")]


def test_simple_children_are_stopped_all_at_once():
    """simple_one_for_one_shutdown: no child waits for another."""
    tree = Steered("t", strategy="simple_one_for_one")
    names = [tree.ask("start_child").id for _ in range(3)]
    tree.stubborn.update(names)
    tree.forget()

    assert sorted(tree.send(to.Stop())) == [f"stop {name}" for name in names]
    log = [line for name in names for line in tree.crash(name, Exit.shutdown())]
    assert log[-1] == "finished shutdown stopped"
    assert log.count("finished shutdown stopped") == 1


def test_it_finishes_with_the_exit_that_it_was_given():
    """A parent may say more than shutdown."""
    tree = Steered("a")
    tree.send(to.Stop(Exit.shutdown("upgrade")))

    assert tree.seen(to.Finished)[0].exit == Exit.shutdown("upgrade")
    assert tree.core.exit == Exit.shutdown("upgrade")


@pytest.mark.parametrize(
    ("fields", "end", "clean"),
    [
        ({}, "shutdown", True),
        ({}, "normal", False),
        ({}, "shutdown with a detail", False),
        ({}, "crash", False),
        ({}, "killed", False),
        ({"restart": "transient"}, "normal", True),
        ({"restart": "temporary"}, "shutdown with a detail", True),
        ({"restart": "temporary"}, "killed", False),
        ({"shutdown_s": BRUTAL_KILL}, "killed", True),
        ({"shutdown_s": BRUTAL_KILL}, "shutdown", False),
        ({"shutdown_s": BRUTAL_KILL, "restart": "transient"}, "shutdown", True),
        ({"shutdown_s": BRUTAL_KILL, "restart": "transient"}, "crash", False),
    ],
)
def test_an_unexpected_end_while_stopping_is_reported(fields, end, clean):
    """sup_stop_race: it never hangs the supervisor, and never starts anything."""
    tree = Steered(child("a", **fields))
    tree.stubborn.add("a")
    tree.send(to.Stop())

    assert tree.crash("a", ENDS[end])[-1] == "finished shutdown stopped"
    assert tree.reports() == ([] if clean else [("shutdown_error", "a")])


def test_after_its_end_requests_are_turned_away_and_all_else_is_ignored():
    """With the exit, so that the caller learns why."""
    tree = Steered("a")
    tree.send(to.Stop())
    tree.forget()

    with pytest.raises(NotRunning) as caught:
        tree.ask("which_children")
    assert caught.value.exit == Exit.shutdown()
    late = (to.ChildUp("a", 2), to.ChildDown("a", 1, Exit.normal()), to.Timer(("probe", "", 1)))
    assert tree.send(to.Boot(), to.Stop(), *late) == []


# -- events about others -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        to.ChildUp("zz", 1),
        to.ChildUp("a", 1),
        to.ChildUp("a", 2),
        to.ChildFailed("a", 2, "late"),
        to.ChildIgnored("a", 2),
        to.ChildDown("zz", 1, Exit.crash("boom")),
        to.ChildDown("a", 1, Exit.crash("boom")),
        to.ChildDown("a", 3, Exit.crash("boom")),
        to.Timer(("restart", "a", 1)),
        to.Timer(("restart", "zz", 1)),
        to.Timer(("probe", "", 1)),
    ],
)
def test_news_of_unknown_and_old_incarnations_change_nothing(event):
    """Incarnation 2 is running; whatever is said about others is old, or was never true."""
    tree = Steered("a")
    tree.crash("a")
    before = state_of(tree.core)

    assert tree.core.handle(event, 0.0) == []
    assert state_of(tree.core) == before


def test_a_namesake_gets_numbers_of_its_own():
    """Removed and added anew: a late end of the old one is not taken for the new one's."""
    tree = Steered("a", child("b", restart="temporary"))
    tree.crash("a")
    late = tree.fell("b")
    tree.ask("terminate_child", "b")
    tree.ask("start_child", child("b"))

    assert tree.send(late) == []
    assert tree.states()["b"] == "running"


# -- copies and keys -----------------------------------------------------------------------------


def test_the_same_events_lead_to_the_same_effects_and_key():
    """Deterministic, and a copy is independent."""
    one, two = Steered("a", "b", strategy="one_for_all"), Steered("a", "b", strategy="one_for_all")
    twin = copy_of(one.core)
    for tree in (one, two):
        tree.crash("a")

    assert one.effects == two.effects
    assert state_of(one.core) == state_of(two.core)
    assert state_of(twin) != state_of(one.core)
    assert repr(twin) == "<SupervisorCore up, 2 children>"


def test_a_copy_in_the_middle_of_a_plan_is_independent():
    """What one has still to stop and start is not the other's list."""
    tree = Steered("a", "b", "c", strategy="one_for_all")
    tree.stubborn.add("c")
    tree.crash("a")
    twin, down = copy_of(tree.core), tree.fell("c", Exit.shutdown())
    one = tree.core.handle(down, 0.0)

    assert state_of(twin) != state_of(tree.core)
    assert twin.handle(down, 0.0) == one == [to.StopChild("b", 1, 5.0)]
    assert state_of(twin) == state_of(tree.core)
    tree.send(tree.request("which_children"))
    assert state_of(twin) != state_of(tree.core)


def test_the_key_tells_what_is_under_way():
    """Plans, what waits for them, and what has fallen; not whether an old event still waits."""
    tree = Steered("a", "b", strategy="one_for_all", intensity=9)
    tree.stubborn.update("ab")
    keys = [state_of(tree.core)]
    for events in (
        [tree.fell("a")],
        [tree.fell("b", Exit.shutdown())],
        [tree.request("which_children")],
        [to.ChildUp("a", 2), to.ChildDown("a", 2, Exit.normal())],
        [to.Stop()],
    ):
        tree.send(*events)
        keys.append(state_of(tree.core))

    assert len(set(keys)) == len(keys)
    assert hash(state_of(copy_of(tree.core))) == hash(keys[-1])


def test_the_key_tells_how_a_waiting_child_fell():
    """What follows depends on it."""
    keys = set()
    for ended in ENDS.values():
        tree = Steered(child("a", restart="transient"), "b")
        tree.stubborn.add("b")
        tree.send(tree.fell("b"), tree.fell("a", ended))
        keys.add(state_of(tree.core))

    assert len(keys) == len(ENDS)


def test_old_news_that_wait_are_no_part_of_the_key():
    """In one history b fell before it was stopped, and its end still waits to be passed over."""
    keys = set()
    for falls in (True, False):
        tree = Steered("a", "b", "c", strategy="one_for_all", intensity=9)
        tree.stubborn.update("ac")
        tree.crash("a")
        if falls:
            tree.crash("b", Exit.shutdown())
        tree.crash("c", Exit.shutdown())
        assert tree.log[-1] == "start a"
        keys.add(state_of(tree.core))

    assert len(keys) == 1


def test_without_jitter_the_key_knows_no_chance():
    """One back-off behind, or two: the second forgot the first."""
    steady = Backoff(min_s=1.0, jitter=0.0, stable_after_s=5.0)
    once, twice = (Steered("a", intensity=9, period_s=1.0, backoff=steady) for _ in range(2))
    for tree, crashes in ((once, 1), (twice, 2)):
        for _ in range(crashes):
            tree.crash("a", uptime_s=5.0)
            tree.fire()
        tree.now_s += 100.0
        tree.ask("which_children")

    assert state_of(once.core) == state_of(twice.core)


def test_histories_that_lead_to_the_same_place_have_the_same_key():
    """Numbers of incarnations and absolute time are no part of it, the age of restarts is."""
    fresh, seasoned = Steered("a", period_s=5.0), Steered("a", period_s=5.0)
    seasoned.crash("a")
    assert state_of(seasoned.core) != state_of(fresh.core)
    seasoned.now_s = 100.0
    seasoned.ask("which_children")

    assert state_of(seasoned.core) == state_of(fresh.core)
