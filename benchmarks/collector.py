"""A log collector's test as the big ones do it: a fixed rate, sent == received, CPU and memory.

So many events a second for so many seconds into rotel, a third-party collector in a
process of its own. Each subject has its own process too; CPU is that process's from
the first event to its end, with the pacing loop, which is the same for all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.fault_subject import SUBJECTS, Job, run_subject
from benchmarks.faults import unaccounted
from tests.receivers.rotel import Rotel

__all__ = ["COLUMNS", "HEADER", "run"]

HEADER = (__doc__ or "").partition("\n\n")[2].partition("\n\n")[0]
COLUMNS = (
    "subject",
    "rate_per_s",
    "emitted",
    "received",
    "claimed",
    "told_lost",
    "unaccounted",
    "cpu_s",
    "cpu_percent",
    "stop_s",
    "peak_rss_mb",
)
_STOP_S = 30.0  # nothing is wrong with the receiver: all of it has to arrive


def run(
    rate: float,
    seconds: float,
    subjects: Sequence[str] = tuple(SUBJECTS),
    *,
    say: Callable[[str], Any],
) -> list[dict[str, Any]]:
    """One row for each subject, ready for JSON.

    Args:
        rate: events per second.
        seconds: for how long.
        subjects: names in `SUBJECTS`.
        say: told of the progress.
    """
    rows = []
    for subject in subjects:
        with tempfile.TemporaryDirectory() as folder, Rotel(Path(folder)) as rotel:
            job = Job(subject, rotel.endpoint, int(rate * seconds), rate, _STOP_S)
            report = run_subject(job)
            rotel.stop()
            received = rotel.received().distinct_logs
        rows.append(
            {
                "subject": subject,
                "rate_per_s": rate,
                "received": received,
                **report._asdict(),
                "told_lost": sum(report.told_lost.values()),
                "reasons": report.told_lost,
                "unaccounted": unaccounted(report, received),
                "cpu_percent": round(100 * report.cpu_s / (report.emit_s + report.stop_s), 1),
            }
        )
        say(f"{subject}: received {received:,} of {report.emitted:,}, {report.cpu_s:g} s of CPU")
    return rows
