"""What a stop leaves to the next start: all that the journal holds and that has no outcome."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from telemetry_actors._holding import taken_out
from telemetry_actors._life import Life
from telemetry_actors.envelope import Ticket

__all__ = ["close_journal", "put_away"]


def put_away(life: Life, measured: Iterable[Ticket]) -> None:
    """Put what still waits at the door into the journal. The tree has been stopped.

    Args:
        measured: events whose measurements have been exported and are not to be recorded again.
    """
    journal = life.journal
    if journal is None:
        return
    with taken_out(life, life.mailbox) as items:
        placed = items
        with suppress(Exception):  # then they are not kept, and `bury` counts them as shutdown
            placed = journal.append(items) if items else items
        life.mailbox.extend(placed, sum(ticket.charged_bytes for ticket, _ in placed))
    journal.measured({t.place: t for t in measured if journal.holds(t.place)}.values())


def close_journal(life: Life) -> int:
    """Let go of the journal. How many of its events have no outcome yet."""
    if life.journal is None:
        return 0
    life.journal.close()
    return life.journal.status().held
