"""What a stop leaves to the next start: all that the journal holds and that has no outcome."""

from __future__ import annotations

from contextlib import suppress

from telemetry_actors._life import Life

__all__ = ["close_journal", "put_away"]


def put_away(life: Life, *, metrics_exported: bool) -> None:
    """Put what still waits at the door into the journal. The tree has been stopped.

    Args:
        metrics_exported: the last collection was accepted, so the measurements of what has
            come as far as a sink are not to be recorded again.
    """
    journal = life.journal
    if journal is None:
        return
    items = life.mailbox.drain()
    if items:
        placed = items
        with suppress(Exception):  # then they are not kept, and `bury` counts them as shutdown
            placed = journal.append(items)
        life.mailbox.extend(placed, sum(ticket.charged_bytes for ticket, _ in placed))
    if metrics_exported:
        at_sinks = {item[0].place: item[0] for kind, item in life.held() if kind is not None}
        journal.measured(at_sinks.values())


def close_journal(life: Life) -> int:
    """Let go of the journal. How many of its events have no outcome yet."""
    if life.journal is None:
        return 0
    life.journal.close()
    return life.journal.status().held
