"""Ctrl-C and SIGTERM between two events, never in the middle of one.

``emit()`` promises to raise nothing, but a KeyboardInterrupt is not its to stop: it would
break off between two of its counts. So a command that wants its books to balance holds
Ctrl-C back for the microseconds of the call.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self


class Interrupts:
    """Handles SIGINT, and SIGTERM as if it were one, for the length of a block.

    Outside the main thread it does nothing. Somebody else's handler of SIGTERM stays.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._held = False
        self._pending = False

    def __enter__(self) -> Self:
        try:
            self._before[signal.SIGINT] = signal.signal(signal.SIGINT, self._handle)
            if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
                self._before[signal.SIGTERM] = signal.signal(signal.SIGTERM, self._handle)
        except ValueError:  # not the main thread: no signal comes here
            pass
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._before:
            signal.signal(*self._before.popitem())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold Ctrl-C back until the end of this block.

        Raises:
            KeyboardInterrupt: at the end; one came meanwhile.
        """
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._pending:
            self._pending = False
            raise KeyboardInterrupt

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._held:
            self._pending = True
        else:
            raise KeyboardInterrupt
