"""A thread of the tree: native in any host, and its start ends one way or the other.

`threading.Thread.start` waits until the new thread says that it runs. One that finds no memory
for its first frame is gone by then and says nothing (within 24 KB of a limit on memory, CPython
3.11 to 3.13), so whoever started it would wait for ever, and a whole tree with it. Here that
wait has a limit. A thread that comes later still finds that nobody counts on it, and goes.

Where gevent has patched `threading` (`system/native.py`), a `NativeThread` is made in its place,
which keeps the same rules.

It decides nothing about who is run: that is the dispatchers' (`run/_dispatcher.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from supervisors.errors import ThreadRefused
from supervisors.system.native import (
    acquire,
    allocate_lock,
    begin,
    forget_threads,
    get_ident,
    is_patched,
    run_as_ours,
)
from supervisors.system.process import InChild, this_process

__all__ = ["NativeThread", "Thread", "TreeThread", "is_want_of_threads", "new_thread"]

_BEGINS_WITHIN_S = 5.0
"""A thread of a busy machine does; beyond it one is taken for gone."""
_RUNS, _GIVEN_UP = "runs", "given up"

_RENEWAL: Final = InChild(forget_threads)


class Thread(Protocol):
    """What the packages need of a thread; `threading.Thread` has it."""

    @property
    def ident(self) -> int | None:
        """Its id as Python counts them; used again once it has ended."""

    @property
    def native_id(self) -> int | None:
        """Its id in the operating system, by which CPU time is asked for."""

    def start(self) -> None:
        """Let it run."""

    def is_alive(self) -> bool:
        """Whether it has begun and has not ended."""

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, or *timeout* seconds."""


def new_thread(target: Callable[[], object], name: str) -> Thread:
    """A daemon thread that is still to be started: native, also where gevent has patched."""
    if is_patched("threading"):
        return NativeThread(name, target)
    return TreeThread(name, partial(run_as_ours, target))


class _Fate:
    """Whether a thread runs, or has been given up: decided once, by whoever comes first."""

    def __init__(self) -> None:
        self._fate: dict[str, str] = {}

    def runs(self) -> bool:
        """Of its own thread: it may."""
        return self._fate.setdefault("is", _RUNS) == _RUNS

    def is_given_up(self) -> bool:
        """Of who has waited for it: it never will run."""
        return self._fate.setdefault("is", _GIVEN_UP) == _GIVEN_UP


class _Begun(threading.Event):
    """What `Thread.start` waits for, and no longer than that."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(_BEGINS_WITHIN_S if timeout is None else timeout)


class TreeThread(threading.Thread):
    """A daemon thread."""

    def __init__(self, name: str, target: Callable[[], object]) -> None:
        super().__init__(target=target, name=name, daemon=True)
        self._started = _Begun()
        self._fate = _Fate()

    def start(self) -> None:
        """Start it, and return when it runs. Once.

        Raises:
            ThreadRefused: it doesn't, and never will: its target is not called.
        """
        try:
            super().start()
        except (RuntimeError, MemoryError) as error:
            raise _refused(self.name, error) from error
        if not self._started.is_set() and self._fate.is_given_up():
            raise _never_ran(self.name)

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end. Not for one that has not begun: another thread may be starting it."""
        if self._started.is_set():
            super().join(timeout)

    def run(self) -> None:
        """Its own thread."""
        if self._fate.runs():
            super().run()


class NativeThread:
    """The same where a `threading.Thread` would be a greenlet.

    A greenlet that starts it, or joins, lets its hub go on meanwhile.
    """

    def __init__(self, name: str, target: Callable[[], object]) -> None:
        self.name = name
        self._target = target
        self._fate = _Fate()
        self._process = this_process()
        self._begun, self._end = allocate_lock(), allocate_lock()
        self._begun.acquire()
        self._end.acquire()
        self._is_running = False
        self.ident: int | None = None
        self.native_id: int | None = None

    def start(self) -> None:
        """As of `TreeThread`.

        Raises:
            ThreadRefused: it doesn't run, and never will.
        """
        try:
            begin(self._live)
        except (RuntimeError, MemoryError) as error:
            raise _refused(self.name, error) from error
        if not acquire(self._begun, _BEGINS_WITHIN_S) and self._fate.is_given_up():
            raise _never_ran(self.name)

    def _live(self) -> None:
        if not self._fate.runs():
            return
        self.ident = get_ident()
        self.native_id = threading.get_native_id()
        self._is_running = True
        self._begun.release()
        try:
            self._target()
        finally:
            self._is_running = False
            self._end.release()

    def is_alive(self) -> bool:
        """It has begun, in this process, and has not ended."""
        return self._is_running and self._process is this_process()

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, for *timeout* seconds at most."""
        if self.is_alive() and acquire(self._end, timeout):
            self._end.release()  # for whoever else joins


def _refused(name: str, error: BaseException) -> ThreadRefused:
    return ThreadRefused(name, str(error) or type(error).__name__)


def _never_ran(name: str) -> ThreadRefused:
    return ThreadRefused(name, "it was started and never ran")


def is_want_of_threads(error: BaseException | None, *, at_exit: bool = False) -> bool:
    """Whether *error* has come of a `ThreadRefused`; with *at_exit*, of one at the very end."""
    while error is not None:
        if isinstance(error, ThreadRefused):
            return error.at_exit or not at_exit
        error = error.__cause__
    return False
