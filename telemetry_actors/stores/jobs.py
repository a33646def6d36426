"""Hands: a few threads that do what may block, so that no thread of the tree has to.

Made for payload stores: a full disk or a silent server holds a hand, never a stage. A hand is a
daemon thread, started when there is work and none is free, and gone when there has been none for
a while; who gives the work looks at the `Errand` when he likes, or gives it up and goes on
without it.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty
from typing import Any, Final, TypeVar

from supervisors.system.native import Lock, SimpleQueue, get_ident
from supervisors.thread import Thread, new_thread
from telemetry_actors.base.inside import inside_the_tree
from telemetry_actors.base.unseen import unseen
from telemetry_actors.ports import Unfit

_IDLE_S: Final = 5.0
_T = TypeVar("_T")


class Errand:
    """One piece of work on its way. Read by any thread."""

    __slots__ = ("_after", "_work", "done", "error", "given_up", "puts", "result", "since_s")

    def __init__(
        self,
        work: Callable[[], object],
        after: Callable[[Errand], None],
        since_s: float,
        puts: int | None = None,
    ) -> None:
        self._work = work
        self._after = after
        self.since_s = since_s
        """When it was given, by the tree's clock."""
        self.puts = puts
        """Serial of the event that it puts away; None: it gets one back."""
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.given_up = False
        """Nobody waits for it any more."""

    def run(self) -> None:
        """Do the work and say so. The hand's thread; never raises."""
        try:
            with inside_the_tree(), unseen():
                self.result = self._work()
        except BaseException as error:  # noqa: BLE001 -- a foreign store may raise anything
            self.error = error
        self._after(self)


class Hands:
    """So many threads at most, started as they are needed.

    Args:
        most: threads; 0 does the work at once, on the caller's thread (deterministic runs).
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._queue: SimpleQueue[Errand | None] = SimpleQueue()
        self._lock = Lock()
        self._threads: list[Thread] = []
        self._under_way = 0

    def give(self, errand: Errand) -> None:
        """Have *errand* run as soon as a hand is free.

        Raises:
            RuntimeError: no thread can be started, and there is none.
        """
        if not self._most:
            errand.run()
            return
        with self._lock:
            self._under_way += 1
            if self._under_way > len(self._threads) and len(self._threads) < self._most:
                self._start()
            self._queue.put(errand)

    def _start(self) -> None:
        thread = new_thread(self._live, self._name)
        try:
            thread.start()
        except RuntimeError:
            if not self._threads:
                self._under_way -= 1
                raise
        else:
            self._threads.append(thread)

    def _live(self) -> None:
        while (errand := self._next()) is not None:
            errand.run()
            del errand  # it holds a payload
            with self._lock:
                self._under_way -= 1

    def _next(self) -> Errand | None:
        while True:
            try:
                return self._queue.get(timeout=_IDLE_S)
            except Empty:
                with self._lock:  # `give` has it while it counts threads and puts
                    if self._queue.empty():
                        self._threads = [t for t in self._threads if t.ident != get_ident()]
                        return None

    def close(self, timeout_s: float) -> int:
        """Let the threads end after what was given; how many are stuck is the answer."""
        with self._lock:
            threads = list(self._threads)
            for _ in threads:
                self._queue.put(None)
        for thread in threads:
            thread.join(max(0.0, timeout_s / len(threads)))
        return sum(thread.is_alive() for thread in threads)


def of_the_payload(step: Callable[[], _T]) -> _T:
    """What fails in *step* is the payload's fault: the store had no part in it, and stays well.

    Raises:
        Unfit: whatever it was.
    """
    try:
        return step()
    except Unfit:
        raise
    except Exception as error:  # noqa: BLE001 -- of whatever a payload may hold
        raise Unfit(type(error).__name__) from None
