"""Progress on stderr: a bar on a terminal, a line now and then anywhere else.

Meanwhile our log lines come out above the bar, one by one, whatever else there is of logging.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from supervisors import Clock
from telemetry_actors.base.log import printable

_OURS = logging.getLogger("telemetry_actors")
_LINE_EVERY_S = 2.0
_LOOK_EVERY = 64  # events between two looks at the clock


class ProgressDisplay:
    """Shows how many events have been emitted. A context manager, and an `Observer`."""

    def __init__(self, clock: Clock, *, total: int | None = None, bar: bool = True) -> None:
        """Show nothing yet.

        Args:
            total: events that there will be, where that is known.
            bar: on a terminal; False: where somebody types, it would be in the way.
        """
        self._console = Console(stderr=True, highlight=False)
        self._clock = clock
        self._total = total
        self._due_s = clock.now_s() + _LINE_EVERY_S
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            disable=not bar or not self._console.is_terminal,
            transient=True,
        )
        self._lines = _Lines(self)
        self._task = self._bar.add_task("events", total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        _OURS.addHandler(self._lines)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _OURS.removeHandler(self._lines)
        self._bar.stop()

    def advance(self, made: int) -> None:
        """*made* events have been emitted so far. Cheap: called for every event."""
        if made % _LOOK_EVERY and made != self._total:
            return
        self._bar.update(self._task, completed=made)
        if not self._console.is_terminal and (
            made == self._total or self._clock.now_s() >= self._due_s
        ):
            self._due_s = self._clock.now_s() + _LINE_EVERY_S
            of = f" of {self._total:,}" if self._total else ""
            self.note(f"{made:,}{of} events emitted")

    def note(self, text: str) -> None:
        """A line of its own, above the bar."""
        # Rich would let a terminal's own commands pass.
        self._console.print(printable(text), markup=False, soft_wrap=True)


class _Lines(logging.Handler):
    """Our own WARNINGs and ERRORs, bounded where they are said (`base/log.py`)."""

    def __init__(self, display: ProgressDisplay) -> None:
        super().__init__(logging.WARNING)
        self._display = display

    def emit(self, record: logging.LogRecord) -> None:
        """On whatever thread says it."""
        self._display.note(f"telemetry_actors: {record.getMessage()}")
