"""Resident kB per idle actor: ``python -m benchmarks.idle_actors pykka|own|shared COUNT``.

A process of its own for each subject, so that memory which another one has freed isn't
counted as free of charge. Linux only.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

from benchmarks.actors import STOP_S, Idle, PykkaIdle
from supervisors import ChildSpec, Supervisor, SupervisorSpec

_WARM_UP = 20


def _resident_kb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def _of_pykka(count: int) -> float:
    refs = [PykkaIdle.start() for _ in range(_WARM_UP)]
    before_kb = _resident_kb()
    refs += [PykkaIdle.start() for _ in range(count)]
    each_kb = (_resident_kb() - before_kb) / count
    for future in [ref.stop(block=False) for ref in refs]:
        future.get(timeout=STOP_S)
    return each_kb


def _of_supervised(dispatcher: str, count: int) -> float:
    supervisor = Supervisor.start(SupervisorSpec())

    def start(first: int, last: int) -> None:
        for n in range(first, last):
            supervisor.start_child(ChildSpec(str(n), Idle, dispatcher=dispatcher))

    start(0, _WARM_UP)
    before_kb = _resident_kb()
    start(_WARM_UP, _WARM_UP + count)
    each_kb = (_resident_kb() - before_kb) / count
    supervisor.stop(STOP_S)
    return each_kb


def main() -> None:
    """Print the figure."""
    subject, count = sys.argv[1], int(sys.argv[2])
    print(_of_pykka(count) if subject == "pykka" else _of_supervised(subject, count))


if __name__ == "__main__":
    main()
