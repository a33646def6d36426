"""What it costs to notice a fork: the look at a page, beside asking for the process id.

Nanoseconds of one look in a loop, less those of the empty loop; the least of many turns, in which
the three take turns. Not measured: the renewal in a child, which happens once.
"""

from __future__ import annotations

import os
import timeit
from collections.abc import Callable
from typing import Any

from supervisors.system.process import SAME

__all__ = ["COLUMNS", "HEADER", "run"]

HEADER = (__doc__ or "").partition("\n\n")[2]
COLUMNS = ("subject", "look_ns")
_LOOKS = 200_000


def _page() -> None:
    if not SAME[0]:
        raise AssertionError


def _process_id(mine: int = os.getpid()) -> None:
    if os.getpid() != mine:
        raise AssertionError


def _nothing() -> None:
    pass


def run(turns: int) -> list[dict[str, Any]]:
    """A row for each way to look."""
    subjects: dict[str, Callable[[], None]] = {
        "nothing": _nothing,
        "page": _page,
        "process id": _process_id,
    }
    best = dict.fromkeys(subjects, float("inf"))
    for _ in range(turns):
        for name, look in subjects.items():
            best[name] = min(best[name], timeit.timeit(look, number=_LOOKS) / _LOOKS * 1e9)
    empty_ns = best.pop("nothing")
    return [{"subject": name, "look_ns": round(ns - empty_ns, 1)} for name, ns in best.items()]
