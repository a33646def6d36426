"""g16: when an actor is judged to hang, and what becomes of it, its thread and its message.

The rule (`run/_watch.py`): past its deadline an actor hangs if its thread was seen to move since,
or after ten deadlines whatever it does. Time stands still here but for the tests' hand, and
they look themselves (`Watch.look_for_hangs`); the threads are real.
"""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pykka
import pytest

from supervisors import (
    ChildSpec,
    InFlight,
    MailboxSpec,
    Revoked,
    Runtime,
    SupervisedActor,
    Supervisor,
    SupervisorSpec,
)
from supervisors.run._watch import Watch
from supervisors.run._zombies import LEFT_BEHIND, is_left_behind
from supervisors.testing import FakeClock, settle

DEADLINE_S, TEN = 1.0, 10
WAIT_S = 5.0
"""For what must come, in real seconds."""


class Gate:
    """Where an actor is held: blocked in a C call, or spinning."""

    def __init__(self):
        self.entered = threading.Semaphore(0)
        self.left = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._lock.acquire()
        self._open = False

    def hold(self, *, spin):
        self.entered.release()
        if spin:
            while not self._open:
                pass
        else:
            self._lock.acquire()
            self._lock.release()
        self.left.release()

    def open(self):
        self._open = True
        if self._lock.locked():
            self._lock.release()


class Held(SupervisedActor):
    """Told a gate it is held there; of anything else it takes a note."""

    def __init__(self, got, *, careful=True):
        super().__init__()
        self.got, self.careful = got, careful

    def on_receive(self, message):
        if isinstance(message, tuple):
            gate, spin = message
            gate.hold(spin=spin)
        elif isinstance(message, dict):  # a gate for each life
            message[self._incarnation.number].hold(spin=False)
        if self.careful:
            self.check_revoked()
        self.got.append((self._incarnation.number, message))
        return "done"


class Tree:
    """A tree that stands still, with actors that may hang."""

    def __init__(self, *children, **options):
        self.clock = FakeClock()
        self.runtime = Runtime(self.clock, sweep_interval_s=1e9)  # the tests look themselves
        self.gates = []
        self.events = []
        self.seen = threading.Condition()
        self.root = Supervisor.start(
            SupervisorSpec(tuple(children), intensity=100, **options), runtime=self.runtime
        )
        self.root.subscribe(self._note)

    def _note(self, event):
        with self.seen:
            self.events.append(event)
            self.seen.notify_all()

    def gate(self):
        self.gates.append(Gate())
        return self.gates[-1]

    def hold(self, name, *, spin=False):
        """Have the actor held at a gate; it is there when this returns."""
        gate = self.gate()
        self.root.child(name).tell((gate, spin))
        assert gate.entered.acquire(timeout=WAIT_S)
        return gate

    def look(self, name="a"):
        """Look once. Whether it is judged to hang by then."""
        dispatcher = self.runtime.dispatcher_of(self.root.child(name)._slot)
        self.runtime._watch.look_for_hangs(dispatcher)
        return "hung" in [event.kind for event in self.events if event.path == name]

    def wait_for(self, kind, path, number):
        """Until a record of that kind has come."""
        with self.seen:
            assert self.seen.wait_for(
                lambda: (kind, path, number) in [e[:3] for e in self.events], WAIT_S
            )

    def close(self):
        for gate in self.gates:
            gate.open()
        assert self.root.stop(5.0)


@pytest.fixture
def got():
    return []


@pytest.fixture
def grow():
    """Make a tree; it is stopped in the end."""
    trees = []

    def make(*children, **options):
        trees.append(Tree(*children, **options))
        return trees[-1]

    yield make
    for tree in trees:
        tree.close()


def a_child(name, got, dispatcher="own", **options):
    return ChildSpec(
        name,
        Held,
        args=(got,),
        dispatcher=dispatcher,
        **{"hang_after_s": DEADLINE_S, "shutdown_s": 5.0, **options},
    )


@pytest.fixture(params=["own", "shared"])
def tree(request, grow, got):
    """Two actors: each on its own thread, or both on one."""
    return grow(a_child("a", got, request.param), a_child("b", got, request.param))


# -- when it looks --------------------------------------------------------------------------------


class Glances:
    """A clock that writes down how long the watch would wait, and lets it only wait for a poke."""

    def __init__(self):
        self.waits, self.rests = [], threading.Event()

    def wait(self, token, timeout_s):
        self.waits.append(timeout_s)
        if timeout_s is None:
            if len(self.waits) > 1:
                self.rests.set()
            token.acquire()


@pytest.mark.parametrize(("busy", "looks"), [(0, 2), (1, 3), (5, 7)])
def test_it_rests_after_two_looks_that_found_all_quiet(busy, looks):
    """One who is about to take a message looks idle for that instant, and may hang in it."""
    clock, answers = Glances(), [False] * busy
    slot = SimpleNamespace(idle=lambda: answers.pop() if answers else True)
    runtime = SimpleNamespace(clock=clock, dispatchers=list, slots={"a": slot})
    runtime.lacks_a_thread = lambda: False
    watch = Watch(runtime, 0.25)
    watch.start()
    watch.poke()
    assert clock.rests.wait(WAIT_S)
    watch.stop(WAIT_S)

    assert clock.waits == [None, *[0.25] * looks, None]


def test_while_a_thread_is_lacking_it_looks_at_its_usual_rate():
    """Neither does it rest, nor does it spin."""
    clock, answers = Glances(), [True] * 5
    runtime = SimpleNamespace(clock=clock, dispatchers=list, slots={})
    runtime.lacks_a_thread = lambda: bool(answers and answers.pop())
    watch = Watch(runtime, 0.25)
    watch.start()
    watch.poke()
    assert clock.rests.wait(WAIT_S)
    watch.stop(WAIT_S)

    assert clock.waits == [None, *[0.25] * 7, None]


# -- the rule -------------------------------------------------------------------------------------


def test_g16_one_that_spins_is_given_up_once_it_was_seen_to_move(tree):
    """A first look past the deadline only makes a note of where it stands."""
    tree.hold("a", spin=True)
    tree.clock.advance(DEADLINE_S)

    assert not tree.look()
    assert any(tree.look() for _ in range(10_000))


def test_g16_one_that_was_seen_to_move_before_its_deadline_has_done_nothing_wrong(tree):
    tree.hold("a", spin=True)
    tree.clock.advance(DEADLINE_S * 0.99)

    assert not any(tree.look() for _ in range(1000))


def test_g16_one_that_is_blocked_is_given_up_after_ten_deadlines_and_not_before(tree):
    """It looks like one that is starved, so it gets the benefit of the doubt."""
    tree.hold("a")
    tree.clock.advance(DEADLINE_S * TEN - 0.001)
    assert not any(tree.look() for _ in range(100))

    tree.clock.advance(0.001)
    assert tree.look()


def test_g16_one_that_is_starved_for_nine_deadlines_goes_on_as_if_nothing_had_been(tree, got):
    """Its thread gets no processor time, which is the same as being held at a lock."""
    gate = tree.hold("a")
    for _ in range(9):
        tree.clock.advance(DEADLINE_S)
        assert not tree.look()
    gate.open()
    settle(tree.root.child("a"), within_s=WAIT_S)

    assert [number for number, _ in got] == [1]
    assert tree.events == []


def test_g16_where_a_thread_stood_in_an_earlier_message_is_not_held_against_it(tree):
    """Two slow messages, a look at each: it has moved between them, and that is no hang."""
    gate = tree.hold("a")
    tree.clock.advance(DEADLINE_S)
    assert not tree.look()
    gate.open()
    settle(tree.root.child("a"), within_s=WAIT_S)
    tree.hold("a", spin=True)
    tree.clock.advance(DEADLINE_S)

    assert not tree.look()


def test_an_actor_without_a_deadline_may_take_as_long_as_it_likes(grow, got):
    tree = grow(a_child("a", got, hang_after_s=None))
    tree.hold("a", spin=True)
    tree.clock.advance(1e6)

    assert not any(tree.look() for _ in range(100))


def test_an_actor_that_waits_for_a_message_does_not_hang(tree):
    settle(tree.root.child("a"), within_s=WAIT_S)
    tree.clock.advance(1e6)

    assert not any(tree.look() for _ in range(100))


# -- what becomes of it ---------------------------------------------------------------------------


def hang(tree, name="a"):
    """Have it judged. The gate that it is held at."""
    gate = tree.hold(name)
    tree.clock.advance(DEADLINE_S * TEN)
    number = tree.root.child(name)._slot.current.number
    assert tree.look(name)
    tree.wait_for("down", name, number)
    return gate


def gone(tree):
    """Until the threads that were left behind have come back and left."""
    for gate in tree.gates:
        gate.open()
        assert gate.left.acquire(timeout=WAIT_S)
    for thread in list(tree.runtime.left_behind.threads):
        thread.join(WAIT_S)


def test_g16_the_incarnation_is_revoked_before_its_end_is_booked(tree):
    """When its supervisor hears of the end, nothing that it does counts any more."""
    slot = tree.root.child("a")._slot
    life, post, seen = slot.current, slot.post, []

    def look_and_post(event):
        seen.append((type(event).__name__, life.revoked))
        post(event)

    slot.post = look_and_post
    hang(tree)

    assert seen[0] == ("ChildDown", True)
    with pytest.raises(Revoked):
        life.actor.check_revoked()


def test_g16_it_costs_the_message_in_hand_and_the_others_go_on(tree, got):
    gate = tree.hold("a")
    for name in ("a", "b"):
        for n in range(3):
            tree.root.child(name).tell(f"{name}{n}")
    tree.clock.advance(DEADLINE_S * TEN)
    assert tree.look()
    for name in ("a", "b"):
        settle(tree.root.child(name), within_s=WAIT_S)

    a = tree.root.child("a")._slot
    assert [letter.message for letter in a.quarantine.list()] == [(gate, False)]
    assert a.quarantine.list()[0].cause == "hung"
    assert [m for n, m in got if m[0] == "a"] == ["a0", "a1", "a2"]
    assert {n for n, m in got if m[0] == "a"} == {2}
    assert [m for n, m in got if m[0] == "b"] == ["b0", "b1", "b2"]
    assert {n for n, m in got if m[0] == "b"} == {1}  # a bystander, not restarted


def test_g16_its_thread_is_left_behind_and_counted_until_it_comes_back(tree):
    before = set(threading.enumerate())
    hang(tree)
    settle(tree.root.child("a"), within_s=WAIT_S)
    settle(tree.root.child("b"), within_s=WAIT_S)

    assert tree.runtime.left_behind.now() == 1
    new = [thread.name for thread in set(threading.enumerate()) - before]
    assert len([name for name in new if name != "supervisors-reports"]) == 1  # in its place
    gone(tree)
    assert tree.runtime.left_behind.now() == 0
    assert tree.runtime.left_behind.in_all == 1


def test_g16_what_it_still_does_when_it_comes_back_reaches_nobody(tree, got):
    """Its answer, its work, its end; and it takes no other message."""
    gate = tree.gate()
    question = tree.root.child("a").ask((gate, False), block=False)
    assert gate.entered.acquire(timeout=WAIT_S)
    tree.clock.advance(DEADLINE_S * TEN)
    assert tree.look()
    with pytest.raises(pykka.ActorDeadError, match="hung"):
        question.get(timeout=WAIT_S)
    tree.wait_for("up", "a", 2)
    gone(tree)
    tree.root.child("a").tell("next")
    settle(tree.root.child("a"), within_s=WAIT_S)

    assert got == [(2, "next")]
    assert [e.kind for e in tree.events if e.path == "a"].count("down") == 1
    with pytest.raises(pykka.ActorDeadError):
        question.get(timeout=0)


@pytest.mark.parametrize("careful", [True, False], ids=["careful", "careless"])
def test_g16_a_zombie_does_not_spoil_a_message_that_is_handed_out_again(grow, got, careful):
    """Once more, and no oftener: that the zombie has survived it at last changes nothing."""
    tree = grow(a_child("a", got, redeliver=1, kwargs={"careful": careful}))
    gates = {1: tree.gate(), 2: tree.gate(), 3: tree.gate()}
    tree.root.child("a").tell(gates)
    for life in (1, 2):
        assert gates[life].entered.acquire(timeout=WAIT_S)
        tree.clock.advance(DEADLINE_S * TEN)
        if life == 2:  # the second life is held at its gate while the first comes back
            zombie = tree.runtime.left_behind.threads[0]
            gates[1].open()
            zombie.join(WAIT_S)
        assert tree.look()
        tree.wait_for("up", "a", life + 1)
    settle(tree.root.child("a"), within_s=WAIT_S)

    assert [x.message for x in tree.root.child("a")._slot.quarantine.list()] == [gates]
    assert got == ([] if careful else [(1, gates)])


class Sorting(SupervisedActor):
    """Takes batches; is held at each gate that it finds in one. Careless: it asks nobody."""

    def __init__(self, did):
        super().__init__()
        self.did = did

    def on_receive(self, message):
        if not isinstance(message, InFlight):
            return
        life = self._incarnation.number
        if message.culprit() is not None:
            message.results.append("lost")
        for item in message.items():
            if isinstance(item, Gate):
                item.hold(spin=False)
            message.results.append(f"did in life {life}")
        with self.slot.fence:
            if self.slot.in_flight is message:
                self.slot.in_flight = None
        self.did[life] = message.results


def test_g16_of_a_batch_it_costs_the_item_in_hand_and_what_a_zombie_does_to_it_is_its_own(grow):
    """The next life goes on behind the culprit, with a copy."""
    did = {}
    tree = grow(
        ChildSpec(
            "a",
            Sorting,
            args=(did,),
            mailbox=MailboxSpec(batch_max_items=5),
            hang_after_s=DEADLINE_S,
        )
    )
    ref, door, first, second = tree.root.child("a"), tree.gate(), tree.gate(), tree.gate()
    ref.tell(door)
    assert door.entered.acquire(timeout=WAIT_S)
    for item in ("x", first, "y", second, "z"):  # while it is busy, so that they are one batch
        ref.tell(item)
    door.open()
    assert first.entered.acquire(timeout=WAIT_S)
    tree.clock.advance(DEADLINE_S * TEN)
    assert tree.look()
    assert second.entered.acquire(timeout=WAIT_S)  # the second life, which is held there …
    first.open()
    assert second.entered.acquire(timeout=WAIT_S)  # … and the zombie, which did the rest as well
    second.open()
    settle(ref, within_s=WAIT_S)
    for thread in list(tree.runtime.left_behind.threads):
        thread.join(WAIT_S)

    one, two = "did in life 1", "did in life 2"
    assert did[2] == [one, "lost", two, two, two]
    assert did[1] == [one] * 5
    assert ref._slot.in_flight is None


def test_g16_too_many_zombies_and_nothing_is_started_in_their_place(grow, got):
    """A leak has a bound: then starts fail, and the supervisor's budget decides."""
    tree = grow(a_child("a", got), on_intensity="park", probe_min_s=1e9, probe_max_s=1e9)
    tree.runtime.left_behind.most = 2
    hang(tree)
    tree.wait_for("up", "a", 2)
    hang(tree)
    tree.wait_for("parked", "", 0)

    assert tree.runtime.left_behind.now() == 2
    failed = [event.detail for event in tree.events if event.kind == "failed"]
    assert failed
    assert all("abandoned threads are stuck" in detail for detail in failed)


class Chatty(SupervisedActor):
    """Is held at a gate, and then sends to another."""

    def __init__(self, send, got):
        super().__init__()
        self.send, self.got = send, got

    def on_receive(self, message):
        message.hold(spin=False)
        try:
            self.send()
        except Revoked:
            self.got.append("revoked")


@pytest.mark.parametrize("way", ["tell", "ask", "proxy", "stop"])
def test_g16_what_a_zombie_sends_to_others_is_refused(grow, got, way):
    """An Erlang process that was killed can say nothing; this one's words are dead letters."""
    sends = {
        "tell": lambda: tree.root.child("b").tell("from beyond"),
        "ask": lambda: tree.root.child("b").ask("from beyond"),
        "proxy": lambda: tree.root.child("b").proxy().on_receive("from beyond"),
        "stop": lambda: tree.root.child("b").stop(),
    }
    heard = []
    tree = grow(
        ChildSpec("a", Chatty, args=(sends[way], heard), hang_after_s=DEADLINE_S),
        a_child("b", got),
    )
    gate = tree.gate()
    tree.root.child("a").tell(gate)
    assert gate.entered.acquire(timeout=WAIT_S)
    tree.clock.advance(DEADLINE_S * TEN)
    assert tree.look()
    tree.wait_for("up", "a", 2)
    gone(tree)
    settle(tree.root.child("b"), within_s=WAIT_S)

    assert heard == ["revoked"]
    assert got == []
    assert tree.root.which_child("b").starts == 1
    assert tree.runtime.dead_letters.count == (way != "stop")


def test_the_id_of_a_zombies_thread_may_be_used_again(monkeypatch):
    """The next thread of that id is somebody else."""
    ended = threading.Thread(target=lambda: None)
    ended.start()
    ended.join()
    monkeypatch.setitem(LEFT_BEHIND, threading.get_ident(), ended)

    assert not is_left_behind()
    assert threading.get_ident() not in LEFT_BEHIND
