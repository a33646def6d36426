"""OTP's supervisor_SUITE: requests, and what specs and flags may hold."""

from itertools import product
from typing import Any

import pytest

from supervisors import (
    BRUTAL_KILL,
    INFINITY,
    AutoShutdown,
    ExtraArgs,
    OneLife,
    Restart,
    Supervisor,
    SupervisorSpec,
)
from supervisors.errors import NotRunning, SpecError
from tests.otp.tree import AnyChildSpec, AnySupervisorSpec, Child, Stage, refusal, spec

REQUESTS = {
    "start_child": spec("child1"),
    "terminate_child": "child1",
    "restart_child": "child1",
    "delete_child": "child1",
    "which_child": "child1",
    "get_child_spec": "child1",
    "reload": SupervisorSpec(),
    "which_children": None,
    "count_children": None,
}


def test_child_adm(tree):
    """Start, terminate, restart, delete: the whole protocol, and why it says no.

    Adapted: terminate_child takes one life of a child (a pid) under any strategy.
    """
    child = spec("child1")
    sup = tree(child)
    first = sup.life("child1")
    assert sup.counts() == [1, 1, 0, 1]
    assert refusal(sup.ref.start_child, child) == "already_started"

    assert refusal(sup.ref.terminate_child, "hej") == "not_found"
    sup.ref.terminate_child("child1")
    assert sup.log[-1] == "down child1 shutdown"
    assert sup.which() == ["child1 stopped"]
    assert sup.counts() == [1, 0, 0, 1]
    sup.ref.terminate_child("child1")
    assert refusal(sup.ref.start_child, child) == "already_present"

    assert sup.ref.restart_child("child1").life == sup.life("child1") != first
    assert sup.counts() == [1, 1, 0, 1]
    assert refusal(sup.ref.restart_child, "child1") == "running"
    assert refusal(sup.ref.restart_child, "child2") == "not_found"

    assert refusal(sup.ref.delete_child, "child1") == "running"
    assert refusal(sup.ref.delete_child, "hej") == "not_found"
    sup.ref.terminate_child("child1")
    sup.ref.delete_child("child1")
    assert refusal(sup.ref.restart_child, "child1") == "not_found"
    assert sup.which() == []
    assert sup.counts() == [0, 0, 0, 0]

    third = sup.ref.start_child(child)
    assert sup.life("child1") == third.life
    with pytest.raises(KeyError):
        sup.ref.child("hej")
    assert_all_fail_on_a_dead_supervisor(tree())


def assert_all_fail_on_a_dead_supervisor(sup):
    """Whatever is asked of one that has ended is answered at once."""
    sup.stop()
    for op, argument in REQUESTS.items():
        call = getattr(sup.ref, op)
        with pytest.raises(NotRunning):
            call() if argument is None else call(argument)


def test_child_adm_simple(tree):
    """simple_one_for_one: children come by start_child and go by their lives, or labels.

    Adapted: a life that isn't one of ours is taken as one that is over.
    """
    sup = tree(spec("child"), strategy="simple_one_for_one")
    assert sup.which() == []
    assert sup.counts() == [1, 0, 0, 0]

    first = sup.ref.start_child(ExtraArgs())
    assert sup.lives() == [first.life]
    assert sup.counts() == [1, 1, 0, 1]
    second = sup.ref.start_child(ExtraArgs())
    assert set(sup.lives()) == {first.life, second.life}
    assert sup.counts() == [1, 2, 0, 2]

    assert refusal(sup.ref.terminate_child, "child") == "simple_one_for_one"
    assert sup.counts() == [1, 2, 0, 2]
    sup.ref.terminate_child(first.life)
    assert sup.lives() == [second.life]
    assert sup.counts() == [1, 1, 0, 1]
    assert not first.ref.is_alive()
    sup.ref.terminate_child(first.life)  # one that is no more: fine
    sup.ref.terminate_child(OneLife("somebody else's", 1))  # and so is any other life
    assert refusal(sup.ref.terminate_child, "no child of this one") == "not_found"
    assert sup.lives() == [second.life]

    assert refusal(sup.ref.restart_child, "child") == "simple_one_for_one"
    assert refusal(sup.ref.delete_child, "child") == "simple_one_for_one"


def test_which_children(tree):
    """which_children and which_child, from the start of a child to its deletion."""
    sup = tree()
    assert sup.which() == []
    assert refusal(sup.ref.which_child, "childx") == "not_found"

    started = {}
    for id_ in ("child1", "child2"):
        started[id_] = sup.ref.start_child(spec(id_))
        assert [child.id for child in sup.ref.which_children()] == list(started)[::-1]
        assert {id_: sup.ref.which_child(id_) for id_ in started} == started
        assert refusal(sup.ref.which_child, "childx") == "not_found"

    sup.ref.terminate_child("child1")
    assert sup.which() == ["child2 running", "child1 stopped"]
    assert sup.ref.which_child("child1").state == "stopped"
    assert sup.ref.which_child("child2") == started["child2"]

    sup.ref.delete_child("child1")
    assert sup.ref.which_children() == [started["child2"]]
    assert refusal(sup.ref.which_child, "child1") == "not_found"


def test_which_children_simple_one_for_one(tree):
    """The same under simple_one_for_one; the template's id is nobody's."""
    sup = tree(spec("child", restart="temporary"), strategy="simple_one_for_one")
    assert sup.which() == []
    assert refusal(sup.ref.which_child, "child-1") == "not_found"

    first = sup.ref.start_child(ExtraArgs())
    assert sup.ref.which_children() == [first]
    second = sup.ref.start_child(ExtraArgs())
    assert set(sup.ref.which_children()) == {first, second}
    assert sup.ref.which_child(first.id) == first

    sup.ref.terminate_child(first.life)
    assert sup.ref.which_children() == [second]
    assert refusal(sup.ref.which_child, first.id) == "not_found"
    assert refusal(sup.ref.which_child, "child") == "simple_one_for_one"


# -- specs: what is wrong is named when it is made, so no supervisor ever sees it ----------------


def says(field, make, *args, **fields):
    """That making a spec is refused, and that the error names *field*."""
    with pytest.raises(SpecError) as caught:
        make(*args, **fields)
    assert field in str(caught.value)


BAD: dict[str, dict[str, Any]] = {
    "child.start": {"start": "mfa"},
    "child.restart": {"restart": "prmanent"},
    "child.shutdown_s": {"shutdown_s": -10},
    "child.type": {"type": "wrker"},
    "child.dispatcher": {"dispatcher": ""},
    "child.mailbox": {"mailbox": [1, 2, 3]},
}


def test_child_specs(tree):
    """Six bad specs, all good combinations, duplicates, and one template for simple_one_for_one.

    Adapted: specs check themselves; there are no modules, but a mailbox and a dispatcher.
    """
    for field, wrong in BAD.items():
        says(field, AnyChildSpec, **{"id": "child", "start": Child, **wrong})
    says("start_child", tree().ref.start_child, "hej")

    for restart, shutdown_s, type_ in product(
        Restart, (0, 1.0, INFINITY, BRUTAL_KILL), ("supervisor", "worker")
    ):
        start = Child if type_ == "worker" else AnySupervisorSpec()
        AnyChildSpec("child", start, restart=restart, shutdown_s=shutdown_s, type=type_)

    one, two = spec("child"), spec("child", shutdown_s=INFINITY)
    says("duplicate_child_name", AnySupervisorSpec, (one, two))
    says("one template", AnySupervisorSpec, (), "simple_one_for_one")
    says("one template", AnySupervisorSpec, (one, spec("other")), "simple_one_for_one")


UNSET: Any = object()


def test_child_specs_map():
    """Ten bad specs, and a matrix of 720: only what OTP calls a bad combination is refused.

    Adapted: no modules, and a key that isn't known is refused, so the matrix has no such sides.
    """
    for given in ({}, {"id": "child"}, {"start": Child}, {"id": "child", "start": Child, "x": 1}):
        with pytest.raises(TypeError):
            AnyChildSpec(**given)
    for field, wrong in BAD.items():
        says(field, AnyChildSpec, **{"id": "child", "start": Child, **wrong})
    says("child.significant", AnyChildSpec, "child", Child, significant="maybe")

    accepted = refused = 0
    for auto, restart, shutdown_s, type_, significant in product(
        (UNSET, *AutoShutdown),
        (UNSET, *Restart),
        (UNSET, 0, 1.0, INFINITY, BRUTAL_KILL),
        (UNSET, "supervisor", "worker"),
        (UNSET, True, False),
    ):
        fields = {"restart": restart, "shutdown_s": shutdown_s, "type": type_}
        fields["significant"] = significant
        given = {name: value for name, value in fields.items() if value is not UNSET}
        flags = {} if auto is UNSET else {"auto_shutdown": auto}
        bad = significant is True and (
            restart in (UNSET, Restart.permanent) or auto in (UNSET, AutoShutdown.never)
        )
        start = AnySupervisorSpec() if type_ == "supervisor" else Child

        def make(start=start, given=given, flags=flags):
            AnySupervisorSpec((AnyChildSpec("child", start, **given),), **flags)

        if bad:
            says("bad_combination", make)
            refused += 1
        else:
            make()
            accepted += 1
    assert (accepted, refused) == (540, 180)


def test_sup_flags():
    """A bad strategy, intensity, period or auto_shutdown is named.

    Adapted: OTP ignores a flag that it doesn't know; we refuse it.
    """
    says("strategy", AnySupervisorSpec, strategy="none_for_one")
    says("intensity", AnySupervisorSpec, intensity="infinity")
    says("period_s", AnySupervisorSpec, period_s=0)
    says("period_s", AnySupervisorSpec, period_s=float("inf"))
    says("auto_shutdown", AnySupervisorSpec, auto_shutdown="sometimes")
    with pytest.raises(TypeError, match="silly_flag"):
        AnySupervisorSpec(silly_flag=True)
    says("a SupervisorSpec", Supervisor.start, ("one_for_one", 2), runtime=Stage())
