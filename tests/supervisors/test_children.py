"""Children that come and go: simple_one_for_one, and reload, which is OTP's code_change."""

import pytest

from supervisors.core import protocol as to
from supervisors.core.backoff import Backoff
from supervisors.core.spec import ChildSpec, ExtraArgs, SupervisorSpec
from supervisors.errors import ChildStartError, Refusal, SpecError
from supervisors.exit import Exit
from tests.core_states import copy_of
from tests.supervisors.steered import Steered, child, refusal


@pytest.fixture
def tree():
    """A running supervisor of a and b, with a clean log."""
    return Steered("a", "b", intensity=9)


@pytest.fixture
def simple():
    """A running simple_one_for_one supervisor whose transient children are all alike."""
    return Steered(
        child("t", restart="transient", args=(1,)), strategy="simple_one_for_one", intensity=9
    )


# -- simple_one_for_one ---------------------------------------------------------------------------


def test_simple_children_are_made_from_the_template(simple):
    """Extra arguments are appended by whoever starts it, at the first start and at each restart."""
    view = simple.ask("start_child", ExtraArgs((2, 3), label="x"))
    assert view.id == "x"
    simple.crash("x")

    for effect in simple.seen(to.StartChild):
        assert (effect.id, effect.spec.id) == ("x", "x")
        assert (effect.spec.args, effect.extra_args) == ((1,), (2, 3))
    assert simple.seen(to.Report) == [to.Report("child_terminated", "x", Exit.crash(""))]


def test_labels_are_made_up_where_none_is_given(simple):
    """Never one that is in use."""
    simple.ask("start_child", ExtraArgs(label="t-2"))

    assert [simple.ask("start_child").id for _ in range(2)] == ["t-1", "t-3"]


def test_labels_that_are_taken_are_refused(simple):
    """So is the template's own id, which names no child."""
    simple.ask("start_child", ExtraArgs(label="x"))

    assert refusal(simple, "start_child", ExtraArgs(label="x")) is Refusal.already_started
    with pytest.raises(SpecError, match="template"):
        simple.ask("start_child", ExtraArgs(label="t"))
    with pytest.raises(SpecError, match="ExtraArgs"):
        simple.ask("start_child", child("x"))


@pytest.mark.parametrize("op", ["restart_child", "delete_child"])
def test_simple_children_are_not_restarted_or_deleted_by_hand(simple, op):
    """child_adm_simple."""
    simple.ask("start_child", ExtraArgs(label="x"))

    assert refusal(simple, op, "x") is Refusal.simple_one_for_one


def test_terminate_child_of_a_simple_child(simple):
    """By label, not by the template's id; the child is gone for good."""
    simple.ask("start_child", ExtraArgs(label="x"))
    simple.forget()

    assert refusal(simple, "terminate_child", "t") is Refusal.simple_one_for_one
    simple.ask("terminate_child", "x")
    assert simple.log == ["stop x", "removed x"]
    assert refusal(simple, "terminate_child", "x") is Refusal.not_found


def test_a_copy_counts_alike():
    """Children that wait for their restart included."""
    tree = Steered("t", strategy="simple_one_for_one", backoff=Backoff(min_s=1.0))
    tree.crash(tree.ask("start_child").id)
    tree.core = copy_of(tree.core)

    assert tree.ask("count_children") == to.ChildCounts(specs=1, active=0, supervisors=0, workers=1)


def test_terminate_child_ends_the_restart_loop_of_a_simple_child(simple):
    """hanging_restart_loop_simple, by one life: the one that was up last."""
    simple.ask("start_child", ExtraArgs(label="x"))
    simple.fails("x", times=9)
    requests = [
        simple.request("count_children"),
        simple.request("terminate_child", to.OneLife("x", 1)),
        simple.request("count_children"),
    ]
    simple.send(simple.fell("x"), *requests)
    before, _, after = (simple.reply_to(request).value for request in requests)

    assert before == to.ChildCounts(specs=1, active=0, supervisors=0, workers=1)
    assert after == to.ChildCounts(specs=1, active=0, supervisors=0, workers=0)
    assert simple.log[-1] == "removed x"


@pytest.mark.parametrize("at", ["start", "restart"])
def test_a_simple_child_that_does_not_want_to_run_is_not_kept(simple, at):
    """simple_one_for_one_restart_ignore; OTP 25 keeps it and stumbles over it later."""
    if at == "restart":
        simple.ask("start_child", ExtraArgs(label="x"))
    simple.ignores("x")
    if at == "restart":
        simple.crash("x")
    else:
        assert simple.ask("start_child", ExtraArgs(label="x")).state == "stopped"

    assert simple.states() == {}


def test_a_simple_child_that_fails_to_start_is_not_kept(simple):
    """sup_start_child_returns_error_simple."""
    simple.fails("x")

    with pytest.raises(ChildStartError):
        simple.ask("start_child", ExtraArgs(label="x"))
    assert simple.states() == {}


def test_simple_counts_and_specs(simple):
    """One spec, however many children; a child's spec is the template under its own name."""
    simple.ask("start_child", ExtraArgs(label="x"))
    simple.ask("start_child", ExtraArgs(label="y"))

    assert simple.ask("count_children") == to.ChildCounts(
        specs=1, active=2, supervisors=0, workers=2
    )
    assert simple.ask("get_child_spec", "t").id == "t"
    assert simple.ask("get_child_spec", "x") == simple.ask("get_child_spec", "t").named("x")


def test_simple_supervisors_of_supervisors_are_counted_as_such():
    """The template's type is that of all."""
    template = ChildSpec("t", SupervisorSpec(), type="supervisor")
    tree = Steered(template, strategy="simple_one_for_one")
    tree.ask("start_child")

    assert tree.ask("count_children") == to.ChildCounts(specs=1, active=1, supervisors=1, workers=0)


def test_arguments_of_temporary_simple_children_are_not_kept():
    """simple_one_for_one_corruption: with ten thousand of them that is memory."""
    tree = Steered(child("t", restart="temporary", args=(1,)), strategy="simple_one_for_one")
    tree.ask("start_child", ExtraArgs(("big",), label="x"))

    (kept,) = tree.core._state.children
    assert kept.extra_args == ()
    assert kept.spec.args == (1,), "the template's are kept with the template"


# -- reload: OTP's code_change --------------------------------------------------------------------


def reloaded(tree, *children, **fields):
    """Reload with these children and flags; the log of what that did."""
    tree.forget()
    tree.ask("reload", SupervisorSpec(children, **fields))
    return tree.log


def test_reload_keeps_lives_starts_nothing_and_stops_nothing(tree):
    """New specs are stopped, removed ones are kept, behind; known ones keep their incarnation."""
    assert reloaded(tree, child("c"), child("b"), intensity=9) == []

    assert [view.id for view in reversed(tree.ask("which_children"))] == ["c", "b", "a"]
    assert tree.states() == {"c": "stopped", "b": "running", "a": "running"}
    assert tree.ask("restart_child", "c").state == "running"


def test_reload_takes_effect_at_the_next_restart(tree):
    """The running incarnation stays what it is."""
    reloaded(tree, child("a", args=(1,)), child("b", restart="temporary"), intensity=9)

    assert tree.crash("a") == ["start a"]
    assert tree.seen(to.StartChild)[-1].spec.args == (1,)
    assert tree.crash("b") == ["removed b"]


@pytest.mark.parametrize("backoff", [Backoff(), Backoff(min_s=1.0)])
def test_reload_may_make_a_child_temporary_in_the_middle_of_a_restart_loop(backoff):
    """Then it is not tried again."""
    tree = Steered("a", "b", intensity=9)
    tree.fails("a")
    temporary = SupervisorSpec((child("a", restart="temporary"),), intensity=9, backoff=backoff)
    log = tree.send(tree.fell("a"), tree.request("reload", temporary))

    assert log == ["start a", "removed a"]
    assert tree.states() == {"b": "running"}


def test_reload_changes_flags_and_keeps_the_history_of_restarts(tree):
    """Two restarts so far; from now on two are too many."""
    tree.crash("a")
    tree.crash("a")
    reloaded(tree, child("a"), child("b"), intensity=2, strategy="one_for_all")

    assert tree.crash("b")[-1] == "finished shutdown intensity_exceeded"


def test_reload_of_the_strategy(tree):
    """From one_for_one to one_for_all."""
    reloaded(tree, child("a"), child("b"), intensity=9, strategy="one_for_all")

    assert tree.crash("b") == ["stop a", "start a", "start b"]


@pytest.mark.parametrize(
    ("before", "after", "ends"),
    [
        ("never", "any_significant", True),
        ("any_significant", "never", False),
        ("never", "all_significant", False),
        ("all_significant", "any_significant", True),
        ("any_significant", "all_significant", False),
    ],
)
def test_reload_of_auto_shutdown(before, after, ends):
    """significant_upgrade_*: the new flag decides about the next end."""

    def specs(flag):
        significant = flag != "never"
        return [child(name, restart="transient", significant=significant) for name in "abc"]

    tree = Steered(*specs(before), auto_shutdown=before)
    tree.ask("terminate_child", "c")
    reloaded(tree, *specs(after), auto_shutdown=after)
    log = tree.crash("a", Exit.normal())

    assert (log[-1:] == ["finished shutdown auto_shutdown"]) is ends
    if after == "all_significant":
        assert tree.crash("b", Exit.normal())[-1:] == ["finished shutdown auto_shutdown"]


def test_reload_between_simple_and_other_strategies_is_refused(tree, simple):
    """Their children are of two kinds; nothing is changed."""
    with pytest.raises(SpecError, match="simple_one_for_one before and after"):
        reloaded(tree, child("t"), strategy="simple_one_for_one")
    with pytest.raises(SpecError, match="simple_one_for_one before and after"):
        reloaded(simple, child("t"))
    with pytest.raises(SpecError, match="a SupervisorSpec"):
        tree.ask("reload", [child("a")])

    assert tree.crash("a") == ["start a"]


def test_reload_of_a_template(simple):
    """Children keep their lives, labels and extra arguments; the next start uses the new one."""
    simple.ask("start_child", ExtraArgs((2,), label="x"))
    template = child("u", args=(9,))
    assert reloaded(simple, template, strategy="simple_one_for_one", intensity=9) == []

    assert simple.crash("x") == ["start x"]
    effect = simple.seen(to.StartChild)[-1]
    assert (effect.spec.args, effect.extra_args) == ((9,), (2,))
    assert simple.ask("get_child_spec", "u") == template
