"""Print the measures of the house, and fail beyond them: ``python -m tests.house [--all]``."""

from __future__ import annotations

import sys

from tests.house.imports import House
from tests.house.measures import Measured

MOST_SHOWN = 12


def main() -> int:
    """Print a line per measure; below one that is beyond its limit, which ones."""
    measures = Measured(House()).measures()
    for one in measures:
        sign = ">=" if one.least else "<="
        mark = "ok" if one.holds else "BEYOND"
        print(f"{one.name:<42} {one.value:>8g} {sign} {one.limit:<8g} {mark}")
        if not one.holds or "--all" in sys.argv:
            for which in one.why[: None if "--all" in sys.argv else MOST_SHOWN]:
                print(f"    {which}")
    return int(not all(one.holds for one in measures))


if __name__ == "__main__":
    sys.exit(main())
