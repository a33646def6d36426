"""``python -m benchmarks`` lists; ``python -m benchmarks NAME... [--json FILE] [--quick]`` runs.

``python -m benchmarks compare A.json B.json [--again A2.json]`` says what has become worse.
``python -m benchmarks charts FILE.json`` draws the charts of docs/performance.md.
``python -m benchmarks NAME --help`` has what else one of them takes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import charts, compare
from benchmarks.beside import Bench, Scale
from benchmarks.contestants import CONTESTANTS, missing
from benchmarks.machine import facts
from benchmarks.results import print_rows, print_scenario, text_of
from benchmarks.runner import Plans, Refused
from benchmarks.scenarios import SCENARIOS, scenario
from benchmarks.single import SINGLE, counts
from benchmarks.workloads import WORKLOADS

_STDOUT = Path("-")
_ALL = (*SCENARIOS, *SINGLE)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure what is named, and print tables, or JSON where that is asked for."""
    given = list(sys.argv[1:] if argv is None else argv)
    names = _leading_names(given)
    if given[:1] == ["compare"]:
        sys.exit(compare.main(given[1:]))
    if given[:1] == ["charts"]:
        charts.main(given[1:])
    elif not names:
        _list(given)
    else:
        try:
            _measure(names, given[len(names) :])
        except Refused as why:
            sys.exit(f"refused: {why}")


def _leading_names(given: Sequence[str]) -> list[str]:
    names: list[str] = []
    for word in given:
        if word not in _ALL:
            break
        names.append(word)
    return names


def _list(given: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="*", choices=[*_ALL, []], metavar="NAME")
    parser.parse_args(given)
    print("Beside contestants, a fresh process for each run:")
    for name in SCENARIOS:
        _print_line(name, _about(name))
    print("\nBy themselves:")
    for name, one in SINGLE.items():
        _print_line(name, one.about)
    print("\nContestants:")
    for name, entry in CONTESTANTS.items():
        why = missing(name)
        _print_line(name, entry.about + (f" (left out: {why})" if why else ""))
    print("\nWorkloads:")
    for workload in WORKLOADS.values():
        _print_line(workload.name, workload.about)


def _about(name: str) -> str:
    return (scenario(name).__doc__ or "").partition("\n")[0].rstrip(".")


def _print_line(name: str, about: str) -> None:
    print(f"  {name:18}  {about}")


def _measure(names: Sequence[str], rest: Sequence[str]) -> None:
    arguments = _parser(names).parse_args(rest)
    results, load = [], os.getloadavg()
    with Plans.kept() as plans:
        bench = Bench(plans, _say)
        for name in names:
            header = scenario(name).HEADER if name in SCENARIOS else SINGLE[name].header
            print(header, file=sys.stderr)
            rows = _rows(name, arguments, bench)
            results.append({"benchmark": name, "measures": " ".join(header.split()), "rows": rows})
            if arguments.json != _STDOUT:
                _print_table(name, rows)
    for name, why in bench.left_out.items():
        _say(f"left out: {name}: {why}")
    if arguments.json is not None:
        machine = facts(load_before=load, quick=arguments.quick, left_out=bench.left_out)
        text = text_of(machine, results)
        if arguments.json == _STDOUT:
            sys.stdout.write(text)
        else:
            arguments.json.write_text(text)


def _rows(name: str, arguments: argparse.Namespace, bench: Bench) -> list[dict[str, Any]]:
    if name in SINGLE:
        one = SINGLE[name]
        own = argparse.ArgumentParser()
        one.arguments(own)
        values = vars(own.parse_args([])) | (one.quick if arguments.quick else {})
        given = {key: value for key, value in vars(arguments).items() if value is not None}
        return one.rows(
            argparse.Namespace(**{"only": None, "server": None, **values, **given}), _say
        )
    scale = Scale(
        arguments.quick,
        arguments.events,
        arguments.repeats,
        arguments.threads or (),
        arguments.only or (),
        arguments.workload or (),
    )
    return bench.measure(name, scenario(name), scale)


def _print_table(name: str, rows: Sequence[dict[str, Any]]) -> None:
    if name in SINGLE:
        print_rows(rows, SINGLE[name].columns)
    else:
        print_scenario(rows, scenario(name).FIGURES)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser(names: Sequence[str]) -> argparse.ArgumentParser:
    """Options of one name are its own; several share what all take."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {' '.join(names)}")
    words = "write the figures there; without FILE print them instead of the table"
    parser.add_argument("--json", type=Path, nargs="?", const=_STDOUT, metavar="FILE", help=words)
    parser.add_argument("--quick", action="store_true", help="little of everything: does it run?")
    if len(names) == 1 and names[0] in SINGLE:
        SINGLE[names[0]].arguments(parser)
        parser.set_defaults(**dict.fromkeys(_defaults(parser)))  # a quick run has others
        return parser
    parser.add_argument("--events", type=int, help="in each run")
    parser.add_argument("--repeats", type=int, help="runs of each contestant")
    parser.add_argument("--threads", type=counts, metavar="N,N,...", help="producers of a flood")
    parser.add_argument("--only", action="append", metavar="CONTESTANT", help="may be repeated")
    parser.add_argument("--workload", action="append", choices=WORKLOADS, help="may be repeated")
    return parser


def _defaults(parser: argparse.ArgumentParser) -> list[str]:
    return [name for name in vars(parser.parse_args([])) if name not in {"json", "quick"}]


if __name__ == "__main__":
    main()
