"""Another way in than `emit()`: an event that was dropped comes once more.

It keeps its event id, its emit time and its context, and goes the whole way again, through
dedup too (its claim was given back when it was dropped, g09). It counts in the books under
a source of its own. What the settings say now holds: content that was let in then is taken
out if it is off now (g21).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from supervisors.system.native import get_ident
from telemetry_actors.books.ends import Drop, Ending
from telemetry_actors.books.ledger import Admission, Reason
from telemetry_actors.door.entries import UNKNOWN_CASE
from telemetry_actors.door.gating import as_it_may_travel
from telemetry_actors.event.decoding import has_too_many
from telemetry_actors.event.envelope import Envelope, charge_of
from telemetry_actors.event.ids import bounded_id
from telemetry_actors.event.ticket import Ticket

if TYPE_CHECKING:
    from telemetry_actors.books.dead_letters import DeadLetter
    from telemetry_actors.books.ends import OnEnd
    from telemetry_actors.door.entries import Entry
    from telemetry_actors.event.envelope import Item
    from telemetry_actors.life.life import Life

__all__ = ["DEAD_LETTERS", "let_in", "readmit", "refusal_of"]

DEAD_LETTERS: Final = "dead_letters"
"""The source's name in the ledger."""


def readmit(life: Life, letter: DeadLetter, on_end: OnEnd | None = None) -> Admission:
    """See `TelemetryGateway.replay`. The tree has been started; takes the books' lock."""
    found = _admissible(life, letter)
    if isinstance(found, Admission):
        life.losses.refused(letter.envelope.case, found, {}, {})
        return found
    return let_in(life, DEAD_LETTERS, found, on_end)


def _admissible(life: Life, letter: DeadLetter) -> Item | Admission:
    """What is to be let in, or why it is refused."""
    entry = life.entries.get(letter.envelope.case)
    if entry is None or entry.name == UNKNOWN_CASE:
        return Admission.UNKNOWN_CASE
    pickle = life.settings.rehydrator.allow_pickle_fallback
    envelope = as_it_may_travel(life.entries, letter.envelope, allow_pickle=pickle)
    if envelope is None:
        return Admission.INVALID
    ids = bounded_id(envelope.tenant_id), bounded_id(envelope.event_id)
    envelope = envelope._replace(tenant_id=ids[0], event_id=ids[1])
    if not envelope.is_from_outside:
        origin = {"origin": [life.process, letter.serial]}
        envelope = envelope._replace(metadata={**(envelope.metadata or {}), **origin})
    charged = charge_of(envelope)
    refusal = refusal_of(life, entry, envelope, charged)
    if refusal is not None:
        return refusal
    ticket = Ticket(next(life.intake.serials), entry.row, charged, measured=letter.measured)
    return ticket, envelope


def let_in(life: Life, source: str, item: Item, on_end: OnEnd | None) -> Admission:
    """Put in what came by *source* and is not refused; counted first, as it may end at once.

    Any thread; takes the books' lock. What can't be put in all the same (there is no memory left,
    say) ends ``stage_crash``, so an exception of the host's own (Ctrl-C) leaves the books whole.

    Args:
        life: of the gateway.
        source: its name in the ledger.
        item: with a ticket that has neither thread nor share yet.
        on_end: see `Books.follow`.
    """
    ticket, envelope = item
    if on_end is not None:
        life.books.follow(ticket.serial, on_end)
    life.books.take_in(source, {ticket.case_index: 1})
    share = life.books.room.take(envelope.tenant_id, ticket.charged_bytes)
    ticket = ticket._replace(thread=get_ident(), share=share)
    entered = ticket, envelope
    try:
        life.mailbox.append(entered, ticket.charged_bytes)
    except BaseException as error:
        _broken_off(life, entered, error)
        if not isinstance(error, Exception):
            raise
    return Admission.ACCEPTED


def _broken_off(life: Life, item: Item, error: BaseException) -> None:
    interrupted, me = life.mailbox.interrupted, get_ident()
    if me in interrupted:  # it is in: a signal handler has raised just after that
        interrupted.discard(me)
        return
    drop = Drop(Reason.STAGE_CRASH, "stages/gateway", type(error).__name__)
    life.books.end([Ending(item, drop)])


def refusal_of(life: Life, entry: Entry, envelope: Envelope, charged: int) -> Admission | None:
    """What `emit()` would say of it, in the same order."""
    limits = life.settings.gateway
    if life.intake.closed:
        return Admission.STOPPING
    if entry.refusal is not None:
        return entry.refusal
    if (
        len(envelope.payload or b"") > limits.max_event_bytes
        or len(envelope.context) > limits.max_context_bytes
        or has_too_many(envelope.payload or b"")
        or has_too_many(envelope.context)
    ):
        return Admission.TOO_LARGE
    if entry.row in life.intake.parked:
        return Admission.PARKED
    return life.pressure.refusal(entry.priority, envelope.tenant_id, charged)
