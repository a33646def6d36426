"""Forks of a busy tree: the child that uses an address of the parent's gets its answer at once.

A queue.Queue that is inherited while another thread uses it deadlocked the child in 39 of 60
forks (supervision.md A4). Here every lock that a sender could need may be held by a thread
that isn't there any more; so there must be none.
"""

from __future__ import annotations

import os
import signal
import threading

import pykka
import pytest

from supervisors import (
    ChildSpec,
    Exit,
    InFlight,
    MailboxSpec,
    Overflow,
    SupervisedActor,
    Supervisor,
    SupervisorSpec,
)
from supervisors.errors import NotRunning
from tests.chaos.storm import poll

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork"),
]


class Counting(SupervisedActor):
    def __init__(self, got):
        super().__init__()
        self._got = got

    def on_receive(self, message):
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, InFlight):
            self.slot.in_flight = None
        self._got.append(message)
        return len(self._got)


def a_child(name, got, dispatcher, **options):
    return ChildSpec(name, Counting, args=(got,), dispatcher=dispatcher, **options)


@pytest.fixture
def busy():
    """A tree, and threads that tell, ask and crash its actors without a pause."""
    got = []
    bounded = MailboxSpec(max_items=100, overflow=Overflow.drop_oldest)
    batches = MailboxSpec(batch_max_items=10, linger_s=0.001)
    tree = Supervisor.start(
        SupervisorSpec(
            (
                a_child("own", got, "own"),
                a_child("shared", got, "x"),
                a_child("bounded", got, "x", mailbox=bounded),
                a_child("batches", got, "own", mailbox=batches),
            ),
            intensity=1_000_000,
        )
    )
    refs = [tree.child(name) for name in ("own", "shared", "bounded", "batches")]
    over = threading.Event()

    def send():
        while not over.is_set():
            for ref in refs:
                ref.tell("x")
            refs[0].ask("x", timeout=5)
            refs[1].tell(ValueError("crash"))

    senders = [threading.Thread(target=send) for _ in range(2)]
    for sender in senders:
        sender.start()
    yield tree, refs
    over.set()
    for sender in senders:
        sender.join(10)
    assert tree.stop(10)


def in_the_child(tree, refs):
    """All that a child could do with what it has inherited. The exit code."""
    for ref in refs:
        if ref.is_alive():
            return 2
        ref.tell("from the child")
        ref.stop(block=False)
        try:
            ref.ask("well?", timeout=5)
        except pykka.ActorDeadError:
            pass
        else:
            return 3
    if tree.is_alive() or not tree.stop(30) or tree.exit != Exit.lost():
        return 5
    try:
        tree.count_children()
    except NotRunning:
        pass
    else:
        return 4
    return 0


def fork(tree, refs):
    """The exit code of a forked child; -9 if it had to be killed, since it hung."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = in_the_child(tree, refs)
        finally:
            os._exit(code)
    ended = []

    def reaped():
        ended.append(os.waitpid(pid, os.WNOHANG))
        return ended[-1][0]

    if not poll(reaped, 10.0):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return -9
    return os.waitstatus_to_exitcode(ended[-1][1])


def forks(busy, count):
    tree, refs = busy
    codes = [fork(tree, refs) for _ in range(count)]
    assert codes == [0] * count
    assert refs[0].ask("x", timeout=5) > 0  # the parent has not noticed


@pytest.mark.timeout(60)
def test_no_deadlock_in_fifty_forks(busy):
    forks(busy, 50)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_deadlock_in_a_thousand_forks(busy):
    forks(busy, 1000)
