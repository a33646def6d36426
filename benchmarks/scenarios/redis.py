"""What finding repeats across processes costs: dedup in memory, and with a real Redis.

A sustained flood of message_run from one thread, ours alone. Redis is on loopback, so its part
is the processor's, not a network's: add a round trip for each batch, never for each event.
"""

from __future__ import annotations

from benchmarks.beside import Cell, Scale, Subject
from benchmarks.contestants import OURS
from benchmarks.scenarios.flood import measure

__all__ = ["FIGURES", "HEADER", "cells", "measure"]

HEADER = (__doc__ or "").partition("\n\n")[2]
FIGURES = ("p50_us", "p99_us", "events_per_s", "cpu_us")


def cells(scale: Scale) -> list[Cell]:
    """Without and with."""
    events = scale.events or (400 if scale.quick else 10_000)
    both = [Subject("memory", OURS), Subject("redis", OURS, {"redis_url": "its own"})]
    return [Cell("dedup", "message_run", both, {"events": events, "threads": 1})]
