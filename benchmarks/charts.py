"""``python -m benchmarks charts FILE.json``: bars as SVG, for docs/performance.md.

A writer of our own: a chart is a list of groups, a group a list of bars, each as long as its figure
(or its logarithm). No fonts, no scripts; light and dark pages both show it.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.results import load

__all__ = ["CHARTS", "Bar", "Chart", "drawn", "main", "of"]

_FOLDER = Path(__file__).parent.parent / "docs" / "charts"
_COLOURS = ("#2f6db5", "#d9822b", "#5d9c59", "#a05195", "#7a7a7a", "#c94f4f", "#4fa3a5")
_ROW, _GAP, _LEFT, _WIDTH, _RIGHT, _TOP = 18, 10, 190, 420, 110, 46


class Chart(NamedTuple):
    """Which figure of which benchmark."""

    file: str
    title: str
    benchmark: str
    figure: str
    logarithmic: bool = False


class Bar(NamedTuple):
    """One figure; its worst run is a thin line behind it."""

    group: str
    name: str
    value: float
    worst: float


CHARTS = (
    Chart("call.svg", "A call, median, µs (logarithmic)", "flood", "p50_us", logarithmic=True),
    Chart("cpu.svg", "Processor time of an event in a flood, µs", "flood", "cpu_us"),
    Chart("rate.svg", "Events a second in a flood", "flood", "events_per_s"),
    Chart(
        "paced.svg", "Processor time of an event by rate, net of the loop, µs", "paced", "cpu_us"
    ),
    Chart("peers.svg", "Processor time of an event, all contestants, µs", "peers", "cpu_us"),
    Chart(
        "peers-call.svg",
        "A call, median, all contestants, µs (logarithmic)",
        "peers",
        "p50_us",
        logarithmic=True,
    ),
)


def of(chart: Chart, results: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """Its bars; none if the results don't have that benchmark."""
    return [
        Bar(
            row["cell"],
            row["subject"],
            row["figures"][chart.figure]["median"],
            row["figures"][chart.figure]["worst"],
        )
        for result in results
        if result["benchmark"] == chart.benchmark
        for row in result["rows"]
        if chart.figure in row["figures"]
    ]


def drawn(title: str, bars: Sequence[Bar], *, logarithmic: bool = False) -> str:
    """An SVG of horizontal bars, in groups.

    Args:
        title: above them.
        bars: those of a group beside one another.
        logarithmic: the length is that of the logarithm.
    """
    names = list(dict.fromkeys(bar.name for bar in bars))
    most = max((max(bar.value, bar.worst) for bar in bars), default=1.0)
    least = min((bar.value for bar in bars if bar.value > 0), default=1.0)
    y, group, shapes = _TOP, "", []
    for bar in bars:
        if bar.group != group:
            group = bar.group
            y += _GAP
            shapes.append(f'<text x="8" y="{y + 13}" font-weight="bold">{escape(group)}</text>')
            y += _ROW + 2
        colour = _COLOURS[names.index(bar.name) % len(_COLOURS)]
        length, worst = (_length(v, least, most, logarithmic) for v in (bar.value, bar.worst))
        shapes += [
            f'<text x="{_LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(bar.name)}</text>',
            f'<rect x="{_LEFT}" y="{y + 8}" width="{worst}" height="2" fill="{colour}"/>',
            f'<rect x="{_LEFT}" y="{y + 2}" width="{length}" height="14" fill="{colour}"/>',
            f'<text x="{_LEFT + max(length, worst) + 6}" y="{y + 13}">{_number(bar.value)}</text>',
        ]
        y += _ROW
    return _page(title, shapes, y + 12)


def _page(title: str, shapes: Sequence[str], height: int) -> str:
    width = _LEFT + _WIDTH + _RIGHT
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" fill="#333">'
    )
    words = [
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="8" y="24" font-size="15" font-weight="bold">{escape(title)}</text>',
        '<text x="8" y="42" fill="#777">bar: median of the runs; thin line: the worst</text>',
    ]
    return "\n".join([head, *words, *shapes, "</svg>"]) + "\n"


def _length(value: float, least: float, most: float, logarithmic: bool) -> float:
    if value <= 0:
        return 0.0
    if logarithmic:
        low = math.log(least / 2)
        return round(_WIDTH * (math.log(max(value, least)) - low) / (math.log(most) - low), 1)
    return round(_WIDTH * value / most, 1)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def main(argv: Sequence[str]) -> None:
    """Draw those that the file has figures for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks charts", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE.json")
    parser.add_argument("--into", type=Path, default=_FOLDER, metavar="FOLDER")
    arguments = parser.parse_args(argv)
    _machine, results = load(arguments.file)
    arguments.into.mkdir(parents=True, exist_ok=True)
    for chart in CHARTS:
        bars = of(chart, results)
        if bars:
            text = drawn(chart.title, bars, logarithmic=chart.logarithmic)
            (arguments.into / chart.file).write_text(text)
            print(arguments.into / chart.file)
