"""What fails today, by test, row and the number that the finding has.

A row that is here is expected to fail, and turns red when it doesn't: then its line goes.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

__all__ = ["FAILS", "rows"]

H1 = "H1: siblings whose parent only imported the package draw the same ids"
H2 = "H2: a gateway made before the fork loses what the child accepts"
H3 = "H3: a gateway of the master's, in a worker that was forked without hooks"
H4 = "H4: the server raises SIGTERM again at its end, and no exit hook runs"
H5 = "H5: the server restores SIGTERM's handler away at its end"
H6 = "H6: workers leave by os._exit"
H12 = "H12: urllib3's finaliser runs before our stop"

FAILS: dict[tuple[str, str], str] = {}


def rows(test: str, names: Iterable[str], *, in_ci: Iterable[str]) -> list:
    """Parameters of a test: those that are not *in_ci* are slow, those that fail are expected to."""
    return [
        pytest.param(
            name,
            marks=[
                *([] if name in in_ci else [pytest.mark.slow]),
                *(
                    [pytest.mark.xfail(strict=True, reason=FAILS[test, name])]
                    if (test, name) in FAILS
                    else []
                ),
            ],
        )
        for name in names
    ]
