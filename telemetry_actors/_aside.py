"""A thread for one errand, started without a lock and without a wait.

`threading.Thread.start` takes a lock that the caller may hold already, if it is a signal handler
that has interrupted another start.
"""

from __future__ import annotations

from collections.abc import Callable

from supervisors._native import begin

__all__ = ["run_aside"]


def run_aside(errand: Callable[[], object]) -> None:
    """Run *errand* on a new daemon thread. Any thread, re-entrant.

    Raises:
        RuntimeError: no thread can be started.
    """
    begin(errand)
