"""Lifecycle events: kept in a bounded ring, handed to listeners, hurt by none of them."""

import threading

from supervisors import ChildSpec, LifecycleEvent, SupervisedActor, Supervisor, SupervisorSpec
from supervisors.run.events import Journal
from supervisors.testing import crash, settle


def an_event(n=0):
    return LifecycleEvent("up", "c", n, "")


def test_the_last_ones_are_kept():
    journal = Journal(size=3)
    for n in range(5):
        journal.tell(an_event(n))

    assert [event.incarnation for event in journal.ring] == [2, 3, 4]


def test_a_listener_gets_each_from_then_on_until_it_has_enough():
    journal, heard = Journal(), []
    journal.tell(an_event(0))
    unsubscribe = journal.subscribe(heard.append)
    journal.tell(an_event(1))
    unsubscribe()
    unsubscribe()
    journal.tell(an_event(2))

    assert heard == [an_event(1)]


def test_a_listener_that_raises_is_counted_and_hurts_nobody():
    def bad(_event):
        raise ValueError("mine")

    journal, heard = Journal(), []
    journal.subscribe(bad)
    journal.subscribe(heard.append)
    for n in range(2):
        journal.tell(an_event(n))

    assert heard == [an_event(0), an_event(1)]
    assert journal.listener_errors == 2


def test_a_listener_may_leave_while_it_is_told():
    journal, heard = Journal(), []

    def once(event):
        heard.append(event)
        unsubscribe()

    unsubscribe = journal.subscribe(once)
    journal.subscribe(heard.append)
    journal.tell(an_event(1))
    journal.tell(an_event(2))

    assert heard == [an_event(1), an_event(1), an_event(2)]


def test_a_crash_tells_its_story_without_the_message():
    class Child(SupervisedActor):
        def on_receive(self, message):
            raise KeyError("of the child")

    heard, told = [], threading.Event()
    supervisor = Supervisor.start(
        SupervisorSpec(children=(ChildSpec("c", Child),), intensity=10, count_progress=True)
    )

    def listen(event):
        heard.append(event)
        if len(heard) == 3:
            told.set()

    unsubscribe = supervisor.subscribe(listen)
    supervisor.child("c").tell("secret words")
    assert told.wait(5)
    settle(supervisor.child("c"), within_s=5)
    unsubscribe()
    crash(supervisor.child("c"), ValueError("nobody hears it"))
    settle(supervisor.child("c"), within_s=5)
    assert supervisor.stop(2.0)

    assert [event.kind for event in heard] == ["down", "restarting", "up"]
    assert {event.path for event in heard} == {"c"}
    assert "KeyError('of the child')" in heard[0].detail
    assert "secret" not in repr(heard)
