"""One rule for "is this my process" (g24): a page that the kernel wipes, and who is renewed."""

import ctypes
import gc
import os
import select
import signal
import sys
import threading

import pykka
import pytest

from supervisors import ChildSpec, SupervisedActor, Supervisor, SupervisorSpec
from supervisors.errors import NotRunning
from supervisors.system import process as _process
from supervisors.system.process import (
    SAME,
    InChild,
    Process,
    ProcessLock,
    notice_fork,
    of_this_process,
    this_process,
    when_forked,
)
from tests.chaos.storm import poll
from tests.forks import as_in_a_child


class Renewed:
    """Remembers the processes that it was renewed for."""

    def __init__(self, meanwhile=lambda: None):
        self.processes, self._meanwhile = [], meanwhile
        when_forked(self)

    def _after_fork(self, process):
        self.processes.append(process)
        self._meanwhile()


def c_fork():
    """With the GIL held, and past all of Python's hooks.

    So it comes only when no other thread wants the GIL: who does holds a lock within, which CPython
    makes anew in a fork of its own alone, and the child would wait for it for ever. Nor may one
    have asked for it: the child would wait until that one has had it. So nobody asks any more, and
    whoever has asked has it while we wait.
    """
    interval_s, looks = sys.getswitchinterval(), []
    sys.setswitchinterval(1000.0)
    try:
        assert poll(lambda: looks.append(1) or (len(looks) > 1 and nobody_else_runs()))
        return ctypes.PyDLL(None).fork()
    finally:
        sys.setswitchinterval(interval_s)


def nobody_else_runs():
    """Every other thread waits for a lock, as far as its innermost frame says."""
    frames = {i: f for i, f in sys._current_frames().items() if i != threading.get_ident()}
    return all(f.f_code.co_name in ("wait", "acquire", "read", "_acquire") for f in frames.values())


def said_by_a_child(fork, act):
    """What *act* returns in a child, as text.

    A child of a fork in C may hang all the same: somebody came to the interpreter's lock meanwhile.
    """
    attempts = (said_by_one_child(fork, act) for _ in range(3 if fork is c_fork else 1))
    return next(filter(None, attempts), "")


def said_by_one_child(fork, act):
    read_end, write_end = os.pipe()
    child = fork()
    if child == 0:
        try:
            os.write(write_end, str(act()).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as answer:
        if not select.select([answer], [], [], 2.5 if fork is c_fork else 8.0)[0]:
            os.kill(child, signal.SIGKILL)  # or it waits for ever, with the pipes of the whole run
        said = answer.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.parametrize("fork", [os.fork, c_fork])
def test_a_child_is_another_process_however_it_was_forked(fork):
    mine, pid = this_process(), os.getpid()

    assert said_by_a_child(fork, lambda: this_process() is not mine) == "True"
    assert said_by_a_child(fork, lambda: this_process().pid == os.getpid() != pid) == "True"
    assert this_process() is mine


class Waiting(SupervisedActor):
    def on_receive(self, message):
        return message.wait(20)


@pytest.mark.parametrize("fork", [os.fork, c_fork])
def test_g24_the_tree_of_a_parent_is_nowhere_in_its_child(fork):
    """Handle, address and what was asked before the fork say so at once."""
    tree = Supervisor.start(SupervisorSpec((ChildSpec("one", Waiting),)))
    ref, gate = tree.child("one"), threading.Event()
    asked = ref.ask(gate, block=False)

    def look():
        ref.tell("for nobody")
        with pytest.raises(pykka.ActorDeadError):
            ref.ask("well?")
        with pytest.raises(pykka.ActorDeadError):
            asked.get()
        with pytest.raises(NotRunning):
            tree.which_children()
        letters = [letter.message for letter in tree.runtime.dead_letters.take()]
        return tree.is_alive(), str(tree.exit), tree.stop(30), letters  # or we end it

    assert said_by_a_child(fork, look) == str((False, "lost", True, ["for nobody", "well?"]))
    gate.set()
    assert asked.get(timeout=5) is True
    assert tree.is_alive()
    assert tree.stop(5)


def test_a_grandchild_is_another_one_again():
    mine = this_process()

    def child():
        own = this_process()
        return said_by_a_child(c_fork, lambda: len({mine, own, this_process()}))

    assert said_by_a_child(c_fork, child) == "3"


def test_without_the_page_the_process_id_is_asked(monkeypatch):
    """An older kernel, or another system."""
    by_id = _process._ByProcessId()
    monkeypatch.setattr(_process, "SAME", by_id)
    mine = this_process()

    assert by_id[0]
    assert said_by_a_child(c_fork, lambda: this_process() is not mine and by_id[0]) == "True"


def test_whoever_is_known_is_renewed_before_anybody_is_let_past():
    seen = []
    one = Renewed(lambda: seen.append(SAME[0]))
    with as_in_a_child():
        child = this_process()
        assert (one.processes, seen, SAME[0]) == ([child], [0], 1)
        assert this_process() is child
    assert one.processes == [child]


def test_a_look_in_the_middle_of_a_renewal_means_the_same_process():
    """A finaliser looks while we renew: what it meets first is what counts (`Forkable`)."""
    looks = []

    def look_once():
        if not looks:
            looks.append(None)
            looks.append(this_process())

    one = Renewed(look_once)
    with as_in_a_child():
        assert {*one.processes, this_process(), looks[1]} == {this_process()}


def test_threads_that_look_first_at_the_same_time_mean_the_same_process():
    """The slower one must not make a third, when the quicker one is done."""
    slow, done = threading.Event(), threading.Event()

    def hold_the_first():
        if threading.current_thread().name == "slow":
            slow.set()
            done.wait(5)

    one, found = Renewed(hold_the_first), []
    with as_in_a_child():
        thread = threading.Thread(target=lambda: found.append(this_process()), name="slow")
        thread.start()
        slow.wait(5)
        notice_fork()  # overtakes it
        found.append(this_process())
        done.set()
        thread.join()
        assert found == [this_process()] * 2
        assert set(one.processes) == {this_process()}


def test_a_process_that_forks_in_the_middle_of_its_renewal_is_not_taken_for_its_child():
    """The page of both is unmarked, and they have an ancestor in common."""
    with as_in_a_child():
        child = _process._identify()
        assert _process._identify() is child
        child.pid = -1  # as it looks in its own child
        assert _process._identify() not in (child, None)
        assert not SAME[0]


def test_what_can_not_be_renewed_keeps_nobody_else_from_it_and_is_tried_again():
    failures = [MemoryError()]

    def fail_once():
        if failures:
            raise failures.pop()

    one, other = Renewed(fail_once), Renewed()
    with as_in_a_child():
        notice_fork()
        assert not SAME[0]
        assert len(other.processes) == 1
        notice_fork()
        assert SAME[0]
        assert set(one.processes) == {this_process()}


def test_whom_nobody_holds_is_renewed_no_more():
    renewed = []
    one = InChild(lambda: renewed.append("one"))
    other = InChild(lambda: renewed.append("other"))
    del one
    gc.collect()
    with as_in_a_child():
        this_process()
        assert renewed == ["other"]
        other._after_fork(this_process())
        assert renewed == ["other"]


def test_what_belongs_to_a_process_is_made_once_in_each():
    made = [of_this_process("a test's", Process) for _ in range(2)]
    with as_in_a_child():
        made.append(of_this_process("a test's", Process))
    made.append(of_this_process("a test's", Process))

    assert made[0] is made[1] is made[3] is not made[2]
    del this_process().own["a test's"]


def test_a_lock_of_the_parent_s_is_nobody_s_in_the_child():
    lock = ProcessLock()
    with lock.here():
        assert not lock.here().acquire(timeout=0)
        with as_in_a_child():
            assert lock.here().acquire(timeout=0)
            lock.here().release()
        assert not lock.here().acquire(timeout=0)
    with lock.here():
        pass
