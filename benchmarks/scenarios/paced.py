"""At 10, 100, 1,000 and 10,000 events a second: what a call and an event cost at everyday rates.

One thread emits message_run at a fixed rate. CPU is that of the process for each event, until
all are exported, net of the pacing loop ("nothing") and of an empty flush; switches are times
a thread waited, net of the loop, too. Batches are small here, and wake-ups are what costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.beside import Cell, Scale, subjects
from benchmarks.child import Job, Outcome, outcome, ready
from benchmarks.contestants import OURS
from benchmarks.pacing import net_of_nothing, paced

HEADER = (__doc__ or "").partition("\n\n")[2]
FIGURES = ("p50_us", "p99_us", "max_us", "cpu_us", "switches_per_s")

_SECONDS = {10: 4.0, 100: 4.0, 1_000: 2.5, 10_000: 1.5}
_NATIVE = ("fastotel", "honeycomb-pycpp")
_WARM_UP = 200


def cells(scale: Scale) -> list[Cell]:
    """One for each rate; from 1,000 on beside the native ones, too."""
    workload = (scale.workloads or ("message_run",))[0]
    return [
        Cell(
            f"{rate:,} a second",
            workload,
            subjects(OURS, "opentelemetry-sdk", *(_NATIVE if rate >= 1_000 else ()), "nothing"),
            {"rate": rate, "seconds": 1.0 if scale.quick else seconds},
            2,
        )
        for rate, seconds in _SECONDS.items()
    ]


def measure(job: Job) -> Outcome:
    """In the child."""
    rate = job.options["rate"]
    count = int(rate * job.options["seconds"])
    with ready(job, count, _WARM_UP) as (contestant, events):
        found = paced(contestant, events, rate)
    del found["cpu_percent"]
    return outcome(job, found, count, _WARM_UP)


def finish(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Net of the loop."""
    return net_of_nothing(rows, ("cpu_us", "switches_per_s"))
