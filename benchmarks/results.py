"""Results as a file and as a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import figures
from benchmarks.contestants import OURS

__all__ = ["load", "print_rows", "print_scenario", "text_of"]

_LABELS = ("cell", "subject")


def text_of(machine: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> str:
    """JSON: of one benchmark all on one floor, of several a list."""
    if len(results) == 1:
        whole: dict[str, Any] = {**results[0], "machine": machine}
    else:
        whole = {"machine": machine, "benchmarks": list(results)}
    return json.dumps(whole, indent=2) + "\n"


def load(file: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The machine, and a result for each benchmark."""
    whole = json.loads(file.read_text())
    if "benchmarks" in whole:
        return whole["machine"], whole["benchmarks"]
    return whole["machine"], [whole]


def print_scenario(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    """A line for each subject, and for each other the ratio to ours."""
    some = [name for name in names if any(name in row["figures"] for row in rows)]
    table = [("", *some)]
    cell = ""
    for row in rows:
        if row["cell"] != cell:
            cell = row["cell"]
            table.append((cell, *[""] * len(some)))
        found = row["figures"]
        texts = [figures.shown(found[name]) if name in found else "-" for name in some]
        table.append((f"  {row['subject']}", *texts))
        ratios = ratios_of(rows, row)
        if ratios:
            shown = [figures.times(ratios[name]) if name in ratios else "" for name in some]
            table.append(("    to ours", *shown))
    _print(table)


def ratios_of(rows: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> dict[str, float]:
    """How many times better ours is, in the same cell, by figure."""
    ours = [one for one in rows if one["cell"] == row["cell"] and one["subject"] == OURS]
    if not ours or row["subject"] in (OURS, "nothing"):
        return {}
    mine, theirs = ours[0]["figures"], row["figures"]
    found = {
        name: figures.ratio(name, mine[name]["median"], theirs[name]["median"])
        for name in mine.keys() & theirs.keys()
    }
    return {name: value for name, value in found.items() if value is not None}


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """As they are."""
    _print([tuple(columns), *[tuple([_shown(row[column]) for column in columns]) for row in rows]])


def _print(table: Sequence[Sequence[str]]) -> None:
    widths = [max(12, *(len(line[n]) for line in table)) + 2 for n in range(len(table[0]))]
    for first, *others in table:
        print((first.ljust(widths[0]) + "".join(map(str.rjust, others, widths[1:]))).rstrip())


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{round(value, 3):,}"
    return f"{value:,}" if isinstance(value, int) else str(value)
