"""An address names a place, not a life: it outlives every incarnation, and says so when it ends."""

import threading
from contextlib import contextmanager

import pykka
import pytest

from supervisors import (
    ChildSpec,
    MailboxSpec,
    Restart,
    SupervisedActor,
    Supervisor,
    SupervisorSpec,
)
from supervisors.testing import TestProbe, settle
from tests.supervisors.live import Wait, stopping

WAIT_S = 5


class Early(SupervisedActor):
    """Looks at its own address before it is made."""

    def __init__(self, seen):
        seen.append(self.slot.ref.is_alive())
        super().__init__()


def test_a_temporary_child_that_is_still_being_made_has_not_ended():
    """Whoever told it something at that moment met an actor without its marks."""
    seen = []
    child = ChildSpec("early", Early, args=(seen,), restart=Restart.temporary)
    with Supervisor.start(SupervisorSpec((child,))):
        assert seen == [True]


class Child(SupervisedActor):
    """Passes on what it gets; starts when it may."""

    def __init__(self, probe, may_start):
        super().__init__()
        self._probe, self._may_start = probe, may_start
        self.born = object()

    def on_start(self):
        assert self._may_start.wait(WAIT_S)

    def on_receive(self, message):
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, Wait):
            message()
        self._probe.tell(message)
        return message


@pytest.fixture
def probe():
    return TestProbe()


@pytest.fixture
def may_start():
    event = threading.Event()
    event.set()
    yield event
    event.set()


@pytest.fixture
def tree(probe, may_start):
    """Start one child with these options; its supervisor is stopped when the test ends."""
    started = []

    def start(**options):
        child = ChildSpec("c", Child, args=(probe, may_start), **options)
        started.append(Supervisor.start(SupervisorSpec(children=(child,), intensity=100)))
        return started[-1]

    yield start
    for supervisor in started:
        assert supervisor.stop(2.0)


def got(probe, count):
    return [probe.expect(object, within_s=WAIT_S) for _ in range(count)]


def test_it_is_the_same_over_restarts(tree):
    supervisor = tree()
    before = supervisor.child("c")
    urn, born = before.actor_urn, before.proxy().born.get(timeout=WAIT_S)
    before.tell(ValueError("x"))
    settle(before, within_s=WAIT_S)

    assert supervisor.child("c") is before
    assert before.actor_urn == urn
    assert before.proxy().born.get(timeout=WAIT_S) is not born


def test_it_says_what_it_leads_to(tree):
    ref = tree().child("c")

    assert str(ref) == "Child (root/c)"
    assert repr(ref) == "<ActorRef for Child (root/c)>"


def test_what_is_sent_during_a_restart_waits_for_the_next_life_in_order(tree, probe, may_start):
    ref = tree().child("c")
    may_start.clear()
    ref.tell(ValueError("x"))
    for n in range(10):
        ref.tell(n)
    question = ref.ask("?", block=False)
    assert ref.is_alive()
    with pytest.raises(pykka.Timeout):
        question.get(timeout=0.01)
    may_start.set()

    assert question.get(timeout=WAIT_S) == "?"
    assert got(probe, 11) == [*range(10), "?"]


def test_stop_ends_the_present_life_normally_and_leaves_its_backlog_to_the_next(tree, probe):
    ref = tree().child("c")
    busy = Wait()
    for message in (busy, 0, 1, 2):
        ref.tell(message)
    assert busy.came.wait(WAIT_S)
    stopped = ref.stop(block=False)
    busy.go()

    assert stopped.get(timeout=WAIT_S) is True
    assert got(probe, 4) == [busy, 0, 1, 2]
    assert ref.is_alive()
    assert ref._slot.restarts == 1
    assert str(ref._slot.last_exit) == "normal"


def test_a_stop_with_nobody_there_waits_for_nobody(tree):
    supervisor = tree(restart=Restart.transient)
    ref = supervisor.child("c")
    assert ref.stop(timeout=WAIT_S)
    poll(lambda: supervisor.which_children()[0].state == "stopped")

    assert ref.stop(timeout=WAIT_S)


def test_after_the_end_it_raises_in_no_sender(tree):
    supervisor = tree()
    ref = supervisor.child("c")
    supervisor.stop(2.0)
    ref.tell("too late")

    assert not ref.is_alive()
    with pytest.raises(pykka.ActorDeadError, match=r"Child \(root/c\) not found"):
        ref.ask("too late", timeout=WAIT_S)
    assert ref.stop(timeout=WAIT_S) is False


def test_a_question_that_waits_when_the_address_ends_is_answered(tree, may_start):
    """Pykka's can hang for ever (A2, row 10)."""
    supervisor = tree()
    ref = supervisor.child("c")
    busy = Wait()
    ref.tell(busy)
    assert busy.came.wait(WAIT_S)
    question = ref.ask("?", block=False)
    with stopping(supervisor):
        poll(lambda: ref._slot.mailbox.system)  # the stop waits there, too
        busy.go()

    with pytest.raises(pykka.ActorDeadError):
        question.get(timeout=WAIT_S)


@pytest.mark.parametrize("how", ["stop", "stopped", "crash"])
def test_of_a_temporary_child_whoever_saw_its_end_finds_nobody(tree, how):
    """At once, whatever its supervisor is at: it has one life."""
    supervisor = tree(restart=Restart.temporary)
    ref = supervisor.child("c")
    control = supervisor.runtime.slots["root",]
    with pause(control):
        if how == "crash":
            ref.tell(ValueError("x"))
            poll(lambda: ref._slot.current.finished)
        elif how == "stopped":
            assert ref.stop(block=False).get(timeout=WAIT_S) is True
        else:
            assert ref.stop(timeout=WAIT_S) is True
        assert not ref.is_alive()
        assert ref.stop(timeout=WAIT_S) is False
        with pytest.raises(pykka.ActorDeadError, match=r"Child \(root/c\) not found"):
            ref.ask("too late", timeout=WAIT_S)


@contextmanager
def pause(slot):
    """Its supervisor hears nothing meanwhile."""
    heard, post = [], slot.ref.post
    for below in slot.branch.below.values():
        below.post = heard.append
    yield
    for event in heard:
        post(event)


def test_an_asker_of_an_actor_that_is_handed_batches_need_not_wait_for_the_batch(tree):
    ref = tree(mailbox=MailboxSpec(batch_max_items=10, linger_s=60.0)).child("c")
    ref.tell("for the batch")

    assert ref.ask("?", timeout=WAIT_S) == "?"


def test_it_has_no_consumers_side(tree):
    door = tree().child("c").actor_inbox

    assert door.empty()
    with pytest.raises(RuntimeError):
        door.get()


def poll(condition):
    breath = threading.Event()
    for _ in range(1000):
        if condition():
            return
        breath.wait(0.005)
    raise AssertionError("it never came")
