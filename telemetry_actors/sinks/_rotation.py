"""Headers and keys that change while a process runs: files that are looked at now and then.

Beside `otlp.py`, on the thread of a sink that is about to send; never in `emit()`. Content is
compared, and no time or inode: a secret of Kubernetes is renamed by a link, and a rewrite of the
same size within one tick of the clock has the time of the one before it.

Three threads (logs, spans, metrics) may look at the same moment, without a lock: at worst two read
the same, and one that was overtaken is put right at the next look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from supervisors import SystemClock
from telemetry_actors.base.log import say, warn
from telemetry_actors.errors import SettingsError
from telemetry_actors.settings.header_files import HeaderFiles

_PERIOD_S: Final = 1.0
_now_s = SystemClock().now_s  # files change in real time


class Rotation:
    """Of one sink.

    Args:
        files: where the headers are.
        use: takes new ones, or raises `SettingsError` and leaves all as it was.
        now_s: for tests.
    """

    def __init__(
        self,
        files: HeaderFiles,
        use: Callable[[Mapping[str, str]], None],
        now_s: Callable[[], float] = _now_s,
    ) -> None:
        self._files = files
        self._use = use
        self._now_s = now_s
        self._due_s = 0.0
        self._used: Mapping[str, str] = {}
        self._problem = ""

    def begin(self) -> None:
        """The first look.

        Raises:
            SettingsError: a file is missing, or holds what can't be sent.
        """
        self._take()

    def look(self, *, at_once: bool = False) -> None:
        """Use what is new, at most one look a second. What can't be used is said, once.

        Args:
            at_once: though the last look was less than a second ago.
        """
        if self._now_s() < self._due_s and not at_once:
            return
        try:
            if self._take():
                say("headers for the receiver have changed in their file; the new ones are used")
        except SettingsError as error:
            self._complain(str(error))
        else:
            self._problem = ""

    def _take(self) -> bool:
        self._due_s = self._now_s() + _PERIOD_S
        headers = self._files.read()
        if headers == self._used:
            return False
        self._use(headers)
        self._used = headers
        return True

    def _complain(self, problem: str) -> None:
        before, self._problem = self._problem, problem
        if problem != before:
            words = "%s; what was read before stays in use until that is put right"
            warn(words, problem, of=problem, at_once=1)
