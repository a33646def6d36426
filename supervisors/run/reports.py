"""What is reported of a tree, and how it is told: by default to the logger ``supervisors``.

A `Report` is one fact that somebody has to hear of without having asked: a child crashed, hung or
would not stop, a supervisor gave up, parked or came back, a tree has ended. A life in good order
makes none. When and how often one is told is `run/_reporter.py`'s; what it says is made here.

Nothing here decides anything. The error in a report is the live exception: whoever is told must
not keep it, nor the frames that hang on it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from supervisors.exit import Exit, ExitKind, shown
from supervisors.system.fork import LONGEST_LINE_S, whole

if TYPE_CHECKING:
    from supervisors.thread import Thread

_LOGGER = logging.getLogger("supervisors")
_MOST_CHARACTERS = 500
_MOST_FRAMES = 40


class Place(NamedTuple):
    """A line of code."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


@dataclass(frozen=True, slots=True)
class Report:
    """One thing to be told. ``str()`` of it is one line, which repeats the error's own words."""

    kind: str
    """Of a child: ``crashed``, ``failed`` (its start), ``hung``, ``killed`` (it did not stop in
    time), ``lost``, ``ended``. Of a supervisor: ``gave_up``, ``parked``, ``unparked``,
    ``finished`` (the whole tree, by itself). ``left_out`` counts what was not told."""
    level: int
    """As in `logging`."""
    who: str
    """``child web/cache`` or the like."""
    path: str
    """``web/cache``; "" is the whole tree."""
    incarnation: int
    """Which life of the child; 0 for a supervisor's own."""
    what: str
    """What happened, without the error."""
    then: str = ""
    """What is done about it."""
    error: BaseException | str | None = None
    """What was raised; of a supervisor, and of the tree, the last cause."""
    of: str = ""
    """Path of the child that the last cause is of."""
    places: tuple[Place, ...] = ()
    """Where it was raised, or where it hangs: innermost first."""
    counts: str = ""
    """Of ``left_out``: the kind that it counts."""

    def __str__(self) -> str:
        found = "" if self.error is None else in_words(self.error)
        if self.error is not None and self.of:
            found = f"last cause: {self.of}: {found}"
        words = f"{self.who} {self.what}" + (f": {found}" if found else "")
        if self.places:
            words += f" at {self.places[0]}"
        return f"{words}; {self.then}" if self.then else words


Teller = Callable[[Report], None]


class Fault(NamedTuple):
    """The last thing that went wrong below a supervisor."""

    path: str
    reason: Exit | BaseException | str
    places: tuple[Place, ...] = ()
    is_significant: bool = False
    """Of a child whose end ends its supervisor."""

    def __str__(self) -> str:
        cause = cause_of(self.reason)
        places = places_of(cause) or self.places
        at = f" at {places[0]}" if places else ""
        return f"{self.path}: {in_words(cause)}{at}"


def in_words(error: BaseException | str) -> str:
    """On one line, and not too many."""
    words = shown(error) if isinstance(error, BaseException) else error
    return " ".join(words[:_MOST_CHARACTERS].split())


def log_report(report: Report) -> None:
    """Tell the logger ``supervisors``; with the whole traceback, where something was raised."""
    if not _LOGGER.isEnabledFor(report.level):
        return
    error = report.error
    raised = error if isinstance(error, BaseException) and not report.of else None
    with whole(LONGEST_LINE_S):
        _LOGGER.log(report.level, "%s", report, exc_info=raised if places_of(raised) else None)


def cause_of(reason: Exit | BaseException | str) -> BaseException | str:
    """What was raised, if something was; else how it ended, in a word."""
    if not isinstance(reason, Exit):
        return reason
    return str(reason.kind) if reason.error is None else reason.error


def place_of(error: object) -> Place | None:
    """Where *error* was raised. Cheap: it is asked for with each crash."""
    traceback = getattr(error, "__traceback__", None)
    if traceback is None:
        return None
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    code = traceback.tb_frame.f_code
    return Place(code.co_filename, traceback.tb_lineno or 0, code.co_qualname)


def places_of(error: object) -> tuple[Place, ...]:
    """The calls that led to *error*, innermost first; the innermost ones, if there are many."""
    found, traceback = [], getattr(error, "__traceback__", None)
    while traceback is not None:
        code = traceback.tb_frame.f_code
        found.append(Place(code.co_filename, traceback.tb_lineno or 0, code.co_qualname))
        traceback = traceback.tb_next
    return tuple(found[: -_MOST_FRAMES - 1 : -1])


def places_of_thread(thread: Thread | None) -> tuple[Place, ...]:
    """Where *thread* stands, innermost first."""
    found: list[Place] = []
    frame = None if thread is None else sys._current_frames().get(thread.ident or 0)
    while frame is not None and len(found) < _MOST_FRAMES:
        code = frame.f_code
        found.append(Place(code.co_filename, frame.f_lineno or 0, code.co_qualname))
        frame = frame.f_back
    return tuple(found)


_KINDS = {
    ExitKind.crash: "crashed",
    ExitKind.hung: "hung",
    ExitKind.killed: "killed",
    ExitKind.lost: "lost",
}
_WORDS = {
    "crashed": "crashed",
    "hung": "hangs",
    "killed": "did not stop in time",
    "lost": "is lost: its thread is gone",
    "ended": "has ended",
}


def kind_of(exit_: Exit) -> str:
    """``crashed`` and the like; ``ended`` for an end that is no fault."""
    return _KINDS.get(exit_.kind, "ended")


def words_of(kind: str) -> str:
    """What happened to a child."""
    return _WORDS[kind]
