"""Another way in than `emit()`: an event that another process has sent over a broker.

Beside the door: ``broker -> [here] -> gateway mailbox``. It is refused for the same reasons as
`emit()` would refuse it, and content is taken out of it all the same (g21), since whoever sent it
may have had it on. It counts in the books under a source of its own, and not in the shards: their
row of accepted events may lie in the journal's live page, where a ``kill -9`` would make
``lost_on_crash`` of what the broker delivers again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from telemetry_actors.books.ledger import Admission
from telemetry_actors.door._packing import pack_context, pack_event
from telemetry_actors.door.entries import UNKNOWN_CASE, Entry
from telemetry_actors.door.gating import fallback_as_it_may_travel
from telemetry_actors.event.envelope import Envelope, Item, charge_of
from telemetry_actors.event.forms import tenant_of
from telemetry_actors.event.ids import bounded_id
from telemetry_actors.event.ticket import Ticket

if TYPE_CHECKING:
    from telemetry_actors.books.ends import OnEnd
    from telemetry_actors.door.door import Door
    from telemetry_actors.event.json_form import Incoming

CELERY: Final = "celery"
"""The source's name in the ledger."""


def take_arrival(door: Door, event: Incoming | None, on_end: OnEnd) -> Admission:
    """Admit or refuse one event; count both. A bridge's thread; takes the books' lock.

    Args:
        door: of the gateway that is to handle it.
        event: as read; None: it could not be, and is refused as ``invalid``.
        on_end: told of its outcome, if it is admitted; see `Books.follow`.
    """
    entry = door.entries[UNKNOWN_CASE]
    if event is not None:
        entry = door.entries.get(event.case, entry)
    found: Item | Admission = Admission.INVALID
    try:
        if event is not None:
            found = _admissible(door, entry, event)
    finally:
        if isinstance(found, Admission):
            door.books.turn_away(CELERY, entry.row, found)
            if found is not Admission.STOPPING and event is not None:  # else the broker keeps it
                door.losses.refused(event.case, found, event.context, event.payload or {})
    return found if isinstance(found, Admission) else door.let_in(CELERY, found, on_end)


def may_arrive(door: Door, event: Incoming) -> bool:
    """Whether an event like it, of usual size, would be let in now, or refused for good."""
    entry = door.entries.get(event.case)
    if entry is None or entry.refusal is not None or door.intake.closed:
        return True
    if entry.row in door.enqueuer.parked:
        return False
    charged = door.settings.gateway.max_context_bytes
    tenant_id = tenant_of((event.payload or {}).get("tenant_id"), event.context.get("tenant_id"))
    return door.pressure.want_of_room(entry.priority, tenant_id, charged) is None


def _admissible(door: Door, entry: Entry, event: Incoming) -> Item | Admission:
    """What is to be let in, or why it is refused."""
    envelope = _envelope(door, entry, event)
    if envelope is None:
        return Admission.INVALID
    charged = charge_of(envelope)
    refusal = door.refusal_of(entry, envelope, charged)
    if refusal is not None:
        return refusal
    if not door.enqueuer.wakes():
        return Admission.STOPPING
    ticket = Ticket(next(door.enqueuer.serials), entry.row, charged, bridged=True)
    return ticket, envelope


def _envelope(door: Door, entry: Entry, event: Incoming) -> Envelope | None:
    """Packed as `emit()` packs."""
    event_packed: tuple[bytes, str, bytes | None] | None
    if event.payload is None:
        event_packed = (*pack_context(event.context), None)
    else:
        event_packed = pack_event(entry, event.context, event.payload)
    if event_packed is None:
        return None
    pickle = door.settings.rehydrator.allow_pickle_fallback
    fallback = fallback_as_it_may_travel(entry, event.fallback, pickle)
    at_ns = door.clock.now_ns() if event.emitted_at is None else event.emitted_at
    context, tenant_id, packed = event_packed
    return Envelope(
        entry.name,
        tenant_id,
        bounded_id(event.event_id),
        at_ns,
        context,
        packed,
        fallback,
        event.metadata,
    )
