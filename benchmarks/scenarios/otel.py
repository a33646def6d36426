"""OpenTelemetry's own definition of a performance benchmark: 10,000 spans a second, CPU per cent.

Spans without a parent, ten attributes of 20 characters, at 10,000 a second for 15 seconds; a
receiver out of the process that answers and drops. CPU of the process in per cent of one core,
gross (the definition's) and net of the loop. Ours is a case of our own that makes one span.
Not as defined: no span event, as our spans have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.beside import Cell, Scale, subjects
from benchmarks.child import Job, Outcome, outcome, ready
from benchmarks.contestants import OURS
from benchmarks.pacing import net_of_nothing, paced

HEADER = (__doc__ or "").partition("\n\n")[2]
FIGURES = ("cpu_percent", "net_cpu_percent", "p50_us", "p99_us")

_CONTESTANTS = (OURS, "opentelemetry-sdk", "fastotel", "honeycomb-pycpp", "nothing")
_RATE = 10_000
_WARM_UP = 2_000


def cells(scale: Scale) -> list[Cell]:
    """One."""
    options = {"seconds": 1.0 if scale.quick else 15.0}
    return [Cell("10,000 spans a second", "span", subjects(*_CONTESTANTS), options, 1, keep=False)]


def measure(job: Job) -> Outcome:
    """In the child."""
    count = int(_RATE * job.options["seconds"])
    with ready(job, count, _WARM_UP) as (contestant, events):
        found = paced(contestant, events, _RATE)
    found["net_cpu_percent"] = found["cpu_percent"]
    return outcome(job, found, count, _WARM_UP)


def finish(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One of the two net of the loop."""
    return net_of_nothing(rows, ("net_cpu_percent",))
