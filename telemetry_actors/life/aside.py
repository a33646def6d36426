"""A thread for one errand, started without a lock and without a wait.

`threading.Thread.start` takes a lock that the caller may hold already, if it is a signal handler
that has interrupted another start.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

from supervisors.system.native import begin


class _Lifeline:
    """Goes with the thread."""

    __slots__ = ("__weakref__",)


class Aside:
    """An errand on its way. Looked at by whoever waits for it."""

    def __init__(self, errand: Callable[[], object]) -> None:
        def run(_lifeline: object) -> None:
            self._began = True
            errand()

        lifeline = _Lifeline()
        self._began = False
        self._lifeline = weakref.ref(lifeline)
        begin(run, lifeline)

    def never_came(self) -> bool:
        """Its thread is gone, and had no memory for its first step: nobody does the errand.

        The thread alone holds its argument. (What it was to call, 3.11 and 3.12 leak.)
        """
        return self._lifeline() is None and not self._began


def run_aside(errand: Callable[[], object]) -> Aside:
    """Run *errand* on a new daemon thread, native in any host. Any thread, re-entrant.

    Raises:
        RuntimeError: no thread can be started.
    """
    return Aside(errand)
