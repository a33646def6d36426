"""What has been said, or waits to be, as far as a test must not find another's."""

from __future__ import annotations

from supervisors.system.process import this_process
from telemetry_actors.base import log, told_later


def forget_what_was_said() -> None:
    """All lines may be written at once again."""
    log._bounds.clear()


def forget_what_waits() -> None:
    """Say it, and begin anew: a test may have left a thread that never comes."""
    told_later.tell_now()
    this_process().own.pop(told_later._Teller, None)
