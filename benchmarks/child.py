"""What one measurement runs in: a fresh process with one contestant, for `benchmarks.runner`.

``python -m benchmarks.child`` reads a job as JSON from its stdin and writes one line of JSON to its
stdout. The scenario's ``measure(job)`` does the measuring; here is what all of them need.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.contestants import Contestant, module_of
from benchmarks.contestants.base import Event, events_of
from benchmarks.shapes import Plan, plans_from_json
from benchmarks.workloads import WORKLOADS

__all__ = ["Job", "Outcome", "cpu_s", "outcome", "ready", "running", "warm_up"]


class Job(NamedTuple):
    """One measurement."""

    scenario: str
    contestant: str
    workload: str
    endpoint: str
    plans_file: str
    """What the workload's events become."""
    settings: dict[str, Any]
    """Of ours, for scenarios that compare us with ourselves."""
    options: dict[str, Any]
    """Of the scenario."""

    def plans(self) -> list[Plan]:
        """One for each template."""
        return plans_from_json(json.loads(Path(self.plans_file).read_text()))


class Outcome(NamedTuple):
    """What came of it."""

    figures: dict[str, float]
    events: int
    """All that were handed over, those of the warm-up, too."""
    records: int
    """Log records that they are."""
    spans: int


def running(job: Job) -> Any:
    """The contestant, for the length of a block."""
    options = {"settings": job.settings, "plans": job.plans(), "plans_file": job.plans_file}
    maker = module_of(job.contestant)
    return maker.running(job.endpoint, WORKLOADS[job.workload], options)


@contextmanager
def ready(job: Job, count: int, warm_up_count: int) -> Iterator[tuple[Contestant, list[Event]]]:
    """A contestant that has warmed up, and the events of the run.

    The events are out of the garbage collector's sight: in an application they would be made one
    by one, and a heap of ours would be paid for by whoever makes garbage.
    """
    workload, plans = WORKLOADS[job.workload], job.plans()
    early = events_of(workload, plans, warm_up_count, first_round=1)
    events = events_of(workload, plans, count, first_round=warm_up_count + 1)
    with running(job) as contestant:
        warm_up(contestant, early)
        gc.collect()
        gc.freeze()
        yield contestant, events


def warm_up(contestant: Contestant, events: Sequence[Event]) -> None:
    """The first events: imports, connections, caches."""
    for event in events:
        contestant.emit(event)
    contestant.settle()


def outcome(job: Job, figures: dict[str, float], count: int, warm_up_count: int = 0) -> Outcome:
    """With what so many events must have become (those of the warm-up are rounds of their own)."""
    plans = job.plans()
    records = spans = 0
    for part in (count, warm_up_count):
        whole, rest = divmod(part, len(plans))
        for times, some in ((whole, plans), (1, plans[:rest])):
            records += times * sum(len(plan.logs) for plan in some)
            spans += times * sum(len(plan.spans) for plan in some)
    return Outcome(figures, count + warm_up_count, records, spans)


def cpu_s() -> float:
    """Processor time of this process, its threads together, and of none of its children."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure."""
    job = Job(*json.load(sys.stdin))
    scenario = importlib.import_module(f"benchmarks.scenarios.{job.scenario}")
    answer = sys.stdout
    sys.stdout = sys.stderr  # a contestant may say what it likes
    found: Outcome = scenario.measure(job)
    answer.write(json.dumps(found) + "\n")
    answer.flush()
    if job.options.get("abandon"):
        os._exit(0)


if __name__ == "__main__":
    main()
