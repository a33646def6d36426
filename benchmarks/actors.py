"""The actors that `supervise` runs: each behaviour twice, on stock Pykka and supervised.

Subjects: ``pykka`` is `pykka.ThreadingActor` as it comes; ``own`` a supervised child with a
thread of its own; ``shared`` a supervised child that takes turns on a thread with others.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any, TypeAlias

import pykka

from supervisors import ChildSpec, MailboxSpec, SupervisedActor, Supervisor, SupervisorSpec

__all__ = ["POISON", "SUBJECTS", "Idle", "PykkaIdle", "Ref", "chain_of", "mortal", "quiet_pykka"]

Ref: TypeAlias = "pykka.ActorRef[Any]"

SUBJECTS = ("pykka", "own", "shared")
POISON = "poison"
NO_LIMIT = 10**9
STOP_S = 60.0


@contextmanager
def quiet_pykka() -> Iterator[None]:
    """Without stock Pykka's traceback per crash, for the duration of the block."""
    logger = logging.getLogger("pykka")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


class _Counting:
    """Counts messages, and says when it has seen enough."""

    def __init__(self, expected: int, done: threading.Event) -> None:
        super().__init__()
        self._left = expected
        self._done = done

    def on_receive(self, _message: object) -> None:
        self._left -= 1
        if self._left == 0:
            self._done.set()


class _Passing:
    """Passes each message on."""

    def __init__(self, downstream: Ref) -> None:
        super().__init__()
        self._downstream = downstream

    def on_receive(self, message: object) -> None:
        self._downstream.tell(message)


class _Mortal:
    """Notes when it raises, and when it handles something."""

    def __init__(self, raised: list[float], handled: list[float], enough: threading.Event) -> None:
        super().__init__()
        self._raised = raised
        self._handled = handled
        self._enough = enough

    def on_receive(self, message: object) -> None:
        if message == POISON:
            self._raised.append(perf_counter())
            raise ValueError(message)
        self._handled.append(perf_counter())
        if message == "last":
            self._enough.set()


class PykkaCounter(_Counting, pykka.ThreadingActor):
    use_daemon_thread = True


class PykkaPasser(_Passing, pykka.ThreadingActor):
    use_daemon_thread = True


class PykkaIdle(pykka.ThreadingActor):
    use_daemon_thread = True


class PykkaMortal(_Mortal, pykka.ThreadingActor):
    """What one writes with stock Pykka: ``on_failure`` starts a successor and hands it on.

    The backlog dies with the old one, and so does its address; to be fair, the message that
    comes next is sent by the first who knows the new one.
    """

    use_daemon_thread = True

    def __init__(self, *arguments: Any, present: list[Ref]) -> None:
        super().__init__(*arguments)
        self._arguments = arguments
        self._present = present

    def on_failure(self, *_: object) -> None:
        successor = type(self).start(*self._arguments, present=self._present)
        self._present[:] = [successor]
        successor.tell("last")


class Counter(_Counting, SupervisedActor):
    pass


class Passer(_Passing, SupervisedActor):
    pass


class Idle(SupervisedActor):
    pass


class Mortal(_Mortal, SupervisedActor):
    pass


@contextmanager
def chain_of(
    subject: str,
    length: int,
    expected: int,
    done: threading.Event,
    mailbox: MailboxSpec = MailboxSpec(),  # noqa: B008 -- frozen
) -> Iterator[Ref]:
    """*length* actors in a row, the last of which counts. Yields the first."""
    if subject == "pykka":
        refs: list[Ref] = [PykkaCounter.start(expected, done)]
        while len(refs) < length:
            refs.append(PykkaPasser.start(refs[-1]))
        yield refs[-1]
        for ref in reversed(refs):
            ref.stop(timeout=STOP_S)
        return
    supervisor = Supervisor.start(SupervisorSpec())
    args: Sequence[Any] = (expected, done)
    for n in range(length):
        actor = Passer if n else Counter
        spec = ChildSpec(str(n), actor, tuple(args), dispatcher=subject, mailbox=mailbox)
        info = supervisor.start_child(spec)
        args = [info.ref]
    yield args[0]
    supervisor.stop(STOP_S)


@contextmanager
def mortal(
    subject: str, raised: list[float], handled: list[float], enough: threading.Event
) -> Iterator[list[Ref]]:
    """One actor that comes back after each crash. Yields a list that holds its present address."""
    arguments = raised, handled, enough
    if subject == "pykka":
        present: list[Ref] = []
        present.append(PykkaMortal.start(*arguments, present=present))
        yield present
        present[0].stop(timeout=STOP_S)
        return
    child = ChildSpec("mortal", Mortal, arguments, dispatcher=subject)
    supervisor = Supervisor.start(SupervisorSpec(children=(child,), intensity=NO_LIMIT))
    yield [supervisor.child("mortal")]
    supervisor.stop(STOP_S)
