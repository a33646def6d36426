"""Looking for threads that are gone.

A crash is reported by the thread it happens on. A thread that simply is no more (a C
extension that ended it, an interpreter fault) reports nothing, and its mailbox would
fill for ever. So while anything is going on in a tree, one timer looks at every thread;
after a look that finds all quiet it stops, and the next wake-up starts it again
(``poke``), so that an idle tree costs no wake-ups.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from supervisors._clock import new_token, release

if TYPE_CHECKING:
    from supervisors._runtime import Runtime

__all__ = ["Watch"]


class Watch:
    """The thread sweep of one runtime, on a thread of its own."""

    def __init__(self, runtime: Runtime, interval_s: float) -> None:
        self._runtime = runtime
        self._interval_s = interval_s
        self._token = new_token()
        self._armed = False
        self._stopped = False
        self._thread: threading.Thread | None = None

    def poke(self) -> None:
        """Something was sent. Any thread, re-entrant; costs one look at a flag."""
        if not self._armed:
            self._armed = True
            release(self._token)

    def start(self) -> None:
        """Start looking. Supervisor's start."""
        self._thread = threading.Thread(target=self._look, name="supervisors-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped = True
        release(self._token)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1.0)

    def _look(self) -> None:
        runtime = self._runtime
        while not self._stopped:
            runtime.clock.wait(self._token, None)
            while self._armed and not self._stopped:
                runtime.clock.wait(self._token, self._interval_s)
                self._armed = False  # before the look: what comes during it must count
                for dispatcher in runtime.dispatchers():
                    dispatcher.sweep()
                if any(not slot.idle() for slot in list(runtime.slots.values())):
                    self._armed = True
