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
from telemetry_actors.door.entries import UNKNOWN_CASE
from telemetry_actors.door.gating import fallback_as_it_may_travel
from telemetry_actors.door.readmission import let_in, refusal_of
from telemetry_actors.event.envelope import Envelope, charge_of
from telemetry_actors.event.forms import tenant_of
from telemetry_actors.event.ids import bounded_id
from telemetry_actors.event.ticket import Ticket

if TYPE_CHECKING:
    from telemetry_actors.books.ends import OnEnd
    from telemetry_actors.door.entries import Entry
    from telemetry_actors.event.envelope import Item
    from telemetry_actors.event.json_form import Incoming
    from telemetry_actors.life.life import Life

__all__ = ["CELERY", "may_arrive", "take_arrival"]

CELERY: Final = "celery"
"""The source's name in the ledger."""


def take_arrival(life: Life, event: Incoming | None, on_end: OnEnd) -> Admission:
    """Admit or refuse one event; count both. A bridge's thread; takes the books' lock.

    Args:
        life: of the gateway that is to handle it.
        event: as read; None: it could not be, and is refused as ``invalid``.
        on_end: told of its outcome, if it is admitted; see `Books.follow`.
    """
    entry = life.entries[UNKNOWN_CASE]
    if event is not None:
        entry = life.entries.get(event.case, entry)
    found: Item | Admission = Admission.INVALID
    try:
        if event is not None:
            found = _admissible(life, entry, event)
    finally:
        if isinstance(found, Admission):
            life.books.turn_away(CELERY, entry.row, found)
            if found is not Admission.STOPPING and event is not None:  # else the broker keeps it
                life.losses.refused(event.case, found, event.context, event.payload or {})
    return found if isinstance(found, Admission) else let_in(life, CELERY, found, on_end)


def may_arrive(life: Life, event: Incoming) -> bool:
    """Whether an event like it, of usual size, would be let in now, or refused for good."""
    entry = life.entries.get(event.case)
    if entry is None or entry.refusal is not None or life.intake.closed:
        return True
    if entry.row in life.intake.parked:
        return False
    charged = life.settings.gateway.max_context_bytes
    tenant_id = tenant_of((event.payload or {}).get("tenant_id"), event.context.get("tenant_id"))
    return life.pressure.want_of_room(entry.priority, tenant_id, charged) is None


def _admissible(life: Life, entry: Entry, event: Incoming) -> Item | Admission:
    """What is to be let in, or why it is refused."""
    envelope = _envelope(life, entry, event)
    if envelope is None:
        return Admission.INVALID
    charged = charge_of(envelope)
    refusal = refusal_of(life, entry, envelope, charged)
    if refusal is not None:
        return refusal
    if not life.intake.wakes():
        return Admission.STOPPING
    ticket = Ticket(next(life.intake.serials), entry.row, charged, bridged=True)
    return ticket, envelope


def _envelope(life: Life, entry: Entry, event: Incoming) -> Envelope | None:
    """Packed as `emit()` packs."""
    event_packed: tuple[bytes, str, bytes | None] | None
    if event.payload is None:
        event_packed = (*pack_context(event.context), None)
    else:
        event_packed = pack_event(entry, event.context, event.payload)
    if event_packed is None:
        return None
    pickle = life.settings.rehydrator.allow_pickle_fallback
    fallback = fallback_as_it_may_travel(entry, event.fallback, pickle)
    at_ns = life.clock.now_ns() if event.emitted_at is None else event.emitted_at
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
