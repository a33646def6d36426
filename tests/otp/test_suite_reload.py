"""OTP's supervisor_SUITE: code_change, which is `SupervisorRef.reload` here."""

import pytest

from supervisors import BRUTAL_KILL, ExtraArgs, SupervisorSpec
from supervisors.errors import SpecError
from tests.otp.tree import AnySupervisorSpec, Child, spec


def reload(sup, *children, **flags):
    sup.ref.reload(SupervisorSpec(children, **flags))


def changes_of_code(tree, flags, faulty):
    """What both forms of the case do."""
    sup = tree(**flags)
    assert sup.which() == []
    reload(sup, intensity=1, period_s=3)

    for what in faulty:
        with pytest.raises(SpecError):
            sup.ref.reload(what())
    assert sup.which() == []

    reload(sup, spec("child1", shutdown_s=2.0), spec("child2"), intensity=1, period_s=3)
    assert sup.which() == ["child2 stopped", "child1 stopped"]
    lives = [sup.ref.restart_child(id_).life for id_ in ("child1", "child2")]
    assert sup.ref.get_child_spec("child1").shutdown_s == 2.0

    reload(sup, spec("child1", shutdown_s=1.0), spec("child3"), intensity=1, period_s=3)
    assert sup.which() == ["child2 running", "child3 stopped", "child1 running"]
    assert [sup.life(id_) for id_ in ("child1", "child2")] == lives
    assert sup.ref.get_child_spec("child1").shutdown_s == 1.0

    sup.end("child1")  # intensity 0 would not have allowed that
    assert sup.life("child1") != lives[0]
    assert str(sup.stop()) == "shutdown"


def test_code_change(tree):
    """Flags change at once; children keep their lives; new ones wait, removed ones stay.

    Adapted: code_change is ``reload``. What is faulty is refused, and nothing changes.
    """
    changes_of_code(
        tree,
        {"intensity": 0, "period_s": 1},
        [
            lambda: "faulty_return",
            lambda: AnySupervisorSpec(intensity="faulty_intensity"),
            lambda: AnySupervisorSpec(strategy="faulty_flags"),
        ],
    )


def test_code_change_map(tree):
    """The same from default flags, with what else can be faulty. Adapted: reload."""
    changes_of_code(
        tree,
        {"intensity": 0},
        [
            lambda: None,
            lambda: AnySupervisorSpec((spec("a"), spec("a"))),
            lambda: AnySupervisorSpec((spec("a"),), "simple_one_for_one"),
        ],
    )


def changes_a_template(tree, before, after):
    sup = tree(before, strategy="simple_one_for_one", intensity=5)
    first = sup.ref.start_child(ExtraArgs(label="k1")).life
    reload(sup, after, strategy="simple_one_for_one", intensity=5)
    assert sup.life("k1") == first
    assert sup.ref.get_child_spec(before.id) == after
    sup.end("k1")
    assert sup.ref.get_child_spec("k1") == after.named("k1")

    for children in ((before, spec("child2")), ()):
        with pytest.raises(SpecError, match="one template"):
            reload(sup, *children, strategy="simple_one_for_one")
    with pytest.raises(SpecError, match="before and after"):
        reload(sup, after)
    assert sup.which() == ["k1 running"]


def test_code_change_simple(tree):
    """A template can be changed; none or two of them can't be. Adapted: reload."""
    changes_a_template(tree, spec("child1", shutdown_s=BRUTAL_KILL), spec("child1", shutdown_s=1.0))


def test_code_change_simple_map(tree):
    """The same for another field: the next start goes by the new arguments. Adapted: reload."""
    changes_a_template(tree, spec("child1"), spec("child1", args=("new",)))

    sup = tree(spec("child1"), strategy="simple_one_for_one")
    sup.ref.start_child(ExtraArgs(label="k1"))
    reload(sup, spec("child1", args=("new",)), strategy="simple_one_for_one")
    assert sup.child("k1").ask("info") is None
    sup.end("k1")
    assert sup.child("k1").ask("info") == "new"
    assert sup.ref.get_child_spec("k1").start is Child
