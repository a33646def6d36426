"""No measurement: a few events, to be looked at as they arrive."""

from __future__ import annotations

from benchmarks.child import Job, Outcome, outcome, running
from benchmarks.contestants.base import events_of
from benchmarks.workloads import WORKLOADS


def measure(job: Job) -> Outcome:
    """Emit, flush, close."""
    count = job.options["events"]
    with running(job) as contestant:
        for event in events_of(WORKLOADS[job.workload], job.plans(), count, first_round=1):
            contestant.emit(event)
        contestant.flush()
    return outcome(job, {}, count)
