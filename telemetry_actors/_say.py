"""Our few log lines: on the tree's threads or the constructor's, never in `emit()`.

Said inside the tree, so that a host whose logging handler calls `emit()` gets no loop (g03).
A line is one line, whatever is in it (g29): an id or a receiver's words can't forge another.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress

from telemetry_actors._redaction import without_secrets
from telemetry_actors.inside import inside_the_tree

__all__ = ["say", "say_at_the_end", "warn"]

_LOGGER = logging.getLogger("telemetry_actors")
_LOGGER.addHandler(logging.NullHandler())


def say(message: str, *args: object) -> None:
    """At INFO."""
    with inside_the_tree():
        _LOGGER.info(message, *map(_encoded, args))


def warn(message: str, *args: object) -> None:
    """At WARNING."""
    with inside_the_tree():
        _LOGGER.warning(message, *map(_encoded, args))


def _encoded(arg: object) -> object:
    if isinstance(arg, int | float):
        return arg
    try:
        text = str(arg)
    except Exception:  # noqa: BLE001 -- a host's exception that can't say what it is
        text = type(arg).__name__
    text = without_secrets(text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def say_at_the_end(message: str) -> None:
    """For what must be heard, such as the last word of a process.

    At WARNING, or on stderr where nobody listens to the log.
    """
    if _somebody_listens():
        warn("%s", message)
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
