"""An actor that is given up at an awkward instant loses no message, and is heard of once (E13).

Whoever gives it up sees nothing in hand, and its thread may be anywhere: the message has to be
handed back, once, and before all that came after it. The threads are real, and held at the
instant in question.
"""

from __future__ import annotations

import threading
from collections import deque

import pykka
import pytest

from supervisors import (
    BRUTAL_KILL,
    TICK,
    ChildSpec,
    Exit,
    InFlight,
    MailboxSpec,
    Revoked,
    Runtime,
    SupervisedActor,
    Supervisor,
    SupervisorSpec,
)
from supervisors.run._linger import Wait
from supervisors.run._zombies import leave_behind
from supervisors.testing import settle

WAIT_S = 5.0
"""For what must come, in real seconds."""


class Instant:
    """Where the thread of an actor is held once, when it has taken something."""

    def __init__(self):
        self.reached, self.over = threading.Event(), threading.Event()
        self.thread = None

    def hold(self):
        if self.thread is None:
            self.thread = threading.current_thread()
            self.reached.set()
            assert self.over.wait(WAIT_S)

    def end(self):
        """Let it go on, and away."""
        self.over.set()
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()


class Lane(deque):
    """A user lane whose first message that is taken takes long to arrive."""

    def __init__(self, instant):
        super().__init__()
        self.instant = instant

    def popleft(self):
        item = super().popleft()
        self.instant.hold()
        return item


class Clerk(SupervisedActor):
    """Writes down what it is told, one by one or in batches; answers what it is asked."""

    def __init__(self, got):
        super().__init__()
        self.got = got

    def on_receive(self, message):
        if isinstance(message, InFlight):
            assert message.culprit() is None
            for item in message.items():
                self.got.append(item)
                message.results.append("did")
            self.slot.in_flight = None
            return None
        if message == "wake":
            self.wake_in(0.0)
        self.got.append(message)
        return f"{message}!"


class Office:
    """A clerk whose first message is held as it is taken."""

    def __init__(self, **options):
        self.got, self.instant = [], Instant()
        self.child = ChildSpec("clerk", Clerk, args=(self.got,), shutdown_s=BRUTAL_KILL, **options)
        self.runtime = Runtime()
        self.root = Supervisor.start(SupervisorSpec((self.child,)), runtime=self.runtime)
        self.ref = self.root.child("clerk")
        self.slot = self.ref._slot

    def hold_a_lane(self):
        """Where messages that were told are taken."""
        settle(self.ref, within_s=WAIT_S)
        self.slot.mailbox.user = Lane(self.instant)

    def hold_a_poll(self, *, idle=False):
        """Where all others are, and batches are about to be; *idle*: where it finds nothing."""
        settle(self.ref, within_s=WAIT_S)
        poll = self.slot.mailbox.poll

        def slow_poll(now_s, in_flight):
            found = poll(now_s, in_flight)
            if idle is isinstance(found, Wait):
                self.slot.current.pause(0.0)  # what woke it so far wakes it no more
                self.instant.hold()
            return found

        self.slot.mailbox.poll = slow_poll
        self.slot.mailbox.wake()  # it waits in the old one

    def kill(self):
        assert self.instant.reached.wait(WAIT_S)
        self.root.terminate_child("clerk")

    def work(self):
        """What has been handled, when all is."""
        settle(self.ref, within_s=WAIT_S)
        return self.got

    def letters(self):
        return [letter.message for letter in self.runtime.dead_letters.list()]

    def set_aside(self):
        return [letter.message for letter in self.slot.quarantine.list()]

    def close(self):
        self.instant.over.set()
        assert self.root.stop(WAIT_S)


@pytest.fixture
def hire():
    """Make an office; it is closed in the end."""
    offices = []

    def make(**options):
        offices.append(Office(**options))
        return offices[-1]

    yield make
    for office in offices:
        office.close()


@pytest.fixture
def office(hire):
    """One whose clerk takes messages one by one."""
    office = hire()
    office.hold_a_lane()
    return office


def test_what_was_taken_is_first_in_the_next_life(office):
    for message in ("one", "two", "three"):
        office.ref.tell(message)
    office.kill()
    office.instant.end()
    office.root.restart_child("clerk")

    assert office.work() == ["one", "two", "three"]
    assert office.letters() == office.set_aside() == []


def test_it_is_set_aside_if_the_next_life_has_gone_on_from_there(office):
    """It may have taken what came after: to hand the first out now would break their order."""
    office.ref.tell("one")
    office.ref.tell("two")
    office.kill()
    office.root.restart_child("clerk")
    assert office.work() == ["two"]
    office.instant.end()

    assert office.work() == ["two"]
    assert office.set_aside() == ["one"]


def test_it_is_a_dead_letter_if_there_is_no_next_life(office):
    office.ref.tell("one")
    office.ref.tell("two")
    office.kill()
    office.root.delete_child("clerk")
    office.instant.end()

    assert sorted(office.letters()) == ["one", "two"]
    assert office.got == office.set_aside() == []


def test_a_question_that_was_taken_is_answered_by_the_next_life(office):
    answer = office.ref.ask("one", block=False)
    office.kill()
    office.instant.end()
    office.root.restart_child("clerk")

    assert answer.get(timeout=WAIT_S) == "one!"


@pytest.mark.parametrize("order", ["delete_child", "restart_child"])
def test_whoever_asked_is_told_if_no_life_will_answer(office, order):
    answer = office.ref.ask("one", block=False)
    office.kill()
    getattr(office.root, order)("clerk")
    office.instant.end()

    with pytest.raises(pykka.ActorDeadError):
        answer.get(timeout=WAIT_S)
    assert office.got == []


def test_a_message_that_was_seen_in_hand_is_booked_once(office):
    """By whoever gave its actor up; the thread comes too late for it."""
    office.ref.tell("one")
    assert office.instant.reached.wait(WAIT_S)
    life, fence = office.slot.current, office.slot.fence
    fence.acquire()
    life.revoked = True
    office.instant.over.set()  # it takes "one" in hand, sees that it is revoked, and waits
    while life.handling is None:
        pass
    life._charge(Exit.killed())
    fence.release()
    office.instant.thread.join(WAIT_S)
    life.revoked = False
    office.root.terminate_child("clerk")
    office.root.restart_child("clerk")

    assert office.work() == []
    assert office.set_aside() == ["one"]


def test_a_question_to_one_who_takes_batches_is_answered_too(hire):
    """It comes out of the lane of what steers an actor."""
    office = hire(mailbox=MailboxSpec(batch_max_items=5))
    office.hold_a_poll()
    answer = office.ref.ask("one", block=False)
    office.kill()
    office.root.restart_child("clerk")
    office.instant.end()

    with pytest.raises(pykka.ActorDeadError):
        answer.get(timeout=WAIT_S)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_batch_is_taken_before_its_actor_is_given_up_or_not_at_all(hire, before):
    """The instant lies between the mailbox's word that there is a batch and its taking."""
    office = hire(mailbox=MailboxSpec(batch_max_items=5))
    office.hold_a_poll()
    for message in ("one", "two", "three"):
        office.ref.tell(message)
    office.kill()
    if before:
        office.instant.end()
    office.root.restart_child("clerk")
    assert office.work() == ["one", "two", "three"]
    office.instant.end()

    assert office.slot.in_flight is None
    assert office.letters() == office.set_aside() == []


def test_it_is_given_up_after_it_has_taken_a_batch_if_it_has_begun_to(hire):
    office = hire(mailbox=MailboxSpec(batch_max_items=5))
    take = office.slot.mailbox.take

    def slow_take(*args):
        office.instant.hold()
        take(*args)

    office.slot.mailbox.take = slow_take
    for message in ("one", "two", "three"):
        office.ref.tell(message)
    killer = threading.Thread(target=office.kill)
    killer.start()
    assert office.instant.reached.wait(WAIT_S)
    killer.join(0.2)  # it can't do it yet
    office.instant.end()
    killer.join(WAIT_S)
    office.root.restart_child("clerk")

    assert office.work() == ["one", "two", "three"]


def test_a_timer_that_rang_then_rings_in_the_next_life(hire):
    """A timer is the slot's."""
    office = hire()
    settle(office.ref, within_s=WAIT_S)
    life, real = office.slot.current, office.slot.next_envelope

    def slow(now_s, of):
        found = real(now_s, of)
        if not isinstance(found, Wait) and found.message is TICK:
            office.instant.hold()
        return found

    office.slot.next_envelope = slow
    office.ref.tell("wake")
    office.kill()
    assert office.slot.due_s is None
    office.instant.end()
    assert office.slot.due_s is not None
    office.root.restart_child("clerk")

    assert office.work() == ["wake", TICK]
    assert office.slot.current is not life


def test_one_that_was_about_to_wait_leaves_though_the_mailbox_wakes_another_by_now(hire):
    """The next life may be up before the dispatcher hears that this one was given up."""
    office = hire()
    office.hold_a_poll(idle=True)
    assert office.instant.reached.wait(WAIT_S)
    life = office.slot.current
    life.lose(Exit.hung())
    while office.slot.mailbox.wake is life.wake:
        pass
    office.ref.tell("one")
    assert office.work() == ["one"]
    office.runtime.own.abandon(life)
    office.instant.end()


# -- as it ends -----------------------------------------------------------------------------------


class Ending(SupervisedActor):
    """Told ``end`` it crashes; of anything else it takes a note."""

    def __init__(self, got):
        super().__init__()
        self.got = got

    def on_receive(self, message):
        if message == "end":
            raise ValueError
        self.got.append(message)


@pytest.mark.parametrize("dispatcher", ["own", "shared"])
def test_one_that_has_just_ended_by_itself_is_not_left_behind(dispatcher):
    """Its thread was at its last word; as a ghost's it was refused, and no next life came."""
    got, instant, runtime = [], Instant(), Runtime()
    children = [ChildSpec(name, Ending, (got,), dispatcher=dispatcher) for name in "ab"]
    root = Supervisor.start(SupervisorSpec(tuple(children)), runtime=runtime)
    ref = root.child("a")
    slot, post = ref._slot, ref._slot.post

    def slow_post(event):
        instant.hold()
        post(event)

    slot.post = slow_post
    ref.tell("end")
    assert instant.reached.wait(WAIT_S)
    life = slot.current
    runtime.give_up(slot, Exit.killed())
    instant.over.set()
    for name in "ab":
        root.child(name).tell(name)
        settle(root.child(name), within_s=WAIT_S)

    assert slot.current is not life
    assert got == ["a", "b"]
    assert runtime.left_behind.in_all == 0
    assert root.stop(WAIT_S)


def test_a_supervisor_hears_of_an_end_from_a_thread_that_was_left_behind():
    """Given up in the middle of it, by somebody who saw that it was not over."""
    mailbox = MailboxSpec(max_items=1)
    below = ChildSpec("below", SupervisorSpec(()), type="supervisor", mailbox=mailbox)
    root = Supervisor.start(SupervisorSpec((below,)))
    slot, heard = root.runtime.slots["root", "below"], []
    append, slot.mailbox.append = slot.mailbox.append, heard.append

    def haunt():
        leave_behind(threading.current_thread())
        slot.ref.post("one")
        slot.ref.post("two")
        with pytest.raises(Revoked):
            slot.ref.tell("three")

    ghost = threading.Thread(target=haunt)
    ghost.start()
    ghost.join(WAIT_S)

    assert heard == ["one", "two"]
    slot.mailbox.append = append
    assert root.stop(WAIT_S)
