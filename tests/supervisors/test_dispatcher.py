"""Threads that are refused, one by one: whoever needed one is told, and nobody waits for it."""

import threading

import pykka
import pytest

from supervisors import Runtime
from supervisors.errors import ChildStartError, ThreadRefused
from supervisors.exit import Exit
from supervisors.run._dispatcher import SharedThread
from supervisors.run.words import Vanished
from supervisors.testing import end_thread
from supervisors.thread import TreeThread, is_want_of_threads
from tests.supervisors.live import WITHIN_S, child, inner, tree_of

THREADS = ["supervisors-watch", "supervisors", "root/a", "shared", "root/inner/deep", "root/z"]
"""Of the tree below, in the order in which they are started."""


def tree_on(runtime):
    return tree_of(
        child("a"),
        child("b", dispatcher="shared"),
        inner("inner", child("deep")),
        child("z"),
        runtime=runtime,
    )


@pytest.fixture
def refuse(monkeypatch):
    """Names of threads that can't be started, and a list of those that were asked for."""
    start, refused, asked = TreeThread.start, set(), []

    def start_if_allowed(thread):
        asked.append(thread.name)
        if thread.name in refused:
            raise ThreadRefused(thread.name, "can't start new thread")
        start(thread)

    monkeypatch.setattr(TreeThread, "start", start_if_allowed)
    return refused, asked


@pytest.mark.parametrize("name", THREADS)
def test_a_refused_thread_ends_the_start_and_leaves_nothing_and_it_may_be_tried_again(refuse, name):
    refused, asked = refuse
    runtime, own_actors = Runtime(), len(pykka.ActorRegistry.get_all())
    refused.add(name)
    with pytest.raises(ChildStartError, match="start new thread") as caught:
        tree_on(runtime)

    assert is_want_of_threads(caught.value)
    assert asked == THREADS[: THREADS.index(name) + 1]
    assert runtime.slots == {}
    assert len(pykka.ActorRegistry.get_all()) == own_actors
    refused.clear()
    assert tree_on(runtime).stop(WITHIN_S)


@pytest.mark.parametrize(("path", "why"), [(("root",), "lost"), (("root", "inner"), "new thread")])
def test_a_control_thread_that_goes_during_the_start_and_can_not_be_replaced_ends_it(
    refuse, path, why
):
    """Nobody is left to stop the child that had started, nor to say that the tree did not."""
    refused, _ = refuse
    runtime, lives = Runtime(sweep_interval_s=0.01), []

    class Mortal(SharedThread):
        """Its thread ends in the turn in which the supervisor at *path* would boot."""

        def _next(self):
            found = super()._next()
            if found is not None and found.slot.path == path:
                found.take_turn = self._go
            return found

        def _go(self):
            refused.add(self.name)
            lives.extend(slot.current for slot in runtime.slots.values())
            raise Vanished

    runtime.shared["supervisors"] = Mortal("supervisors", runtime)
    with pytest.raises(ChildStartError, match=why):
        tree_of(child("a"), inner("inner", child("deep")), runtime=runtime)
    assert runtime.slots == {}
    assert all(life.revoked for life in lives)


def test_whoever_starts_is_not_idle_so_that_its_thread_is_looked_for_however_long_it_takes():
    runtime, idle = Runtime(), []

    def look():
        idle.append(runtime.slots["root", "a"].idle())

    tree = tree_of(child("a", starting=look), runtime=runtime)
    assert idle == [False]
    assert tree.stop(WITHIN_S)


# -- a shared thread that goes ----------------------------------------------------------------


class Stub:
    """What a dispatcher sees of an incarnation."""

    def __init__(self, *, started=True, goes=False):
        self.started, self.goes, self.turns, self.lost = started, goes, 0, []
        self.slot = type("", (), {"mailbox": type("", (), {})()})()
        self.revoked = False

    def run_by(self, pause, wake, messages_a_turn=None):
        self.wake = wake

    def take_turn(self):
        self.turns += 1
        if self.goes:
            self.goes = False
            raise Vanished
        return True

    def lose(self, exit_, error=None):
        self.lost.append((exit_, error))


@pytest.fixture
def shared():
    runtime = Runtime()
    runtime.refusals = []
    runtime.owner.on_refused = runtime.refusals.append
    made = runtime.dispatcher("s")
    yield made
    made.close(WITHIN_S)


def ended(shared):
    shared._thread.join(WITHIN_S)


def test_a_shared_thread_that_can_not_be_started_takes_nobody(shared, refuse):
    refused, _ = refuse
    refused.add("s")
    one, other = Stub(), Stub()
    with pytest.raises(ThreadRefused):
        shared.launch(one)
    assert not shared.is_lacking()
    refused.clear()
    shared.launch(other)
    shared.close(WITHIN_S)

    assert (one.turns, other.turns) == (0, 1)


def test_one_that_can_not_be_replaced_is_tried_for_again_at_each_sweep(shared, refuse):
    refused, asked = refuse
    culprit, bystander, unborn = Stub(goes=True), Stub(), Stub(started=False)
    shared.launch(culprit)
    ended(shared)
    for one in (bystander, unborn):
        shared.launch(one)  # not known to be gone yet
    refused.add("s")
    for _ in range(3):
        shared.sweep()
        assert shared.is_lacking()
        assert shared._runtime.lacks_a_thread()

    assert asked == ["s"] * 4
    assert culprit.lost == [(Exit.lost(), None)]
    [(exit_, error)] = unborn.lost  # somebody waits for its start
    assert exit_ == Exit.lost()
    assert isinstance(error, ThreadRefused)
    assert bystander.lost == []
    assert len(shared._runtime.refusals) == 3
    refused.clear()
    shared.sweep()
    shared.close(WITHIN_S)
    assert (culprit.turns, bystander.turns, unborn.turns) == (1, 1, 0)
    assert not shared._runtime.lacks_a_thread()


def test_who_is_launched_where_a_thread_is_lacking_is_told_so(shared, refuse):
    refused, _ = refuse
    shared.launch(Stub(goes=True))
    ended(shared)
    bystander, late = Stub(), Stub()
    shared.launch(bystander)
    refused.add("s")
    shared.sweep()
    with pytest.raises(ThreadRefused):
        shared.launch(late)
    refused.clear()
    shared.launch(late)  # and so do the others have one again
    shared.close(WITHIN_S)
    assert (bystander.turns, late.turns) == (1, 1)


def test_where_the_one_that_runs_is_given_up_and_there_is_no_thread_the_sweep_finds_one(
    shared, refuse
):
    refused, _ = refuse
    from supervisors.system.clock import new_token

    entered, leave = new_token(), new_token()
    stuck, bystander = Stub(), Stub()

    def hangs():
        entered.release()
        assert leave.acquire(timeout=WITHIN_S)
        return True

    stuck.take_turn = hangs
    shared.launch(stuck)
    shared.launch(bystander)
    assert entered.acquire(timeout=WITHIN_S)
    first = shared._thread
    refused.add("s")
    shared.abandon(stuck)
    assert shared.is_lacking()
    assert shared._runtime._watch._armed  # somebody will look
    refused.clear()
    shared.sweep()
    leave.release()
    first.join(WITHIN_S)
    shared.close(WITHIN_S)
    assert bystander.turns == 1


def test_a_stop_that_comes_while_a_thread_is_being_started_ends_well(monkeypatch):
    """It has been given to its actor, and has not begun; who joins such a thread is told off."""
    start, entered, go = TreeThread.start, threading.Event(), threading.Event()
    tree = tree_of(child("a"), runtime=Runtime(sweep_interval_s=0.01))

    def start_late(thread):
        entered.set()
        assert go.wait(WITHIN_S)
        start(thread)

    monkeypatch.setattr(TreeThread, "start", start_late)
    end_thread(tree.child("a"))
    assert entered.wait(WITHIN_S)
    try:
        assert not tree.stop(0.1)
    finally:
        go.set()
