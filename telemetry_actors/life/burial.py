"""Ending what is still held where nobody will take it: a parked part, or a stopped tree.

At a stop, what the journal holds is spared: it stays where it is, in flight for the books, and
on disk for the next start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from supervisors import ExitKind, InFlight, Mailbox, Slot
from telemetry_actors.batch.actor import crash_reason_of, describe
from telemetry_actors.batch.places import held, taken_out
from telemetry_actors.books.ends import Drop, Ending, RecordEnd
from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.signals import Signals

if TYPE_CHECKING:
    from telemetry_actors.event.signals import SignalKind
    from telemetry_actors.event.ticket import Ticket
    from telemetry_actors.life.life import Life
    from telemetry_actors.tree.whole import Holder

__all__ = ["bury", "bury_calls", "spared", "unspared"]

_PROVIDERS: Final = ("root", "sinks", "providers")


def bury(life: Life, holder: Holder, reason: Reason) -> None:
    """End all that *holder* holds as dropped for *reason*. Its actor is down, or given up."""
    with taken_out(life, holder.mailbox, holder.kind) as items:
        _bury(life, holder, unspared(life, holder.mailbox, items, reason), reason)


def _bury(life: Life, holder: Holder, waiting: list[Any], reason: Reason) -> None:
    drop = Drop(reason, "/".join(holder.path[1:]))
    slot = life.slots.get(holder.path)
    flight = slot.in_flight if slot is not None else None
    if holder.kind is None:
        if slot is not None and flight is not None and not _cut_short(slot, drop):
            _charge(slot, flight, drop.stage)
        in_hand = _stage_ends(life, flight, drop) if flight is not None else []
        kept, in_hand = _divided(life, in_hand, drop)
        if flight is not None:
            _end_unreached(life, flight, drop)  # after the look at who is joined: it may end joins
        life.books.end([*in_hand, *(Ending((i[0], i[1]), drop) for i in waiting)])
    else:
        sink = _sink_of(life, holder)
        kept = []
        if flight is not None and life.books.seal(flight):
            kept = _end_flight(life, holder.kind, sink, flight, drop)
        ends = [RecordEnd((i[0], i[1]), i[3], drop) for i in waiting]
        life.books.report(holder.kind, sink, ends)
    if slot is not None and flight is not None and slot.in_flight is flight:
        slot.in_flight = _of(kept)


def _divided(life: Life, in_hand: list[Ending], drop: Drop) -> tuple[list[Ending], list[Ending]]:
    """Those that are spared, and those that end. What was decided before stays so."""
    kept: list[Ending] = []
    ends: list[Ending] = []
    for end in in_hand:
        undecided = end.drop is drop
        keep = undecided and spared(life, end.item[0], drop.reason)
        (kept if keep else ends).append(end)
    return kept, ends


def spared(life: Life, ticket: Ticket, reason: Reason) -> bool:
    """Whether the event goes on in the next process instead of ending here."""
    if reason is not Reason.SHUTDOWN or life.journal is None:
        return False
    return life.journal.holds(ticket.place)


def unspared(life: Life, mailbox: Mailbox, items: list[Any], reason: Reason) -> list[Any]:
    """Those of *items*, out of *mailbox*, that have to end; the others go back."""
    if life.journal is None or reason is not Reason.SHUTDOWN:
        return items
    kept: list[Any] = []
    ends: list[Any] = []
    for item in items:
        (kept if spared(life, item[0], reason) else ends).append(item)
    if kept:
        mailbox.extend(kept, sum(item[0].charged_bytes for item in kept))
    return ends


def _of(kept: list[Any]) -> InFlight | None:
    """A batch in hand that nobody will go on with, for those who count."""
    if not kept:
        return None
    flight = InFlight()
    flight.batch = [end.item if isinstance(end, Ending) else end for end in kept]
    return flight


def bury_calls(life: Life) -> None:
    """Count the calls of trace providers that a stopped tree has not made.

    The one in hand is ``hung``, those behind it and in the mailbox are ``absent``, so that in
    the end ``given`` is the sum of the others.
    """
    absent = len(life.providers.drain())
    slot = life.slots.get(_PROVIDERS)
    if slot is not None:
        with slot.fence:  # or it would be counted once more by an actor that comes back
            flight, slot.in_flight = slot.in_flight, None
        if flight is not None and not flight.forwarded:
            for result in flight.results:
                life.books.count_provider(result if isinstance(result, str) else "raised")
            left = len(flight.batch) - len(flight.results)
            life.books.count_provider("hung", min(left, 1))
            absent += max(left - 1, 0)
    life.books.count_provider("absent", absent)


def _end_flight(life: Life, kind: SignalKind, sink: str, flight: InFlight, drop: Drop) -> list[Any]:
    """End a sink's batch, but for the items that come back."""
    from telemetry_actors.sinks.actor import ends_given_up

    maybe = Drop(Reason.UNCONFIRMED, drop.stage)
    pairs = list(zip(flight.batch, ends_given_up(flight, drop, maybe), strict=True))
    kept: list[Any] = []
    ends: list[RecordEnd] = []
    for item, end in pairs:
        if (end is drop or end is maybe) and spared(life, item[0], drop.reason):
            kept.append(item)
        else:
            ends.append(RecordEnd((item[0], item[1]), item[3], end))
    life.books.report(kind, sink, ends)
    return kept


def _end_unreached(life: Life, flight: InFlight, drop: Drop) -> None:
    """A handler's batch whose records have gone to some outlets: end those for the others."""
    from telemetry_actors.handlers.actor import outlets_not_reached

    for kind, sink_number, records in outlets_not_reached(flight, len(life.sinks)):
        ends = [RecordEnd((item[0], item[1]), ordinal, drop) for item, ordinal in records]
        life.books.report(kind, life.sinks[sink_number].name, ends)


def _cut_short(slot: Slot, drop: Drop) -> bool:
    """It was ended by the stop itself in the middle of an item, which is then no culprit."""
    killed = slot.last_exit is not None and slot.last_exit.kind is ExitKind.killed
    return killed and drop.reason is Reason.SHUTDOWN


def _charge(slot: Slot, flight: InFlight, stage: str) -> None:
    """The crash that was one too many costs its item, though no incarnation came after it."""
    if flight.culprit() is not None:
        reason = crash_reason_of(slot)
        flight.results.append(
            Drop(reason, stage.removesuffix("/handler"), describe(slot.last_exit))
        )


def _stage_ends(life: Life, flight: InFlight, drop: Drop) -> list[Ending]:
    """The ends of a stage's batch: what was decided already stays so, the rest is *drop*.

    Nothing of it has been booked or has gone on before the first forward. Between two
    forwards (a crash there is a fault of ours) what has a decision was booked, and the rest
    has ended here only if it is found nowhere else.
    """
    if not flight.forwarded:
        results = [*flight.results, *([None] * (len(flight.batch) - len(flight.results)))]
        return [_decided(item, r, drop) for item, r in zip(flight.batch, results, strict=True)]
    # A handler's first two forwards end what it dropped, and record what it measured.
    recorded = flight.forwarded > 1
    elsewhere = {item[0].serial for _, item in held(life, besides=flight)}
    return [
        Ending((item[0], item[1]), drop, measured=recorded and type(result) is Signals)
        for item, result in zip(flight.batch, flight.results, strict=True)
        if type(result) is not Drop
        and not isinstance(result, str)
        and item[0].serial not in elsewhere
        and not life.books.joined(item[0].serial)
    ]


def _decided(item: Any, result: Any, drop: Drop) -> Ending:
    if isinstance(result, str):
        return Ending((item[0], item[1]), duplicate=True)
    return Ending((item[0], item[1]), result if type(result) is Drop else drop)


def _sink_of(life: Life, holder: Holder) -> str:
    named = holder.path[-1].partition("-")[2]
    return named or (life.sinks[0].name if life.sinks else "")
