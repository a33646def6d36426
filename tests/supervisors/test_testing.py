"""The helpers for tests: a clock that stands still, a probe, and a way to wait for an actor."""

import threading

import pykka
import pytest

from supervisors import (
    ChildSpec,
    Clock,
    InFlight,
    MailboxSpec,
    SupervisedActor,
    Supervisor,
    SupervisorSpec,
)
from supervisors.system.clock import new_token, release
from supervisors.testing import FakeClock, TestProbe, crash, end_thread, settle

# -- FakeClock ------------------------------------------------------------------------------------


@pytest.fixture
def clock():
    return FakeClock()


def waiting(clock, timeout_s, token=None):
    """A thread in a wait, and an event that says when it came back."""
    token = token or new_token()
    back = threading.Event()

    def wait():
        clock.wait(token, timeout_s)
        back.set()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread, back


def test_it_is_a_clock_and_says_where_it_stands(clock):
    assert isinstance(clock, Clock)
    clock.advance(1.5)

    assert repr(clock) == "<FakeClock 1.5 s>"


def test_both_its_times_go_together():
    clock = FakeClock(10.0, epoch_ns=5)
    assert clock.now_s() == 10.0
    assert clock.now_ns() - 5 == 10_000_000_000
    clock.advance(2.0)

    assert clock.now_s() == 12.0
    assert clock.now_ns() - 5 == 12_000_000_000


def test_it_cannot_go_back(clock):
    with pytest.raises(ValueError, match="back"):
        clock.advance(-0.001)


def test_a_wait_ends_when_the_clock_gets_there_and_not_before(clock):
    thread, back = waiting(clock, 10.0)
    poll(lambda: clock._waiting)
    clock.advance(9.999)
    assert not back.is_set()
    clock.advance(0.001)

    assert back.wait(5)
    thread.join()


def test_a_wait_that_is_over_already_does_not_wait(clock):
    clock.wait(new_token(), 0.0)
    clock.wait(new_token(), -1.0)


@pytest.mark.parametrize("timeout_s", [None, 10.0])
def test_a_wait_ends_when_its_token_is_released(clock, timeout_s):
    token = new_token()
    thread, back = waiting(clock, timeout_s, token)
    assert not back.is_set()
    release(token)

    assert back.wait(5)
    thread.join()


def test_many_waits_end_in_their_time(clock):
    waits = [waiting(clock, float(n)) for n in range(1, 9)]
    poll(lambda: len(clock._waiting) == 8)
    for n, (thread, back) in enumerate(waits, start=1):
        clock.advance(1.0)
        assert back.wait(5)
        thread.join()
        assert not any(later.is_set() for _, later in waits[n:])


# -- TestProbe ------------------------------------------------------------------------------------


def test_a_probe_hands_out_what_it_was_told_in_order():
    probe = TestProbe()
    probe.tell(1)
    probe.tell("two")

    assert (probe.expect(int), probe.expect(str)) == (1, "two")
    probe.expect_nothing()


def test_a_probe_says_what_it_got_instead():
    probe = TestProbe()
    probe.tell("text")

    with pytest.raises(AssertionError, match="expected int, got 'text'"):
        probe.expect(int)


def test_a_probe_says_that_nothing_came():
    with pytest.raises(AssertionError, match=r"no int within 0\.01 s"):
        TestProbe().expect(int, within_s=0.01)


def test_a_probe_says_what_should_not_have_come():
    probe = TestProbe()
    probe.tell("text")

    with pytest.raises(AssertionError, match="unexpected message: 'text'"):
        probe.expect_nothing()


def test_a_probe_waits_for_what_is_on_its_way():
    probe = TestProbe()
    thread = threading.Thread(target=probe.tell, args=("late",))
    thread.start()

    assert probe.expect(str, within_s=5) == "late"
    thread.join()


# -- settle, crash, end_thread --------------------------------------------------------------------


class Telling(SupervisedActor):
    """Passes on what it gets; an event it waits for."""

    def __init__(self, probe):
        super().__init__()
        self._probe = probe

    def on_receive(self, message):
        if isinstance(message, threading.Event):
            message.wait(5)
        self._probe.tell(message)


class Batching(Telling):
    """Passes on item by item; one that cost a life is passed on as such."""

    def on_receive(self, message):
        if not isinstance(message, InFlight):
            return
        culprit = message.culprit()
        if culprit is not None:
            message.results.append(culprit)
            self._probe.tell(f"{culprit} is lost")
        for item in message.items():
            message.results.append(item)
            self._probe.tell(item)
        self.slot.in_flight = None


@pytest.fixture
def probe():
    return TestProbe()


@pytest.fixture
def child(probe):
    yield from supervised(ChildSpec("c", Telling, args=(probe,)))


@pytest.fixture
def batching(probe):
    """Is handed batches of up to ten."""
    spec = MailboxSpec(batch_max_items=10)
    yield from supervised(ChildSpec("c", Batching, args=(probe,), mailbox=spec))


def supervised(spec):
    supervisor = Supervisor.start(SupervisorSpec(children=(spec,), intensity=10))
    yield supervisor.child("c")
    assert supervisor.stop(2.0)


def test_after_settle_all_that_was_sent_before_is_handled(child, probe):
    for n in range(100):
        child.tell(n)
    settle(child)

    assert [probe.expect(int, within_s=0) for _ in range(100)] == list(range(100))
    probe.expect_nothing()


def test_settle_works_with_a_plain_pykka_actor(probe):
    class Plain(pykka.ThreadingActor):
        def on_receive(self, message):
            probe.tell(message)

    ref = Plain.start()
    ref.tell(1)
    settle(ref)
    ref.stop(timeout=2)

    assert probe.expect(int, within_s=0) == 1


def test_settle_gives_up_on_an_actor_that_does_not_answer(child):
    gate = threading.Event()
    child.tell(gate)
    with pytest.raises(pykka.Timeout):
        settle(child, within_s=0.02)

    gate.set()


def test_a_crash_between_two_messages_costs_none(child, probe):
    child.tell(1)
    settle(child)
    crash(child, ValueError("x"))
    child.tell(2)

    assert [probe.expect(int, within_s=5) for _ in range(2)] == [1, 2]
    assert child._slot.restarts == 1
    assert str(child._slot.last_exit) == "crash(ValueError('x'))"


@pytest.mark.parametrize("in_hand", [crash, end_thread], ids=["crash", "end_thread"])
def test_an_end_in_hand_hits_the_next_item_of_a_batch(batching, probe, in_hand):
    error = () if in_hand is end_thread else (OSError("x"),)
    in_hand(batching, *error, in_hand=True)
    for item in "abc":
        batching.tell(item)

    said = [probe.expect(str, within_s=5) for _ in range(3)]
    assert said[0] == "a is lost"
    assert said[1:] == ["b", "c"]
    assert batching._slot.restarts == 1


def test_a_thread_that_is_ended_says_nothing_and_is_found_gone(child, probe):
    settle(child)
    end_thread(child)
    child.tell("after")

    assert probe.expect(str, within_s=5) == "after"
    assert child._slot.last_exit.kind == "lost"


def poll(condition):
    breath = threading.Event()
    for _ in range(1000):
        if condition():
            return
        breath.wait(0.005)
    raise AssertionError("it never came")
