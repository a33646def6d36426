"""``python -m benchmarks compare A.json B.json``: what is better or worse in B, beyond noise.

Each figure has a band of its own, in which a difference says nothing: how far the runs of A lie
from their median, or, with ``--again``, how far a second measurement of the same code lies from
the first, whichever is more, and never under 5 %. Exits with 1 if anything is worse.

Not compared are figures that only one of the files has; of two machines, only ratios travel.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.figures import better_if_more
from benchmarks.results import load

__all__ = ["Change", "band_of", "changes", "flat", "main"]

_LEAST_BAND = 0.05
_OUTLIERS = ("max_us",)  # the longest of ten thousand calls is of the machine's making

Key = tuple[str, ...]


class Change(NamedTuple):
    """One figure, in both."""

    key: Key
    before: float
    after: float
    band: float
    """Half its width, as a share of the figure."""

    @property
    def share(self) -> float:
        """By how much B is more than A; 0.1 is a tenth."""
        return self.after / self.before - 1

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or ``same``."""
        if abs(self.share) <= self.band:
            return "same"
        return "better" if (self.share > 0) == better_if_more(self.key[-1]) else "worse"


def flat(results: Sequence[Mapping[str, Any]]) -> dict[Key, list[float]]:
    """The runs of each figure, by benchmark, cell, subject and figure."""
    return {
        (result["benchmark"], *labels): runs
        for result in results
        for row in result["rows"]
        for labels, runs in _of_row(row)
    }


def _of_row(row: Mapping[str, Any]) -> Iterator[tuple[Key, list[float]]]:
    if "figures" in row:
        for name, found in row["figures"].items():
            yield (row["cell"], row["subject"], name), found["runs"]
        return
    counts = ("threads", "batch")
    labels = [str(v) for k, v in row.items() if isinstance(v, str) or k in counts]
    for name, value in row.items():
        if isinstance(value, float):
            yield (*labels, name), [value]


def changes(
    before: Mapping[Key, Sequence[float]],
    after: Mapping[Key, Sequence[float]],
    again: Mapping[Key, Sequence[float]] | None = None,
) -> list[Change]:
    """Every figure that both have.

    Args:
        before: as `flat` makes it.
        after: what it is compared with.
        again: a second measurement of what *before* is of.
    """
    found = []
    for key, runs in before.items():
        if key not in after or key[-1] in _OUTLIERS or _median(runs) <= 0:
            continue
        band = band_of(runs, (again or {}).get(key))
        found.append(Change(key, _median(runs), _median(after[key]), band))
    return found


def band_of(runs: Sequence[float], again: Sequence[float] | None = None) -> float:
    """How far a figure moves when nothing has changed, as a share of it.

    >>> band_of([100.0, 90.0, 120.0]), band_of([100.0], [130.0]), band_of([100.0])
    (0.2, 0.3, 0.05)
    """
    median = _median(runs)
    away = max(abs(run - median) for run in runs)
    if again:
        away = max(away, abs(_median(again) - median))
    return max(_LEAST_BAND, round(away / median, 4))


def _median(runs: Sequence[float]) -> float:
    ordered = sorted(runs)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def main(argv: Sequence[str]) -> int:
    """Print what has changed; 1 if anything has become worse."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks compare", description=__doc__)
    parser.add_argument("before", type=Path, metavar="A.json")
    parser.add_argument("after", type=Path, metavar="B.json")
    parser.add_argument("--again", type=Path, metavar="A2.json", help="A measured once more")
    parser.add_argument("--all", action="store_true", help="print what is the same, too")
    arguments = parser.parse_args(argv)
    (machine_a, before), (machine_b, after) = load(arguments.before), load(arguments.after)
    again = flat(load(arguments.again)[1]) if arguments.again is not None else None
    if machine_a.get("processor") != machine_b.get("processor"):
        print("two machines: times don't compare")
    found = changes(flat(before), flat(after), again)
    for change in found:
        if arguments.all or change.verdict != "same":
            print(_line(change))
    by_verdict = [change.verdict for change in found]
    counts = {name: by_verdict.count(name) for name in ("better", "worse", "same")}
    print(", ".join(f"{count} {name}" for name, count in counts.items()))
    return 1 if counts["worse"] else 0


def _line(change: Change) -> str:
    return (
        f"{change.verdict:6}  {' / '.join(change.key)}: {change.before:g} -> {change.after:g}"
        f" ({change.share:+.1%}, noise {change.band:.1%})"
    )
