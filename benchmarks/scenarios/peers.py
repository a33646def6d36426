"""Everybody beside everybody: the flood of one workload from one thread.

Equal output where logs, spans and metrics are sent. fastotel and honeycomb-pycpp send one span
or log record an event, with the same attributes, and no metrics: less than we do. Neither says
how many wait, so that theirs is one burst, where ours and the SDK's have 4,000 in flight at most.
Celery's CPU is that of the process that calls .delay(), and its worker's stands beside it; its
runs are of fewer events. logging, queue.Queue and "nothing" send nothing.
"""

from __future__ import annotations

from benchmarks.beside import Cell, Scale, subjects
from benchmarks.contestants import CONTESTANTS
from benchmarks.scenarios.flood import measure

__all__ = ["FIGURES", "HEADER", "cells", "measure"]

HEADER = (__doc__ or "").partition("\n\n")[2]
FIGURES = ("p50_us", "p99_us", "max_us", "events_per_s", "cpu_us", "worker_cpu_us")


_OF_CELERY = 500  # a task takes a millisecond of the worker


def cells(scale: Scale) -> list[Cell]:
    """Two workloads."""
    events = scale.events or (300 if scale.quick else 5_000)
    options = {"events": events, "threads": 1, "fewer": {"celery": _OF_CELERY}}
    workloads = scale.workloads or ("message_run", "app_created")
    return [
        Cell(workload, workload, subjects(*_contestants(workload == workloads[0])), options, 2)
        for workload in workloads
    ]


def _contestants(everybody: bool) -> list[str]:
    """Celery, whose worker takes seconds to start, once."""
    return [name for name in CONTESTANTS if everybody or name != "celery"]
