"""A starved host: what becomes of events while four threads of the process compute.

Four threads compute without a pause; a fifth emits message_run at 500 a second. The longest
call, and the seconds from the last call until everything was out, under the same load (asked
for by a flush). Everything must arrive.
"""

from __future__ import annotations

from time import perf_counter

from benchmarks.beside import Cell, Scale, subjects
from benchmarks.child import Job, Outcome, outcome, ready
from benchmarks.contestants import OURS
from benchmarks.figures import percentiles_us
from benchmarks.pacing import pace
from benchmarks.scenarios.busy import Computing

HEADER = (__doc__ or "").partition("\n\n")[2]
FIGURES = ("last_out_s", "emitting_s", "p50_us", "p99_us", "max_us")

_CONTESTANTS = (OURS, "opentelemetry-sdk", "fastotel", "nothing")
_RATE = 500
_THREADS = 4
_WARM_UP = 500


def cells(scale: Scale) -> list[Cell]:
    """One."""
    events = scale.events or (100 if scale.quick else 500)
    return [Cell("4 threads", "message_run", subjects(*_CONTESTANTS), {"events": events}, 2)]


def measure(job: Job) -> Outcome:
    """In the child."""
    count = job.options["events"]
    with ready(job, count, _WARM_UP) as (contestant, events):
        others = [Computing() for _ in range(_THREADS)]
        began = perf_counter()
        times = pace(contestant, events, _RATE)
        emitted = perf_counter()
        contestant.flush()
        out = perf_counter()
        for one in others:
            one.end()
    found = {"last_out_s": out - emitted, "emitting_s": emitted - began, **percentiles_us(times)}
    return outcome(job, found, count, _WARM_UP)
