"""A flood that is sustained: so many events from so many threads, and only so many in flight.

A burst would measure a queue's append. Here a producer goes on only while fewer than the window
wait to be sent, so that what is measured is what the whole can carry.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from time import perf_counter_ns

from benchmarks.child import cpu_s
from benchmarks.contestants import Contestant
from benchmarks.contestants.base import Event
from benchmarks.figures import percentiles_us

__all__ = ["WINDOW", "flood"]

WINDOW = 4_000
"""Events in flight."""
_SLICE = 32
_LOOK_S = 0.02  # between two looks at how many wait


def flood(contestant: Contestant, events: Sequence[Event], threads: int) -> dict[str, float]:
    """Emit all, flush, and say what it took.

    Returns:
        Percentiles of single calls; events a second, and processor time for each, from the first
        call until all are out.
    """
    gate = _Gate(threads, WINDOW)
    times: list[list[int]] = [[] for _ in range(threads)]
    started = threading.Barrier(threads + 1)

    def produce(index: int) -> None:
        mine, emit, append = events[index::threads], contestant.emit, times[index].append
        started.wait()
        for first in range(0, len(mine), _SLICE):
            gate.wait()
            for event in mine[first : first + _SLICE]:
                began = perf_counter_ns()
                emit(event)
                append(perf_counter_ns() - began)
            gate.handed[index] += _SLICE

    producers = [threading.Thread(target=produce, args=(i,)) for i in range(threads)]
    for producer in producers:
        producer.start()
    started.wait()
    began_ns, began_cpu = perf_counter_ns(), cpu_s()
    while any(producer.is_alive() for producer in producers):
        gate.look(contestant)
        producers[-1].join(_LOOK_S)
    contestant.flush()
    took_s, used_s = (perf_counter_ns() - began_ns) / 1e9, cpu_s() - began_cpu
    return {
        **percentiles_us([ns for one in times for ns in one]),
        "events_per_s": len(events) / took_s,
        "cpu_us": used_s * 1e6 / len(events),
        **contestant.figures(),
    }


class _Gate:
    """Holds producers back while too many wait."""

    def __init__(self, threads: int, window: int) -> None:
        self.handed = [0] * threads
        self._window = window
        self._most = window
        self._more = threading.Event()

    def wait(self) -> None:
        while sum(self.handed) >= self._most:
            self._more.clear()
            self._more.wait(_LOOK_S)

    def look(self, contestant: Contestant) -> None:
        handed = sum(self.handed)
        self._most = handed - contestant.in_flight(handed) + self._window
        self._more.set()
