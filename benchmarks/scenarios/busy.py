"""A busy host: how much a thread that computes is slowed down by a thousand events a second.

One thread computes (pure Python, no waits), first while nothing is emitted, then while another
emits message_run at 1,000 a second: its speed in the second case as a share of the first.
"nothing" is the pacing loop's own share of it. p50 and p99 are those of a call, which waits
for the GIL when it has let it go.
"""

from __future__ import annotations

import threading
from time import perf_counter

from benchmarks.beside import Cell, Scale, subjects
from benchmarks.child import Job, Outcome, outcome, ready
from benchmarks.contestants import OURS
from benchmarks.figures import percentiles_us
from benchmarks.pacing import pace

HEADER = (__doc__ or "").partition("\n\n")[2]
FIGURES = ("of_its_speed", "p50_us", "p99_us", "max_us")

_CONTESTANTS = (OURS, "opentelemetry-sdk", "fastotel", "nothing")
_RATE = 1_000
_WARM_UP = 500


def cells(scale: Scale) -> list[Cell]:
    """One."""
    options = {"seconds": 0.5 if scale.quick else 1.5}
    return [Cell("1,000 a second beside", "message_run", subjects(*_CONTESTANTS), options, 2)]


class Computing:
    """A thread that does nothing but compute, and counts how often."""

    def __init__(self) -> None:
        self.rounds = 0
        self._ended = False
        self._thread = threading.Thread(target=self._compute, daemon=True)
        self._thread.start()

    def _compute(self) -> None:
        while not self._ended:
            sum(number * number for number in range(200))
            self.rounds += 1

    def end(self) -> None:
        """Return when it has ended."""
        self._ended = True
        self._thread.join()


def measure(job: Job) -> Outcome:
    """In the child."""
    seconds = job.options["seconds"]
    count = int(_RATE * seconds)
    with ready(job, count, _WARM_UP) as (contestant, events):
        computing = Computing()
        began = perf_counter()
        threading.Event().wait(seconds)
        alone = computing.rounds / (perf_counter() - began)
        before, began = computing.rounds, perf_counter()
        times = pace(contestant, events, _RATE)
        beside = (computing.rounds - before) / (perf_counter() - began)
        computing.end()
        contestant.flush()
    return outcome(job, {"of_its_speed": beside / alone, **percentiles_us(times)}, count, _WARM_UP)
