"""Makes docs/faults.md and docs/faults.svg out of figures: ``python -m tests.docs.faults``.

The figures are what ``python -m benchmarks faults --json docs/faults.json`` and
``python -m benchmarks collector --json docs/collector.json`` have written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

DOCS = Path(__file__).parents[2] / "docs"
PAGE, CHART = DOCS / "faults.md", DOCS / "faults.svg"

OURS, SDK = "telemetry-actors", "opentelemetry-sdk"
_HEAD = """\
# Faults: what is claimed, and what arrived

<!-- made by `python -m tests.docs.faults` out of docs/faults.json and docs/collector.json -->

Each row is a fault of the receiver, or an odd event before a receiver that is well. Two subjects
hand over the same number of log records at the same rate, in processes of their own, with their
default settings: this product, which then calls `stop(5)`, and the batch processor and OTLP/HTTP
exporter of the OpenTelemetry SDK for Python, which then calls `shutdown()` (it takes no limit). The
receiver counts distinct records by `log.record.uid`.

- **claimed** is what the subject says it has exported: our ledger, and the SDK's own metric
  `otel.sdk.exporter.log.exported` without an `error.type`.
- **told lost** is what it says was refused or lost: our refusals and drops, and the SDK's counts
  that bear an `error.type`.
- **unaccounted** is what the books are wrong about: claimed but not received, plus what they leave
  out.

A receiver may have more than is claimed: a request whose answer never came may have arrived. We
book it as `unconfirmed`; see [semantics](semantics.md). In the rows in which nothing can arrive,
what counts is that the books say so, and how long the end takes. At this rate a request of either
holds a second of records, about 250, so one bad record costs the SDK half of the 500. The odd
values stand in the body of the SDK's record and in a payload of ours, where a host would have them.
"""
_COMMANDS = """\
## Make them anew

```sh
python -m benchmarks faults --json docs/faults.json        # about 7 minutes; --quick: half a minute
python -m benchmarks collector --json docs/collector.json  # about one
python -m tests.docs.faults                                # this page and its chart
```

Figures of one run on one machine; times move from machine to machine, and what is claimed and
received doesn't. The same faults run as tests against both lines of the ledger, in the soak at
three rates: `test_g19_the_books_agree_with_the_receiver`,
`test_g12_a_poisoned_event_costs_at_most_itself`,
`test_g12_records_that_the_receiver_cannot_take_are_found_and_the_rest_delivered`,
`test_a_stage_killed_while_the_receiver_flaps_costs_at_most_its_event`,
`test_a_receiver_that_is_killed_and_started_again_gets_the_rest`,
`test_a_burst_of_fifty_thousand_events_is_delivered_or_counted_to_the_unit`,
`test_g22_stop_keeps_to_its_second_with_any_peer`,
`test_ten_thousand_events_a_second_for_three_seconds_all_arrive`.
"""


class Pair(NamedTuple):
    """Both rows of one fault at one rate."""

    name: str
    ours: dict[str, Any]
    sdk: dict[str, Any]


def pairs(result: dict[str, Any]) -> list[Pair]:
    """In the order of the run."""
    found: dict[str, dict[str, Any]] = {}
    rates = {row["rate_per_s"] for row in result["rows"]} - {None}
    for row in result["rows"]:
        at = f", {row['rate_per_s']:g}/s" if len(rates) > 1 and row["rate_per_s"] else ""
        found.setdefault(row["fault"] + at, {})[row["subject"]] = row
    return [Pair(name, both[OURS], both[SDK]) for name, both in found.items()]


def page(faults: dict[str, Any], collector: dict[str, Any]) -> str:
    """The whole page."""
    return "\n".join(
        (
            _HEAD,
            _sum(pairs(faults)),
            "![What arrived, what was said to be lost, what nobody accounts for](faults.svg)\n",
            _origin(faults),
            _faults_table(pairs(faults)),
            _collector_section(collector),
            _COMMANDS,
        )
    )


def _sum(found: list[Pair]) -> str:
    wrong = [pair for pair in found if pair.sdk["unaccounted"]]
    ours = [pair for pair in found if pair.ours["unaccounted"]]
    slowest_s = {
        who: max(getattr(pair, who)["stop_s"] for pair in found) for who in ("ours", "sdk")
    }
    return (
        f"The SDK's books are wrong in {len(wrong)} of the {len(found)} rows, ours in {len(ours)}."
        f" The slowest end took {slowest_s['ours']:.1f} s here, {slowest_s['sdk']:.1f} s there.\n"
    )


def _origin(result: dict[str, Any]) -> str:
    machine = result["machine"]
    return (
        f"{machine['cores']} shared cores, {machine['implementation']} {machine['python']},"
        f" OpenTelemetry SDK {machine['packages']['opentelemetry-sdk']},"
        f" commit `{machine['commit']}`.\n"
    )


def _table(head: str, rows: Iterable[tuple[Any, ...]]) -> str:
    cells = [head.split(" | "), ["---"] + ["---:"] * head.count(" | "), *rows]
    return "\n".join("| " + " | ".join(_shown(cell) for cell in row) + " |" for row in cells) + "\n"


def _shown(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:,.1f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _faults_table(found: list[Pair]) -> str:
    words = "fault, subject, emitted, received, claimed, told lost, unaccounted, end (s), peak (MB)"
    head = words.replace(", ", " | ")
    return _table(head, (cells for pair in found for cells in _lines(pair)))


def _lines(pair: Pair) -> Iterator[tuple[Any, ...]]:
    for name, row in ((pair.name, pair.ours), ("", pair.sdk)):
        wrong = row["unaccounted"]
        yield (
            name,
            "ours" if row is pair.ours else "SDK",
            *(row[key] for key in ("emitted", "received", "claimed", "told_lost")),
            f"**{wrong:,}**" if wrong else 0,
            row["stop_s"],
            row["peak_rss_mb"],
        )


def _collector_section(result: dict[str, Any]) -> str:
    rows = result["rows"]
    head = "subject | emitted | received | told lost | unaccounted | CPU, s | CPU, % | peak MB"
    keys = (
        "emitted",
        "received",
        "told_lost",
        "unaccounted",
        "cpu_s",
        "cpu_percent",
        "peak_rss_mb",
    )
    seconds = rows[0]["emitted"] / rows[0]["rate_per_s"]
    return (
        f"## {rows[0]['rate_per_s']:,.0f} events a second for {seconds:g} s\n\n"
        "Into rotel, a third-party collector, as the big collectors are tested: sent has to equal\n"
        "received. CPU is that of the subject's process, with the loop that keeps the rate.\n\n"
        + _table(head, ((row["subject"], *(row[key] for key in keys)) for row in rows))
    )


# -- the chart -----------------------------------------------------------------------------------

_LEFT, _BAR, _RIGHT, _ROW, _TOP = 210, 520, 110, 34, 66
_PARTS = (("#2a7f4f", "received"), ("#b9b9b9", "said to be lost"), ("#c8322b", "unaccounted"))


def chart(found: list[Pair]) -> str:
    """Two bars for each fault: what arrived, what was said to be lost, what nobody says."""
    width, height = _LEFT + _BAR + _RIGHT, _TOP + _ROW * len(found) + 10
    box = f'viewBox="0 0 {width} {height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *_legend(),
    ]
    for n, pair in enumerate(found):
        lines += _bars(pair, _TOP + n * _ROW)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _legend() -> Iterator[str]:
    yield _text(10, 20, "Share of the events that were handed over; right: seconds to end", size=13)
    for n, (colour, words) in enumerate(_PARTS):
        x = _LEFT + n * 130
        yield f'<rect x="{x}" y="34" width="11" height="11" fill="{colour}"/>'
        yield _text(x + 16, 44, words)
    yield _text(_LEFT - 8, 44, "upper bar: ours, lower: SDK", anchor="end")


def _bars(pair: Pair, y: int) -> Iterator[str]:
    yield _text(_LEFT - 8, y + 17, pair.name, anchor="end")
    for row, top in ((pair.ours, y), (pair.sdk, y + 13)):
        x = float(_LEFT)
        for (colour, _), part in zip(_PARTS, _parts(row), strict=True):
            length = _BAR * part / row["emitted"]
            if length:
                size = f'width="{length:.1f}" height="11"'
                yield f'<rect x="{x:.1f}" y="{top}" {size} fill="{colour}"/>'
            x += length
        who = "ours" if row is pair.ours else "SDK"
        yield _text(_LEFT + _BAR + 8, top + 10, f"{who} {row['stop_s']:.1f} s")


def _parts(row: dict[str, Any]) -> tuple[int, int, int]:
    rest = max(0, row["emitted"] - row["received"])
    wrong = min(rest, row["unaccounted"])
    return row["emitted"] - rest, rest - wrong, wrong


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 11) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" fill="#222222">'
        f"{escape(words)}</text>"
    )


def figures() -> tuple[dict[str, Any], dict[str, Any]]:
    """What the two benchmarks have written."""
    names = ("faults.json", "collector.json")
    faults, collector = (json.loads((DOCS / name).read_text()) for name in names)
    return faults, collector


if __name__ == "__main__":
    PAGE.write_text(page(*figures()))
    CHART.write_text(chart(pairs(figures()[0])))
