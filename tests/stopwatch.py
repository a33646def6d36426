"""A stopwatch that leaves out the moments in which the machine stood still.

A virtual machine is taken off its processor now and then, and a bound of 0.2 s on what a stop may
take would then fail for something that is not ours. A process beside the tests does nothing but
sleep and look at the time: by as much as it wakes too late, nobody could have been on time. What
the tests' own process does to itself (its GIL, its locks) can't make that process late.

Another test beside would make it late, or us: who looks at it has the marker ``timed``, and a core
to itself; who needs more than one has ``alone``, too.
"""

from __future__ import annotations

import atexit
import mmap
import os
import struct
import subprocess
import sys
import tempfile
import time
from typing import IO

__all__ = ["Stopwatch", "may_be_used", "witness"]

_PERIOD_S, _LATE_S = 0.01, 0.01
_FIGURES = struct.Struct("dd")
_ANSWER_S = 5.0


class _Witness:
    """The process beside us, and the page on which it writes what it has seen."""

    def __init__(self) -> None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(bytes(_FIGURES.size))
            file.flush()
            self._page = mmap.mmap(file.fileno(), _FIGURES.size)
            command = [sys.executable, "-S", "-E", __file__]
            self.process = subprocess.Popen(command, stdin=file)
        self.still_s()
        atexit.register(self._end, os.getpid())

    def still_s(self) -> float:
        """For how long the machine has stood still since it began to look."""
        now_s = time.perf_counter()
        while True:  # until it has looked since: what we were in the middle of counts, too
            found_s, seen_s = _FIGURES.unpack_from(self._page)
            if seen_s > now_s:
                return float(found_s)
            assert time.perf_counter() < now_s + _ANSWER_S, "the witness is gone"
            time.sleep(_PERIOD_S / 2)  # its next look comes within one period

    def _end(self, owner: int) -> None:
        if os.getpid() == owner:  # not in a child of ours
            self.process.kill()
            self.process.wait()


_witnesses: list[_Witness] = []


def witness() -> _Witness:
    """The one of this process; started when it is first asked for."""
    if not _witnesses:
        _witnesses.append(_Witness())
    return _witnesses[0]


_allowed = [True]  # outside pytest, too


def may_be_used(allowed: bool) -> None:
    """Whether the test that begins is one that has the machine to itself."""
    _allowed[0] = allowed


class Stopwatch:
    """Runs from now on.

    Raises:
        RuntimeError: the test has not the marker ``timed``.
    """

    def __init__(self) -> None:
        if not _allowed[0]:
            raise RuntimeError("a test with a stopwatch needs @pytest.mark.timed")
        self._still_s = witness().still_s()
        self._began_s = time.perf_counter()

    def took_s(self) -> float:
        """Seconds since it was made, but for those in which the machine stood still."""
        took_s = time.perf_counter() - self._began_s
        return took_s - (witness().still_s() - self._still_s)


def _look(file: IO[bytes]) -> None:
    """What the process beside us does, for as long as we are there."""
    page, parent = mmap.mmap(file.fileno(), _FIGURES.size), os.getppid()
    still_s, last_s = 0.0, time.perf_counter()
    while os.getppid() == parent:
        time.sleep(_PERIOD_S)
        now_s = time.perf_counter()
        late_s = now_s - last_s - _PERIOD_S
        if late_s > _LATE_S:
            still_s += late_s
        last_s = now_s
        _FIGURES.pack_into(page, 0, still_s, now_s)


if __name__ == "__main__":
    _look(sys.stdin.buffer)
