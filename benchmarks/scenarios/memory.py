"""Memory: what an event holds while it waits, at 10,000 and 100,000 of them.

A receiver that nobody answers at: message_run events pile up wherever they pile up. Bytes of
resident memory for each, once all have been handed over and a second has passed (the events
themselves are made before and are not counted). Nothing is exported, on purpose.
"""

from __future__ import annotations

import ctypes
import gc
import os
import threading
from pathlib import Path

from benchmarks.beside import Cell, Scale, subjects
from benchmarks.child import Job, Outcome, running
from benchmarks.contestants import OURS
from benchmarks.contestants.base import events_of
from benchmarks.workloads import WORKLOADS

HEADER = (__doc__ or "").partition("\n\n")[2]
FIGURES = ("bytes_per_event",)

_CONTESTANTS = (OURS, "opentelemetry-sdk", "fastotel", "honeycomb-pycpp", "logging", "queue.Queue")
_NEVER_LEFT: list[object] = []
_NOBODY = "http://127.0.0.1:9"  # discard: no machine of today listens there


def cells(scale: Scale) -> list[Cell]:
    """Two."""
    counts = (1_000,) if scale.quick else (10_000, 100_000)
    return [
        Cell(
            f"{count:,} waiting",
            "message_run",
            subjects(*(_CONTESTANTS if count <= 10_000 else _CONTESTANTS[:2])),
            {"events": count, "abandon": True},
            1,
            keep=False,
        )
        for count in counts
    ]


def measure(job: Job) -> Outcome:
    """In the child, which ends without a word to its contestant: it could send nothing."""
    count = job.options["events"]
    events = events_of(WORKLOADS[job.workload], job.plans(), count, first_round=1)
    block = running(job._replace(endpoint=_NOBODY))
    contestant = block.__enter__()
    _NEVER_LEFT.append(block)  # nor by the collector: to close takes as long as it gives up after
    gc.collect()
    gc.freeze()
    ctypes.CDLL(None).malloc_trim(0)  # what is free now would hide what comes
    before = rss_bytes()
    for event in events:
        contestant.emit(event)
    threading.Event().wait(1.0)
    held = rss_bytes() - before
    waiting = contestant.in_flight(count)  # 0 of those that don't know
    assert waiting == 0 or waiting > 0.95 * count, f"{waiting} of {count} wait"
    return Outcome({"bytes_per_event": held / count}, count, count, 0)


def rss_bytes() -> int:
    """Of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
