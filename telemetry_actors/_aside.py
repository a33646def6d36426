"""A thread for one errand, started without a lock and without a wait.

`threading.Thread.start` takes a lock that the caller may hold already, if it is a signal handler
that has interrupted another start.
"""

from __future__ import annotations

import _thread
import threading
import weakref
from collections.abc import Callable

__all__ = ["Aside", "forget_this_thread", "run_aside"]


class _Lifeline:
    """Goes with the thread."""

    __slots__ = ("__weakref__",)


class Aside:
    """An errand on its way. Looked at by whoever waits for it."""

    def __init__(self, errand: Callable[[], object]) -> None:
        def run(_lifeline: object) -> None:
            self._began = True
            try:
                errand()
            finally:
                forget_this_thread()

        lifeline = _Lifeline()
        self._began = False
        self._lifeline = weakref.ref(lifeline)
        _thread.start_new_thread(run, (lifeline,))

    def never_came(self) -> bool:
        """Its thread is gone, and had no memory for its first step: nobody does the errand.

        The thread alone holds its argument. (What it was to call, 3.11 and 3.12 leak.)
        """
        return self._lifeline() is None and not self._began


def run_aside(errand: Callable[[], object]) -> Aside:
    """Run *errand* on a new daemon thread. Any thread, re-entrant.

    Raises:
        RuntimeError: no thread can be started.
    """
    return Aside(errand)


def forget_this_thread() -> None:
    """The last act of a thread of `_thread`.

    Logging or a join has made it known to `threading`, where 3.11 keeps it for ever.
    """
    known = getattr(threading, "_active", {})
    if isinstance(known.get(_thread.get_ident()), threading._DummyThread):
        known.pop(_thread.get_ident(), None)
