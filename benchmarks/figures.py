"""Figures of several runs: the median, with the worst run beside it, and which of two is better."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["better_if_more", "percentiles_us", "ratio", "shown", "summary", "times"]

_MORE_IS_BETTER = ("events_per_s", "calls_per_s", "of_its_speed")
_DIGITS = 4


def better_if_more(figure: str) -> bool:
    """Of most figures (times, bytes, wake-ups) less is better."""
    return figure.endswith(_MORE_IS_BETTER)


def summary(figure: str, runs: Sequence[float]) -> dict[str, Any]:
    """Median, worst and all.

    >>> summary("p50_us", [3.0, 2.0, 9.0])
    {'median': 3.0, 'worst': 9.0, 'runs': [3.0, 2.0, 9.0]}
    >>> summary("events_per_s", [3.0, 2.0, 9.0])["worst"]
    2.0
    """
    worst = min(runs) if better_if_more(figure) else max(runs)
    kept = [_rounded(run) for run in runs]
    return {"median": _rounded(statistics.median(runs)), "worst": _rounded(worst), "runs": kept}


def ratio(figure: str, ours: float, theirs: float) -> float | None:
    """How many times better we are than they; none where that has no sense.

    >>> ratio("p50_us", 2.0, 20.0), ratio("events_per_s", 30.0, 10.0), ratio("p50_us", 0.0, 1.0)
    (10.0, 3.0, None)
    """
    less, more = (theirs, ours) if better_if_more(figure) else (ours, theirs)
    return _rounded(more / less) if less > 0 and more > 0 else None


def percentiles_us(times_ns: Sequence[int]) -> dict[str, float]:
    """p50, p99 and the longest of single calls, in microseconds."""
    cuts = statistics.quantiles(times_ns, n=1000, method="inclusive")  # never over the longest
    return {
        "p50_us": cuts[499] / 1000,
        "p99_us": cuts[989] / 1000,
        "max_us": max(times_ns) / 1000,
    }


def shown(found: Mapping[str, Any]) -> str:
    """As in a table: ``median (worst)``, the worst left out if there was one run.

    >>> shown({"median": 2.25, "worst": 20000.0, "runs": [2.25, 20000.0]})
    '2.25 (20,000)'
    """
    if len(found["runs"]) < 2:
        return _text(found["median"])
    return f"{_text(found['median'])} ({_text(found['worst'])})"


def times(value: float) -> str:
    """Of a ratio.

    >>> times(12.345), times(3190.0)
    ('x12.3', 'x3,190')
    """
    return f"x{_text(value)}"


def _text(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}") if abs(value) < 10**_DIGITS else float(round(value))
