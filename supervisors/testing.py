"""Helpers for tests of supervised actors: clocks that stand still, probes, and faults.

Public, typed and tested like the rest: a library counts its users' tests as part of its job.
"""

from __future__ import annotations

from queue import Empty
from typing import Any, TypeVar

import pykka
from pykka._envelope import Envelope

from supervisors.run.deterministic import Deadlock, DeterministicRuntime
from supervisors.run.ref import Ref
from supervisors.run.words import Crash, Vanished
from supervisors.system.clock import Token, release
from supervisors.system.native import SimpleQueue

__all__ = [
    "Deadlock",
    "DeterministicRuntime",
    "FakeClock",
    "TestProbe",
    "crash",
    "end_thread",
    "settle",
]

M = TypeVar("M")


class FakeClock:
    """A `Clock` that stands still until `advance` is called. Safe with threads."""

    def __init__(self, start_s: float = 0.0, epoch_ns: int = 1_700_000_000_000_000_000) -> None:
        self._now_s = start_s
        self._epoch_ns = epoch_ns
        self._waiting: list[tuple[float, Token]] = []

    def __repr__(self) -> str:
        return f"<FakeClock {self._now_s:g} s>"

    def now_s(self) -> float:
        """Seconds since the clock was made, plus *start_s*."""
        return self._now_s

    def now_ns(self) -> int:
        """The wall clock goes with it."""
        return self._epoch_ns + int(self._now_s * 1e9)

    def wait(self, token: Token, timeout_s: float | None) -> None:
        """Block until *token* is released or the clock has been advanced far enough."""
        if timeout_s is None:
            token.acquire()
            return
        due_s = self._now_s + timeout_s
        self._waiting.append((due_s, token))
        if self._now_s >= due_s:
            release(token)
        token.acquire()

    def advance(self, seconds: float) -> None:
        """Move on, and wake whoever's time has come.

        Raises:
            ValueError: *seconds* is negative.
        """
        if seconds < 0:
            raise ValueError("time can't go back")
        self._now_s += seconds
        due = [w for w in self._waiting if w[0] <= self._now_s]
        self._waiting = [w for w in self._waiting if w[0] > self._now_s]
        for _, token in due:
            release(token)


class TestProbe:
    """Stands in for any downstream actor and records what it is told. Runs no thread."""

    __test__ = False  # the name is the field's; pytest must not collect it

    def __init__(self) -> None:
        self._inbox: SimpleQueue[Any] = SimpleQueue()

    def tell(self, message: Any, /) -> None:
        """Take a message."""
        self._inbox.put(message)

    def expect(self, kind: type[M], *, within_s: float = 1.0) -> M:
        """The next message, which must be a *kind*, and must come in time."""
        try:
            message = self._inbox.get(timeout=within_s)
        except Empty:
            raise AssertionError(f"no {kind.__name__} within {within_s:g} s") from None
        if not isinstance(message, kind):
            raise AssertionError(f"expected {kind.__name__}, got {message!r}")
        return message

    def expect_nothing(self) -> None:
        """Nothing is waiting. Call after `settle`, or it proves nothing."""
        if not self._inbox.empty():
            raise AssertionError(f"unexpected message: {self._inbox.get()!r}")


def settle(ref: pykka.ActorRef[Any], *, within_s: float = 1.0) -> None:
    """Return once *ref* has handled all it was sent before this call.

    A plain mailbox is first in, first out: a question asked last is answered last. (A
    coalescing mailbox answers questions before its backlog: use the product's ``flush``.)
    """
    ref.proxy().actor_urn.get(timeout=within_s)


def crash(ref: Ref, error: BaseException, *, in_hand: bool = False) -> None:
    """Make the present incarnation of *ref* raise *error* in its own thread.

    Args:
        ref: address of a supervised child.
        error: any exception, ``BaseException`` included.
        in_hand: raise it in the middle of the next item of a batch, which that item does
            not survive; otherwise between two messages, which costs none.
    """
    if in_hand:
        _sabotage(ref, error)
    else:
        ref._slot.mailbox.steer(Envelope(Crash(error)))


def end_thread(ref: Ref, *, in_hand: bool = False) -> None:
    """Make the thread that runs *ref* go without a word, as a fault below Python would.

    Nobody is told; the thread sweep has to notice. *in_hand* as for `crash`.
    """
    crash(ref, Vanished(), in_hand=in_hand)


def _sabotage(ref: Ref, error: BaseException) -> None:
    def fault() -> None:
        raise error

    slot = ref._slot
    slot.sabotage = fault
