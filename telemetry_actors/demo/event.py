"""What a source of events yields: an event to emit, or a line it could not use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from telemetry_actors.books.ledger import Admission

IF_YOUR_OWN: Final = "if the case is one of your own, name its module by --import MODULE"


class MadeEvent(NamedTuple):
    """One call of ``emit()`` that a source wants made."""

    case: str
    context: dict[str, Any]
    payload: dict[str, object]
    event_id: str | None = None
    """``None``: the gateway makes one."""
    at_ns: int | None = None
    """When it happened, on any scale; only differences count (``--speed``)."""
    line: int = 0
    """Line of the file that it came from; 0 where there is none."""
    enter: Callable[[], Admission] | None = None
    """Hands it in, where that isn't by ``emit()``: what was an event before is more than a call."""


class BadLine(NamedTuple):
    """A line that gave no event, and why. It stops nothing."""

    line: int
    reason: str
