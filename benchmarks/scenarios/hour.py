"""Memory after an hour: as many events as an hour has at 100 a second, as fast as they go.

360,000 events of app_created, each with ids of its own, 4,000 in flight; resident memory of the
process after the first 10,000 and after the last, all out at both times. What is remembered
for an hour on purpose (ids that have been seen) is part of it.
"""

from __future__ import annotations

import gc

from benchmarks.beside import Cell, Scale, subjects
from benchmarks.child import Job, Outcome, outcome, running
from benchmarks.contestants import OURS
from benchmarks.contestants.base import events_of
from benchmarks.flooding import flood
from benchmarks.scenarios.memory import rss_bytes
from benchmarks.workloads import WORKLOADS

HEADER = (__doc__ or "").partition("\n\n")[2]
FIGURES = ("rss_early_mb", "rss_late_mb", "grown_mb")

_AN_HOUR = 360_000
_AT_ONCE = 10_000


def cells(scale: Scale) -> list[Cell]:
    """One."""
    events = scale.events or (3 * _AT_ONCE if scale.quick else _AN_HOUR)
    both = subjects(OURS, "opentelemetry-sdk")
    return [Cell("an hour", "app_created", both, {"events": events}, 1, keep=False)]


def measure(job: Job) -> Outcome:
    """In the child; events are made a few at a time, and let go of."""
    rounds = max(2, job.options["events"] // _AT_ONCE)
    workload, plans = WORKLOADS[job.workload], job.plans()
    resident = []
    with running(job) as contestant:
        for number in range(rounds):
            first_round = 1 + number * _AT_ONCE
            flood(contestant, events_of(workload, plans, _AT_ONCE, first_round), 1)
            gc.collect()
            resident.append(rss_bytes() / 1e6)
    found = {
        "rss_early_mb": resident[0],
        "rss_late_mb": resident[-1],
        "grown_mb": resident[-1] - resident[0],
    }
    return outcome(job, found, rounds * _AT_ONCE)
