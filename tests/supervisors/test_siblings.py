"""A child finds its siblings by the tree that it is in, at addresses that outlive their lives."""

from __future__ import annotations

import pytest

from supervisors import ChildSpec, ExtraArgs, SupervisedActor
from supervisors.errors import ChildError, ChildStartError, NoSuchChild
from supervisors.run.deterministic import DeterministicRuntime
from tests.supervisors.live import WITHIN_S, child, inner, tree_of


class Db(SupervisedActor):
    """Counts, and crashes of what is no number."""

    def __init__(self):
        super().__init__()
        self.sum = 0

    def on_receive(self, message):
        self.sum += message
        return self.sum


class Web(SupervisedActor):
    """Passes on what it gets to a sibling, which it finds where it is told to."""

    def __init__(self, where="", id_="db"):
        super().__init__()
        self._id = id_
        self._db = self.sibling(id_) if where == "init" else None
        self._where = where

    def on_start(self):
        if self._where == "start":
            self._db = self.sibling(self._id, Db)

    def on_receive(self, message):
        db = self._db or self.sibling(self._id)
        if message is None:
            return db
        return db.ask(message, timeout=WITHIN_S)


@pytest.fixture
def steps():
    return DeterministicRuntime()


@pytest.fixture
def stepped(steps):
    """Start trees in virtual time."""
    trees = []

    def start(*children, **flags):
        trees.append(tree_of(*children, runtime=steps, **flags))
        return trees[-1]

    yield start
    for tree in trees:
        assert tree.stop(3600.0)


@pytest.mark.parametrize("where", ["init", "start", "message"])
def test_a_sibling_is_found_and_its_address_is_its_own(stepped, where):
    tree = stepped(ChildSpec("db", Db), ChildSpec("web", Web, args=(where,)))
    web = tree.child("web")

    assert web.ask(None) is tree.child("db")
    assert web.ask(3) == 3


@pytest.mark.parametrize("where", ["init", "start", "message"])
def test_it_works_after_restarts_of_either(stepped, steps, where):
    tree = stepped(ChildSpec("db", Db), ChildSpec("web", Web, args=(where,)))
    web, db = tree.child("web"), tree.child("db")
    for life in range(3):
        db.tell("no number")
        assert web.ask(4) == 4
        web.tell("no number")
        steps.run_until_idle()
        assert web.ask(None) is db
        assert [info.starts for info in tree.which_children()] == [life + 2, life + 2]


def test_and_after_that_of_the_supervisor_of_both(stepped, steps):
    tree = stepped(
        inner(
            "sub",
            ChildSpec("db", Db),
            ChildSpec("web", Web, args=("init",)),
            flags={"intensity": 0},
        )
    )
    sub = tree.supervisor("sub")
    web = sub.child("web")
    assert web.ask(1) == 1
    sub.child("db").tell("no number")
    steps.run_until_idle()

    assert web.ask(2) == 2
    assert tree.which_child("sub").starts == 2


def test_a_sibling_is_of_the_same_supervisor_and_of_no_other(stepped):
    tree = stepped(ChildSpec("db", Db), inner("sub", ChildSpec("web", Web)))
    web = tree.supervisor("sub").child("web")

    with pytest.raises(NoSuchChild) as caught:
        web.ask(None)
    error = caught.value
    assert str(error) == "no child 'db' of root/sub; there are: web"
    assert (error.supervisor, error.child_id, error.known) == ("root/sub", "db", ("web",))
    assert isinstance(error, ChildError)
    assert isinstance(error, KeyError)


@pytest.mark.parametrize("where", ["init", "start", "message"])
def test_one_that_is_started_later_has_its_address_already(stepped, where):
    tree = stepped(ChildSpec("web", Web, args=(where,)), ChildSpec("db", Db))

    assert tree.child("web").ask(None) is tree.child("db")
    assert tree.child("web").ask(5) == 5


class Greeter(SupervisedActor):
    """Tells another of itself as soon as it is made."""

    def __init__(self, other, got):
        super().__init__()
        self._other, self._got = self.sibling(other), got
        self._other.tell(f"hello {other}")

    def on_receive(self, message):
        self._got.append(message)


def test_two_find_each_other_and_what_is_told_before_one_is_up_waits(stepped, steps):
    got = []
    tree = stepped(
        ChildSpec("a", Greeter, args=("b", got)), ChildSpec("b", Greeter, args=("a", got))
    )
    steps.run_until_idle()

    assert sorted(got) == ["hello a", "hello b"]
    assert [info.starts for info in tree.which_children()] == [1, 1]


def test_a_tree_that_does_not_come_up_leaves_no_address(steps):
    with pytest.raises(ChildStartError):
        tree_of(child("a", starting=ValueError("no")), child("b"), runtime=steps)

    assert steps.slots == {}


def test_one_that_was_deleted_is_gone_and_one_that_was_added_is_there(stepped):
    tree = stepped(ChildSpec("db", Db), ChildSpec("web", Web))
    web = tree.child("web")
    tree.terminate_child("db")
    assert web.ask(None) is tree.child("db")  # its spec is there, and what is told waits
    tree.delete_child("db")
    with pytest.raises(NoSuchChild, match="there are: web"):
        web.ask(None)
    tree.start_child(ChildSpec("db", Db))

    assert web.ask(6) == 6


def test_siblings_of_a_template_are_found_by_their_labels(stepped):
    tree = stepped(ChildSpec("t", Web, args=("", "b")), strategy="simple_one_for_one")
    a = tree.start_child(ExtraArgs(label="a")).ref
    with pytest.raises(NoSuchChild, match="no child 'b' of root; there are: a"):
        a.ask(None)
    b = tree.start_child(ExtraArgs(label="b")).ref

    assert a.ask(None) is b


def test_a_class_that_it_is_not_of_is_refused(stepped):
    """Its address, too, may be asked for by the class of its actors."""
    with pytest.raises(ChildStartError) as caught:
        stepped(child("db"), ChildSpec("web", Web, args=("start",)))
    assert isinstance(caught.value.cause, TypeError)
    assert str(caught.value.cause) == "Obedient (root/db) is no Db"

    tree = stepped(ChildSpec("db", Db))
    assert tree.child("db", Db) is tree.child("db", SupervisedActor) is tree.child("db")
    with pytest.raises(TypeError, match=r"Db \(root/db\) is no Web"):
        tree.child("db", Web)


def test_the_supervisor_at_the_top_has_none(stepped, steps):
    stepped(ChildSpec("db", Db))

    with pytest.raises(NoSuchChild):
        steps.slots["root",].current.actor.sibling("db")


def test_without_a_supervisor_there_is_none():
    ref = Web.start()
    try:
        with pytest.raises(RuntimeError, match="Web was started without a supervisor"):
            ref.ask(None, timeout=WITHIN_S)
    finally:
        ref.stop()
