"""Who runs an actor: a thread of its own, or one that it shares.

A dispatcher belongs to a `Runtime`, which outlives every incarnation. An own
thread is for what does I/O; a shared one for the many small actors whose wake-ups
would cost more than their work (performance.md, "Few threads").
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Protocol

from supervisors._clock import new_token, release
from supervisors._exit import Exit
from supervisors._incarnation import Vanished, Yielded

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisors._clock import Clock, Token
    from supervisors._incarnation import Incarnation

__all__ = ["Dispatcher", "OwnThreads", "SharedThread"]


class Dispatcher(Protocol):
    """Runs incarnations, and can say which have lost their thread."""

    def launch(self, incarnation: Incarnation) -> None:
        """Start *incarnation* soon: `boot`, then `run` as often as it takes."""
        ...

    def sweep(self) -> None:
        """End with `Exit.lost` whatever was on a thread that is gone; go on without it."""
        ...

    def abandon(self, incarnation: Incarnation) -> None:
        """Its thread is stuck: leave it behind, and let others go on on a new one."""
        ...

    def close(self, timeout_s: float) -> None:
        """Wait for threads that have nothing left to run."""
        ...


def _thread(name: str, target: Callable[[], None]) -> threading.Thread:
    return threading.Thread(target=target, name=name, daemon=True)


class OwnThreads:
    """One daemon thread for each incarnation."""

    def __init__(self, clock: Clock, poke: Callable[[], None]) -> None:
        self._clock = clock
        self._poke = poke
        self._running: dict[Incarnation, threading.Thread] = {}
        self.abandoned = 0

    def launch(self, incarnation: Incarnation) -> None:
        """Give *incarnation* a thread."""
        token = new_token()
        clock = self._clock

        def wake() -> None:
            release(token)
            self._poke()

        def pause(seconds: float | None) -> None:
            clock.wait(token, seconds)

        incarnation.pause = pause
        incarnation.slot.mailbox.wake = wake
        name = "/".join(incarnation.slot.path)
        thread = _thread(name, lambda: self._live(incarnation))
        self._running[incarnation] = thread  # before it runs, since it takes itself out
        thread.start()

    def _live(self, incarnation: Incarnation) -> None:
        try:
            if incarnation.boot():
                incarnation.run()
        except Vanished:
            return  # the sweep notices
        self._running.pop(incarnation, None)

    def sweep(self) -> None:
        """Report each incarnation whose thread is no more."""
        for incarnation, thread in list(self._running.items()):
            if not thread.is_alive() and self._running.pop(incarnation, None) is not None:
                incarnation.lose(Exit.lost())

    def abandon(self, incarnation: Incarnation) -> None:
        """Forget the thread; it leaves by itself if it ever comes back to its mailbox."""
        if self._running.pop(incarnation, None) is not None:
            self.abandoned += 1

    def close(self, timeout_s: float) -> None:
        """Join what is still on its way out."""
        until_s = self._clock.now_s() + timeout_s
        for thread in list(self._running.values()):
            thread.join(max(0.0, until_s - self._clock.now_s()))


class SharedThread:
    """One daemon thread for many incarnations, a turn each, first come first served."""

    def __init__(self, name: str, clock: Clock, poke: Callable[[], None]) -> None:
        self.name = name
        self._clock = clock
        self._poke = poke
        self._ready: deque[Incarnation] = deque()
        self._timers: list[tuple[float, int, Incarnation]] = []
        self._order = count()
        self._token: Token = new_token()
        self._living: set[Incarnation] = set()
        self._turn: Incarnation | None = None
        self._thread: threading.Thread | None = None
        self._generation = 0
        self._closed = False
        self._lock = threading.RLock()
        """Guards who lives here and on which thread; never taken by a sender."""
        self.abandoned = 0

    def launch(self, incarnation: Incarnation) -> None:
        """Let *incarnation* take turns on the shared thread."""
        incarnation.shares_thread = True
        incarnation.pause = lambda seconds: self._yield(incarnation, seconds)
        incarnation.slot.mailbox.wake = lambda: self._wake(incarnation)
        with self._lock:
            self._living.add(incarnation)
            self._ready.append(incarnation)
            if self._thread is None:
                self._new_thread()
        release(self._token)

    def _new_thread(self) -> None:
        self._generation += 1
        self._turn = None
        token, generation = self._token, self._generation
        self._thread = _thread(self.name, lambda: self._loop(token, generation))
        self._thread.start()  # once it is known: what it boots may launch others here

    def _wake(self, incarnation: Incarnation) -> None:
        self._ready.append(incarnation)
        release(self._token)
        self._poke()

    def _yield(self, incarnation: Incarnation, seconds: float | None) -> None:
        if seconds is not None:
            due_s = self._clock.now_s() + seconds
            heapq.heappush(self._timers, (due_s, next(self._order), incarnation))
        raise Yielded

    def _loop(self, token: Token, generation: int) -> None:
        while generation == self._generation:
            incarnation = self._next()
            if incarnation is None:
                if self._closed:
                    return
                self._clock.wait(token, self._until_timer())
                continue
            self._turn = incarnation
            try:
                ended = self._take_turn(incarnation)
            except Vanished:
                return  # the sweep notices, and charges the one whose turn it was
            if generation != self._generation:
                return  # abandoned meanwhile: the others have a new thread
            self._turn = None
            if ended:
                self._living.discard(incarnation)

    def _next(self) -> Incarnation | None:
        now_s = self._clock.now_s()
        while self._timers and self._timers[0][0] <= now_s:
            self._ready.append(heapq.heappop(self._timers)[2])
        while self._ready:
            incarnation = self._ready.popleft()
            if incarnation in self._living:
                return incarnation
        return None

    def _until_timer(self) -> float | None:
        if not self._timers:
            return None
        return max(0.0, self._timers[0][0] - self._clock.now_s())

    def _take_turn(self, incarnation: Incarnation) -> bool:
        if not incarnation.started:
            if not incarnation.boot():
                return True
            self._ready.append(incarnation)
            return False
        return incarnation.run()

    def sweep(self) -> None:
        """Start a new thread if ours is gone, and charge the incarnation whose turn it was."""
        with self._lock:
            thread = self._thread
            if thread is None or thread.is_alive() or self._closed:
                return
            culprit = self._turn
            if culprit is not None:
                self._living.discard(culprit)
                culprit.lose(Exit.lost())
            self._ready.extend(self._living)
            self._new_thread()
        release(self._token)

    def abandon(self, incarnation: Incarnation) -> None:
        """Take *incarnation* out; if it is the one that runs, the others get a new thread."""
        with self._lock:
            self._living.discard(incarnation)
            if self._turn is incarnation:
                self.abandoned += 1
                self._token = new_token()
                self._ready.extend(self._living)
                self._new_thread()
                release(self._token)

    def close(self, timeout_s: float) -> None:
        """Let the thread end when nothing is ready."""
        self._closed = True
        release(self._token)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)
