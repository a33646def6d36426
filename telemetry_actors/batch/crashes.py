"""How the gateway tells of crashes: types, files, lines and functions, innermost first.

Beside the way: the tree's runtime hands its reports here (`Runtime.report`), in place of the
logger ``supervisors``, and actors that survive what a host's code raises do so themselves. Never
a message and never a local variable: those may hold content (prompts), and a line has none (g21).
What is a file of the user's own is told with its whole path, since that is where to look.

Any thread of the tree but never `emit()`'s. Bounded per place here as well as in `supervisors`.
"""

from __future__ import annotations

import logging
import os
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from supervisors import Place, Report, Slot
from supervisors.errors import ChildStartError, StartTimeout, ThreadRefused
from supervisors.run.reports import cause_of, places_of
from telemetry_actors.base.log import error as say_error
from telemetry_actors.base.log import say
from telemetry_actors.base.misfit import Misfit, shown_name, shown_place
from telemetry_actors.errors import SettingsError

_OURS: Final = str(Path(__file__).parents[2]) + os.sep
"""Where both packages are."""
_OUR_PACKAGES: Final = tuple(_OURS + name + os.sep for name in ("supervisors", "telemetry_actors"))
_LIBRARIES: Final = tuple(
    sorted(
        {
            str(Path(sysconfig.get_path(name)).resolve()) + os.sep
            for name in ("purelib", "platlib", "stdlib")
        }
        | {sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib", "stdlib")},
        key=len,
        reverse=True,
    )
)
_MACHINERY: Final = (_OUR_PACKAGES[0], "pykka" + os.sep, "threading.py")
_MOST_FRAMES: Final = 8
_INNERMOST: Final = 4
_SAID_OTHERWISE: Final = ("parked", "unparked", "ended", "gave_up")
"""By `life/parking.py`; a supervisor that gives up is in the line of what parks, or made anew."""
_OF_A_TYPE: Final = ("crashed", "failed")
"""What is counted of these is told with the name of the type that was raised."""
_AT_ONCE: Final = 2
"""Lines of crashes at one place: with that of what has parked they are three in a minute."""


def tell(report: Report) -> None:
    """Say *report*, for `Runtime.report`. The thread that tells, or the test's."""
    if report.kind in _SAID_OTHERWISE or report.counts in _SAID_OTHERWISE:
        return
    words = f"{report.path or 'the tree'} {report.what}"
    error = report.error
    if isinstance(error, str) and report.counts in _OF_A_TYPE:
        error = shown_name(error)
    short = in_short(error, report.places)
    if short and report.of:
        words += f"; last cause: {report.of}: {short}"
    elif short:
        words += f" at {short}" if error is None else f": {short}"
    if report.then:
        words += f"; {report.then}"
    if report.level >= logging.ERROR:  # a crash and its count are of one kind
        of, within = (
            f"{report.path} {report.places[:1]}",
            f"{report.path} {report.counts or report.kind}",
        )
        say_error("%s", words, of=of, at_once=_AT_ONCE, within=within)
    else:
        say("%s", words)


def tell_raised(what: str, error: BaseException, then: str) -> None:
    """*error* was raised by *what*, such as ``trace manager Manager``, and cost nobody else.

    Args:
        what: of a few, and no text of a payload's.
        error: only its type and places are told.
        then: what became of it.
    """
    of = f"{what} {type(error).__name__} {places_of(error)[:1]}"
    says = str(error) if isinstance(error, Misfit) else f"{what} raised {in_short(error)}"
    say_error("%s; %s", says, then, of=of, at_once=1, within=what)


def cause_below(slots: Mapping[tuple[str, ...], Slot], path: str) -> str:
    """Why the part at *path* has parked: the child, the type, and where; "" if nobody knows."""
    slot = slots.get(("root", *path.split("/")) if path else ("root",))
    fault = None if slot is None else slot.last_fault
    if fault is None:
        return ""
    cause = cause_of(fault.reason)
    return f"{fault.path}: {in_short(cause, places_of(cause) or fault.places)}"


def in_short(error: BaseException | str | None, places: tuple[Place, ...] = ()) -> str:
    """``KeyError at app/mapping.py:7 in to_signals < ...``, and what that was raised from."""
    if isinstance(error, Misfit):
        return f"TypeError: {error}"
    where = _calls(places or places_of(error))
    words = " at ".join(part for part in (_name_of(error), where) if part)
    if not isinstance(error, BaseException):
        return words
    origin = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if origin is None:
        return words
    came_from = " at ".join(
        part for part in (_name_of(origin), _calls(places_of(origin)[:1])) if part
    )
    return f"{words} (from {came_from})"


def why_not_up(error: BaseException | str) -> str:
    """Why a tree can't be started. Our own words are told; of what is anybody's, type and place."""
    if isinstance(error, SettingsError | StartTimeout | ThreadRefused):
        return str(error)
    if isinstance(error, ChildStartError):
        return f"child {error.child_id!r} failed to start: {why_not_up(error.cause)}"
    return in_short(error)


def _name_of(error: BaseException | str | None) -> str:
    """The type; of an end without an error its word."""
    if isinstance(error, BaseException):
        return shown_name(type(error).__qualname__)
    return "" if error is None else error.partition("(")[0]


def _calls(places: tuple[Place, ...]) -> str:
    """Innermost first, without what runs every actor; the middle of many is left out."""
    found = list(places)
    while len(found) > 1 and _is_machinery(found[-1].file):
        found.pop()
    users = [n for n, place in enumerate(found) if _is_users(place.file)]
    if users:  # and who called it; what that was called by is the same each time
        del found[users[-1] + 2 :]
    if len(found) > _MOST_FRAMES:
        inner, rest = found[:_INNERMOST], found[_INNERMOST:]
        theirs = [place for place in rest if _is_users(place.file)]
        outer = (theirs or rest)[-(_MOST_FRAMES - _INNERMOST) :]
        return f"{' < '.join(map(_shown, inner))} < ... < {' < '.join(map(_shown, outer))}"
    return " < ".join(map(_shown, found))


def where_users(places: tuple[Place, ...]) -> str:
    """As in a crash's line; "" where none of these calls is in a file of a user's."""
    return _calls(places) if any(_is_users(place.file) for place in places) else ""


def _is_machinery(file: str) -> bool:
    return file.startswith(_MACHINERY[0]) or any(name in file for name in _MACHINERY[1:])


def _is_users(file: str) -> bool:
    return not file.startswith(_OUR_PACKAGES) and not file.startswith(_LIBRARIES)


def _shown(place: Place) -> str:
    """A library's file from its package on, a user's as it is."""
    file = place.file
    if file.startswith(_OUR_PACKAGES):
        file = file.removeprefix(_OURS)
    else:
        library = next((folder for folder in _LIBRARIES if file.startswith(folder)), "")
        file = file.removeprefix(library)
    return shown_place(file, place.line, place.function)
