"""OTP's supervisor_SUITE: counting children, many of them, and what is kept of each."""

import gc
import sys
import weakref

import pytest

from supervisors import Backoff, ExtraArgs, SupervisorSpec
from tests.otp.tree import Tree, refusal, spec


def dynamic(sup, count):
    """Start *count* dynamic children."""
    return [sup.ref.start_child(ExtraArgs()) for _ in range(count)]


def counts_agree(tree, template, kind):
    sup = tree(template, strategy="simple_one_for_one")
    for total in (500, 1000):
        dynamic(sup, 500)
        counted = sup.counts()
        assert len(sup.ref.which_children()) == total
        assert counted == [1, total, *((total, 0) if kind == "supervisor" else (0, total))]
        assert sup.counts() == counted
    for child in sup.ref.which_children():
        sup.end(child.id, "kill")
    assert sup.counts() == [1, 0, 0, 0]


def test_count_children(tree):
    """Counts agree with which_children however many there are. Adapted: 500 and 1000."""
    counts_agree(tree, spec("child", restart="temporary"), "worker")


def test_count_children_supervisor(tree):
    """The same for children that are supervisors. Adapted: 500 and 1000."""
    template = spec("child", start=SupervisorSpec(), restart="temporary")
    counts_agree(tree, template, "supervisor")


def test_count_restarting_children(tree):
    """A child that is being restarted isn't active, and still one of the workers.

    Adapted: the original's start fails after 2 s; ours fails at once and is tried again in 2 s.
    """
    slow = Backoff(min_s=2.0, max_s=2.0, jitter=0.0)
    sup = tree(
        spec("child"), strategy="simple_one_for_one", intensity=20, period_s=10, backoff=slow
    )
    labels = ["k1", "k2", "k3"]
    for n, label in enumerate(labels, start=1):
        sup.ref.start_child(ExtraArgs(label=label))
        assert sup.counts() == [1, n, 0, n]
    for label in labels:
        sup.end(label)
    sup.stage.advance(2.0)
    assert sup.counts() == [1, 3, 0, 3]

    sup.stage.no_start.update({"k1", "k2"})
    sup.end("k1")
    sup.end("k2")
    sup.stage.advance(4.0)
    assert sup.counts() == [1, 1, 0, 3]

    sup.stage.no_start.clear()
    sup.stage.advance(4.0)
    assert sup.counts() == [1, 3, 0, 3]
    for left, label in enumerate(reversed(labels)):
        sup.ref.terminate_child(sup.life(label))
        assert sup.counts() == [1, 2 - left, 0, 2 - left]


# -- what is not kept ---------------------------------------------------------------------------


class Large:
    """Stands for an argument that takes memory."""


def is_kept(sup, restart):
    """Whether anything of a running child's arguments is held on to."""
    large = Large()
    seen = weakref.ref(large)
    if sup.ref.count_children().specs:  # a template
        child = sup.ref.start_child(ExtraArgs((large, "not it")))
    else:
        child = sup.ref.start_child(spec("child", args=(large, "not it"), restart=restart))
    assert child.ref.ask("running") == "not it"
    del large
    gc.collect()
    return seen() is not None


@pytest.mark.parametrize(
    "strategy", ["one_for_all", "one_for_one", "rest_for_one", "simple_one_for_one"]
)
def test_do_not_save_start_parameters_for_temporary_children(tree, strategy):
    """What a temporary child was started from is kept by nobody; it is never started again.

    Adapted: the arguments themselves are watched, not the supervisor's memory.
    """
    kept = {}
    for restart in ("permanent", "transient", "temporary"):
        template = [spec("t", restart=restart)] if strategy == "simple_one_for_one" else []
        kept[restart] = is_kept(tree(*template, strategy=strategy), restart)

    assert kept == {"permanent": True, "transient": True, "temporary": False}


def test_simple_one_for_one_corruption(tree):
    """Arguments of a temporary child are kept by nobody, also after a first one has ended.

    Adapted: the argument itself is watched.
    """
    sup = tree(spec("child", restart="temporary"), strategy="simple_one_for_one")
    first = sup.ref.start_child(ExtraArgs())
    sup.end(first.id)

    assert not is_kept(sup, "temporary")


@pytest.mark.parametrize("how", ["kill", "normal", "abnormal", "supervisor"])
@pytest.mark.parametrize("strategy", ["one_for_all", "one_for_one", "rest_for_one"])
def test_do_not_save_child_specs_for_temporary_children(tree, strategy, how):
    """A temporary child's id is free again after its end; the others' specs are there."""
    found = {}
    for restart in ("permanent", "transient", "temporary"):
        sup, child = tree(strategy=strategy), spec("child", restart=restart)
        sup.ref.start_child(child)
        if how == "supervisor":
            sup.ref.terminate_child("child")
        else:
            sup.end("child", how)
        if restart == "temporary":
            found[restart] = sup.ref.start_child(child).state
        else:
            found[restart] = refusal(sup.ref.start_child, child)
            if found[restart] == "already_present":
                assert sup.ref.restart_child("child").state == "running"

    kept, alive = "already_present", "already_started"
    assert found == {
        "permanent": kept if how == "supervisor" else alive,
        "transient": kept if how in ("supervisor", "normal") else alive,
        "temporary": "running",
    }


# -- many of them -------------------------------------------------------------------------------


def calls(work):
    """How many function calls *work* takes: a measure of it that no machine's load can move."""
    counted = 0

    def count(_frame, _event, _argument):
        nonlocal counted
        counted += 1

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


def for_each(call, arguments):
    for argument in arguments:
        call(argument)


FEW, MANY = 100, 1000
WORST = 1.2 * MANY / FEW  # linear is 1.0


def test_simple_one_for_one_scale_many_temporary_children(tree):
    """Ten times as many dynamic children cost ten times as much to terminate.

    Adapted: calls are counted, not seconds; 1000 against 100.
    """
    sup = tree(spec("child", restart="temporary"), strategy="simple_one_for_one")

    def cost(count):
        lives = [child.life for child in dynamic(sup, count)]
        return calls(lambda: for_each(sup.ref.terminate_child, lives))

    assert cost(MANY) < WORST * cost(FEW)


def test_scale_start_stop_many_children(tree):
    """Ten times as many static children cost ten times as much to start, and to terminate.

    Adapted: calls are counted, not seconds; 1000 against 100.
    """

    def cost(sup: Tree, count):
        specs = [spec(f"{count}-{n}") for n in range(count)]
        started = calls(lambda: for_each(sup.ref.start_child, specs))
        ids = [one.id for one in specs]
        return started, calls(lambda: for_each(sup.ref.terminate_child, ids))

    few, many = cost(tree(), FEW), cost(tree(), MANY)
    assert many[0] < WORST * few[0]
    assert many[1] < WORST * few[1]
