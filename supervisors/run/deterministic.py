"""The third dispatcher: one thread, virtual time, a seeded schedule.

The same actors, supervisors and mailboxes as in production, stepped one message at a
time by the test's own thread. Which of the ready ones is next is drawn from a seeded
generator, so a seed is a schedule: the same seed gives the same trace, another seed
another interleaving, and a failure can be replayed.

Time stands still but for `advance`, or for somebody who waits: a wait of the test's
thread (a question, ``stop``, ``flush``) runs the tree, and when nothing is left to run it
jumps to the next timer. A wait that nothing can end is a deadlock, and says so.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

from supervisors.exit import Exit
from supervisors.run.runtime import Runtime
from supervisors.run.words import Vanished, Yielded
from supervisors.system.clock import Token

if TYPE_CHECKING:
    from supervisors.run._ports import Dispatcher, Home, Lived
    from supervisors.run.ref import Ref
    from supervisors.thread import Thread

_EPOCH_NS = 1_700_000_000_000_000_000


class Deadlock(AssertionError):
    """Somebody waits for what nothing can bring: no actor is ready and no timer is set."""


class VirtualClock:
    """The clock of a `DeterministicRuntime`: stands still until somebody waits or advances."""

    def __init__(self, runtime: DeterministicRuntime) -> None:
        self._runtime = runtime
        self.time_s = 0.0

    def __repr__(self) -> str:
        return f"<VirtualClock {self.time_s:g} s>"

    def now_s(self) -> float:
        """Virtual seconds since the start."""
        return self.time_s

    def now_ns(self) -> int:
        """The wall clock goes with it."""
        return _EPOCH_NS + int(self.time_s * 1e9)

    def wait(self, token: Token, timeout_s: float | None) -> None:
        """Run the tree until *token* is released or *timeout_s* virtual seconds have passed.

        Raises:
            Deadlock: neither can happen.
        """
        until_s = None if timeout_s is None else self.time_s + timeout_s
        while not token.acquire(False):
            if self._runtime.step() or self._runtime.jump(until_s):
                continue
            if until_s is None:
                raise Deadlock("nothing is ready, no timer is set, and somebody waits")
            self.time_s = max(self.time_s, until_s)
            return


class DeterministicRuntime(Runtime):
    """Runs a tree on the calling thread. Hand it to `Supervisor.start` or to the product.

    Args:
        seed: of the schedule, and of the jitter of back-offs.

    >>> from supervisors import Supervisor, SupervisorSpec
    >>> runtime = DeterministicRuntime(seed=1)
    >>> Supervisor.start(SupervisorSpec(), runtime=runtime).stop(1.0)
    True
    """

    is_threaded = False

    def __init__(self, seed: int = 0) -> None:
        self.virtual = VirtualClock(self)
        super().__init__(self.virtual)
        self.seed = seed
        self.trace: list[str] = []
        """One line per step: who ran, in which life, and what it was handed."""
        self._seeds = count(seed << 32)
        self._rng = random.Random(seed)  # noqa: S311 -- a schedule, not a secret
        self._ready: dict[Lived, None] = {}
        self._living: set[Lived] = set()
        self._running: set[Lived] = set()
        self._suspended: set[Home] = set()
        self._timers: list[tuple[float, int, Lived]] = []
        self._order = count()
        self._lost: list[Lived] = []

    def __repr__(self) -> str:
        return f"<DeterministicRuntime seed {self.seed}, {self.virtual.time_s:g} s>"

    # -- Runtime ----------------------------------------------------------------------------------

    def dispatcher(self, name: str) -> Dispatcher:
        """Itself, whatever the name: there is one thread."""
        return self

    def dispatchers(self) -> list[Dispatcher]:
        """Itself."""
        return [self]

    def start(self) -> None:
        """Nothing to start."""

    def close(self, timeout_s: float) -> None:
        """No thread to end."""
        self.reporter.close(0.0)

    # -- Dispatcher -------------------------------------------------------------------------------

    def launch(self, incarnation: Lived) -> None:
        """Make *incarnation* ready."""
        incarnation.run_by(
            lambda seconds: self._yield(incarnation, seconds),
            lambda: self._wake(incarnation),
            messages_a_turn=1,
        )
        self._living.add(incarnation)
        self._wake(incarnation)

    def abandon(self, incarnation: Lived) -> None:
        """Never run *incarnation* again."""
        self._living.discard(incarnation)
        self.left_behind.add(None)

    def thread_of(self, incarnation: Lived) -> Thread | None:
        """None: nothing hangs here but the whole test."""
        return None

    def sweep(self) -> None:
        """Report incarnations whose thread was ended by a test."""
        lost, self._lost = self._lost, []
        for incarnation in lost:
            incarnation.lose(Exit.lost())

    def _wake(self, incarnation: Lived) -> None:
        self._ready[incarnation] = None

    def _yield(self, incarnation: Lived, seconds: float | None) -> None:
        if seconds is not None and seconds <= 0:
            self._wake(incarnation)
        elif seconds is not None:
            due_s = self.virtual.time_s + seconds
            heapq.heappush(self._timers, (due_s, next(self._order), incarnation))
        raise Yielded

    # -- running ----------------------------------------------------------------------------------

    def suspend(self, ref: Ref) -> None:
        """Run everybody but *ref*, whatever it is sent, until `resume` (OTP's ``sys:suspend``).

        To the others it is an actor that hangs.
        """
        self._suspended.add(ref._slot)

    def resume(self, ref: Ref) -> None:
        """Run *ref* again."""
        self._suspended.discard(ref._slot)

    @contextmanager
    def suspended(self, ref: Ref) -> Iterator[None]:
        """`suspend` *ref* for the body: what it is sent there, it finds all at once."""
        self.suspend(ref)
        try:
            yield
        finally:
            self.resume(ref)

    def _may_run(self) -> list[Lived]:
        self._ready = {one: None for one in self._ready if one in self._living}
        busy = self._running  # an actor that waits for another's answer, below us on the stack
        return [o for o in self._ready if o not in busy and o.slot not in self._suspended]

    def step(self) -> bool:
        """Run one ready actor for one message. False: none is ready."""
        self.sweep()
        ready = self._may_run()
        if not ready:
            return False
        chosen = ready[self._rng.randrange(len(ready))]
        del self._ready[chosen]
        chosen.last = ""
        self._run(chosen)
        self.trace.append(f"{chosen.slot.name}#{chosen.number} {chosen.last or '-'}")
        return True

    def _run(self, incarnation: Lived) -> None:
        self._running.add(incarnation)
        try:
            ended = incarnation.take_turn()
        except Vanished:
            self._living.discard(incarnation)
            self._lost.append(incarnation)
            return
        finally:
            self._running.discard(incarnation)
        if ended:
            self._living.discard(incarnation)

    def jump(self, until_s: float | None) -> bool:
        """Move time to the next timer, if it is due by *until_s*; make its actor ready."""
        next_s = self.next_timer_s()
        if next_s is None or (until_s is not None and next_s > until_s):
            return False
        due_s, _, incarnation = heapq.heappop(self._timers)
        self.virtual.time_s = max(self.virtual.time_s, due_s)
        self._wake(incarnation)
        return True

    def next_timer_s(self) -> float | None:
        """When the next timer of a living actor is due."""
        while self._timers and self._timers[0][2] not in self._living:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def run_until_idle(self, most_steps: int = 1_000_000) -> int:
        """Run until no actor is ready. Time does not move.

        Returns:
            How many steps it took.

        Raises:
            AssertionError: still busy after *most_steps*.
        """
        for steps in range(most_steps):
            if not self.step():
                return steps
        raise AssertionError(f"still busy after {most_steps} steps")

    def advance(self, seconds: float) -> None:
        """Move time on by *seconds*, running what becomes due on the way, in order.

        Raises:
            ValueError: *seconds* is negative.
        """
        if seconds < 0:
            raise ValueError("time can't go back")
        until_s = self.virtual.time_s + seconds
        self.run_until_idle()
        while self.jump(until_s):
            self.run_until_idle()
        self.virtual.time_s = until_s
