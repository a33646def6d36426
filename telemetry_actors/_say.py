"""Our few log lines: on the tree's threads or the constructor's, never in `emit()`.

Said inside the tree, so that a host whose logging handler calls `emit()` gets no loop (g03).
"""

from __future__ import annotations

import logging

from telemetry_actors.inside import inside_the_tree

__all__ = ["say", "warn"]

_LOGGER = logging.getLogger("telemetry_actors")
_LOGGER.addHandler(logging.NullHandler())


def say(message: str, *args: object) -> None:
    """At INFO."""
    with inside_the_tree():
        _LOGGER.info(message, *args)


def warn(message: str, *args: object) -> None:
    """At WARNING."""
    with inside_the_tree():
        _LOGGER.warning(message, *args)
