"""A thread for one errand, started without a lock and without a wait.

`threading.Thread.start` takes a lock that the caller may hold already, if it is a signal handler
that has interrupted another start.
"""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable

__all__ = ["run_aside"]


def run_aside(errand: Callable[[], object]) -> None:
    """Run *errand* on a new daemon thread. Any thread, re-entrant.

    Raises:
        RuntimeError: no thread can be started.
    """

    def run() -> None:
        try:
            errand()
        finally:
            _forget_this_thread()

    _thread.start_new_thread(run, ())


def _forget_this_thread() -> None:
    """Logging or a join has made it known to `threading`, where 3.11 keeps it for ever."""
    known = getattr(threading, "_active", {})
    if isinstance(known.get(_thread.get_ident()), threading._DummyThread):
        known.pop(_thread.get_ident(), None)
