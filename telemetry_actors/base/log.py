"""Our few log lines: on the tree's threads or the constructor's, never in `emit()`.

A WARNING and an ERROR are heard by default: where nobody has set up logging they go to stderr, each
beginning with ``telemetry_actors:``; else to the host's logging, and nowhere besides. Whoever wants
silence gives the logger ``telemetry_actors`` a `logging.NullHandler`, or a higher level.

Said inside the tree, so that a host whose logging handler calls `emit()` gets no loop (g03).
A line is one line, whatever is in it (g29): an id or a receiver's words can't forge another.

Lines of one kind are bounded in time: the first few at once, then one a minute, which says how many
were left out. Whatever a host's logging raises stays here: its filters are not ours, and no
book, actor or constructor may depend on them.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import Final

from supervisors import SystemClock
from supervisors.system.fork import LONGEST_LINE_S, whole
from telemetry_actors.base.inside import inside_the_tree
from telemetry_actors.redaction.redaction import without_secrets

_LOGGER = logging.getLogger("telemetry_actors")

_AT_ONCE: Final = 3
_PERIOD_S: Final = 60.0
_KINDS: Final = 1000
"""Kinds of lines that are told apart; later ones are told by their message alone."""

_now_s = SystemClock().now_s  # a log's time is real time


class _Bound:
    """How many lines of one kind may still be written: a few at once, and one more each minute."""

    __slots__ = ("at_once", "left", "left_out", "since_s")

    def __init__(self, now_s: float, at_once: int) -> None:
        self.at_once = self.left = at_once
        self.left_out, self.since_s = 0, now_s

    def take(self, now_s: float) -> int | None:
        """None: not now. Else how many were left out since the last one."""
        while self.left < self.at_once and now_s - self.since_s >= _PERIOD_S:
            self.left += 1
            self.since_s += _PERIOD_S
        if not self.left:
            self.left_out += 1
            return None
        if self.left == self.at_once:
            self.since_s = now_s
        self.left -= 1
        left_out, self.left_out = self.left_out, 0
        return left_out


_bounds: dict[tuple[str, str], _Bound] = {}
"""Without a lock, which a fork may find held: two threads at once may say a line too many."""


def say(message: str, *args: object) -> None:
    """At INFO."""
    _log(logging.INFO, message, args)


def warn(message: str, *args: object, of: str = "", at_once: int = _AT_ONCE) -> bool:
    """At WARNING. False: it was left out, since there have been many of its kind.

    Args:
        message: with *args* as `logging` has it; without our name, and on one line.
        of: whose line it is, such as a sink's: another one's is of another kind. Of a few, and
            never an event's or a tenant's: each would have lines of its own.
        at_once: so many of a kind may come before it is one a minute.
    """
    return _bounded(logging.WARNING, message, args, of, at_once)


def error(
    message: str, *args: object, of: str = "", at_once: int = _AT_ONCE, within: str = ""
) -> bool:
    """At ERROR; else as `warn`. All kinds *within* one have a bound of their own, together.

    For an *of* that a user's code may make anew each time, such as the type of an error.
    """
    return _bounded(logging.ERROR, message, args, of, at_once, within)


def _bounded(
    level: int, message: str, args: tuple[object, ...], of: str, at_once: int, within: str = ""
) -> bool:
    left_out = _allowed_within((message, f"all of {within}"), (message, of), at_once, within)
    if left_out is None:
        return False
    if left_out:
        message, args = f"{message} (%d more lines of this kind were left out)", (*args, left_out)
    _log(level, message, args)
    return True


def _allowed(kind: tuple[str, str], at_once: int) -> int | None:
    return _bound_of(kind, at_once).take(_now_s())


def _bound_of(kind: tuple[str, str], at_once: int) -> _Bound:
    if len(_bounds) >= _KINDS and kind not in _bounds:
        kind = kind[0], ""  # all of its message share one from here on
    return _bounds.get(kind) or _bounds.setdefault(kind, _Bound(_now_s(), at_once))


def _allowed_within(
    all_of: tuple[str, str], kind: tuple[str, str], at_once: int, within: str
) -> int | None:
    """As `_allowed`. What has no place among *all_of* is not remembered as a kind, either."""
    if not within:
        return _allowed(kind, at_once)
    known = kind in _bounds
    left_out = _allowed(kind, at_once) if known else 0
    if left_out is None:
        return None
    of_all = _allowed(all_of, _AT_ONCE)
    if of_all is None:
        _bound_of(all_of, _AT_ONCE).left_out += left_out  # for the line that will come
        return None
    if not known:
        _allowed(kind, at_once)
    return left_out + of_all


def _log(level: int, message: str, args: tuple[object, ...]) -> None:
    with inside_the_tree(), suppress(Exception), whole(LONGEST_LINE_S):
        if _LOGGER.hasHandlers():
            _LOGGER.log(level, message, *map(_encoded, args))
        elif _is_heard_by_default(level):
            words = message % tuple(map(_encoded, args)) if args else message
            sys.stderr.write(f"telemetry_actors: {words}\n")
            sys.stderr.flush()


def _is_heard_by_default(level: int) -> bool:
    """As Python's own last resort, which would not say whose line it is."""
    last = logging.lastResort
    return last is not None and level >= last.level and _LOGGER.isEnabledFor(level)


def _encoded(arg: object) -> object:
    if isinstance(arg, int | float):
        return arg
    try:
        text = str(arg)
    except Exception:  # noqa: BLE001 -- a host's exception that can't say what it is
        text = type(arg).__name__
    return printable(without_secrets(text))


def printable(text: str) -> str:
    """*text* on one line, with nothing in it that a terminal or a log would act on (g29)."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def say_at_the_end(message: str) -> None:
    """For what must be heard, such as the last word of a process. At WARNING, and not bounded."""
    _log(logging.WARNING, "%s", (message,))
