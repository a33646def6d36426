"""Who runs an actor: a thread of its own, or one that it shares.

A dispatcher belongs to a `Runtime`, which outlives every incarnation. An own
thread is for what does I/O; a shared one for the many small actors whose wake-ups
would cost more than their work (a switch of threads costs more than a message). The third kind, for
tests, is `run/deterministic.py`.
"""

from __future__ import annotations

import heapq
from collections import deque
from itertools import count
from typing import TYPE_CHECKING

from supervisors.exit import Exit
from supervisors.run.words import Vanished, Yielded
from supervisors.system.clock import Token, new_token, release
from supervisors.system.native import Lock, RLock, get_ident
from supervisors.thread import Thread, new_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisors.run._ports import Home, Host, Lived

_MESSAGES_A_TURN = 16
_LINGER_S = 0.05


class _Worker:
    """A thread for one slot, and the incarnation that it is given next."""

    def __init__(self, name: str, live: Callable[[_Worker], None]) -> None:
        self.thread = new_thread(lambda: live(self), name)
        self.token = new_token()
        self.began = False
        """Its thread runs, or did. (A `Thread` that has an id may not be alive yet; one that has
        begun may end before it comes to us.)"""
        self.now: Lived | None = None
        self.next: Lived | None = None


class OwnThreads:
    """One daemon thread for each slot.

    A thread that a crash has left without work waits a moment for the next incarnation: most
    are restarted at once, and a new thread would cost more than all the rest of a restart.
    """

    def __init__(self, runtime: Host) -> None:
        self._runtime = runtime
        self._running: dict[Lived, _Worker] = {}
        self._workers: dict[Home, _Worker] = {}
        self._lock = Lock()
        """Guards who is given what; never taken by a sender."""
        self._closed = False

    def launch(self, incarnation: Lived) -> None:
        """Give *incarnation* a thread.

        Raises:
            ThreadRefused: there is none for it.
        """
        token = new_token()
        clock, poke = self._runtime.clock, self._runtime.poke

        def wake() -> None:
            release(token)
            poke()

        def pause(seconds: float | None) -> None:
            clock.wait(token, seconds)

        incarnation.run_by(pause, wake)
        worker, is_new = self._give(incarnation)
        if is_new:
            try:
                worker.thread.start()
            except BaseException:  # none can be started: then this start has failed
                self._take_back(worker, incarnation)
                raise
            worker.began = True
        poke()  # its thread may go before it has started, and somebody waits for that

    def _take_back(self, worker: _Worker, incarnation: Lived) -> None:
        """*worker* is the slot's no more."""
        with self._lock:
            self._running.pop(incarnation, None)
            if self._workers.get(incarnation.slot) is worker:
                del self._workers[incarnation.slot]

    def _give(self, incarnation: Lived) -> tuple[_Worker, bool]:
        slot = incarnation.slot
        with self._lock:
            worker = self._workers.get(slot)
            is_new = worker is None or (worker.now is not None and worker.now.revoked)
            if worker is None or is_new:  # there is none, or it is stuck or gone
                worker = self._workers[slot] = _Worker("/".join(slot.path), self._live)
            worker.next = incarnation
            self._running[incarnation] = worker  # before it runs: it takes itself out
            release(worker.token)
        return worker, is_new

    def _live(self, worker: _Worker) -> None:
        while (incarnation := self._take(worker)) is not None:
            try:
                incarnation.take_turn()
            except Vanished:
                return  # the sweep notices
            self._running.pop(incarnation, None)
            exit_ = incarnation.slot.last_exit
            if exit_ is not None and exit_.abnormal and not (incarnation.revoked or self._closed):
                self._runtime.clock.wait(worker.token, _LINGER_S)

    def _take(self, worker: _Worker) -> Lived | None:
        """What *worker* is to run now; None: it leaves, and is given nothing more."""
        with self._lock:
            worker.token.acquire(False)
            worker.now, worker.next, last = worker.next, None, worker.now
            if worker.now is None and last is not None and self._workers.get(last.slot) is worker:
                del self._workers[last.slot]
            return worker.now

    def sweep(self) -> None:
        """Report each incarnation whose thread is no more."""
        for incarnation, worker in list(self._running.items()):
            if not worker.began or worker.thread.is_alive():
                continue
            if self._running.pop(incarnation, None) is not None:
                incarnation.lose(Exit.lost())

    def abandon(self, incarnation: Lived) -> None:
        """Forget the thread; it leaves by itself if it ever comes back to its mailbox."""
        if incarnation.started and incarnation.handling is None:
            incarnation.wake()  # it waits at its mailbox, or is about to: it leaves now
            return
        worker = self._running.get(incarnation)
        if worker is not None:
            self._take_back(worker, incarnation)  # also from those that `close` waits for
            self._runtime.left_behind.add(worker.thread)

    def thread_of(self, incarnation: Lived) -> Thread | None:
        """Its own."""
        worker = self._running.get(incarnation)
        return None if worker is None else worker.thread

    def close(self, timeout_s: float) -> None:
        """Join what is still on its way out."""
        self._closed = True
        until_s = self._runtime.clock.now_s() + timeout_s
        with self._lock:
            idle = [worker for worker in self._workers.values() if worker.now not in self._running]
        for worker in idle:
            release(worker.token)
        for worker in [*self._running.values(), *idle]:
            thread = worker.thread
            if thread.ident != get_ident():
                thread.join(max(0.0, until_s - self._runtime.clock.now_s()))


class SharedThread:
    """One daemon thread for many incarnations, a turn each, first come first served."""

    def __init__(self, name: str, runtime: Host) -> None:
        self.name = name
        self._runtime = runtime
        self._clock = runtime.clock
        self._ready: deque[Lived] = deque()
        self._timers: list[tuple[float, int, Lived]] = []
        self._order = count()
        self._token: Token = new_token()
        self._living: set[Lived] = set()
        self._turn: Lived | None = None
        self._thread: Thread | None = None
        self._generation = 0
        self._closed = False
        self._lock = RLock()
        """Guards who lives here and on which thread; never taken by a sender."""

    def launch(self, incarnation: Lived) -> None:
        """Let *incarnation* take turns on the shared thread.

        Raises:
            ThreadRefused: there is none, and none can be started.
        """
        incarnation.run_by(
            lambda seconds: self._yield(incarnation, seconds),
            lambda: self._wake(incarnation),
            _MESSAGES_A_TURN,
        )
        with self._lock:
            self._living.add(incarnation)
            if self._thread is None:
                self._first_thread(incarnation)
            else:
                self._ready.append(incarnation)
        release(self._token)
        self._runtime.poke()  # as with a thread of its own

    def _first_thread(self, incarnation: Lived) -> None:
        try:
            self._new_thread()
        except BaseException:
            self._living.discard(incarnation)
            raise

    def _new_thread(self) -> None:
        """Under the lock. If it raises there is none, and the next launch or sweep tries again."""
        self._generation += 1
        self._turn = None
        self._ready.extend(self._living)  # whose turn was lost with the thread before
        token, generation = self._token, self._generation
        self._thread = new_thread(lambda: self._loop(token, generation), self.name)
        try:
            self._thread.start()  # once it is known: what it boots may launch others here
        except BaseException:
            self._thread = None
            self._generation += 1  # a Ctrl-C that cut the wait short: it may be there, and goes
            raise

    def _wake(self, incarnation: Lived) -> None:
        self._ready.append(incarnation)
        release(self._token)
        self._runtime.poke()

    def _yield(self, incarnation: Lived, seconds: float | None) -> None:
        if incarnation.revoked:
            raise Yielded  # left behind: the heap is no longer its thread's
        if seconds is not None:
            due_s = self._clock.now_s() + seconds
            heapq.heappush(self._timers, (due_s, next(self._order), incarnation))
        raise Yielded

    def _loop(self, token: Token, generation: int) -> None:
        while True:
            # In one step: who is told whose turn it is must not find this thread, given up
            # meanwhile with that one, at work on another that has gone to the new thread.
            with self._lock:
                if generation != self._generation:
                    return  # left behind: the others have a new thread
                incarnation = self._turn = self._next()
            if incarnation is None:
                if self._closed:
                    return
                self._clock.wait(token, self._until_timer())
                continue
            try:
                ended = incarnation.take_turn()
            except Vanished:
                return  # the sweep notices, and charges the one whose turn it was
            if ended:
                with self._lock:
                    self._living.discard(incarnation)

    def _next(self) -> Lived | None:
        now_s = self._clock.now_s()
        while self._timers and self._timers[0][0] <= now_s:
            self._ready.append(heapq.heappop(self._timers)[2])
        while self._ready:
            incarnation = self._ready.popleft()
            if incarnation in self._living:
                return incarnation
        return None

    def _until_timer(self) -> float | None:
        while self._timers and self._timers[0][2] not in self._living:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return max(0.0, self._timers[0][0] - self._clock.now_s())

    def is_lacking(self) -> bool:
        """Somebody lives here, and there is no thread: none could be started. Any thread."""
        return self._thread is None and bool(self._living) and not self._closed

    def sweep(self) -> None:
        """Start a new thread if ours is gone, and charge the incarnation whose turn it was."""
        with self._lock:
            thread = self._thread
            gone = self.is_lacking() if thread is None else not thread.is_alive()
            if self._closed or not gone:
                return
            culprit = self._turn
            if culprit is not None:
                self._living.discard(culprit)
        if culprit is not None:  # while none of the others runs: if it is a root, they go with it
            culprit.lose(Exit.lost())
        self._replace(thread)

    def _replace(self, gone: Thread | None) -> None:
        """Start another thread in the place of *gone*, unless that was done or nobody needs it.

        Where none can be started, who lives here waits for the next sweep; but whoever was about
        to start has failed to, since there somebody waits.
        """
        unborn: list[Lived] = []
        refused: BaseException | None = None
        with self._lock:
            if self._thread is not gone:
                return
            self._thread = None
            try:
                if self._living:
                    self._new_thread()
            except (RuntimeError, MemoryError) as error:
                refused = error
                unborn = [one for one in self._living if not one.started]
                self._living.difference_update(unborn)
        release(self._token)
        for one in unborn:
            one.lose(Exit.lost(), refused)
        if refused is not None:
            self._runtime.owner.on_refused(refused)

    def abandon(self, incarnation: Lived) -> None:
        """Take *incarnation* out; if it is the one that runs, the others get a new thread."""
        with self._lock:
            self._living.discard(incarnation)
            stuck = self._thread
            if self._turn is not incarnation or stuck is None:
                return
            self._runtime.left_behind.add(stuck)
            self._token = new_token()
            self._generation += 1  # should it come back, it finds that it was left behind
            self._turn = None
        self._replace(stuck)
        self._runtime.poke()  # to be swept if there was no thread

    def thread_of(self, incarnation: Lived) -> Thread | None:
        """The shared one, while it is *incarnation*'s turn."""
        return self._thread if self._turn is incarnation else None

    def close(self, timeout_s: float) -> None:
        """Let the thread end when nothing is ready."""
        self._closed = True
        release(self._token)
        thread = self._thread
        if thread is not None and thread.is_alive() and thread.ident != get_ident():
            thread.join(timeout_s)
