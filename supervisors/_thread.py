"""A thread of the tree, whose start ends one way or the other.

`threading.Thread.start` waits until the new thread says that it runs. One that finds no memory
for its first frame is gone by then and says nothing (within 24 KB of a limit on memory, CPython
3.11 to 3.13), so whoever started it would wait for ever, and a whole tree with it. Here that
wait has a limit. A thread that comes later still finds that nobody counts on it, and goes.

It decides nothing about who is run: that is the dispatchers' (`_dispatcher.py`).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from supervisors.errors import ThreadRefused

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TreeThread", "is_want_of_threads"]

_BEGINS_WITHIN_S = 5.0
"""A thread of a busy machine does; beyond it one is taken for gone."""
_RUNS, _GIVEN_UP = "runs", "given up"


class _Begun(threading.Event):
    """What `Thread.start` waits for, and no longer than that."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(_BEGINS_WITHIN_S if timeout is None else timeout)


class TreeThread(threading.Thread):
    """A daemon thread.

    Args:
        name: of the thread.
        target: what it runs.
    """

    def __init__(self, name: str, target: Callable[[], None]) -> None:
        super().__init__(target=target, name=name, daemon=True)
        self._started = _Begun()
        self._fate: dict[str, str] = {}

    def start(self) -> None:
        """Start it, and return when it runs. Once.

        Raises:
            ThreadRefused: it doesn't, and never will: its target is not called.
        """
        try:
            super().start()
        except (RuntimeError, MemoryError) as error:
            raise ThreadRefused(self.name, str(error) or type(error).__name__) from error
        if not self._started.is_set() and self._decide(_GIVEN_UP) == _GIVEN_UP:
            raise ThreadRefused(self.name, "it was started and never ran")

    def run(self) -> None:
        """Its own thread."""
        if self._decide(_RUNS) == _RUNS:
            super().run()

    def _decide(self, fate: str) -> str:
        """Whoever comes first; atomic."""
        return self._fate.setdefault("is", fate)


def is_want_of_threads(error: BaseException | None, *, at_exit: bool = False) -> bool:
    """Whether *error* has come of a `ThreadRefused`; with *at_exit*, of one at the very end."""
    while error is not None:
        if isinstance(error, ThreadRefused):
            return error.at_exit or not at_exit
        error = error.__cause__
    return False
