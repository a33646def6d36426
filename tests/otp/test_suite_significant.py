"""OTP's supervisor_SUITE: significant children, whose end may end their supervisor."""

import pytest

from supervisors import AutoShutdown, ExitKind
from supervisors.errors import SpecError
from tests.otp.tree import AnySupervisorSpec, spec

MODES = list(AutoShutdown)


def three(restart):
    """Two significant children, and one that isn't."""
    flags = {"child1": True, "child2": True, "child3": False}
    return [spec(id_, restart=restart, significant=flag) for id_, flag in flags.items()]


def shut_down(sup):
    """That it shut down by itself, and that nobody is left."""
    assert sup.ended() is ExitKind.shutdown
    assert sup.log[-1] == "finished"
    ups, downs = (sum(line.startswith(word) for line in sup.log) for word in ("up", "down"))
    return ups == downs


@pytest.mark.parametrize("mode", MODES)
def test_nonsignificant_temporary(tree, mode):
    """The end of a temporary child that isn't significant never ends the supervisor."""
    sup = tree(auto_shutdown=mode, intensity=1, period_s=5)

    for how in ("supervisor", "kill", "abnormal", "normal"):
        sup.ref.start_child(spec("child1", restart="temporary"))
        if how == "supervisor":
            sup.ref.terminate_child("child1")
        else:
            sup.end("child1", how)
        assert sup.which() == []
        assert sup.is_running()


@pytest.mark.parametrize("mode", MODES)
def test_nonsignificant_transient(tree, mode):
    """Nor does that of a transient one, which is restarted where the rules say so."""
    sup = tree(spec("child1", restart="transient"), auto_shutdown=mode, intensity=5, period_s=5)

    sup.ref.terminate_child("child1")
    assert sup.which() == ["child1 stopped"]
    sup.ref.restart_child("child1")
    for how, left in (("kill", "running"), ("abnormal", "running"), ("normal", "stopped")):
        sup.end("child1", how)
        assert sup.which() == [f"child1 {left}"]
        assert sup.is_running()


def test_significant_temporary(tree):
    """Any end by itself of a temporary significant child counts; terminate_child does not."""
    for how in ("kill", "abnormal", "normal"):
        sup = tree(*three("temporary"), auto_shutdown="any_significant", intensity=5)
        sup.ref.terminate_child("child1")
        assert sup.which() == ["child3 running", "child2 running"]
        sup.ref.start_child(three("temporary")[0])
        sup.end("child1", how)
        assert shut_down(sup)

    sup = tree(*three("temporary"), auto_shutdown="all_significant", intensity=5)
    sup.end("child1", "normal")
    assert sup.which() == ["child3 running", "child2 running"]
    sup.end("child2", "normal")
    assert shut_down(sup)


def test_significant_transient(tree):
    """Of a transient one only the ends count after which it is not restarted."""
    sup = tree(*three("transient"), auto_shutdown="any_significant", intensity=5)
    sup.ref.terminate_child("child1")
    assert sup.which() == ["child3 running", "child2 running", "child1 stopped"]
    sup.ref.restart_child("child1")
    for how in ("kill", "abnormal"):
        before = sup.life("child1")
        sup.end("child1", how)
        assert sup.life("child1") != before
    sup.end("child1", "normal")
    assert shut_down(sup)

    sup = tree(*three("transient"), auto_shutdown="all_significant", intensity=5)
    sup.end("child1", "normal")
    assert sup.which() == ["child3 running", "child2 running", "child1 stopped"]
    sup.end("child2", "normal")
    assert shut_down(sup)


def test_significant_simple(tree):
    """auto_shutdown is refused for simple_one_for_one, but for never."""
    for mode in ("any_significant", "all_significant"):
        with pytest.raises(SpecError, match="bad_combination"):
            AnySupervisorSpec((spec("child1"),), "simple_one_for_one", auto_shutdown=mode)

    sup = tree(spec("child1"), strategy="simple_one_for_one", auto_shutdown="never")
    assert str(sup.stop()) == "shutdown"


@pytest.mark.parametrize("mode", ["any_significant", "all_significant"])
@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_significant_bystander(tree, strategy, mode):
    """A significant child that is stopped by its sibling's restart ends nobody."""
    children = [
        spec(f"child{n}", restart="transient", significant=n != 2, shutdown_s=1.0)
        for n in (1, 2, 3)
    ]
    sup = tree(*children, strategy=strategy, auto_shutdown=mode, intensity=5)
    before = {f"child{n}": sup.life(f"child{n}") for n in (1, 2, 3)}

    sup.end("child2", "kill")

    replaced = {id_ for id_, life in before.items() if sup.life(id_) != life}
    assert (
        replaced
        == {
            "one_for_one": {"child2"},
            "one_for_all": {"child1", "child2", "child3"},
            "rest_for_one": {"child2", "child3"},
        }[strategy]
    )


@pytest.mark.parametrize("significant", [True, False])
def test_significant_escalation(tree, significant):
    """A supervisor that shut itself down ends its own one only if it is significant there."""
    child = spec("child1", restart="transient", significant=True)
    inner = AnySupervisorSpec((child,), auto_shutdown="any_significant")
    sup1 = spec("sup1", start=inner, restart="transient", significant=significant)
    top = tree(sup1, auto_shutdown="any_significant")

    top.below("sup1").end("child1", "normal")

    assert "down sup1/child1 normal" in top.log
    assert "down sup1 shutdown" in top.log
    if significant:
        assert shut_down(top)
    else:
        assert top.which() == ["sup1 stopped"]


# -- reload with another auto_shutdown (adapted: code_change is `SupervisorRef.reload`) ----------


def child(n, significant=True):
    return spec(f"child{n}", restart="transient", significant=significant)


def upgraded(tree, before, after, *children):
    """Start with one mode, add children, and go on with another."""
    sup = tree(auto_shutdown=before, intensity=1, period_s=5)
    for one in children:
        sup.ref.start_child(one)
    sup.ref.reload(AnySupervisorSpec(auto_shutdown=after))
    assert len(sup.lives()) == len(children)
    return sup


def refused(sup, one):
    with pytest.raises(SpecError, match="bad_combination"):
        sup.ref.start_child(one)


def test_significant_upgrade_never_any(tree):
    """From never to any_significant: significant children are refused before and count afterwards.

    Adapted: code_change is ``reload``; so in all cases of this kind.
    """
    refused(tree(auto_shutdown="never"), child(1))
    sup = upgraded(tree, "never", "any_significant")
    sup.ref.start_child(child(1))
    sup.ref.start_child(child(2))

    sup.end("child1", "normal")

    assert shut_down(sup)


def to_never(tree, before):
    sup = upgraded(tree, before, "never", child(1))
    refused(sup, child(2))

    sup.end("child1", "normal")

    assert sup.which() == ["child1 stopped"]
    assert sup.ref.restart_child("child1").state == "running"
    assert str(sup.stop()) == "shutdown"


def test_significant_upgrade_any_never(tree):
    """From any_significant to never: a significant child lives on, and counts no more.

    Adapted: reload.
    """
    to_never(tree, "any_significant")


def test_significant_upgrade_never_all(tree):
    """From never to all_significant: the last of them ends the supervisor. Adapted: reload."""
    refused(tree(auto_shutdown="never"), child(1))
    sup = upgraded(tree, "never", "all_significant")
    sup.ref.start_child(child(1))
    sup.ref.start_child(child(2))

    sup.end("child1", "normal")
    assert sup.which() == ["child2 running", "child1 stopped"]
    sup.end("child2", "normal")
    assert shut_down(sup)


def test_significant_upgrade_all_never(tree):
    """From all_significant to never: as from any_significant. Adapted: reload."""
    to_never(tree, "all_significant")


def test_significant_upgrade_any_all(tree):
    """From any_significant to all_significant: one end is no longer enough. Adapted: reload."""
    sup = upgraded(tree, "any_significant", "all_significant", child(1), child(2))

    sup.end("child1", "normal")
    assert sup.which() == ["child2 running", "child1 stopped"]
    sup.end("child2", "normal")
    assert shut_down(sup)


def test_significant_upgrade_all_any(tree):
    """From all_significant to any_significant: one end is enough now. Adapted: reload."""
    sup = upgraded(tree, "all_significant", "any_significant", child(1), child(2))

    sup.end("child1", "normal")

    assert shut_down(sup)


def test_significant_upgrade_child(tree):
    """A child's flag can be changed under way, except to significant where mode is never.

    Adapted: reload. What would be refused can't even be specified.
    """
    plain, marked = (child(1, significant=flag) for flag in (False, True))
    with pytest.raises(SpecError, match="bad_combination"):
        AnySupervisorSpec((marked,), auto_shutdown="never")

    sup = tree(plain, auto_shutdown="any_significant")
    sup.ref.reload(AnySupervisorSpec((marked,), auto_shutdown="any_significant"))
    sup.end("child1", "normal")
    assert shut_down(sup)

    sup = tree(marked, auto_shutdown="any_significant")
    sup.ref.reload(AnySupervisorSpec((plain,), auto_shutdown="any_significant"))
    sup.end("child1", "normal")
    assert sup.which() == ["child1 stopped"]
