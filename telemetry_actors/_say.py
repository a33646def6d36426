"""Our few log lines: on the tree's threads or the constructor's, never in `emit()`.

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
from telemetry_actors._redaction import without_secrets
from telemetry_actors.inside import inside_the_tree

__all__ = ["forget_what_was_said", "printable", "say", "say_at_the_end", "warn"]

_LOGGER = logging.getLogger("telemetry_actors")
_LOGGER.addHandler(logging.NullHandler())

_AT_ONCE: Final = 5
_PERIOD_S: Final = 60.0
_KINDS: Final = 1000
"""Kinds of lines that are told apart; later ones are told by their message alone."""

_now_s = SystemClock().now_s  # a log's time is real time


class _Bound:
    """How many lines of one kind may still be written: five, and one more each minute."""

    __slots__ = ("left", "left_out", "since_s")

    def __init__(self, now_s: float) -> None:
        self.left, self.left_out, self.since_s = _AT_ONCE, 0, now_s

    def take(self, now_s: float) -> int | None:
        """None: not now. Else how many were left out since the last one."""
        while self.left < _AT_ONCE and now_s - self.since_s >= _PERIOD_S:
            self.left += 1
            self.since_s += _PERIOD_S
        if not self.left:
            self.left_out += 1
            return None
        if self.left == _AT_ONCE:
            self.since_s = now_s
        self.left -= 1
        left_out, self.left_out = self.left_out, 0
        return left_out


_bounds: dict[tuple[str, object], _Bound] = {}
"""Without a lock, which a fork may find held: two threads at once may say a line too many."""


def say(message: str, *args: object) -> None:
    """At INFO."""
    _log(logging.INFO, message, args)


def warn(message: str, *args: object) -> bool:
    """At WARNING. False: it was left out, since there have been many of its kind.

    Its kind is *message* with the first of *args*, such as the name of a sink.
    """
    left_out = _allowed((message, args[0] if args and isinstance(args[0], str) else ""))
    if left_out is None:
        return False
    if left_out:
        message, args = f"{message} (%d more lines of this kind were left out)", (*args, left_out)
    _log(logging.WARNING, message, args)
    return True


def forget_what_was_said() -> None:
    """All lines may be written at once again. For tests."""
    _bounds.clear()


def _allowed(kind: tuple[str, object]) -> int | None:
    now_s = _now_s()
    if len(_bounds) >= _KINDS and kind not in _bounds:
        kind = kind[0], ""  # all of its message share one from here on
    bound = _bounds.get(kind) or _bounds.setdefault(kind, _Bound(now_s))
    return bound.take(now_s)


def _log(level: int, message: str, args: tuple[object, ...]) -> None:
    with inside_the_tree(), suppress(Exception):
        _LOGGER.log(level, message, *map(_encoded, args))


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
    """For what must be heard, such as the last word of a process.

    At WARNING, or on stderr where nobody listens to the log.
    """
    if _somebody_listens():
        _log(logging.WARNING, "%s", (message,))
        return
    with suppress(Exception):  # it may be closed, or gone
        sys.stderr.write(f"telemetry_actors: {_encoded(message)}\n")
        sys.stderr.flush()


def _somebody_listens() -> bool:
    logger: logging.Logger | None = _LOGGER
    while logger is not None:
        if any(not isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False
