"""What `emit()` has found out and may not say itself: said once in a process, by somebody else.

Beside `_process.py`, for whoever does nothing but emit: unusable settings, and what is off.
`emit()` writes nothing (g02): a thread of ours does, or the end of the process, if none can be
started or it has not come to it. Nothing here is made at import (g05).
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Final

from supervisors._native import acquire, allocate_lock, begin
from supervisors._process import of_this_process, this_process

__all__ = ["tell_later"]

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
