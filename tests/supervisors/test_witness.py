"""What is said of each event in the lives of a tree, and by whom."""

import logging

import pytest

from supervisors import (
    BRUTAL_KILL,
    Backoff,
    ChildSpec,
    Exit,
    ExtraArgs,
    SupervisedActor,
    Supervisor,
    SupervisorSpec,
)
from supervisors.errors import ChildStartError, NoSuchChild, NotRunning
from supervisors.testing import DeterministicRuntime, end_thread


class Actor(SupervisedActor):
    """Does what it is told."""

    starts = True

    def on_start(self):
        if not Actor.starts:
            raise OSError("not yet")

    def on_receive(self, message):
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, Exit):
            self.exit(message)
        return message


class BadEnd(Actor):
    def on_stop(self):
        raise KeyError("at the end")


@pytest.fixture
def tree(monkeypatch):
    """Starts a tree of which all that is reported can be read."""
    monkeypatch.setattr(Actor, "starts", True)
    trees = []

    class Tree:
        def __init__(self, *children, **options):
            self.runtime = DeterministicRuntime()
            self.said = []
            self.runtime.report = self.said.append
            self.root = Supervisor.start(SupervisorSpec(children, **options), runtime=self.runtime)
            trees.append(self.root)

        def tell(self, message, to="a"):
            where = self.root
            *above, id_ = to.split("/")
            for name in above:
                where = where.supervisor(name)
            where.child(id_).tell(message)
            self.runtime.run_until_idle()

        def lines(self):
            return [(logging.getLevelName(one.level), shown(one)) for one in self.said]

    yield Tree
    for root in trees:
        root.stop()


def shown(report):
    """Without the number of the line, which is this file's own affair."""
    head, *rest = str(report).split(f" at {__file__}:")
    return head + "".join(f" at {part.partition(' in ')[2]}" for part in rest)


def a(**options):
    return ChildSpec("a", Actor, **options)


def test_a_life_in_good_order_is_not_reported(tree):
    one = tree(a(), ChildSpec("b", Actor, restart="transient"), ChildSpec("c", Actor))
    one.tell("hello")
    one.tell(Exit.normal())
    one.tell(Exit.shutdown(), "b")
    one.root.terminate_child("c")
    one.root.stop()

    assert one.said == []


def test_a_crash_says_who_why_where_and_what_follows(tree):
    one = tree(a(), intensity=3, period_s=10)
    one.tell(ValueError("bad"))

    assert one.lines() == [
        (
            "ERROR",
            (
                "child a (life 1) crashed: ValueError('bad') at Actor.on_receive;"
                " it is restarted (1 of 3 restarts in 10 s are used)"
            ),
        )
    ]
    (report,) = one.said
    assert (report.kind, report.path, report.incarnation) == ("crashed", "a", 1)
    assert report.error.__traceback__ is not None
    assert report.places[0].function == "Actor.on_receive"


def test_one_with_a_back_off_says_when(tree):
    one = tree(a(), backoff=Backoff(min_s=2.5, max_s=2.5, jitter=0))
    one.tell(ValueError())

    assert "it is restarted in 2.5 s" in str(one.said[0])


def test_one_that_is_temporary_is_left(tree):
    one = tree(a(restart="temporary"))
    one.tell(ValueError())

    assert str(one.said[0]).endswith("it is temporary: it is not restarted")


def test_giving_up_and_the_end_of_the_tree_have_the_last_cause(tree):
    one = tree(a(), intensity=1, period_s=5)
    one.tell(ValueError("first"))
    one.tell(ValueError("last"))

    assert one.lines()[1:] == [
        (
            "ERROR",
            (
                "child a (life 2) crashed: ValueError('last') at Actor.on_receive;"
                " that is one too many: its supervisor gives up"
            ),
        ),
        (
            "ERROR",
            (
                "the tree gives up: more than 1 restarts in 5 s:"
                " last cause: a: ValueError('last') at Actor.on_receive"
            ),
        ),
        (
            "ERROR",
            (
                "the tree has ended, since its supervisor gave up:"
                " last cause: a: ValueError('last') at Actor.on_receive"
            ),
        ),
    ]


def test_a_supervisor_below_that_gives_up_is_restarted_by_its_own(tree):
    web = ChildSpec("web", SupervisorSpec([a()], intensity=0), type="supervisor")
    one = tree(web, intensity=1)
    one.tell(ValueError("bad"), "web/a")

    assert [line.partition(" at ")[0].partition(":")[0] for _, line in one.lines()] == [
        "child web/a (life 1) crashed",
        "supervisor web gives up",
        (
            "supervisor web (life 1) gave up, and has ended; it is restarted"
            " (1 of 1 restarts in 5 s are used)"
        ),
    ]
    one.tell(ValueError("again"), "web/a")
    assert str(one.said[-1]).startswith("the tree has ended")
    assert "last cause: web/a: ValueError('again')" in str(one.said[-1])


def test_a_part_that_parks_says_so_and_when_it_is_back(tree):
    one = tree(a(), intensity=0, on_intensity="park", probe_min_s=3)
    one.tell(ValueError("bad"))
    one.runtime.advance(3)

    assert one.lines()[1:] == [
        (
            "ERROR",
            (
                "the tree is parked: more than 0 restarts in 5 s: last cause: a: ValueError('bad')"
                " at Actor.on_receive; its children are tried again in 3 s, and messages wait till"
                " then"
            ),
        ),
        ("WARNING", "the tree is back: its children are up again"),
    ]


def test_a_start_that_fails_later_is_reported_and_one_that_its_starter_hears_of_is_not(tree):
    one = tree(a(), intensity=5)
    Actor.starts = False
    with pytest.raises(ChildStartError):
        one.root.start_child(ChildSpec("b", Actor))
    with pytest.raises(ChildStartError):
        tree(a())
    assert one.said == []

    one.tell(ValueError())
    assert "child a (life 2) failed to start: OSError('not yet')" in str(one.said[1])
    assert one.said[-1].kind == "finished"


def test_one_that_crashes_while_it_is_stopped_is_reported(tree):
    one = tree(ChildSpec("a", BadEnd))
    one.root.stop()

    assert [line for _, line in one.lines()] == [
        (
            "child a (life 1) crashed while it was being stopped: KeyError('at the end')"
            " at BadEnd.on_stop"
        )
    ]


def test_one_that_does_not_stop_is_left_behind_and_one_that_is_killed_on_purpose_is_no_news(tree):
    one = tree(a(shutdown_s=0.5), ChildSpec("b", Actor, shutdown_s=BRUTAL_KILL))
    one.runtime.suspend(one.root.child("a"))
    one.root.stop()

    assert [line for _, line in one.lines()] == [
        "child a (life 1) did not stop in time; its thread is left behind"
    ]


def test_one_that_is_lost_says_so(tree):
    one = tree(a())
    end_thread(one.root.child("a"))
    one.runtime.run_until_idle()

    assert "child a (life 1) is lost: its thread is gone; it is restarted" in str(one.said[0])


def test_a_root_that_is_lost_is_the_end_of_the_tree(tree):
    one = tree(a())
    end_thread(one.runtime.slots["root",].ref)
    one.runtime.run_until_idle()

    assert one.lines() == [
        ("ERROR", "the tree has ended: its supervisor is lost: its thread is gone")
    ]


def test_a_tree_whose_work_is_done_says_so_quietly(tree):
    job = a(restart="transient", significant=True)
    one = tree(job, auto_shutdown="any_significant")
    one.tell(Exit.normal())

    assert [level for level, _ in one.lines()] == ["INFO"]


def test_a_tree_that_ends_with_a_crash_of_its_significant_child_says_so(tree):
    job = a(restart="temporary", significant=True)
    one = tree(job, auto_shutdown="any_significant")
    one.tell(ValueError("bad"))

    assert one.said[0].then == "it is temporary: it is not restarted and its supervisor ends"
    assert one.lines()[-1] == (
        "ERROR",
        (
            "the tree has ended, as auto_shutdown says: last cause: a: ValueError('bad') at"
            " Actor.on_receive"
        ),
    )


def test_children_that_come_and_go_have_one_bound_together(tree):
    """A thousand of one template crash at one place: that is one fault."""
    one = tree(a(), strategy="simple_one_for_one", intensity=10_000)
    for n in range(300):
        one.root.start_child(ExtraArgs(label=f"k{n}")).ref.tell(ValueError(n))
    one.runtime.run_until_idle()
    one.root.stop()

    assert [report.kind for report in one.said] == ["crashed"] * 5 + ["left_out"]


# -- a tree that has ended says how ---------------------------------------------------------------


def test_an_address_of_a_tree_that_gave_up_is_a_clear_error_with_the_last_cause(tree):
    one = tree(a(), intensity=0)
    one.tell(ValueError("bad"))

    for look_up in (one.root.child, one.root.supervisor, one.root.which_child):
        with pytest.raises(NotRunning) as caught:
            look_up("a")
        said = str(caught.value)
        assert "its whole tree has ended" in said
        assert "more than 0 restarts in 5 s" in said
        assert f"last cause: a: ValueError('bad') at {__file__}:" in said
        assert caught.value.cause in said


def test_one_that_was_stopped_by_its_owner_has_no_cause(tree):
    one = tree(a(), intensity=5)
    one.tell(ValueError("long ago"))
    one.root.stop()

    with pytest.raises(NotRunning, match="its whole tree has ended") as caught:
        one.root.child("a")
    assert caught.value.cause == ""


def test_an_unknown_name_names_those_that_there_are(tree):
    one = tree(a(), ChildSpec("b", Actor))

    with pytest.raises(KeyError, match="no child 'c' of root; there are: a, b") as caught:
        one.root.child("c")
    assert isinstance(caught.value, NoSuchChild)


def test_a_restart_that_costs_nothing_says_so(tree):
    one = tree(a(), count_progress=True)
    one.root.child("a").tell("fine")
    one.tell(ValueError("bad"))

    assert one.said[0].then == "it is restarted (at no charge, since it had handled messages)"
