"""At rest: processor time and wake-ups of a process that emits nothing.

After a thousand events have gone out and a second has passed: milliseconds of CPU, and
voluntary context switches of all its threads, in a second of the clock.
"""

from __future__ import annotations

import threading

from benchmarks.beside import Cell, Scale, subjects
from benchmarks.child import Job, Outcome, cpu_s, outcome, ready
from benchmarks.contestants import OURS
from benchmarks.pacing import switches

HEADER = (__doc__ or "").partition("\n\n")[2]
FIGURES = ("cpu_ms_per_s", "wake_ups_per_s", "threads")

_CONTESTANTS = (OURS, "opentelemetry-sdk", "fastotel", "nothing")
_WARM_UP = 1_000


def cells(scale: Scale) -> list[Cell]:
    """One."""
    options = {"seconds": 1.0 if scale.quick else 3.0}
    return [Cell("at rest", "message_run", subjects(*_CONTESTANTS), options, 2)]


def measure(job: Job) -> Outcome:
    """In the child."""
    seconds, pause = job.options["seconds"], threading.Event()
    with ready(job, 0, _WARM_UP) as (contestant, _none):
        pause.wait(1.0)
        before_cpu, before = cpu_s(), switches()
        pause.wait(seconds)
        found = {
            "cpu_ms_per_s": (cpu_s() - before_cpu) * 1000 / seconds,
            "wake_ups_per_s": (switches() - before) / seconds,
            "threads": float(threading.active_count()),
        }
        contestant.flush()
    return outcome(job, found, 0, _WARM_UP)
