"""Threads that were left behind stuck: how many there are now, and were in all.

A part of `run/runtime.py`. Any thread of the tree; no lock.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from supervisors.run._zombies import leave_behind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from supervisors.thread import Thread


class LeftBehind:
    """The stuck threads of one tree. A thread can't be ended: it is forgotten, and counted."""

    def __init__(self, most: int) -> None:
        self.most = most
        """While there are so many, nothing is started in the place of another one."""
        self.in_all = 0
        self.threads: list[Thread] = []

    def add(self, thread: Thread | None) -> None:
        """*thread* is left behind. None: it would be, if there were threads here."""
        self.in_all += 1
        if thread is not None:
            self.threads.append(thread)
            leave_behind(thread)

    def now(self) -> int:
        """How many are stuck still."""
        for thread in list(self.threads):
            if not thread.is_alive():
                with suppress(ValueError):  # another thread was as quick
                    self.threads.remove(thread)
        return len(self.threads)

    def with_others(self, others: Iterable[Thread]) -> int:
        """How many are stuck, *others* among them; each counts once."""
        stuck = [thread for thread in self.threads if thread.is_alive()]
        return len({id(thread) for thread in (*stuck, *others)})
