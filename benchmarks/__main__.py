"""``python -m benchmarks NAME [--json [FILE]]``; ``--help`` lists the names."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import celery, collector, dedup, emit, faults, journal, look, offload, supervise
from benchmarks.machine import facts

_STDOUT = Path("-")
_EMIT_COLUMNS = ("subject", "threads", "p50_us", "p99_us", "max_us", "calls")


def main(argv: Sequence[str] | None = None) -> None:
    """Run one benchmark, and print its table, or its JSON where that is asked for."""
    arguments = _parser().parse_args(argv)
    header, columns, rows = _ALL[arguments.command]
    print(header, file=sys.stderr)
    result: dict[str, Any] = {
        "benchmark": arguments.command,
        "measures": " ".join(header.split()),
        "machine": facts(),
        "rows": rows(arguments),
    }
    text = json.dumps(result, indent=2) + "\n"
    if arguments.json == _STDOUT:
        sys.stdout.write(text)
        return
    _print_table(result["rows"], columns)
    if arguments.json is not None:
        arguments.json.write_text(text)


def _emit(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    return emit.run(arguments.threads, arguments.events, arguments.repeats)


def _journal(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    return journal.run(arguments.events, arguments.repeats)


def _supervise(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    names = supervise.Scale._fields
    return supervise.run(supervise.Scale(**{name: getattr(arguments, name) for name in names}))


def _faults(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    only = arguments.only or (faults.QUICK if arguments.quick else ())
    events = min(arguments.events, 100) if arguments.quick else arguments.events
    return faults.run(arguments.rates, events, only=only, say=_say)


def _collector(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    return collector.run(arguments.rate, arguments.seconds, say=_say)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _dedup(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    return dedup.run(arguments.batches, arguments.events, arguments.server)


def _offload(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    return offload.run(arguments.events, arguments.repeats)


def _look(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    return look.run(arguments.repeats)


def _celery(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    return celery.run(arguments.events, arguments.repeats, arguments.server)


_ALL = {
    "celery": (celery.HEADER, celery.COLUMNS, _celery),
    "emit": (emit.HEADER, _EMIT_COLUMNS, _emit),
    "supervise": (supervise.HEADER, supervise.COLUMNS, _supervise),
    "faults": (faults.HEADER, faults.COLUMNS, _faults),
    "collector": (collector.HEADER, collector.COLUMNS, _collector),
    "dedup": (dedup.HEADER, dedup.COLUMNS, _dedup),
    "offload": (offload.HEADER, offload.COLUMNS, _offload),
    "look": (look.HEADER, look.COLUMNS, _look),
    "journal": (journal.HEADER, journal.COLUMNS, _journal),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("emit", help="what a call costs its caller")
    _add_json(command)
    command.add_argument("--events", type=int, default=20_000, help="in each flood")
    command.add_argument("--repeats", type=int, default=5, help="floods of each subject")
    command.add_argument("--threads", type=_counts, default=[1, 8, 32], metavar="N,N,...")
    command = commands.add_parser(
        "dedup", help="what finding repeats costs, with and without Redis"
    )
    _add_json(command)
    command.add_argument("--events", type=int, default=20_000, help="new ids for each batch size")
    command.add_argument("--batches", type=_counts, default=[1, 16, 256], metavar="N,N,...")
    command.add_argument("--server", metavar="FILE", help="a redis-server; that on the PATH")
    command = commands.add_parser("offload", help="payloads of 2 MB, and those beside them")
    _add_json(command)
    command.add_argument("--events", type=int, default=60, help="large ones in each turn")
    command.add_argument("--repeats", type=int, default=3, help="turns of each subject")
    command = commands.add_parser("look", help="noticing a fork: a page, and the process id")
    _add_json(command)
    command.add_argument("--repeats", type=int, default=30, help="turns of each subject")
    command = commands.add_parser("journal", help="what keeping events on disk costs")
    _add_json(command)
    command.add_argument("--events", type=int, default=20_000, help="in each flood")
    command.add_argument("--repeats", type=int, default=8, help="floods of each mode")
    command = commands.add_parser("celery", help="what the caller pays to hand events to Celery")
    _add_json(command)
    command.add_argument("--events", type=int, default=2000, help="calls in each turn")
    command.add_argument("--repeats", type=int, default=3, help="turns of each")
    command.add_argument("--server", metavar="FILE", help="a redis-server; that on the PATH")
    command = commands.add_parser("supervise", help="supervised actors beside stock Pykka")
    _add_json(command)
    for name, default in supervise.Scale()._asdict().items():
        command.add_argument(f"--{name.replace('_', '-')}", type=int, default=default, metavar="N")
    _add_faults(commands.add_parser("faults", help="what is claimed and what arrived, by fault"))
    command = commands.add_parser("collector", help="a fixed rate into a third-party collector")
    _add_json(command)
    command.add_argument("--rate", type=float, default=10_000, help="events per second")
    command.add_argument("--seconds", type=float, default=15.0)
    return parser


def _add_faults(command: argparse.ArgumentParser) -> None:
    _add_json(command)
    command.add_argument("--events", type=int, default=500, help="in each cell")
    command.add_argument("--rates", type=_counts, default=[250], metavar="N,N,...", help="per s")
    command.add_argument("--quick", action="store_true", help="six faults, 100 events each")
    command.add_argument("--only", action="append", choices=faults.names(), metavar="FAULT")


def _add_json(command: argparse.ArgumentParser) -> None:
    words = "write the figures there; without FILE print them instead of the table"
    command.add_argument("--json", type=Path, nargs="?", const=_STDOUT, metavar="FILE", help=words)


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
