"""Questions and orders from outside, and OTP's answers to them (child_adm)."""

import pytest

from supervisors.core import protocol as to
from supervisors.core.spec import ChildSpec, SupervisorSpec
from supervisors.errors import ChildError, ChildStartError, Refusal, SpecError
from supervisors.exit import Exit
from tests.supervisors.steered import Steered, child, refusal


@pytest.fixture
def tree():
    """A running supervisor of a and b, with a clean log."""
    return Steered("a", "b", intensity=9)


# -- terminate, restart, delete -------------------------------------------------------------------


def test_terminate_child_stops_it_and_keeps_the_spec(tree):
    """Twice is as good as once."""
    tree.ask("terminate_child", "a")
    tree.ask("terminate_child", "a")

    assert tree.log == ["stop a"]
    assert tree.states() == {"a": "stopped", "b": "running"}


def test_terminate_child_takes_a_temporary_child_with_its_spec(tree):
    """It could not be started again anyway."""
    tree.ask("start_child", child("c", restart="temporary"))
    tree.ask("terminate_child", "c")

    assert tree.log == ["start c", "stop c", "removed c"]
    assert refusal(tree, "terminate_child", "c") is Refusal.not_found


def test_restart_child_starts_what_is_stopped(tree):
    """And says which incarnation that made."""
    tree.ask("terminate_child", "a")
    view = tree.ask("restart_child", "a")

    assert view == to.ChildView("a", "running", "worker", incarnation=2, starts=2)


def test_restart_child_may_find_that_the_child_does_not_want_to_run(tree):
    """Ignored: no error, and no child."""
    tree.ask("terminate_child", "a")
    tree.ignores("a")

    assert tree.ask("restart_child", "a").state == "stopped"
    assert tree.states()["a"] == "stopped"


def test_restart_child_that_fails_keeps_the_spec(tree):
    """sup_start_restart_child_returns_error."""
    tree.ask("terminate_child", "a")
    tree.fails("a", error="no disk")

    with pytest.raises(ChildStartError) as caught:
        tree.ask("restart_child", "a")
    assert caught.value.reason is Refusal.start_failed
    assert caught.value.cause == "no disk"
    assert tree.states()["a"] == "stopped"


def test_delete_child_forgets_what_is_stopped(tree):
    """Afterwards the id is free."""
    tree.ask("terminate_child", "a")
    tree.ask("delete_child", "a")
    tree.ask("start_child", child("a"))

    assert tree.log == ["stop a", "removed a", "start a"]
    assert list(tree.states()) == ["b", "a"]


@pytest.mark.parametrize("op", ["restart_child", "delete_child"])
def test_what_runs_is_neither_restarted_nor_deleted(tree, op):
    """terminate_child comes first."""
    assert refusal(tree, op, "a") is Refusal.running


@pytest.mark.parametrize(
    "op", ["terminate_child", "restart_child", "delete_child", "get_child_spec"]
)
@pytest.mark.parametrize("name", ["zz", None, 7, ["a"]])
def test_unknown_ids_are_not_found(tree, op, name):
    """Whatever they are."""
    assert refusal(tree, op, name) is Refusal.not_found


def test_one_life_is_terminated_only_if_it_is_the_present_one(tree):
    """As with a pid: if it has been replaced, there is nothing left to do, and that is fine."""
    tree.crash("a")
    tree.forget()

    tree.ask("terminate_child", to.OneLife("a", 1))
    tree.ask("terminate_child", to.OneLife("zz", 1))
    assert tree.log == []
    tree.ask("terminate_child", to.OneLife("a", 2))
    assert tree.log == ["stop a"]


# -- start_child ----------------------------------------------------------------------------------


def test_start_child_adds_a_last_child(tree):
    """It is stopped first and restarted like the others."""
    view = tree.ask("start_child", child("c"))

    assert view == to.ChildView("c", "running", "worker", incarnation=1, starts=1)
    assert [view.id for view in tree.ask("which_children")] == ["c", "b", "a"]
    assert tree.crash("c") == ["start c"]


def test_start_child_with_an_id_that_is_taken(tree):
    """already_started names the incarnation; a stopped one is already_present."""
    tree.crash("a")
    with pytest.raises(ChildError) as caught:
        tree.ask("start_child", child("a"))
    assert (caught.value.reason, caught.value.incarnation) == (Refusal.already_started, 2)

    tree.ask("terminate_child", "a")
    assert refusal(tree, "start_child", child("a")) is Refusal.already_present


def test_start_child_that_fails_leaves_nothing_behind(tree):
    """sup_start_child_returns_error."""
    tree.fails("c")

    with pytest.raises(ChildStartError):
        tree.ask("start_child", child("c"))
    assert tree.log == ["start c", "removed c"]
    assert "c" not in tree.states()
    assert tree.reports() == []


@pytest.mark.parametrize(("restart", "kept"), [("permanent", True), ("temporary", False)])
def test_start_child_that_is_ignored_is_kept_unless_temporary(tree, restart, kept):
    """sup_start_ignore_temporary_child_start_child."""
    tree.ignores("c")

    assert tree.ask("start_child", child("c", restart=restart)).state == "stopped"
    assert ("c" in tree.states()) is kept


def test_start_child_checks_the_spec_against_the_supervisor(tree):
    """Significant under auto_shutdown never is a bad combination at any time."""
    with pytest.raises(SpecError, match="bad_combination"):
        tree.ask("start_child", child("c", restart="transient", significant=True))
    with pytest.raises(SpecError, match="ChildSpec"):
        tree.ask("start_child", "c")


def test_arguments_of_temporary_children_are_not_kept(tree):
    """do_not_save_start_parameters_for_temporary_children: nobody will start them again."""
    tree.ask("start_child", child("c", restart="temporary", args=("big",), kwargs={"x": 1}))
    assert tree.seen(to.StartChild)[-1].spec.args == ("big",)
    assert tree.ask("get_child_spec", "c") == child("c", restart="temporary")

    tree.ask("start_child", child("d", restart="transient", args=("kept",)))
    assert tree.ask("get_child_spec", "d").args == ("kept",)


# -- questions ------------------------------------------------------------------------------------


def test_which_children_has_the_newest_first(tree):
    """OTP's order; state, kind and numbers beside the id."""
    tree.ask("terminate_child", "a")

    assert tree.ask("which_children") == (
        to.ChildView("b", "running", "worker", incarnation=1, starts=1),
        to.ChildView("a", "stopped", "worker", incarnation=1, starts=1),
    )


def test_starts_counts_successes_incarnation_attempts():
    """Three attempts, two of them successful."""
    tree = Steered("a", intensity=9)
    tree.fails("a")
    tree.crash("a")

    (view,) = tree.ask("which_children")
    assert (view.incarnation, view.starts) == (3, 2)


def test_count_children_counts_specs_living_and_kinds(tree):
    """count_children_supervisor."""
    tree.ask("start_child", ChildSpec("sub", SupervisorSpec(), type="supervisor"))
    tree.ask("terminate_child", "a")

    assert tree.ask("count_children") == to.ChildCounts(specs=3, active=2, supervisors=1, workers=2)


def test_a_fallen_child_is_not_active_even_before_its_end_is_dealt_with(tree):
    """count_children asks who really runs."""
    tree.stubborn.add("b")
    tree.crash("b")
    count = tree.request("count_children")
    tree.send(tree.fell("a"), count, to.ChildUp("b", 2))

    assert tree.reply_to(count).value.active == 2, "a had been restarted by then"
    tree.stubborn.add("a")
    which = tree.request("count_children")
    tree.send(which, tree.fell("a"))
    assert tree.reply_to(which).value.active == 2


def test_get_child_spec_gives_the_whole_spec(tree):
    """Defaults included."""
    assert tree.ask("get_child_spec", "a") == child("a")


def test_unknown_questions_are_refused(tree):
    """With the list of those that are known."""
    with pytest.raises(SpecError, match="which_children"):
        tree.ask("how_are_you")


def test_view_needs_no_reply_and_waits_for_no_plan(tree):
    """What a status page shows, even while a stop hangs."""
    tree.stubborn.update("ab")
    tree.send(tree.request("terminate_child", "b"))
    assert tree.states() == {"a": "running", "b": "running"}

    tree.crash("b", Exit.shutdown())
    tree.crash("a")
    assert tree.states() == {"a": "restarting", "b": "stopped"}
