"""Refuse an interpreter on which the counters of both packages would not be exact.

A step such as ``cells[i] += 1`` is atomic because the GIL is handed over only at calls and
backward jumps. A free-threaded build has no such points, and would lose counts silently.
"""

from __future__ import annotations

import sys


def refuse_free_threading(enabled: bool) -> None:
    """Raise unless the GIL is *enabled*.

    Raises:
        ImportError: a free-threaded build; use the usual one.
    """
    if not enabled:
        raise ImportError(
            "supervisors and telemetry_actors need the GIL: this is a free-threaded build of"
            " Python, on which their counters would lose counts; use the usual build"
        )


refuse_free_threading(getattr(sys, "_is_gil_enabled", lambda: True)())
