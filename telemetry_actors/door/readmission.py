"""Another way in than `emit()`: an event that was dropped comes once more.

It keeps its event id, its emit time and its context, and goes the whole way again, through
dedup too (its claim was given back when it was dropped, g09). It counts in the books under
a source of its own. What the settings say now holds: content that was let in then is taken
out if it is off now (g21).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from telemetry_actors.books.ledger import Admission
from telemetry_actors.door.entries import UNKNOWN_CASE
from telemetry_actors.door.gating import as_it_may_travel
from telemetry_actors.event.envelope import Item, charge_of
from telemetry_actors.event.ids import bounded_id
from telemetry_actors.event.ticket import Ticket

if TYPE_CHECKING:
    from telemetry_actors.books.dead_letters import DeadLetter
    from telemetry_actors.books.ends import OnEnd
    from telemetry_actors.door.door import Door

DEAD_LETTERS: Final = "dead_letters"
"""The source's name in the ledger."""


def readmit(door: Door, letter: DeadLetter, on_end: OnEnd | None = None) -> Admission:
    """See `TelemetryGateway.replay`. The tree has been started; takes the books' lock."""
    found = _admissible(door, letter)
    if isinstance(found, Admission):
        door.losses.refused(letter.envelope.case, found, {}, {})
        return found
    return door.let_in(DEAD_LETTERS, found, on_end)


def _admissible(door: Door, letter: DeadLetter) -> Item | Admission:
    """What is to be let in, or why it is refused."""
    entry = door.entries.get(letter.envelope.case)
    if entry is None or entry.name == UNKNOWN_CASE:
        return Admission.UNKNOWN_CASE
    pickle = door.settings.rehydrator.allow_pickle_fallback
    envelope = as_it_may_travel(door.entries, letter.envelope, allow_pickle=pickle)
    if envelope is None:
        return Admission.INVALID
    ids = bounded_id(envelope.tenant_id), bounded_id(envelope.event_id)
    envelope = envelope._replace(tenant_id=ids[0], event_id=ids[1])
    if not envelope.is_from_outside:
        origin = {"origin": [door.process, letter.serial]}
        envelope = envelope._replace(metadata={**(envelope.metadata or {}), **origin})
    charged = charge_of(envelope)
    refusal = door.refusal_of(entry, envelope, charged)
    if refusal is not None:
        return refusal
    ticket = Ticket(next(door.enqueuer.serials), entry.row, charged, measured=letter.measured)
    return ticket, envelope
