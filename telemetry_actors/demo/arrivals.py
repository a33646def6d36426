"""Arrivals in the form of Azure's LLM trace, made up: ``python -m telemetry_actors.demo.arrivals``.

For tests and benchmarks where the real file is not at hand. Bursts and token counts are
of the real one's kind (many long contexts, few generated tokens), and nothing more is
claimed of them. Seeded: the same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from telemetry_actors.demo.azure import COLUMNS

_START = datetime(2023, 11, 16, 18, 15, tzinfo=UTC)
_MEAN_GAP_S = 0.4
_LONGEST_CONTEXT, _LONGEST_ANSWER = 7437, 99


def made_up_arrivals(rows: int, seed: int = 0) -> Iterator[str]:
    """The header and *rows* lines of the CSV form, each with its line break."""
    rng = random.Random(seed)
    at = _START
    yield ",".join(COLUMNS) + "\n"
    for _ in range(rows):
        burst = rng.random() < 0.3  # a third of the requests come on another's heels
        at += timedelta(seconds=rng.expovariate(20 if burst else 1 / _MEAN_GAP_S))
        context = min(int(rng.lognormvariate(7.2, 1.0)) + 1, _LONGEST_CONTEXT)
        generated = min(int(rng.lognormvariate(2.8, 0.8)) + 1, _LONGEST_ANSWER)
        yield f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond:06}0,{context},{generated}\n"


def main(argv: Sequence[str] | None = None) -> None:
    """Write the CSV to standard output."""
    parser = argparse.ArgumentParser(description=__doc__, prog="telemetry_actors.demo.arrivals")
    parser.add_argument("--rows", type=int, default=1000, help="lines below the header")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    sys.stdout.writelines(made_up_arrivals(arguments.rows, arguments.seed))


if __name__ == "__main__":
    main()
