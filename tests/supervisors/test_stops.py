"""Whoever waits for the end of one life hears of it, however that life ended.

A word to stop names the life that it is for. What is still in the lane when that life is over is
for nobody: it is answered and taken out. Most of it in virtual time, where an actor can be held
before its next message; with threads where something hangs.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pykka
import pytest
from pykka._envelope import Envelope

from supervisors import Exit, MailboxSpec, SupervisedActor
from supervisors.errors import ChildStartError, NotRunning
from supervisors.run._stops import answer_stops
from supervisors.run.deterministic import DeterministicRuntime
from supervisors.run.mailbox import Mailbox
from supervisors.run.words import ShutDown
from tests.supervisors.live import WITHIN_S, ChildSpec, Wait, child, inner, tree_of


@pytest.fixture
def runtime():
    return DeterministicRuntime()


def answers(*futures):
    """What has been answered by now; nobody runs for it."""
    return [future.get(timeout=0) for future in futures]


def nothing_is_left(ref):
    """No word lies in a lane that nobody reads: it would keep the watch awake for ever, too."""
    return not ref._slot.mailbox.system and ref._slot.idle()


@pytest.mark.parametrize("restart", ["transient", "temporary"])
def test_all_who_stop_a_busy_child_are_answered(restart):
    tree, busy = tree_of(child("c", restart=restart)), Wait()
    ref = tree.child("c")
    ref.tell(busy)
    assert busy.came.wait(WITHIN_S)
    waiting = [ref.stop(block=False) for _ in range(3)]
    busy.go()

    assert [future.get(timeout=WITHIN_S) for future in waiting] == [True] * 3
    assert tree.stop(WITHIN_S)


@pytest.mark.parametrize("restart", ["transient", "permanent"])
def test_a_stop_beside_a_crash_is_answered_before_the_next_life(runtime, restart):
    """Which may be long in coming: a back-off, or a parked supervisor."""
    flags = {"on_intensity": "park", "intensity": 0}
    tree = tree_of(child("c", restart=restart), runtime=runtime, **flags)
    ref = tree.child("c")
    with runtime.suspended(ref):
        ref._slot.mailbox.steer(Envelope(ShutDown(1, Exit.crash("boom"))))
        waiting = [ref.stop(block=False), ref.stop(block=False)]
    runtime.run_until_idle()

    assert answers(*waiting) == [True, True]
    assert nothing_is_left(ref)
    tree.stop()


@pytest.mark.parametrize("restart", ["transient", "permanent"])
def test_a_stop_while_its_supervisor_terminates_it_is_answered(runtime, restart):
    tree = tree_of(child("c", restart=restart), runtime=runtime)
    ref = tree.child("c")
    with runtime.suspended(ref):
        terminated = tree._request("terminate_child", "c")
        runtime.run_until_idle()
        stopped = ref.stop(block=False)
    runtime.run_until_idle()

    assert answers(terminated, stopped) == [None, True]
    assert nothing_is_left(ref)
    tree.stop()


def test_a_word_that_comes_after_the_end_is_nobodys(runtime):
    """It looked, the life ended, and then it put its word there."""
    tree = tree_of(child("c", restart="transient"), runtime=runtime)
    ref = tree.child("c")
    life, steer = ref._slot.current, ref._slot.mailbox.steer

    def late(word):
        ref._slot.mailbox.steer = steer
        ref.tell(Exit.normal())
        runtime.run_until_idle()
        assert life.finished
        steer(word)

    ref._slot.mailbox.steer = late

    assert answers(ref.stop(block=False)) == [True]
    assert nothing_is_left(ref)
    tree.stop()


def test_its_own_words_are_taken_out_as_well(runtime):
    tree = tree_of(child("c", restart="transient"), runtime=runtime)
    ref = tree.child("c")
    actor = ref._slot.current.actor
    ref.tell(lambda: (actor.stop(), actor.stop()))
    runtime.run_until_idle()

    assert tree.which_child("c").state == "stopped"
    assert nothing_is_left(ref)
    tree.stop()


def test_a_stop_of_a_life_that_does_not_start_is_answered(runtime):
    tree = tree_of(child("c", restart="transient", starting=None), runtime=runtime)
    ref = tree.child("c")
    tree.terminate_child("c")
    runtime.suspend(ref)
    revived = tree._request("restart_child", "c")
    runtime.run_until_idle()
    ref._slot.current.actor._starting = ValueError("no")
    stopped = ref.stop(block=False)
    runtime.resume(ref)
    runtime.run_until_idle()

    with pytest.raises(ChildStartError):
        revived.get(timeout=0)
    assert answers(stopped) == [True]
    assert nothing_is_left(ref)
    tree.stop()


class Unmade(SupervisedActor):
    """Stops itself from outside while it is made, and then can't be made."""

    stopped: pykka.Future[bool] | None = None
    may = True

    def __init__(self) -> None:
        super().__init__()
        if not Unmade.may:
            Unmade.stopped = self._incarnation.slot.ref.stop(block=False)
            raise ValueError("no")


def test_a_stop_of_a_life_that_can_not_be_made_is_answered(runtime):
    Unmade.may = True
    tree = tree_of(ChildSpec("c", Unmade, restart="transient"), runtime=runtime)
    tree.terminate_child("c")
    Unmade.may = False
    with pytest.raises(ChildStartError):
        tree.restart_child("c")

    assert answers(Unmade.stopped) == [True]
    assert nothing_is_left(tree.child("c"))
    tree.stop()


class Hanging(SupervisedActor):
    """Does not come back from its end until it is let go."""

    def __init__(self, came: threading.Event, go: threading.Event) -> None:
        super().__init__()
        self._came, self._go = came, go

    def on_stop(self) -> None:
        self._came.set()
        self._go.wait(WITHIN_S)


def test_a_stop_in_hand_is_answered_when_its_child_is_left_behind():
    came, go = threading.Event(), threading.Event()
    tree = tree_of(ChildSpec("c", Hanging, args=(came, go), shutdown_s=0.01, restart="transient"))
    ref = tree.child("c")
    in_hand = ref.stop(block=False)
    assert came.wait(WITHIN_S)
    behind = ref.stop(block=False)
    with ThreadPoolExecutor(1) as pool:
        terminated = pool.submit(tree.terminate_child, "c")
        assert [one.get(timeout=WITHIN_S) for one in (in_hand, behind)] == [True, True]
        terminated.result(WITHIN_S)
    go.set()
    assert tree.stop(WITHIN_S)


def test_a_stop_of_a_start_that_takes_too_long_is_answered(runtime):
    tree = tree_of(child("c", restart="transient", start_timeout_s=1.0), runtime=runtime)
    ref = tree.child("c")
    tree.terminate_child("c")
    runtime.suspend(ref)
    revived = tree._request("restart_child", "c")
    runtime.run_until_idle()
    stopped = ref.stop(block=False)
    runtime.advance(1.0)

    with pytest.raises(ChildStartError):
        revived.get(timeout=0)
    assert answers(stopped) == [True]
    assert nothing_is_left(ref)
    runtime.resume(ref)
    tree.stop()


def test_what_is_for_the_present_life_or_is_no_such_word_stays():
    class Slot:
        mailbox = Mailbox(MailboxSpec())

    old, present, other = (Envelope(word) for word in (ShutDown(1), ShutDown(2), "other"))
    Slot.mailbox.system.extend([old, present, other])
    answer_stops(Slot, 1)

    assert list(Slot.mailbox.system) == [present, other]


# -- requests to a supervisor -----------------------------------------------------------------


def test_requests_to_a_supervisor_that_does_not_come_up_are_turned_away(runtime):
    """Those that it has taken, and those behind the news that it can't."""
    tree = tree_of(inner("sub", child("x"), restart="transient"), runtime=runtime)
    sub = tree.supervisor("sub")
    tree.terminate_child("sub")
    runtime.suspend(sub.child("x"))
    revived = tree._request("restart_child", "sub")
    runtime.run_until_idle()
    taken = sub._request("which_children")
    runtime.run_until_idle()
    x = sub.child("x")
    x._slot.current.actor._starting = ValueError("no")
    sub_ref = tree.child("sub")
    runtime.suspend(sub_ref)
    runtime.resume(x)
    runtime.run_until_idle()
    behind = sub._request("which_children")
    runtime.resume(sub_ref)
    runtime.run_until_idle()

    with pytest.raises(ChildStartError):
        revived.get(timeout=0)
    for request in (taken, behind):
        with pytest.raises(NotRunning):
            request.get(timeout=0)
    tree.stop()


# -- questions ----------------------------------------------------------------------------------


def test_questions_in_a_mailbox_that_was_lent_are_answered_at_the_end(runtime):
    """What is left in it is its owner's; who asked waits for nobody."""
    lent = Mailbox(MailboxSpec())
    runtime.adopt(("root", "c"), lent)
    tree = tree_of(child("c"), runtime=runtime)
    ref = tree.child("c")
    runtime.suspend(ref)
    ref.tell("told")
    asked = ref.ask("asked", block=False)
    tree.stop(0.0)
    runtime.resume(ref)

    with pytest.raises(pykka.ActorDeadError):
        asked.get(timeout=0)
    assert len(lent.user) == 2
