"""What `emit()` has found out and may not say itself: said by somebody else, or once in a process.

Beside `supervisors/system/process.py`, for whoever does nothing but emit: unusable settings, and
what is off. `emit()` writes nothing (g02): a thread of ours does, or the end of the process, if
none can be started or it has not come to it. Nothing here is made at import (g05).
"""

from __future__ import annotations

import atexit
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Final, Protocol
from weakref import WeakSet

from supervisors.system.native import acquire, allocate_lock, begin
from supervisors.system.process import of_this_process, this_process

_AT_EXIT_S: Final = 1.0
"""For a thread that is in the middle of it."""


def tell_later(what: str, say: Callable[[], object]) -> None:
    """Have *say* called, once per process for each *what*; in a fork's child that asks once more.

    No lock, no wait, no I/O but for the one thread that the first call starts. Any thread,
    re-entrant; nothing is raised.
    """
    with suppress(Exception):  # at the recursion limit, out of memory: g01 holds
        of_this_process(("told later", what), lambda: _Telling(say)).begin()


class _Telling:
    """One thing to be said in one process. Whoever takes the claim says it."""

    def __init__(self, say: Callable[[], object]) -> None:
        self._process = this_process()
        self._say = say
        self._claim = [True]
        self._calls = count(1)
        self._begun = False
        self._said = allocate_lock()
        self._said.acquire()

    def begin(self) -> None:
        """Where no thread can be had it is tried again at the 2nd, 4th, 8th call and so on."""
        if self._begun or not self._claim:
            return
        call = next(self._calls)
        if call & (call - 1):
            return
        self._begun = True
        if call == 1:
            atexit.register(self._tell_at_exit)
        try:
            begin(self._tell)
        except RuntimeError:
            self._begun = False

    def _tell(self) -> None:
        try:
            self._claim.pop()
        except IndexError:
            return
        try:
            self._say()
        finally:
            self._said.release()

    def _tell_at_exit(self) -> None:
        with suppress(Exception):
            if self._process is this_process():  # a child has inherited the hook alone
                self._tell()
                acquire(self._said, _AT_EXIT_S)


def tell_soon(say: Callable[[], object]) -> None:
    """Have *say* called each time. As `tell_later`; who asks sees to it that it is not often."""
    with suppress(Exception):
        of_this_process(_Teller, _Teller).ask(say)


def tell_at_the_end(one: Ending) -> None:
    """Have *one* say its last word when this process ends, if it is still there."""
    with suppress(Exception):
        of_this_process(_Teller, _Teller).last.add(one)


def tell_now() -> None:
    """Whatever is waiting is said here and now, as the end of the process does. Waits a little."""
    with suppress(Exception):
        of_this_process(_Teller, _Teller).tell_at_exit()


class Ending(Protocol):
    """What has a last word."""

    def sum_up_at_the_end(self) -> None:
        """Say it, unless it has been said."""
        ...


class _Teller:
    """What waits to be said in one process, and the one thread at a time that says it."""

    def __init__(self) -> None:
        self._process = this_process()
        self._waiting: deque[Callable[[], object]] = deque()
        self._at_it = allocate_lock()
        self._unhooked = [True]
        self.last: WeakSet[Ending] = WeakSet()
        self._ends = False
        """The process does: a thread that writes just then may take stderr's lock with it."""

    def ask(self, say: Callable[[], object]) -> None:
        self._waiting.append(say)
        with suppress(IndexError):
            self._unhooked.pop()
            atexit.register(self.tell_at_exit)
        self._begin()

    def _begin(self) -> None:
        """Unless somebody is at it, who looks once more before it goes."""
        if self._ends or not self._at_it.acquire(False):
            return
        try:
            begin(self._run)
        except RuntimeError:  # no thread can be had: the next one to ask tries again, or the end
            self._at_it.release()

    def _run(self) -> None:
        try:
            self._tell()
        finally:
            self._at_it.release()
        if self._waiting:
            self._begin()

    def _tell(self) -> None:
        with suppress(IndexError):
            while True:
                say = self._waiting.popleft()
                with suppress(Exception):
                    say()

    def tell_at_exit(self) -> None:
        if self._process is this_process():  # a child has inherited the hook alone
            self._ends = True
            if acquire(self._at_it, _AT_EXIT_S):
                self._at_it.release()
            self._tell()
            for one in list(self.last):
                with suppress(Exception):
                    one.sum_up_at_the_end()
