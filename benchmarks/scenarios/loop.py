"""An event loop: what emitting from coroutines does to whatever else runs in it.

Fifty coroutines emit message_run, together 2,000 a second, each from the loop's own thread. A
ticker in the same loop asks to be woken each 5 ms: how much too late it is, in milliseconds,
at p99 and at worst. p50 and p99 of a call in microseconds.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from time import perf_counter, perf_counter_ns

from benchmarks.beside import Cell, Scale, subjects
from benchmarks.child import Job, Outcome, outcome, ready
from benchmarks.contestants import OURS, Contestant
from benchmarks.contestants.base import Event
from benchmarks.figures import percentiles_us

HEADER = (__doc__ or "").partition("\n\n")[2]
FIGURES = ("p50_us", "p99_us", "max_us", "late_p99_ms", "late_max_ms")

_CONTESTANTS = (OURS, "opentelemetry-sdk", "fastotel", "nothing")
_COROUTINES, _RATE, _TICK_S = 50, 2_000, 0.005
_WARM_UP = 500


def cells(scale: Scale) -> list[Cell]:
    """One."""
    options = {"seconds": 0.5 if scale.quick else 2.0}
    return [Cell("asyncio, 2,000 a second", "message_run", subjects(*_CONTESTANTS), options, 2)]


def measure(job: Job) -> Outcome:
    """In the child."""
    count = int(_RATE * job.options["seconds"])
    with ready(job, count, _WARM_UP) as (contestant, events):
        times, late_s = asyncio.run(_emit(contestant, events))
        contestant.flush()
    found = {
        **percentiles_us(times),
        "late_p99_ms": statistics.quantiles(late_s, n=100, method="inclusive")[98] * 1000,
        "late_max_ms": max(late_s) * 1000,
    }
    return outcome(job, found, count, _WARM_UP)


async def _emit(contestant: Contestant, events: Sequence[Event]) -> tuple[list[int], list[float]]:
    times: list[int] = []
    late_s: list[float] = []

    async def producer(mine: Sequence[Event]) -> None:
        began = perf_counter()
        for number, event in enumerate(mine):
            due = began + number * _COROUTINES / _RATE
            await asyncio.sleep(max(0.0, due - perf_counter()))
            before = perf_counter_ns()
            contestant.emit(event)
            times.append(perf_counter_ns() - before)

    async def ticker() -> None:
        while True:
            due = perf_counter() + _TICK_S
            await asyncio.sleep(_TICK_S)
            late_s.append(max(0.0, perf_counter() - due))

    ticking = asyncio.create_task(ticker())
    await asyncio.gather(*[producer(events[i::_COROUTINES]) for i in range(_COROUTINES)])
    ticking.cancel()
    return times, late_s
