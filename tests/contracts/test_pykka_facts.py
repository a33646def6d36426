"""What `supervisors` leans on in Pykka, fact by fact (supervision.md, A1 and A2).

Stock Pykka only. Most of it is marked internal there, so that any release may change it: then
the fact fails here, by name, and not somewhere in a tree. A fact that Pykka has repaired
fails as well; then an override of ours may go.
"""

import logging
import queue
import threading

import pykka
import pytest
from pykka import messages
from pykka._envelope import Envelope


class Leave(Exception):
    """Raised by a script when it is at its end: leaves the loop."""


class Script:
    """An inbox with nothing but the three methods, played on the test's own thread."""

    __slots__ = ("envelopes",)

    def __init__(self, *envelopes):
        self.envelopes = list(envelopes)

    def put(self, envelope):
        self.envelopes.append(envelope)

    def get(self):
        if not self.envelopes:
            raise Leave
        return self.envelopes.pop(0)

    def empty(self):
        return not self.envelopes


class Recorder(pykka.ThreadingActor):
    """Writes down what is called, and whether it counted as stopped then."""

    def __init__(self, *envelopes, fail_in=(), error=None):
        self.script = Script(*envelopes)
        self.calls = []
        self.fail_in, self.error = fail_in, error or ValueError("asked for")
        super().__init__()

    def _create_actor_inbox(self):
        return self.script

    def _note(self, what):
        self.calls.append(what if not self.actor_stopped.is_set() else f"{what}, stopped")
        if what in self.fail_in:
            raise self.error

    def on_start(self):
        self._note("on_start")

    def on_receive(self, message):
        self._note(message)
        return message

    def on_stop(self):
        self._note("on_stop")

    def on_failure(self, *_exc_info):
        self._note("on_failure")


def told(message):
    return Envelope(message)


def asked(message):
    return Envelope(message, reply_to=pykka.ThreadingFuture())


@pytest.fixture
def no_stop_all(monkeypatch):
    """Nothing of the process is stopped; the calls are counted."""
    calls = []
    monkeypatch.setattr(pykka.ActorRegistry, "stop_all", lambda *a, **k: calls.append("stop_all"))
    return calls


@pytest.fixture
def started():
    """Start an actor with Pykka's own inbox and thread; it ends with the test."""
    refs = []

    def start(actor_class, *args):
        refs.append(actor_class.start(*args))
        return refs[-1]

    yield start
    for ref in refs:
        ref.stop(timeout=2)


# -- A1: the shape --------------------------------------------------------------------------------


def test_a_loop_needs_nothing_of_its_inbox_but_put_get_and_empty():
    stop = asked(messages._ActorStop())
    actor = Recorder(told("a"), asked("b"), stop)
    actor._actor_loop()

    assert actor.calls == ["on_start", "a", "b", "on_stop, stopped"]
    assert stop.reply_to.get(timeout=0) is None


def test_the_inbox_is_asked_for_once_on_the_instance_and_sees_what_was_set_before():
    class Asked(pykka.ThreadingActor):
        times = 0

        def __init__(self):
            self.before = "set before"
            super().__init__()

        def _create_actor_inbox(self):
            type(self).times += 1
            return self.before

    actor = Asked()

    assert actor.actor_inbox == "set before"
    assert Asked.times == 1


def test_a_ref_copies_inbox_and_stop_event_and_so_belongs_to_one_life():
    actor = Recorder()
    ref, first = actor.actor_ref, actor.actor_inbox
    assert ref.actor_inbox is first
    assert ref.actor_stopped is actor.actor_stopped

    actor.actor_inbox = Script()
    ref.tell("for the old one")

    assert [e.message for e in first.envelopes] == ["for the old one"]
    assert actor.actor_inbox.empty()


def test_an_envelope_is_a_message_and_who_to_answer():
    envelope = Envelope("m", reply_to="future")

    assert Envelope.__slots__ == ["message", "reply_to"]
    assert (envelope.message, envelope.reply_to) == ("m", "future")
    assert Envelope("m").reply_to is None


def test_a_loop_has_three_phases_and_each_is_a_method():
    phases = []

    class Phased(Recorder):
        def _actor_loop_setup(self):
            phases.append("setup")
            super()._actor_loop_setup()

        def _actor_loop_running(self):
            phases.append("running")
            super()._actor_loop_running()

        def _actor_loop_teardown(self):
            phases.append("teardown")
            super()._actor_loop_teardown()

    actor = Phased(told(messages._ActorStop()))
    actor._actor_loop_setup()
    assert actor.calls == ["on_start"]
    actor._actor_loop_running()
    assert actor.calls == ["on_start", "on_stop, stopped"]
    phases.clear()

    Phased(told(messages._ActorStop()))._actor_loop()

    assert phases == ["setup", "running", "teardown"]


def test_the_running_phase_looks_at_the_stop_event_before_each_message():
    class Quitting(Recorder):
        def on_receive(self, message):
            super().on_receive(message)
            self.actor_stopped.set()

    actor = Quitting(told("a"), told("b"))
    actor._actor_loop_running()

    assert actor.calls == ["a"]


@pytest.mark.parametrize("error", [Leave(), SystemExit(1)])
def test_get_stands_outside_the_try_and_so_can_leave_the_loop(error):
    """Row 8. The actor counts as alive, and no hook is called."""

    class Leaving(Script):
        __slots__ = ()

        def get(self):
            raise error

    actor = Recorder()
    actor.actor_inbox = Leaving()
    with pytest.raises(type(error)):
        actor._actor_loop()

    assert actor.calls == ["on_start"]
    assert actor.actor_ref.is_alive()


def test_a_loop_that_was_left_can_be_entered_again():
    """What lets actors share a thread."""
    actor = Recorder(told("a"))
    for message in ("b", "c"):
        with pytest.raises(Leave):
            actor._actor_loop_running()
        actor.script.put(told(message))
    with pytest.raises(Leave):
        actor._actor_loop_running()

    assert actor.calls == ["a", "b", "c"]


def test_handle_receive_takes_every_message_and_stop_is_one_of_them():
    class Handling(Recorder):
        def _handle_receive(self, message):
            self.calls.append(type(message).__name__)
            return super()._handle_receive(message)

        def _stop(self):
            self.calls.append("_stop")
            super()._stop()

    call = asked(messages.ProxyCall(("double",), (21,), {}))
    actor = Handling(told("m"), call, told(messages._ActorStop()))
    actor.double = lambda n: 2 * n
    actor._actor_loop_running()

    assert actor.calls == ["str", "m", "ProxyCall", "_ActorStop", "_stop", "on_stop, stopped"]
    assert call.reply_to.get(timeout=0) == 42


def test_start_registers_first_and_then_starts_the_loop():
    order = []

    class Starting(Recorder):
        def _start_actor_loop(self):
            order.append(self.actor_ref in pykka.ActorRegistry.get_all())

    ref = Starting.start()
    pykka.ActorRegistry.unregister(ref)

    assert order == [True]


def test_threads_are_daemons_only_if_the_class_says_so(started):
    class Daemon(pykka.ThreadingActor):
        use_daemon_thread = True

        def on_receive(self, message):
            return threading.current_thread().daemon

    class Plain(Daemon):
        use_daemon_thread = False

    assert started(Daemon).ask("?", timeout=2) is True
    assert started(Plain).ask("?", timeout=2) is False


# -- A2: failures, by row -------------------------------------------------------------------------


def test_row_1_a_tell_that_raises_ends_the_actor_and_on_failure_comes_after(caplog):
    class Failing(Recorder):
        def _handle_failure(self, *exc_info):
            self.calls.append("_handle_failure")
            super()._handle_failure(*exc_info)

    actor = Failing(told("a"), told("b"), fail_in=["a"])
    pykka.ActorRegistry.register(actor.actor_ref)
    actor._actor_loop_running()

    assert actor.calls == ["a", "_handle_failure", "on_failure, stopped"]
    assert pykka.ActorRegistry.get_all() == []
    assert [(r.name, r.levelno) for r in caplog.records] == [("pykka", logging.ERROR)]


def test_row_2_an_ask_that_raises_answers_the_asker_and_the_actor_lives_on(caplog):
    caplog.set_level(logging.INFO)
    question = asked("a")
    actor = Recorder(question, told("b"), fail_in=["a"])
    with pytest.raises(Leave):
        actor._actor_loop_running()

    with pytest.raises(ValueError, match="asked for"):
        question.reply_to.get(timeout=0)
    assert actor.calls == ["a", "b"]
    assert [(r.name, r.levelno) for r in caplog.records] == [("pykka", logging.INFO)]


def test_row_3_an_init_that_raises_raises_to_who_starts_it():
    class Broken(pykka.ThreadingActor):
        def __init__(self):
            super().__init__()
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Broken.start()
    assert pykka.ActorRegistry.get_all() == []


def test_row_4_an_on_start_that_raises_stops_the_actor_and_tells_nobody(caplog):
    actor = Recorder(told("a"), fail_in=["on_start"])
    actor._actor_loop()

    assert actor.calls == ["on_start"]
    assert not actor.actor_ref.is_alive()


def test_row_5_a_base_exception_in_on_start_leaves_an_actor_that_only_looks_alive():
    actor = Recorder(told("a"), fail_in=["on_start"], error=SystemExit(1))
    with pytest.raises(SystemExit):
        actor._actor_loop()

    assert actor.actor_ref.is_alive()


def test_row_6_a_base_exception_in_a_message_stops_every_actor_of_the_process(no_stop_all, caplog):
    caplog.set_level(logging.DEBUG)
    question = asked("a")
    actor = Recorder(question, told("b"), fail_in=["a"], error=SystemExit(1))
    actor._actor_loop_running()

    assert no_stop_all == ["stop_all"]
    assert actor.calls == ["a", "on_stop, stopped"]
    assert {r.levelno for r in caplog.records} == {logging.DEBUG}
    with pytest.raises(pykka.Timeout):
        question.reply_to.get(timeout=0)


def test_row_7_a_base_exception_in_on_stop_calls_it_twice_and_escapes(no_stop_all):
    actor = Recorder(told(messages._ActorStop()), fail_in=["on_stop"], error=SystemExit(1))
    with pytest.raises(SystemExit):
        actor._actor_loop()

    assert actor.calls == ["on_start", "on_stop, stopped", "on_stop, stopped"]


def test_an_on_stop_that_raises_is_a_failure_without_on_failure(caplog):
    actor = Recorder(told(messages._ActorStop()), fail_in=["on_stop"])
    actor._actor_loop_running()

    assert actor.calls == ["on_stop, stopped"]
    assert [r.levelno for r in caplog.records] == [logging.ERROR]


def test_row_9_a_tell_to_a_dead_actor_raises_in_the_sender():
    actor = Recorder()
    actor.actor_stopped.set()

    with pytest.raises(pykka.ActorDeadError):
        actor.actor_ref.tell("too late")
    with pytest.raises(pykka.ActorDeadError):
        actor.actor_ref.ask("too late")


def test_row_10_what_is_put_after_the_last_look_at_the_inbox_is_stranded():
    """A tell looks whether the actor lives, then puts, and nothing holds the two together."""
    actor = Recorder(told(messages._ActorStop()))

    class EndsInBetween:
        def is_set(self):
            actor._actor_loop()
            return False

    ref = actor.actor_ref
    ref.actor_stopped = EndsInBetween()
    question = ref.ask("never answered", block=False)

    assert len(actor.script.envelopes) == 1
    with pytest.raises(pykka.Timeout):
        question.get(timeout=0)


def test_row_11_stop_is_a_message_behind_the_backlog(started):
    order = []

    class Slow(pykka.ThreadingActor):
        def on_receive(self, message):
            message.wait(2)
            order.append("handled")

        def on_stop(self):
            order.append("stopped")

    ref = started(Slow)
    gate = threading.Event()
    for _ in range(3):
        ref.tell(gate)
    stopping = ref.stop(block=False)
    gate.set()

    assert stopping.get(timeout=2) is True
    assert order == ["handled", "handled", "handled", "stopped"]


def test_what_is_queued_at_the_end_is_dropped_if_it_was_told():
    """A1, teardown: questions get an error, stops an answer, tells nothing at all."""
    question, stop = asked("question"), asked(messages._ActorStop())
    actor = Recorder(told(messages._ActorStop()), told("lost"), question, stop)
    actor._actor_loop()

    assert actor.calls == ["on_start", "on_stop, stopped"]
    assert actor.script.empty()
    assert stop.reply_to.get(timeout=0) is None
    with pytest.raises(pykka.ActorDeadError):
        question.reply_to.get(timeout=0)


def test_row_14_an_unexpected_message_is_logged_with_its_content(caplog):
    class Deaf(pykka.ThreadingActor):
        _create_actor_inbox = Script

    actor = Deaf()
    actor._handle_receive("secret")

    assert [(r.name, r.levelno) for r in caplog.records] == [("pykka", logging.WARNING)]
    assert "secret" in caplog.text


# -- futures and proxies --------------------------------------------------------------------------


def test_a_future_is_set_once_and_takes_an_exc_info_triple():
    future = pykka.ThreadingFuture()
    future.set_exception((KeyError, KeyError("x"), None))

    with pytest.raises(KeyError):
        future.get(timeout=0)
    with pytest.raises(queue.Full):
        future.set(1)


def test_the_get_of_a_bare_future_is_not_implemented_unless_it_has_a_hook():
    """`Answer` calls it first, so that `map` and `join` of its answers work."""

    class Bare(pykka.Future):
        def set(self, value=None):
            raise AssertionError

        def set_exception(self, exc_info=None):
            raise AssertionError

    with pytest.raises(NotImplementedError):
        Bare().get(timeout=0)
    hooked = Bare()
    hooked.set_get_hook(lambda timeout: 42)
    assert hooked.get(timeout=0) == 42


def test_a_proxy_asks_for_an_attribute_behind_what_was_told_before(started):
    """What `settle` is made of."""

    class Busy(pykka.ThreadingActor):
        def __init__(self):
            super().__init__()
            self.handled = 0

        def on_receive(self, message):
            self.handled += 1

    ref = started(Busy)
    for _ in range(100):
        ref.tell("m")

    assert ref.proxy().handled.get(timeout=2) == 100
    assert ref.proxy().actor_urn.get(timeout=2) == ref.actor_urn
