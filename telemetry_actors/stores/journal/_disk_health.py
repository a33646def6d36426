"""Whether the journal's disk is well, and when it is tried again.

Beside `journal.py`, which does the writing. The gateway actor's thread; anybody may read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from supervisors import Clock
from telemetry_actors.base.outage import Outage
from telemetry_actors.stores.advice import for_directory, then

_FIRST_RETRY_S: Final = 1.0
_LAST_RETRY_S: Final = 30.0


class DiskHealth:
    """Of one directory: what is wrong with it, told once, and how long it is left alone."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self.directory = directory
        self.problem = ""
        """Why it is out, and what to do; empty: it is well."""
        self.errors = 0
        self.retry_s = _FIRST_RETRY_S
        self._clock = clock
        self._outage = Outage("the journal")
        self._retry_at_s = 0.0

    def failed(self, error: OSError) -> None:
        """The disk says no: it is left alone, the longer the oftener it does."""
        self.errors += 1
        words = (
            "the journal in %s fails (%s); going on without it: what comes now is in memory alone"
        )
        advice = for_directory(error, "TELEMETRY_ACTORS__JOURNAL__DIRECTORY")
        problem = then(str(error), advice)
        self._outage.failed(self._clock.now_s(), words, self.directory, problem)
        self.problem = problem
        self._retry_at_s = self._clock.now_s() + self.retry_s
        self.retry_s = min(self.retry_s * 2, _LAST_RETRY_S)

    def works(self) -> None:
        """It has been opened."""
        self._outage.over("the journal in %s works again", self.directory)
        self.problem, self.retry_s = "", _FIRST_RETRY_S

    def until_retry_s(self) -> float:
        """Seconds until it is tried again; not above 0.0: now."""
        return self._retry_at_s - self._clock.now_s()
