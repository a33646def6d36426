"""``python -m benchmarks emit [--json FILE]``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import emit
from benchmarks.machine import facts

_COLUMNS = ("subject", "threads", "p50_us", "p99_us", "max_us", "calls")


def main(argv: Sequence[str] | None = None) -> None:
    """Run one benchmark, print its table, and write its JSON if asked to."""
    arguments = _parser().parse_args(argv)
    print(emit.HEADER, file=sys.stderr)
    result: dict[str, Any] = {
        "benchmark": "emit",
        "measures": " ".join(emit.HEADER.split()),
        "machine": facts(),
        "rows": emit.run(arguments.threads, arguments.events, arguments.repeats),
    }
    _print_table(result["rows"])
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("emit", help="what a call costs its caller")
    command.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    command.add_argument("--events", type=int, default=20_000, help="in each flood")
    command.add_argument("--repeats", type=int, default=5, help="floods of each subject")
    command.add_argument("--threads", type=_counts, default=[1, 8, 32], metavar="N,N,...")
    return parser


def _counts(text: str) -> list[int]:
    return [int(count) for count in text.split(",")]


def _print_table(rows: list[dict[str, Any]]) -> None:
    print("".join(f"{column:>18}" for column in _COLUMNS))
    for row in rows:
        print(
            "".join(
                f"{row[column]:>18,}" if column != "subject" else f"{row[column]:>18}"
                for column in _COLUMNS
            )
        )


if __name__ == "__main__":
    main()
