"""Pauses at random lines: a thread that is late at any place, where others can meet it there.

Switches come between any two lines anyway, and once in a million runs at the one that matters;
here each line of a package may be that one. Two faults of the supervision were found so, which a
thousand storms had not met.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType, ModuleType
from typing import Any

from supervisors.system.clock import give_way

__all__ = ["jitter"]


@contextmanager
def jitter(package: ModuleType, seed: int, share: float, longest_s: float) -> Iterator[None]:
    """Within the block that *share* of the lines of *package* is followed by a pause.

    In this thread, and in those that are started meanwhile.
    """
    assert package.__file__ is not None
    folder, rng = f"{Path(package.__file__).parent}/", Random(seed)

    def at_a_line(_frame: FrameType, event: str, _arg: Any) -> Any:
        if event == "line" and rng.random() < share:
            give_way(longest_s * rng.random())
        return at_a_line

    def at_a_call(frame: FrameType, _event: str, _arg: Any) -> Any:
        return at_a_line if frame.f_code.co_filename.startswith(folder) else None

    before, before_elsewhere = sys.gettrace(), threading.gettrace()
    threading.settrace(at_a_call)
    sys.settrace(at_a_call)
    try:
        yield
    finally:
        sys.settrace(before)
        threading.settrace(before_elsewhere)  # type: ignore[arg-type]  # typeshed: not None; it may be
