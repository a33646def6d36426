"""A sustained flood: what a call costs, events a second, processor time for each.

Events as fast as they are taken, 4,000 in flight at most, by producer threads that do nothing
else. p50 and p99 of single emit() calls, in microseconds; events a second and CPU (of the
process alone, user and system) for each event, from the first call until all are exported.
In parentheses the worst of the runs. Garbage collection counts. Not measured: the receiver.
"""

from __future__ import annotations

from benchmarks.beside import Cell, Scale, subjects
from benchmarks.child import Job, Outcome, outcome, ready
from benchmarks.contestants import OURS
from benchmarks.flooding import flood

HEADER = (__doc__ or "").partition("\n\n")[2]
FIGURES = ("p50_us", "p99_us", "max_us", "events_per_s", "cpu_us")

_SDK = "opentelemetry-sdk"
_PAIR = (OURS, _SDK)
_EVENTS = {
    "app_created": 20_000,
    "message_run": 12_000,
    "message_run 20 kB": 3_000,
    "mix": 9_000,
    "all cases": 9_600,
}
_OFTEN = ("app_created", "message_run", "mix")  # what the ratios are quoted of
_SMALL = 40  # the share of it that a quick run is of


def cells(scale: Scale) -> list[Cell]:
    """Every workload from one thread, and one workload from many."""
    threads = list(scale.threads) or [1, 8, 32, 128]
    workloads = list(scale.workloads) or list(_EVENTS)
    return [
        Cell(
            f"{workload}, {count} thread{'s' if count > 1 else ''}",
            workload,
            subjects(*_PAIR),
            {"events": _events(workload, scale), "threads": count},
            3 if count == threads[0] and workload in _OFTEN else 2,
        )
        for workload in workloads
        for count in threads
        if count == threads[0] or workload == "message_run" or scale.workloads
    ]


def _events(workload: str, scale: Scale) -> int:
    return scale.events or _EVENTS[workload] // (_SMALL if scale.quick else 1)


def measure(job: Job) -> Outcome:
    """In the child."""
    fewer = job.options.get("fewer", {})
    count = min(job.options["events"], fewer.get(job.contestant, job.options["events"]))
    warm_up = min(2_000, count)
    with ready(job, count, warm_up) as (contestant, events):
        found = flood(contestant, events, job.options["threads"])
    return outcome(job, found, count, warm_up)
