"""The measurements that have a table and options of their own, each in this process or its own way.

A question of theirs is one that no contestant beside us answers in the same words: the stores of
dedup, supervision alone, what is claimed under faults.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from benchmarks import celery, collector, dedup, faults, look, offload, supervise

__all__ = ["SINGLE", "Single"]

Say = Callable[[str], object]


class Single(NamedTuple):
    """One of them."""

    about: str
    header: str
    columns: Sequence[str]
    arguments: Callable[[argparse.ArgumentParser], object]
    rows: Callable[[argparse.Namespace, Say], list[dict[str, Any]]]
    quick: dict[str, Any]
    """Arguments of a quick run."""


def _celery_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=2000, help="calls in each turn")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each")
    _server(parser)


def _celery(arguments: argparse.Namespace, _say: Say) -> list[dict[str, Any]]:
    return celery.run(arguments.events, arguments.repeats, arguments.server)


def _dedup_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=20_000, help="new ids for each batch size")
    parser.add_argument("--batches", type=counts, default=[1, 16, 256], metavar="N,N,...")
    _server(parser)


def _dedup(arguments: argparse.Namespace, _say: Say) -> list[dict[str, Any]]:
    return dedup.run(arguments.batches, arguments.events, arguments.server)


def _offload_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=60, help="large ones in each turn")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each subject")


def _offload(arguments: argparse.Namespace, _say: Say) -> list[dict[str, Any]]:
    return offload.run(arguments.events, arguments.repeats)


def _look_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repeats", type=int, default=30, help="turns of each subject")


def _look(arguments: argparse.Namespace, _say: Say) -> list[dict[str, Any]]:
    return look.run(arguments.repeats)


def _supervise_arguments(parser: argparse.ArgumentParser) -> None:
    for name, default in supervise.Scale()._asdict().items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default, metavar="N")


def _supervise(arguments: argparse.Namespace, _say: Say) -> list[dict[str, Any]]:
    names = supervise.Scale._fields
    return supervise.run(supervise.Scale(**{name: getattr(arguments, name) for name in names}))


def _faults_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=500, help="in each cell")
    parser.add_argument("--rates", type=counts, default=[250], metavar="N,N,...", help="per s")
    parser.add_argument("--only", action="append", choices=faults.names(), metavar="FAULT")


def _faults(arguments: argparse.Namespace, say: Say) -> list[dict[str, Any]]:
    only = arguments.only or (faults.QUICK if arguments.quick else ())
    events = min(arguments.events, 100) if arguments.quick else arguments.events
    return faults.run(arguments.rates, events, only=only, say=say)


def _collector_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=10_000, help="events per second")
    parser.add_argument("--seconds", type=float, default=15.0)


def _collector(arguments: argparse.Namespace, say: Say) -> list[dict[str, Any]]:
    return collector.run(arguments.rate, arguments.seconds, say=say)


def _server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", metavar="FILE", help="a redis-server; that on the PATH")


def counts(text: str) -> list[int]:
    """Numbers with commas between them."""
    return [int(count) for count in text.split(",")]


SINGLE = {
    "celery": Single(
        "what the caller pays to hand events to Celery: our transport beside .delay()",
        celery.HEADER,
        celery.COLUMNS,
        _celery_arguments,
        _celery,
        {"events": 200, "repeats": 1},
    ),
    "dedup": Single(
        "what finding repeats costs, with and without Redis",
        dedup.HEADER,
        dedup.COLUMNS,
        _dedup_arguments,
        _dedup,
        {"events": 1_000},
    ),
    "offload": Single(
        "payloads of 2 MB, and those beside them",
        offload.HEADER,
        offload.COLUMNS,
        _offload_arguments,
        _offload,
        {"events": 10, "repeats": 1},
    ),
    "supervise": Single(
        "supervised actors beside stock Pykka",
        supervise.HEADER,
        supervise.COLUMNS,
        _supervise_arguments,
        _supervise,
        {"messages": 2_000, "crashes": 20, "children": 60, "idle_children": 20, "repeats": 1},
    ),
    "faults": Single(
        "what is claimed and what arrived, by fault",
        faults.HEADER,
        faults.COLUMNS,
        _faults_arguments,
        _faults,
        {},
    ),
    "collector": Single(
        "a fixed rate into a third-party collector",
        collector.HEADER,
        collector.COLUMNS,
        _collector_arguments,
        _collector,
        {"seconds": 2.0},
    ),
    "look": Single(
        "noticing a fork: a page, and the process id",
        look.HEADER,
        look.COLUMNS,
        _look_arguments,
        _look,
        {"repeats": 3},
    ),
}
