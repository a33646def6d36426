"""Makes docs/performance.md, and a table of the README, out of docs/performance.json.

``python -m tests.docs.performance``.

The figures are what ``make bench`` has written; it makes the charts and this page, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks import charts
from benchmarks.contestants import OURS
from benchmarks.figures import shown, times
from benchmarks.results import load, ratios_of
from benchmarks.scenarios import scenario

DOCS = Path(__file__).parents[2] / "docs"
PAGE, FIGURES = DOCS / "performance.md", DOCS / "performance.json"

README = DOCS.parent / "README.md"
_FROM, _TO = "<!-- numbers -->", "<!-- end of numbers -->"

SDK = "opentelemetry-sdk"
_BUSY = 0.5  # load before the first run; more, and others were at work

_HEAD = """\
# Performance: what an event costs, beside what one would pick instead

<!-- made by `python -m tests.docs.performance` out of docs/performance.json -->

Each figure below is one of `make bench` (under ten minutes), or of the command beside its table.
**Compare ratios, not times**: all contestants of a table ran in turn on the same machine, and times
move from machine to machine.

- **Equal output first.** Before anything is timed, each contestant sends the same events to a
  receiver that decodes them by protobuf: log records, spans and metrics must be equal to ours,
  attribute by attribute (times of emitting aside), else the benchmark refuses to print. After each
  timed run the receiver's own count must be that of the events.
- **In favour of the others.** The SDK's attributes are a copy of a ready dict plus ids, and its
  label sets are ready, too; it validates and maps nothing. `emit()` gets the payload as a platform
  has it, and gates, validates and maps it. fastotel and honeycomb-pycpp send one record an event
  and no metrics.
- **As their users would.** Each library's documented set-up and defaults, but with room in its
  queue for all. A contestant that is not installed is named and left out.
- **A process for each run**, with a receiver in another. CPU is that of the process alone. Medians,
  with the worst run in parentheses; "to ours" is how many times better ours is (under 1: worse).
"""
_COMMANDS = """\
## Measure your own

```sh
python -m benchmarks                              # scenarios, contestants, workloads
make bench                                        # this page, its figures and charts
python -m benchmarks flood paced --json new.json  # some of it; --quick: little of it
python -m benchmarks compare old.json new.json --again old-again.json
```

`compare` says what is better or worse beyond the noise, which is how far the runs of the old one
lie apart or, with a second measurement of the old code, how far that lies from the first. It exits
with 1 if anything is worse.

Others of the list have a page of their own: [supervise](supervision.md), [dedup](dedup.md),
[celery](scaling.md), [offload](payload-store.md), [faults and collector](faults.md).
"""
_TITLES = {
    "flood": "A flood",
    "peers": "All contestants",
    "paced": "Everyday rates",
    "loop": "An event loop",
    "busy": "A busy host",
    "starvation": "A starved host",
    "idle": "At rest",
    "startup": "A start",
    "memory": "Memory of what waits",
    "hour": "Memory after an hour",
    "otel": "OpenTelemetry's own definition",
    "journal": "The journal",
    "redis": "Dedup with Redis",
}


def page(machine: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> str:
    """All of it."""
    parts = [_HEAD, _numbers(results), _origin(machine)]
    parts += [_section(result) for result in results]
    return "\n".join([*parts, _COMMANDS])


def in_readme(text: str, results: Sequence[Mapping[str, Any]]) -> str:
    """The README, *text*, with the table of today's figures between its two marks."""
    before, _, rest = text.partition(_FROM)
    _, _, after = rest.partition(_TO)
    return f"{before}{_FROM}\n{_table(results)}\n{_TO}{after}"


def _numbers(results: Sequence[Mapping[str, Any]]) -> str:
    """The few that the README quotes."""
    words = "How many times better than the OpenTelemetry SDK called directly."
    return f"## In short\n\n{_table(results)}\n\n{words}\n"


def _table(results: Sequence[Mapping[str, Any]]) -> str:
    rows = [row for result in results if result["benchmark"] == "flood" for row in result["rows"]]
    lines = ["| flood, one thread | a call | events a second | CPU |"]
    lines.append("| --- | ---: | ---: | ---: |")
    for row in rows:
        if row["subject"] != SDK or not row["cell"].endswith(", 1 thread"):
            continue
        found = ratios_of(rows, row)
        cells = [times(found[name]) for name in ("p50_us", "events_per_s", "cpu_us")]
        lines.append(f"| {row['workload']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _origin(machine: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    words = (
        f"{machine['processor']}, {machine['cores']} cores, {machine['implementation']}"
        f" {machine['python']}, {machine['system']}; commit {machine['commit']},"
        f" {machine['at'][:10]}. {versions}."
    )
    left_out = "".join(f" Left out: {name}, {why}." for name, why in machine["left_out"].items())
    if machine["quick"]:
        words += " **Made with `--quick`: a smoke test, shorter than the texts below say.**"
    if machine["load_before"][0] > _BUSY:
        words += f" **Others were at work on it (load {machine['load_before'][0]:.1f}).**"
    return f"{words}{left_out}\n"


def _section(result: Mapping[str, Any]) -> str:
    name, rows = result["benchmark"], result["rows"]
    names = [n for n in scenario(name).FIGURES if any(n in row["figures"] for row in rows)]
    lines = [
        f"## {_TITLES[name]}",
        "",
        result["measures"],
        "",
        f"`python -m benchmarks {name}`",
        "",
    ]
    lines += [
        f"![{chart.title}](charts/{chart.file})\n"
        for chart in charts.CHARTS
        if chart.benchmark == name
    ]
    for cell, group in groupby(rows, key=lambda row: row["cell"]):
        lines += [f"| {cell} | {' | '.join(names)} |", f"| --- |{' ---: |' * len(names)}"]
        for row in group:
            lines += _lines(row, ratios_of(rows, row), names)
        lines.append("")
    return "\n".join(lines)


def _lines(
    row: Mapping[str, Any], ratios: Mapping[str, float], names: Sequence[str]
) -> Iterator[str]:
    found = row["figures"]
    texts = [shown(found[name]) if name in found else "" for name in names]
    subject = f"**{row['subject']}**" if row["subject"] == OURS else row["subject"]
    yield f"| {subject} | {' | '.join(texts)} |"
    if ratios:
        shares = [times(ratios[name]) if name in ratios else "" for name in names]
        yield f"| *to ours* | {' | '.join(shares)} |"


if __name__ == "__main__":
    MACHINE, RESULTS = load(FIGURES)
    PAGE.write_text(page(MACHINE, RESULTS))
    README.write_text(in_readme(README.read_text(), RESULTS))
