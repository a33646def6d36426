"""A fixed rate: each event (or, above 200 a second, each handful) at its time, none early."""

from __future__ import annotations

import resource
import threading
from collections.abc import Mapping, Sequence
from time import perf_counter
from time import perf_counter_ns as now_ns
from typing import Any

from benchmarks.child import cpu_s
from benchmarks.contestants import Contestant
from benchmarks.contestants.base import Event
from benchmarks.figures import percentiles_us, summary

__all__ = ["net_of_nothing", "pace", "paced", "switches"]

_SLICES_PER_S = 200


def pace(contestant: Contestant, events: Sequence[Event], rate_per_s: float) -> list[int]:
    """Emit all at that rate; nanoseconds of each call."""
    pause, emit = threading.Event(), contestant.emit
    at_once = max(1, round(rate_per_s / _SLICES_PER_S))
    times: list[int] = []
    began = perf_counter()
    for first in range(0, len(events), at_once):
        left = began + first / rate_per_s - perf_counter()
        if left > 0:
            pause.wait(left)
        for event in events[first : first + at_once]:
            before = now_ns()
            emit(event)
            times.append(now_ns() - before)
    return times


def paced(contestant: Contestant, events: Sequence[Event], rate_per_s: float) -> dict[str, float]:
    """Percentiles of a call, processor time and voluntary context switches of the whole.

    For each event an empty flush is left out: that of the end sends every series of the metrics,
    which happens once a minute and would be most of what forty events cost.
    """
    flush_cpu = cpu_s()
    contestant.settle()
    before_cpu, before_switches, began = cpu_s(), switches(), perf_counter()
    flush_cpu = before_cpu - flush_cpu
    times = pace(contestant, events, rate_per_s)
    contestant.flush()
    took_s, used_s = perf_counter() - began, cpu_s() - before_cpu
    return {
        **percentiles_us(times),
        "cpu_us": (used_s - flush_cpu) * 1e6 / len(events),
        "cpu_percent": 100 * used_s / took_s,
        "switches_per_s": (switches() - before_switches) / took_s,
    }


def switches() -> int:
    """Of all threads of this process, those that waited for something: each is a wake-up."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw


def net_of_nothing(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """The rows, what the loop alone costs taken off those figures; its own rows are as they are."""
    alone = {row["cell"]: row["figures"] for row in rows if row["subject"] == "nothing"}
    return [
        row if row["subject"] == "nothing" or row["cell"] not in alone else _net(row, alone, names)
        for row in rows
    ]


def _net(
    row: Mapping[str, Any], alone: Mapping[str, Mapping[str, Any]], names: Sequence[str]
) -> dict[str, Any]:
    figures = dict(row["figures"])
    for name in names:
        loop = alone[row["cell"]][name]["median"]
        figures[name] = summary(name, [run - loop for run in figures[name]["runs"]])
    return {**row, "figures": figures}
