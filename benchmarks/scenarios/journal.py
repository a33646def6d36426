"""What keeping events on disk costs: the journal off, and with each ``fsync``.

A sustained flood of message_run from one thread, ours alone. The journal's directory is on the
disk that temporary files are on. Not measured: replay, spill.
"""

from __future__ import annotations

from benchmarks.beside import Cell, Scale, Subject
from benchmarks.contestants import OURS
from benchmarks.scenarios.flood import measure

__all__ = ["FIGURES", "HEADER", "MODES", "cells", "measure"]

HEADER = (__doc__ or "").partition("\n\n")[2]
FIGURES = ("p50_us", "p99_us", "events_per_s", "cpu_us")
MODES = ("off", "never", "interval", "always")


def cells(scale: Scale) -> list[Cell]:
    """All modes beside one another."""
    events = scale.events or (400 if scale.quick else 10_000)
    modes = [Subject(f"journal {mode}", OURS, _settings(mode)) for mode in MODES]
    return [Cell("journal", "message_run", modes, {"events": events, "threads": 1})]


def _settings(mode: str) -> dict[str, object]:
    return {} if mode == "off" else {"journal": {"fsync": mode}}
