"""One thread, virtual time, a seeded schedule: a run that can be run again."""

import pykka
import pytest

from supervisors import TICK, Backoff, ChildSpec, Clock, SupervisedActor
from supervisors.run.deterministic import Deadlock, DeterministicRuntime, VirtualClock
from supervisors.testing import crash, end_thread
from tests.supervisors.live import Ears, child, tree_of


@pytest.fixture
def steps():
    return DeterministicRuntime()


@pytest.fixture
def tree(steps):
    """Start a tree on *steps*; stop it when the test ends."""
    trees = []

    def start(*children, **flags):
        trees.append(tree_of(*children, runtime=steps, **flags))
        return trees[-1]

    yield start
    for one in trees:
        assert one.stop(3600.0)


# -- the schedule ---------------------------------------------------------------------------------


def a_run(seed):
    """Four actors with five messages each, one of which ends its actor."""
    steps, got, when = DeterministicRuntime(seed), [], []
    names = ["a", "b", "c", "d"]
    backoff = Backoff(min_s=1.0, jitter=0.5)
    tree = tree_of(*(child(name, got) for name in names), runtime=steps, backoff=backoff)
    tree.subscribe(lambda event: when.append((event.kind, event.path, steps.clock.now_s())))
    for n in range(5):
        for name in names:
            tree.child(name).tell((name, n))
    crash(tree.child("b"), ValueError("now"))
    steps.run_until_idle()
    steps.advance(10.0)
    tree.stop(1.0)
    return steps.trace, got, when


def test_the_same_seed_is_the_same_run():
    """Step by step, message by message, and at the same times: back-off has its jitter from it."""
    assert a_run(7) == a_run(7)


def test_other_seeds_are_other_runs():
    """Each a possible one: everyone's own messages are in their order in all of them."""
    runs = [a_run(seed) for seed in range(5)]

    assert len({tuple(trace) for trace, _, _ in runs}) == 5
    assert len({tuple(when) for _, _, when in runs}) == 5
    for _, got, _ in runs:
        for name in "abcd":
            assert [n for who, n in got if who == name] == [0, 1, 2, 3, 4]


def test_a_trace_says_who_ran_in_which_life_and_what_it_was_handed(tree, steps):
    ref = tree(child()).child("c")
    steps.run_until_idle()
    before = len(steps.trace)
    ref.tell("a text")
    steps.run_until_idle()

    assert steps.trace[before] == "c#1 str"


def test_a_step_is_one_message_of_one_actor(tree, steps):
    got = []
    ref = tree(child("c", got)).child("c")
    steps.run_until_idle()
    ref.tell(1)
    ref.tell(2)

    assert steps.step()
    assert got == [1]
    assert steps.run_until_idle() >= 1
    assert got == [1, 2]
    assert not steps.step()


def test_who_never_comes_to_rest_is_found_out(tree, steps):
    """A tree that keeps itself busy for ever doesn't hang the test."""
    ref = tree(child()).child("c")

    def again():
        ref.tell(again)

    ref.tell(again)
    with pytest.raises(AssertionError, match="still busy after 500 steps"):
        steps.run_until_idle(500)
    steps.suspend(ref)


def test_what_the_test_is_told_of_it():
    steps = DeterministicRuntime(seed=3)

    assert repr(steps) == "<DeterministicRuntime seed 3, 0 s>"
    assert repr(steps.clock) == "<VirtualClock 0 s>"
    assert isinstance(steps.clock, Clock)


# -- time -----------------------------------------------------------------------------------------


class Alarm(SupervisedActor):
    """Notes when it is woken."""

    def __init__(self, after_s, rang):
        super().__init__()
        self._after_s, self._rang = after_s, rang

    def on_start(self):
        self.wake_in(self._after_s)

    def on_receive(self, message):
        assert message is TICK
        self._rang.append((self.slot.name, self.slot.clock.now_s()))
        self.wake_in(self._after_s)


@pytest.fixture
def rang(tree):
    """Alarms at every 3, 2 and 5 seconds."""
    rang = []
    times = {"three": 3.0, "two": 2.0, "five": 5.0}
    tree(*(ChildSpec(name, Alarm, args=(after_s, rang)) for name, after_s in times.items()))
    return rang


def test_time_stands_still_until_it_is_moved(rang, steps):
    steps.run_until_idle()

    assert rang == []
    assert steps.clock.now_s() == 0.0


def test_advance_runs_what_becomes_due_in_order_and_at_its_time(rang, steps):
    steps.advance(6.5)

    assert [at_s for _, at_s in rang] == [2.0, 3.0, 4.0, 5.0, 6.0, 6.0]
    assert dict(rang[:4]) == {"two": 4.0, "three": 3.0, "five": 5.0}
    assert {name for name, at_s in rang if at_s == 6.0} == {"two", "three"}
    assert steps.clock.now_s() == 6.5


def test_what_is_due_at_the_end_of_an_advance_has_happened(rang, steps):
    steps.advance(2.0)

    assert rang == [("two", 2.0)]


def test_time_can_not_go_back(steps):
    with pytest.raises(ValueError, match="can't go back"):
        steps.advance(-1.0)


def test_a_jump_is_to_the_next_timer_and_not_beyond_where_it_may_go(rang, steps):
    steps.run_until_idle()

    assert not steps.jump(until_s=1.9)
    assert steps.clock.now_s() == 0.0
    assert steps.jump(until_s=2.0)
    assert steps.clock.now_s() == 2.0
    steps.run_until_idle()
    assert rang == [("two", 2.0)]


def test_the_wall_clock_goes_with_it(steps):
    before = steps.clock.now_ns()
    steps.advance(1.5)

    assert steps.clock.now_ns() - before == 1_500_000_000


def test_a_wait_takes_as_long_as_it_must_and_no_longer(tree, steps):
    """A back-off of 7 s is over after 7 s, however long the asker would have waited."""
    backoff = Backoff(min_s=7.0, max_s=7.0, jitter=0.0)
    ref = tree(child(), backoff=backoff).child("c")
    crash(ref, ValueError("down for a while"))

    assert ref.ask("are you back?", timeout=1000.0) == "are you back?"
    assert steps.clock.now_s() == 7.0


def test_a_wait_that_is_too_short_has_lasted_as_long_as_it_was_to(tree, steps):
    ref = tree(child()).child("c")
    steps.suspend(ref)

    with pytest.raises(pykka.Timeout):
        ref.ask("anybody there?", timeout=3.0)
    assert steps.clock.now_s() == 3.0
    steps.resume(ref)
    steps.run_until_idle()


# -- who waits for whom ---------------------------------------------------------------------------


def test_a_wait_that_nothing_can_end_is_said_to_be_one(tree, steps):
    """No actor is ready, no timer is set: a thread would hang here for ever."""
    ref = tree(child()).child("c")

    with steps.suspended(ref), pytest.raises(Deadlock):
        ref.ask("anybody there?")
    steps.run_until_idle()


def test_an_actor_may_wait_for_another(tree, steps):
    """The other one runs while it waits, on the same thread."""
    one = tree(child("a"), child("b"))
    a, b = one.child("a"), one.child("b")

    assert a.ask(lambda: b.ask(lambda: "from b")) == "from b"


@pytest.mark.parametrize("seed", range(8))
def test_an_actor_that_waits_does_not_take_a_message_meanwhile(seed):
    """It is in the middle of one, as it would be with a thread of its own."""
    one = tree_of(*map(child, "abc"), runtime=DeterministicRuntime(seed))
    a, b, c = map(one.child, "abc")
    life = a._slot.current

    def of_b():
        crash(a, ValueError("between two messages, and not in the middle of one"))
        return c.ask("takes a step or two")

    def of_a():
        b.ask(of_b)
        return life.finished

    assert not a.ask(of_a)
    assert a.ask("the next life") == "the next life"
    assert life.finished
    assert one.stop(1.0)


def test_two_that_wait_for_each_other_are_told(tree):
    """And with them whoever asked the first."""
    one = tree(child("a"), child("b"))
    a, b = one.child("a"), one.child("b")

    with pytest.raises(Deadlock):
        a.ask(lambda: b.ask(lambda: a.ask("and you?")))
    assert [info.starts for info in one.which_children()] == [1, 1]


def test_a_suspended_actor_does_not_run_and_finds_all_at_once(tree, steps):
    got = []
    one = tree(child("c", got), child("d", got))
    with steps.suspended(one.child("c")):
        one.child("c").tell("c")
        one.child("d").tell("d")
        steps.run_until_idle()
        assert got == ["d"]
    steps.run_until_idle()

    assert got == ["d", "c"]


# -- ends -----------------------------------------------------------------------------------------


def test_a_thread_that_is_gone_is_noticed_at_the_next_step(tree, steps):
    one = tree(child())
    ears = Ears(steps)
    end_thread(one.child("c"))
    steps.run_until_idle()

    assert ears.heard == ["down c lost", "restarting c", "up c"]


def test_an_actor_that_was_abandoned_never_runs_again(tree, steps):
    """Not even if something was still to be done for it."""
    got = []
    one = tree(child("c", got, shutdown_s=1.0))
    ref = one.child("c")
    steps.suspend(ref)
    ref.tell("for the next life")
    one.terminate_child("c")
    steps.resume(ref)
    steps.run_until_idle()
    assert got == []

    one.restart_child("c")
    steps.run_until_idle()
    assert got == ["for the next life"]


def test_a_runtime_can_be_used_again_when_its_tree_has_ended(steps):
    for _ in range(2):
        tree = tree_of(child(), runtime=steps)
        assert tree.child("c").ask(1) == 1
        assert tree.stop(1.0)
        assert steps.slots == {}


def test_the_clock_stands_alone_if_need_be(steps):
    """A wait whose token is free returns at once; nothing else is touched."""
    from supervisors.system.clock import new_token, release

    token = new_token()
    release(token)
    VirtualClock(steps).wait(token, None)

    assert steps.trace == []


PARK = {"on_intensity": "park", "probe_min_s": 100.0, "probe_max_s": 100.0}


class Clockwork(SupervisedActor):
    """Its clock runs; its work does not."""

    def on_start(self):
        self.wake_in(0.1)

    def on_receive(self, message):
        if message is not TICK:
            raise ValueError(message)
        self.wake_in(0.1)


def test_that_the_clock_ticks_is_no_progress(tree, steps):
    """An actor that fails at every message has failed, however often it was woken between."""
    one = tree(ChildSpec("c", Clockwork), intensity=2, count_progress=True, **PARK)
    for _ in range(3):
        one.child("c").tell("work")
        steps.advance(1.0)

    assert one.which_child("c").state == "restarting"  # parked, with its supervisor
