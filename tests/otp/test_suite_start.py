"""OTP's supervisor_SUITE: starting a supervisor, and children that do not start."""

from typing import Any

import pytest

from supervisors import (
    BRUTAL_KILL,
    INFINITY,
    ChildSpec,
    ExtraArgs,
    Restart,
    SupervisedActor,
    Supervisor,
    SupervisorSpec,
)
from supervisors.errors import ChildStartError, SpecError
from supervisors.run.words import Ignore
from tests.otp.tree import AnyChildSpec, AnySupervisorSpec, Child, Faulty, Stage, refusal, spec


def assert_nothing_is_left(stage):
    """No slot, no incarnation, no timer."""
    assert stage.slots == {}
    assert not stage._living


def test_sup_start_normal(tree):
    """A supervisor without children starts, and stops with reason shutdown."""
    sup = tree()

    assert sup.which() == []
    assert str(sup.stop()) == "shutdown"


def test_sup_start_ignore_init(tree):
    """A supervisor that chooses not to run says so to its starter, and nothing is left.

    Adapted: there is no init callback; a subclass may ignore in ``on_start``, and since
    ``Supervisor.start`` returns a running one, it raises.
    """

    class Unwilling(Supervisor):
        def on_start(self):
            self.ignore()

    stage = Stage()
    with pytest.raises(ChildStartError) as caught:
        Unwilling.start(SupervisorSpec((spec("child1"),)), runtime=stage)

    assert isinstance(caught.value.cause, Ignore)
    assert_nothing_is_left(stage)


def test_sup_start_ignore_child(tree):
    """A child that ignores keeps its spec, stopped, and counts as one that isn't active."""
    sup = tree()
    sup.stage.next_starts["child1"].append("ignore")

    assert sup.ref.start_child(spec("child1")).state == "stopped"
    assert sup.ref.start_child(spec("child2")).state == "running"

    assert sup.which() == ["child2 running", "child1 stopped"]
    assert sup.counts() == [2, 1, 0, 2]


def test_sup_start_ignore_temporary_child(tree):
    """A temporary child that ignores at boot leaves no spec behind."""
    children = (spec("child1", restart="temporary"), spec("child2", restart="temporary"))
    sup = tree(*children, ignoring="child1")

    assert sup.which() == ["child2 running"]
    assert sup.counts() == [1, 1, 0, 1]


def test_sup_start_ignore_temporary_child_start_child(tree):
    """The same through start_child."""
    sup = tree()
    sup.stage.next_starts["child1"].append("ignore")

    ignored = sup.ref.start_child(spec("child1", restart="temporary"))
    sup.ref.start_child(spec("child2", restart="temporary"))

    assert ignored.state == "stopped"
    assert ignored.ref is None
    assert sup.which() == ["child2 running"]
    assert sup.counts() == [1, 1, 0, 1]


@pytest.fixture
def simple(tree):
    """Start a simple_one_for_one supervisor; its child k1 will ignore."""

    def start(**fields):
        template = spec("template", **fields)
        return tree(template, ignoring="k1", strategy="simple_one_for_one")

    return start


def test_sup_start_ignore_temporary_child_start_child_simple(simple):
    """The same under simple_one_for_one."""
    sup = simple(restart="temporary")

    assert sup.ref.start_child(ExtraArgs(label="k1")).state == "stopped"
    sup.ref.start_child(ExtraArgs(label="k2"))

    assert sup.which() == ["k2 running"]
    assert sup.counts() == [1, 1, 0, 1]


def test_sup_start_ignore_permanent_child_start_child_simple(simple):
    """Under simple_one_for_one not even a permanent child that ignores is stored."""
    sup = simple(restart="permanent")

    assert sup.ref.start_child(ExtraArgs(label="k1")).state == "stopped"
    sup.ref.start_child(ExtraArgs(label="k2"))

    assert sup.which() == ["k2 running"]
    assert sup.counts() == [1, 1, 0, 1]
    assert str(sup.stop()) == "shutdown"


def test_sup_start_error_return():
    """What isn't a specification is refused before anything runs."""
    stage = Stage()
    invalid: Any = "invalid"
    with pytest.raises(SpecError, match="a SupervisorSpec"):
        Supervisor.start(invalid, runtime=stage)

    assert_nothing_is_left(stage)


@pytest.mark.parametrize("where", ["__init__", "on_start"])
def test_sup_start_fail(where):
    """A supervisor that raises while it starts: the error, with its traceback, and no one left."""

    def fail(self, *args):
        raise Faulty("badmatch")

    failing: Any = type("Failing", (Supervisor,), {where: fail})
    stage = Stage()
    with pytest.raises(ChildStartError) as caught:
        failing.start(SupervisorSpec((spec("child1"),)), runtime=stage)

    cause = caught.value.__cause__
    assert isinstance(cause, Faulty)
    assert cause.__traceback__ is not None
    assert_nothing_is_left(stage)


class Junk(SupervisedActor):
    """Cannot be made, let alone started."""

    def __init__(self):
        super().__init__()
        raise Faulty("junk")


def test_sup_start_child_returns_error(tree):
    """start_child of one that doesn't start, or can't be made: the error, and nothing stored."""
    sup = tree()
    sup.stage.next_starts["child1"].append("error")

    for child in (spec("child1"), ChildSpec("child2", Junk)):
        with pytest.raises(ChildStartError) as caught:
            sup.ref.start_child(child)
        assert isinstance(caught.value.cause, Faulty)

    assert sup.which() == []
    assert sup.ended() is None


def test_sup_start_restart_child_returns_error(tree):
    """restart_child that fails: the error, and the spec is kept, stopped."""
    sup = tree(spec("child1"))
    sup.ref.terminate_child("child1")
    sup.stage.next_starts["child1"].append("error")

    with pytest.raises(ChildStartError) as caught:
        sup.ref.restart_child("child1")

    assert isinstance(caught.value.cause, Faulty)
    assert sup.which() == ["child1 stopped"]
    assert sup.ended() is None


def test_sup_start_child_returns_error_simple(tree):
    """The same under simple_one_for_one: nothing is stored."""
    sup = tree(spec("template"), strategy="simple_one_for_one")
    sup.stage.no_start.update({"k1", "k2"})

    for label in ("k1", "k2"):
        with pytest.raises(ChildStartError) as caught:
            sup.ref.start_child(ExtraArgs(label=label))
        assert isinstance(caught.value.cause, Faulty)

    assert sup.which() == []
    assert sup.ended() is None


def test_sup_start_map(tree):
    """A spec shows its defaults; an id that isn't there is not_found."""
    sup = tree(
        ChildSpec("child1", Child),
        ChildSpec("child2", Child, shutdown_s=BRUTAL_KILL),
        ChildSpec("child3", SupervisorSpec(), type="supervisor"),
    )

    first, second, third = (sup.ref.get_child_spec(f"child{n}") for n in (1, 2, 3))
    assert (first.start, first.args, first.kwargs) == (Child, (), {})
    assert (first.restart, first.shutdown_s, first.type) == (Restart.permanent, 5.0, "worker")
    assert second.shutdown_s is BRUTAL_KILL
    assert (third.restart, third.shutdown_s) == (Restart.permanent, INFINITY)
    assert not any(one.significant for one in (first, second, third))
    assert refusal(sup.ref.get_child_spec, "child4") == "not_found"


def test_sup_start_map_simple(tree):
    """Under simple_one_for_one every child's spec is the template's, under its own label."""
    template = AnyChildSpec("template", Child, restart="temporary")
    sup = tree(template, strategy="simple_one_for_one")
    labels = [sup.ref.start_child(ExtraArgs()).id for _ in range(3)]

    assert [sup.ref.get_child_spec(label) for label in labels] == [
        template.named(label) for label in labels
    ]
    assert refusal(sup.ref.get_child_spec, "somebody") == "not_found"


def test_sup_start_map_faulty_specs(tree):
    """What is missing or wrong in a spec is named.

    Adapted: OTP ignores a key that it doesn't know; we refuse it, since it is a typing error.
    """
    with pytest.raises(TypeError, match="'id'"):
        AnyChildSpec(start=Child)
    with pytest.raises(TypeError, match="'start'"):
        AnyChildSpec("child2")
    with pytest.raises(TypeError, match="silly_flag"):
        AnyChildSpec("child3", Child, silly_flag=True)
    with pytest.raises(SpecError, match="'child4': must be ChildSpecs"):
        AnySupervisorSpec(("child4",))


def test_faulty_application_shutdown():
    """The error of a start far below comes up to whoever starts the tree, with its cause.

    Adapted: the application is a tree of three levels.
    """
    stage = Stage()
    stage.no_start.add("server")
    inner = SupervisorSpec((spec("server"),))
    middle = SupervisorSpec((spec("before"), spec("inner", start=inner)))

    with pytest.raises(ChildStartError) as caught:
        Supervisor.start(SupervisorSpec((spec("middle", start=middle),)), runtime=stage)

    errors: list[BaseException] = [caught.value]
    while errors[-1].__cause__ is not None:
        errors.append(errors[-1].__cause__)
    assert [getattr(error, "child_id", None) for error in errors] == [
        "middle",
        "inner",
        "server",
        None,
    ]
    assert isinstance(errors[-1], Faulty)
    assert_nothing_is_left(stage)


def test_already_started_outside_supervisor(tree):
    """A child whose place is taken by a stranger does not start; the stranger is named, and lives.

    Adapted: names are not registered here, so the child itself finds its place taken.
    """
    stranger = tree(spec("registered_name")).child("registered_name")

    class Latecomer(SupervisedActor):
        def on_start(self):
            raise Faulty("already_started", stranger)

    sup = tree()
    with pytest.raises(ChildStartError) as caught:
        sup.ref.start_child(AnyChildSpec("child", Latecomer, restart="transient"))

    assert caught.value.cause.args == ("already_started", stranger)
    assert sup.which() == []
    assert stranger.ask("still there?") is None


def test_extra_return(tree):
    """What a child has to say about itself can be asked of the address that a start returns.

    Adapted: a start returns no extra term; the whole protocol of requests works the same.
    """
    child = spec("child1", args=("extra_return",))
    sup = tree(child)
    first = sup.life("child1")
    for op in (sup.ref.terminate_child, sup.ref.delete_child, sup.ref.restart_child):
        assert refusal(op, "hej") == "not_found"
    assert refusal(sup.ref.delete_child, "child1") == "running"
    assert refusal(sup.ref.restart_child, "child1") == "running"
    assert sup.life("child1") == first
    assert sup.counts() == [1, 1, 0, 1]

    sup.ref.terminate_child("child1")
    assert sup.log[-1] == "down child1 shutdown"
    assert sup.which() == ["child1 stopped"]
    assert sup.counts() == [1, 0, 0, 1]
    assert sup.ref.restart_child("child1").ref.ask("info") == "extra_return"
    assert sup.counts() == [1, 1, 0, 1]

    sup.ref.terminate_child("child1")
    sup.ref.terminate_child("child1")
    sup.ref.delete_child("child1")
    assert refusal(sup.ref.restart_child, "child1") == "not_found"
    assert sup.which() == []
    assert sup.counts() == [0, 0, 0, 0]

    assert sup.ref.start_child(child).ref.ask("info") == "extra_return"
    before = sup.life("child1")
    sup.end("child1")
    assert sup.life("child1") != before
    assert sup.child("child1").ask("info") == "extra_return"
    assert sup.counts() == [1, 1, 0, 1]
