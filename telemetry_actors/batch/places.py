"""What is held: each place in which an event can be before it has its outcome.

An event that moves on while somebody looks is met twice rather than not at all, since whoever
forwards puts it down before letting go. Any thread; takes no lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from supervisors import InFlight, Mailbox
from telemetry_actors.books.ends import Drop
from telemetry_actors.event.signals import SignalKind

if TYPE_CHECKING:
    from telemetry_actors.life.life import Life
    from telemetry_actors.tree.whole import Holder

__all__ = ["held", "taken_out"]

Kind = SignalKind | None


def held(
    life: Life, besides: InFlight | None = None, *, replays: bool = True
) -> Iterator[tuple[Kind, Any]]:
    """Each item that is in a mailbox or in hand, upstream to downstream, with its kind of record.

    The mailbox comes before the batch, since that is the way between them, and what is taken out
    to be ended comes last. *replays*: those of an earlier process that are still on disk, too.
    """
    if life.tree is None:
        for item in life.mailbox.held():
            yield None, item
    for number, holder in enumerate(life.holders()):
        yield from _by(life, holder, besides)
        if number == 0 and life.journal is not None:  # where what leaves the gateway may go through
            for ticket in life.journal.pending(replays=replays):
                yield None, (ticket, None)
    for kind, items in list(life.taken_out):
        for item in list(items):
            yield kind, item


def _by(life: Life, holder: Holder, besides: InFlight | None) -> Iterator[tuple[Kind, Any]]:
    for item in holder.mailbox.held():
        yield holder.kind, item
    slot = life.slots.get(holder.path)
    flight = slot.in_flight if slot is not None else None
    if flight is not None and flight is not besides:
        at_work = holder.kind is None and flight.forwarded
        for item in _without_end(flight) if at_work else list(flight.batch):
            yield holder.kind, item
        if at_work:
            yield from _unsent(life, flight)


def _without_end(flight: InFlight) -> list[Any]:
    """A stage's first step books those that end there; the others may have to wait for long."""
    pairs = zip(list(flight.batch), list(flight.results), strict=False)
    return [item for item, result in pairs if not isinstance(result, (Drop, str))]


def _unsent(life: Life, flight: InFlight) -> Iterator[tuple[Kind, Any]]:
    """Records that the books know, and that their handler still has to send."""
    from telemetry_actors.handlers.actor import outlets_not_reached

    for kind, _, records in outlets_not_reached(flight, len(life.sinks)):
        for item, ordinal in records:
            yield kind, (item[0], item[1], None, ordinal)


@contextmanager
def taken_out(life: Life, mailbox: Mailbox, kind: Kind = None) -> Iterator[list[Any]]:
    """All of *mailbox*, to be booked or put down elsewhere within the block, and held until then.

    (A hundred thousand take a while on a starved host, and somebody may look meanwhile.)
    """
    items: list[Any] = []
    life.taken_out.append((kind, items))
    try:
        mailbox.drain(items)
        yield items
    finally:
        life.taken_out[:] = [entry for entry in life.taken_out if entry[1] is not items]
