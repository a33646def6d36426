"""OTP's supervisor_SUITE: who is restarted, how often, and what follows when that is too often."""

import pytest

from supervisors import BRUTAL_KILL, ExitKind, ExtraArgs, SupervisorSpec
from tests.otp.tree import AnySupervisorSpec, spec

PAIR = spec("child1"), spec("child2")


def gives_up(sup, *children):
    """That the supervisor has ended of shutdown, and these children with it."""
    assert sup.ended() is ExitKind.shutdown
    for id_ in children:
        assert f"down {id_} shutdown" in sup.log
    assert sup.log[-1] == "finished"


def test_multiple_restarts(tree):
    """Crashes further apart than the period never exceed the intensity."""
    sup = tree(spec("child1", shutdown_s=BRUTAL_KILL), intensity=1, period_s=1)

    for _ in range(4):
        sup.end("child1")
        sup.stage.advance(2.1)

    sup.ref.terminate_child("child1")
    sup.ref.delete_child("child1")
    assert sup.is_running()


def test_one_for_one(tree):
    """Only the child that crashed is restarted; the third crash in the window is one too many."""
    sup = tree(*PAIR)
    first, second = sup.life("child1"), sup.life("child2")

    sup.end("child1")
    assert sup.life("child1") != first
    assert sup.life("child2") == second
    assert sup.counts() == [2, 2, 0, 2]

    sup.end("child2")
    sup.end("child2")
    gives_up(sup, "child1")


def test_one_for_one_escalation(tree):
    """A child that can't be restarted uses the budget up, and its sibling goes as well."""
    sup = tree(*PAIR, intensity=4)
    sup.stage.no_start.add("child1")

    sup.end("child1")

    assert sup.log.count("failed child1") == 4
    gives_up(sup, "child2")


def test_one_for_all(tree):
    """All are replaced, nobody of before is left; a group restart counts once."""
    sup = tree(*PAIR, strategy="one_for_all")
    before = sup.lives()

    sup.end("child1")
    assert sup.log[2:6] == [
        "down child1 crash",
        "restarting child1",
        "down child2 shutdown",
        "up child1",
    ]
    assert sup.which() == ["child2 running", "child1 running"]
    assert not set(before) & set(sup.lives())
    assert sup.counts() == [2, 2, 0, 2]

    sup.end("child2")
    sup.end("child2")
    gives_up(sup, "child1")


def test_one_for_all_escalation(tree):
    """A sibling that can't be restarted uses the budget up."""
    sup = tree(*PAIR, strategy="one_for_all", intensity=4)
    sup.stage.no_start.add("child2")

    sup.end("child1")

    gives_up(sup, "child1")
    assert sup.log.count("failed child2") == 4


def test_one_for_all_other_child_fails_restart(tree):
    """When the second fails its restart, the first is stopped again before the next try."""
    sup = tree(*PAIR, strategy="one_for_all", intensity=3)
    sup.stage.next_starts["child2"].append("error")
    before = len(sup.log)

    sup.end("child1")

    assert sup.new(before) == [
        "down child1 crash",
        "restarting child1",
        "down child2 shutdown",
        "up child1",
        "failed child2",
        "restarting child2",
        "down child1 shutdown",
        "up child1",
        "up child2",
    ]


def test_rest_for_one(tree):
    """Those started later are replaced with it, those started earlier are kept."""
    sup = tree(*PAIR, spec("child3"), strategy="rest_for_one")
    first, second, third = (sup.life(f"child{n}") for n in (1, 2, 3))
    assert sup.counts() == [3, 3, 0, 3]

    sup.end("child2")
    assert "down child3 shutdown" in sup.log
    assert sup.which() == ["child3 running", "child2 running", "child1 running"]
    assert first in sup.lives()
    assert not {second, third} & set(sup.lives())
    assert sup.counts() == [3, 3, 0, 3]

    sup.end("child3")
    sup.end("child2")
    gives_up(sup, "child1", "child3")


def test_rest_for_one_escalation(tree):
    """A later sibling that can't be restarted uses the budget up."""
    sup = tree(*PAIR, strategy="rest_for_one", intensity=4)
    sup.stage.no_start.add("child2")

    sup.end("child1")

    gives_up(sup, "child1")
    assert sup.log.count("failed child2") == 4


def test_rest_for_one_other_child_fails_restart(tree):
    """When the second fails its restart, it alone is tried again; the first is left alone."""
    sup = tree(*PAIR, strategy="rest_for_one", intensity=3)
    sup.stage.next_starts["child2"].append("error")
    before = len(sup.log)

    sup.end("child1")

    assert sup.new(before) == [
        "down child1 crash",
        "restarting child1",
        "down child2 shutdown",
        "up child1",
        "failed child2",
        "restarting child2",
        "up child2",
    ]


@pytest.fixture
def simple(tree):
    """Start a simple_one_for_one supervisor with two children."""

    def start(*args, **flags):
        template = spec("child", restart=flags.pop("restart", "permanent"))
        sup = tree(template, strategy="simple_one_for_one", **flags)
        for label in ("k1", "k2"):
            sup.ref.start_child(ExtraArgs(args, label))
        return sup

    return start


def test_simple_one_for_one(simple):
    """Only the dynamic child that crashed is replaced; all share one budget."""
    sup = simple()
    second = sup.life("k2")

    sup.end("k1")
    assert len(sup.lives()) == 2
    assert second in sup.lives()
    assert sup.counts() == [1, 2, 0, 2]

    sup.end("k2")
    sup.end("k1")
    gives_up(sup, "k2")


def test_simple_one_for_one_extra(simple):
    """A dynamic child is restarted with the arguments that it was added with.

    Adapted: a start returns no extra term; the child tells it when it is asked.
    """
    sup = simple("extra_info")
    second = sup.life("k2")

    sup.end("k1")
    assert second in sup.lives()
    assert [sup.child(label).ask("info") for label in ("k1", "k2")] == ["extra_info"] * 2
    assert sup.counts() == [1, 2, 0, 2]

    sup.end("k2")
    sup.end("k1")
    gives_up(sup)


def test_simple_one_for_one_escalation(simple):
    """A dynamic child that can't be restarted uses the budget up."""
    sup = simple(intensity=4)
    sup.stage.no_start.add("k1")

    sup.end("k1")

    gives_up(sup, "k2")
    assert sup.log.count("failed k1") == 4


@pytest.mark.parametrize("restart", ["transient", "permanent"])
def test_simple_one_for_one_restart_ignore(simple, restart):
    """A dynamic child that ignores its restart is dropped; the supervisor goes on, and stops."""
    sup = simple(restart=restart, intensity=10)
    sup.end("k1", "kill")
    sup.end("k1", "kill")
    assert sup.which() == ["k2 running", "k1 running"]

    sup.stage.next_starts["k1"].append("ignore")
    sup.end("k1", "kill")

    assert sup.which() == ["k2 running"]
    assert str(sup.stop()) == "shutdown"


def test_tree(tree):
    """Three levels: only who dies is restarted; an escalation brings back what specs say.

    What was added to a supervisor by start_child is not in its spec, and stays away.
    """
    sups = [
        spec("supchild1", start=SupervisorSpec(PAIR, intensity=4, period_s=3600.0)),
        spec("supchild2", start=SupervisorSpec(intensity=4, period_s=3600.0)),
        spec("supchild3", start=SupervisorSpec(), restart="transient"),
    ]
    top = tree(strategy="one_for_all", intensity=4)
    for one in sups:
        top.ref.start_child(one)
    top.ref.terminate_child("supchild3")
    first, second = top.below("supchild1"), top.below("supchild2")
    assert top.counts() == [3, 2, 3, 0]
    assert (first.counts(), second.counts()) == ([2, 2, 0, 2], [0, 0, 0, 0])
    for id_ in ("child3", "child4"):
        second.ref.start_child(spec(id_))
    workers, third, fourth = first.lives(), second.life("child3"), second.life("child4")

    second.end("child4")
    assert first.lives() == workers
    assert second.life("child3") == third
    assert second.life("child4") != fourth
    assert second.counts() == [2, 2, 0, 2]

    address = second.child("child3")
    top.stage.no_start.add("child3")
    second.end("child3")
    assert top.which() == ["supchild3 running", "supchild2 running", "supchild1 running"]
    assert top.counts() == [3, 3, 3, 0]
    assert first.counts() == [2, 2, 0, 2]
    assert not set(first.lives()) & set(workers)
    assert second.counts() == [0, 0, 0, 0]
    assert top.below("supchild3").counts() == [0, 0, 0, 0]
    assert not address.is_alive()


def test_simple_global_supervisor(tree):
    """Whatever ends, a supervisor or its worker, and however: both come back under their names.

    Adapted: a name is an address in the tree. Killing a supervisor is the end of its thread.
    """
    child = spec("child")
    sup2 = spec(
        "sup2", start=AnySupervisorSpec((child,), "one_for_all", intensity=3, period_s=60.0)
    )
    top = tree(sup2, strategy="one_for_all", intensity=3, period_s=60.0)
    middle = top.below("sup2")
    server, supervisor = middle.child("child"), top.child("sup2")

    def end_and_look(what):
        before = top.life("sup2"), middle.life("child")
        what()
        assert middle.child("child") is server
        assert top.child("sup2") is supervisor
        assert server.ask("are you there?") is None
        return before[0] != top.life("sup2"), before[1] != middle.life("child")

    def restart_worker():
        middle.ref.terminate_child("child")
        middle.ref.restart_child("child")

    assert end_and_look(lambda: top.end("sup2", "kill")) == (True, True)
    assert end_and_look(lambda: middle.end("child", "kill")) == (False, True)
    assert end_and_look(lambda: middle.end("child", "normal")) == (False, True)
    assert end_and_look(restart_worker) == (False, True)
