"""A start: import, start(), threads, memory, the first event at the receiver, stop().

In an interpreter that has imported nothing, compiled files at hand, defaults. first_out_ms is
from the return of the first call until the receiver has its log record, without a flush: it
holds the time that a batch waits for company. rss_mb is the whole process, after the start.
"""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.beside import Cell, Scale, subjects
from benchmarks.child import Job, Outcome
from benchmarks.contestants import CONTESTANTS, OURS

HEADER = (__doc__ or "").partition("\n\n")[2]
FIGURES = (
    "import_ms",
    "start_ms",
    "threads",
    "rss_mb",
    "first_call_ms",
    "first_out_ms",
    "stop_ms",
)


def cells(_scale: Scale) -> list[Cell]:
    """One."""
    contestants = subjects(OURS, "opentelemetry-sdk", "nothing")
    return [Cell("start", "app_created", contestants, {}, 3)]


def measure(job: Job) -> Outcome:
    """In a child of the child, which has imported a lot."""
    module = f"benchmarks.starts.{CONTESTANTS[job.contestant].module}"
    command = [sys.executable, "-m", module, job.endpoint]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Outcome(json.loads(done.stdout), 1, 1, 0)
