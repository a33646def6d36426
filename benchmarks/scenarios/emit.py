"""What a call costs its caller: ``emit()`` at 1, 8 and 32 threads, beside peers without output.

The flood of message_run, by its calls alone: p50, p99 and the longest, in microseconds. Those
that export have equal output; logging.QueueHandler and queue.Queue, which keep nothing and
send nothing, are floors, and "nothing" is the measurement itself.
"""

from __future__ import annotations

from benchmarks.beside import Cell, Scale, subjects
from benchmarks.contestants import OURS
from benchmarks.scenarios.flood import measure

__all__ = ["FIGURES", "HEADER", "cells", "measure"]

HEADER = (__doc__ or "").partition("\n\n")[2]
FIGURES = ("p50_us", "p99_us", "max_us")


def cells(scale: Scale) -> list[Cell]:
    """One for each count of threads."""
    events = scale.events or (400 if scale.quick else 6_000)
    contestants = subjects(OURS, "opentelemetry-sdk", "logging", "queue.Queue", "nothing")
    return [
        Cell(
            f"{count} threads", "message_run", contestants, {"events": events, "threads": count}, 2
        )
        for count in scale.threads or (1, 8, 32)
    ]


def _options(events: int, threads: int) -> dict[str, int]:
    return {"events": events, "threads": threads}
