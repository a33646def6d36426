"""The short way of a message that is merely told: what it skips must not be missed.

`Incarnation.get` hands such messages to ``on_receive`` itself, without a way back through
Pykka's loop for each; a mailbox without batches holds them bare. All else goes as ever.
"""

import threading
import weakref

import pykka.messages
import pytest
from pykka._envelope import Envelope

from supervisors import (
    TICK,
    ChildSpec,
    Exit,
    ExitKind,
    Mailbox,
    MailboxSpec,
    SupervisedActor,
    Supervisor,
    SupervisorSpec,
)
from supervisors.run.ref import _NEEDS_AN_ENVELOPE
from supervisors.testing import crash, settle

WAIT_S = 5.0


class Scribe(SupervisedActor):
    """Writes down what it is told, once the gate is open."""

    def __init__(self, got, gate):
        super().__init__()
        self.got = got
        self.gate = gate
        self.color = "black"

    def on_receive(self, message):
        assert self.gate.wait(WAIT_S)
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, Exit):
            self.exit(message)
        if message == "stop":
            self.stop()
        if message == "wake":
            self.wake_in(0.0)
        if message == "become":
            self.on_receive = self.loud
        self.got.append(message)
        return f"{message}!"

    def loud(self, message):
        self.got.append(message.upper())

    def on_failure(self, kind, error, traceback):
        names = []
        while traceback is not None:
            names.append(traceback.tb_frame.f_code.co_name)
            traceback = traceback.tb_next
        self.got.append((kind, str(error), names[-1]))


class Desk:
    """A scribe whose gate is shut: what it is told waits until `work`."""

    def __init__(self, dispatcher, **options):
        self.got, self.gate = [], threading.Event()
        child = ChildSpec(
            "scribe", Scribe, args=(self.got, self.gate), dispatcher=dispatcher, **options
        )
        self.supervisor = Supervisor.start(SupervisorSpec(children=(child,), intensity=100))
        self.ref = self.supervisor.child("scribe")
        self.slot = self.supervisor.runtime.slots["root", "scribe"]

    def tell(self, *messages):
        for message in messages:
            self.ref.tell(message)

    def work(self):
        self.gate.set()
        settle(self.ref, within_s=WAIT_S)
        return self.got


@pytest.fixture(params=["own", "shared"])
def desk(request):
    desk = Desk(request.param)
    yield desk
    desk.gate.set()
    assert desk.supervisor.stop(WAIT_S)


def test_all_messages_of_pykka_have_an_envelope():
    """They are for its loop. A new one in a new Pykka belongs into the list."""
    theirs = {
        value
        for value in vars(pykka.messages).values()
        if isinstance(value, type) and value.__module__ == "pykka.messages"
    }

    assert theirs | {Envelope} == _NEEDS_AN_ENVELOPE


def test_questions_and_proxies_keep_their_place_in_the_queue(desk):
    desk.tell("first")
    answer = desk.ref.ask("question", block=False)
    desk.tell("second")
    proxy = desk.ref.proxy()
    proxy.loud.defer("third")
    desk.tell("fourth")

    assert desk.work() == ["first", "question", "second", "THIRD", "fourth"]
    assert answer.get(timeout=WAIT_S) == "question!"
    proxy.color = "red"
    assert proxy.color.get(timeout=WAIT_S) == "red"


@pytest.mark.parametrize("message", [None, 0, 3, True, (), (1, 2), TICK, ..., Envelope("inner")])
def test_any_object_may_be_a_message(desk, message):
    """Also what means something to the mailbox itself: numbers, tuples, envelopes."""
    desk.tell(message, "after")

    found, after = desk.work()
    assert found is message
    assert after == "after"


def test_an_actor_may_become_another(desk):
    desk.tell("quiet", "become", "now")

    assert desk.work() == ["quiet", "become", "NOW"]


@pytest.mark.parametrize("end", ["stop", Exit.normal(), Exit.shutdown("enough")])
def test_an_actor_that_ends_itself_takes_no_further_message(desk, end):
    """The rest is for its next life."""
    lives = []
    desk.supervisor.subscribe(
        lambda e: lives.append((e.kind, len(desk.got))) if e.kind == "down" else None
    )
    desk.tell("before", end, "after")

    assert desk.work() == ["before", end, "after"]
    assert [kind for kind, _ in lives] == ["down"]
    assert desk.supervisor.which_child("scribe").starts == 2
    assert not desk.slot.last_exit.abnormal


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit("bad"), KeyboardInterrupt("bad")])
def test_a_crash_is_the_messages_own_with_its_traceback(desk, error):
    desk.tell("before", error, "after")

    got = desk.work()
    assert [got[0], got[-1]] == ["before", "after"]
    kind, text, where = got[1]
    if isinstance(error, Exception):  # Pykka is shown a stand-in for the others
        assert (kind, text, where) == (ValueError, "bad", "on_receive")
    assert desk.slot.last_exit.kind is ExitKind.crash
    assert desk.slot.last_exit.error is error
    (letter,) = desk.slot.quarantine.list()
    assert (letter.message, letter.incarnation) == (error, 1)


def test_a_crash_between_two_messages_costs_none(desk):
    desk.tell("before")
    desk.work()
    crash(desk.ref, ValueError("between"))
    desk.tell("after")

    assert [m for m in desk.work() if isinstance(m, str)] == ["before", "after"]
    assert len(desk.slot.quarantine) == 0


def test_a_message_is_handed_out_again_as_it_is():
    desk = Desk("own", redeliver=2)
    error = ValueError("always")
    desk.tell(error, "after")

    assert desk.work()[-1] == "after"
    assert desk.supervisor.which_child("scribe").starts == 4
    assert [letter.message for letter in desk.slot.quarantine.list()] == [error]
    assert desk.supervisor.stop(WAIT_S)


def test_a_timer_comes_before_the_backlog(desk):
    desk.tell("wake", "second")

    assert desk.work() == ["wake", TICK, "second"]


def test_a_message_is_let_go_when_it_has_been_handled(desk):
    class Message:
        pass

    message = Message()
    dead = weakref.ref(message)
    desk.got = desk.slot.current.actor.got = type("Forgetful", (), {"append": id})()
    desk.tell(message)
    del message
    desk.work()

    assert dead() is None


def test_actors_on_one_thread_take_turns():
    got, gate = [], threading.Event()
    children = [ChildSpec(id_, Scribe, args=(got, gate), dispatcher="all") for id_ in "ab"]
    supervisor = Supervisor.start(SupervisorSpec(children=children))
    for id_ in "ab":
        for _ in range(40):
            supervisor.child(id_).tell(id_)
    gate.set()
    for id_ in "ab":
        settle(supervisor.child(id_), within_s=WAIT_S)

    assert "".join(got).lstrip("a")[:16] == "b" * 16
    assert "a" in "".join(got).lstrip("a")
    assert supervisor.stop(WAIT_S)


# -- bounds ---------------------------------------------------------------------------------------


def test_bytes_are_given_back_and_a_sender_that_waits_is_woken(desk):
    desk = Desk("own", mailbox=MailboxSpec(max_items=4, max_bytes=10, overflow="block"))
    desk.tell("12345", "12345")
    sender = threading.Thread(target=lambda: desk.tell("123456"))
    sender.start()

    assert desk.slot.mailbox.queued_bytes >= 5  # one may be in hand
    assert desk.work()[:2] == ["12345", "12345"]
    sender.join(WAIT_S)
    assert desk.work() == ["12345", "12345", "123456"]
    assert desk.slot.mailbox.queued_bytes == 0
    assert desk.supervisor.stop(WAIT_S)


def test_a_message_with_the_attributes_of_an_envelope_is_no_envelope():
    """An application's own ``reply_to`` and ``message`` are its own business."""

    class Letter:
        message = "private"
        reply_to = "a person"

    mailbox, letter = Mailbox(MailboxSpec(max_items=1, overflow="drop_oldest")), Letter()
    mailbox.offer(letter, None, "m")
    mailbox.offer(Letter(), None, "m")

    assert mailbox.refused == 1
    assert letter not in mailbox.held()


def test_many_senders_that_drop_the_oldest_never_crash_the_actor():
    desk = Desk("own", mailbox=MailboxSpec(max_items=1, overflow="drop_oldest"))
    desk.gate.set()
    threads = [
        threading.Thread(target=lambda: [desk.ref.tell(n) for n in range(5_000)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert desk.ref.ask("last", timeout=WAIT_S) == "last!"
    assert desk.supervisor.which_child("scribe").starts == 1
    assert desk.supervisor.stop(WAIT_S)


# -- threads --------------------------------------------------------------------------------------


class Teller(SupervisedActor):
    """Says which thread it is on."""

    def on_receive(self, message):
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, threading.Event):
            message.wait()
        return threading.current_thread()


@pytest.fixture
def teller():
    child = ChildSpec("teller", Teller, hang_after_s=0.01)
    supervisor = Supervisor.start(SupervisorSpec(children=(child,), intensity=100))
    yield supervisor.child("teller")
    assert supervisor.stop(WAIT_S)


def test_after_a_crash_the_next_life_has_the_thread_of_the_last_one(teller):
    """A new one would cost more than all the rest of a restart."""
    before = teller.ask("who", timeout=WAIT_S)
    for _ in range(3):
        teller.tell(ValueError("boom"))
    after = teller.ask("who", timeout=WAIT_S)

    assert after is before
    assert after.name == "root/teller"


def test_after_a_hang_it_has_another(teller):
    before = teller.ask("who", timeout=WAIT_S)
    forever = threading.Event()
    teller.tell(forever)
    after = teller.ask("who", timeout=WAIT_S)
    forever.set()

    assert after is not before
    before.join(WAIT_S)
    assert not before.is_alive()


def test_a_thread_that_is_given_nothing_leaves():
    child = ChildSpec("teller", Teller, restart="temporary")
    supervisor = Supervisor.start(SupervisorSpec(children=(child,)))
    thread = supervisor.child("teller").ask("who", timeout=WAIT_S)
    supervisor.child("teller").tell(ValueError("boom"))
    thread.join(WAIT_S)

    assert not thread.is_alive()
    assert supervisor.stop(WAIT_S)
