"""How an event ends, and one record of it: the words that go from the actors to the books."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from telemetry_actors.books.dead_letters import Among, DeadLetter
from telemetry_actors.books.ledger import Outcome, Reason
from telemetry_actors.event.envelope import Item


class Drop(NamedTuple):
    """Why and where an event ends as dropped."""

    reason: Reason
    stage: str
    error: str = ""
    """Type and digest of the exception or the receiver's word; never content."""
    among: Among | None = None
    """Which of them it was is assumed (``partial_success`` names a number)."""


class Ending(NamedTuple):
    """The end of one event that has no record under way."""

    item: Item
    drop: Drop | None = None
    """None = exported."""
    duplicate: bool = False
    measured: bool = False
    """Its measurements have been recorded."""


class RecordEnd(NamedTuple):
    """The end of one record at one sink."""

    item: Item
    ordinal: int
    """Which of the event's records of that kind."""
    drop: Drop | None
    """None = exported."""


OnEnd = Callable[[Outcome, DeadLetter | None], None]
"""Told of one event's outcome, with its letter if it was dropped; on a thread of the tree."""
