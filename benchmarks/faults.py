"""What each claims and what arrived: rate x fault, beside the OpenTelemetry SDK in one run.

    Each subject in a process of its own hands so many events over at a rate and ends:
    stop(5) here, shutdown() there. The receiver, a third process, does one fault and counts
    distinct records. claimed = said to be exported; told lost = said to be refused or lost;
    unaccounted = claimed but not received, plus what the books leave out.

``python -m benchmarks.faults`` is the same as ``python -m benchmarks faults``.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from benchmarks.fault_subject import Job, Report, run_subject
from tests.receivers.faults import FAULTS, Fault, outage

__all__ = ["COLUMNS", "HEADER", "QUICK", "names", "run"]

HEADER = (__doc__ or "").partition("\n\n")[2].partition("\n\n")[0]
COLUMNS = (
    "fault",
    "rate_per_s",
    "subject",
    "emitted",
    "received",
    "claimed",
    "told_lost",
    "unaccounted",
    "stop_s",
    "peak_rss_mb",
)
QUICK = ("well", "503", "403", "partial success, half", "hang at headers", "one bad record, 400")
_SUBJECTS = ("telemetry-actors", "opentelemetry-sdk")
_STOP_S = 5.0
_BURST = 50_000
_WELL = FAULTS[0]


class _Case(NamedTuple):
    """A fault of the receiver, or of the sender before a receiver that is well."""

    name: str
    fault: Fault
    odd: str = ""
    burst: bool = False


def _cases() -> Iterator[_Case]:
    for fault in (*FAULTS, outage(3)):
        yield _Case(fault.name, fault, odd="mark" if "bad record" in fault.name else "")
    for odd in ("object()", "lone surrogate", "2**70", "70 MB"):
        yield _Case(f"one event holds {odd}", _WELL, odd=odd)
    yield _Case(f"burst of {_BURST:,}", _WELL, burst=True)


def names() -> list[str]:
    """Of all faults, in the order of the table."""
    return [case.name for case in _cases()]


def run(
    rates: Sequence[float], events: int, *, only: Sequence[str] = (), say: Callable[[str], Any]
) -> list[dict[str, Any]]:
    """Every fault at every rate with every subject.

    Args:
        rates: events per second.
        events: in each cell, but for the burst.
        only: names of faults; all by default.
        say: told of the progress.

    Returns:
        One row for each, ready for JSON.
    """
    rows = []
    for case in _cases():
        if only and case.name not in only:
            continue
        for rate in [0.0] if case.burst else rates:
            for subject in _SUBJECTS:
                rows.append(_cell(case, rate, subject, _BURST if case.burst else events))
                say(_line(rows[-1]))
    return rows


def _cell(case: _Case, rate: float, subject: str, events: int) -> dict[str, Any]:
    with case.fault.receiver() as receiver:
        job = Job(subject, receiver.endpoint, events, rate, _STOP_S, case.odd)
        report = run_subject(job)
        received = receiver.kept().logs
    return {
        "fault": case.name,
        "rate_per_s": rate or None,
        "subject": subject,
        "received": received,
        **report._asdict(),
        "told_lost": sum(report.told_lost.values()),
        "reasons": report.told_lost,
        "unaccounted": unaccounted(report, received),
    }


def unaccounted(report: Report, received: int) -> int:
    """Events about which the books are wrong."""
    told = report.claimed + sum(report.told_lost.values())
    return max(0, report.claimed - received) + abs(report.emitted - told)


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['fault']}: {row['subject']} received {row['received']:,} of {row['emitted']:,},"
        f" unaccounted {row['unaccounted']:,}, ended in {row['stop_s']:g} s"
    )


if __name__ == "__main__":
    sys.argv[1:1] = ["faults"]
    runpy.run_module("benchmarks", run_name="__main__")
