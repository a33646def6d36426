"""``python -m benchmarks emit|journal|supervise [--json FILE]``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import emit, journal, supervise
from benchmarks.machine import facts

_EMIT_COLUMNS = ("subject", "threads", "p50_us", "p99_us", "max_us", "calls")


def main(argv: Sequence[str] | None = None) -> None:
    """Run one benchmark, print its table, and write its JSON if asked to."""
    arguments = _parser().parse_args(argv)
    header, rows = _HEADERS[arguments.command], _RUNS[arguments.command]
    print(header, file=sys.stderr)
    result: dict[str, Any] = {
        "benchmark": arguments.command,
        "measures": " ".join(header.split()),
        "machine": facts(),
        "rows": rows(arguments),
    }
    _print_table(result["rows"], _COLUMNS[arguments.command])
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


def _emit(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    return emit.run(arguments.threads, arguments.events, arguments.repeats)


def _journal(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    return journal.run(arguments.events, arguments.repeats)


def _supervise(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    names = supervise.Scale._fields
    return supervise.run(supervise.Scale(**{name: getattr(arguments, name) for name in names}))


_HEADERS = {"emit": emit.HEADER, "journal": journal.HEADER, "supervise": supervise.HEADER}
_COLUMNS = {"emit": _EMIT_COLUMNS, "journal": journal.COLUMNS, "supervise": supervise.COLUMNS}
_RUNS = {"emit": _emit, "journal": _journal, "supervise": _supervise}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("emit", help="what a call costs its caller")
    _add_json(command)
    command.add_argument("--events", type=int, default=20_000, help="in each flood")
    command.add_argument("--repeats", type=int, default=5, help="floods of each subject")
    command.add_argument("--threads", type=_counts, default=[1, 8, 32], metavar="N,N,...")
    command = commands.add_parser("journal", help="what keeping events on disk costs")
    _add_json(command)
    command.add_argument("--events", type=int, default=20_000, help="in each flood")
    command.add_argument("--repeats", type=int, default=8, help="floods of each mode")
    command = commands.add_parser("supervise", help="supervised actors beside stock Pykka")
    _add_json(command)
    for name, default in supervise.Scale()._asdict().items():
        command.add_argument(f"--{name.replace('_', '-')}", type=int, default=default, metavar="N")
    return parser


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")


def _counts(text: str) -> list[int]:
    return [int(count) for count in text.split(",")]


def _print_table(rows: list[dict[str, Any]], columns: Sequence[str]) -> None:
    texts = [columns, *([_shown(row[column]) for column in columns] for row in rows)]
    widths = [max(12, *(len(line[n]) for line in texts)) + 2 for n in range(len(columns))]
    for first, *others in texts:
        print(first.ljust(widths[0]) + "".join(map(str.rjust, others, widths[1:])))


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


if __name__ == "__main__":
    main()
