"""What a stop leaves to the next start: all that the journal holds and that has no outcome."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from telemetry_actors.event.ticket import Ticket
from telemetry_actors.life.life import GATEWAY, Life

if TYPE_CHECKING:
    from telemetry_actors.stores.journal import Journal

_LAST_WRITE_S: Final = 0.2
"""For the write that is under way when the tree has been stopped, also if all time is spent."""


def put_away(life: Life, measured: Iterable[Ticket]) -> None:
    """Put what is still at the door, in hand or waiting, into the journal. The tree is stopped.

    Args:
        measured: events whose measurements have been exported and are not to be recorded again.
    """
    journal = life.stores.journal
    if journal is None:
        return
    journal.patience_s = _LAST_WRITE_S
    _put_in_hand_away(life, journal)  # it came before what waits
    with life.places.taken_out(life.places.gateway) as items:
        placed = items
        with suppress(Exception):  # then they are not kept, and `bury` counts them as shutdown
            placed = journal.append(items) if items else items
        life.places.gateway.extend(placed, sum(ticket.charged_bytes for ticket, _ in placed))
    journal.measured({t.place: t for t in measured if journal.holds(t.place)}.values())


def _put_in_hand_away(life: Life, journal: Journal) -> None:
    """What the gateway's stage had taken, if its thread ended before it was written."""
    slot = life.places.slots.get(GATEWAY)
    flight = slot.in_flight if slot is not None else None
    if flight is None or flight.forwarded:
        return
    at = [number for number, (ticket, _) in enumerate(flight.batch) if ticket.place is None]
    with suppress(Exception):  # as in `put_away`
        placed = journal.append([flight.batch[number] for number in at]) if at else []
        for number, item in zip(at, placed, strict=True):
            flight.batch[number] = item


def close_journal(life: Life) -> int:
    """Let go of the journal. How many of its events have no outcome yet."""
    if life.stores.journal is None:
        return 0
    life.stores.journal.close()
    return life.stores.journal.status().held
