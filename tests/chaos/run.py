"""Replay storms: ``python -m tests.chaos.run --seed N [--threads [--late 0.02]]``.

Ends with 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from contextlib import nullcontext

import supervisors
from tests.chaos.jitter import jitter
from tests.chaos.storm import Storm, ThreadedStorm, VirtualStorm


def say(*lines: object) -> None:
    """Print."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="tests.chaos.run", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, default=1, help="so many seeds from there on")
    parser.add_argument("--threads", action="store_true", help="real ones; no two runs are alike")
    parser.add_argument(
        "--late",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="of lines that are followed by a pause",
    )
    parser.add_argument("--trace", action="store_true", help="print the schedule")
    options = parser.parse_args()
    failed, tally = 0, Counter[str]()
    for seed in range(options.seed, options.seed + options.count):
        one: Storm = ThreadedStorm(seed) if options.threads else VirtualStorm(seed)
        with jitter(supervisors, seed, options.late, 0.003) if options.late else nullcontext():
            wrongs = one.run()
        failed += bool(wrongs)
        tally += one.tally()
        if options.trace:
            say(one.spec, *getattr(one.runtime, "trace", ()), *one.witness.events)
        say(*(f"seed {seed}: {wrong}" for wrong in wrongs))
    say(f"{options.count} storms, {failed} with faults: {dict(tally)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
