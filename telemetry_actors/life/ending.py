"""Ending what is still held where nobody will take it: in a parked part, or in a stopped tree.

At a stop, what the journal holds is spared: it stays where it is, in flight for the books, and
on disk for the next start. Any thread; the actor of the place is down, or has been given up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from supervisors import InFlight, Mailbox, Slot
from telemetry_actors.batch.places import Left, Place, Places
from telemetry_actors.books.ends import Drop, RecordEnd
from telemetry_actors.books.ledger import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from telemetry_actors.books.books import Books
    from telemetry_actors.event.ticket import Ticket

T = TypeVar("T")
_PIECE: Final = 1024
_PROVIDERS: Final = ("root", "sinks", "providers")


def end_held(places: Places, books: Books, place: Place, reason: Reason) -> None:
    """End all that is held at *place* as dropped for *reason*: what is in hand, then what waits."""
    drop = Drop(reason, "/".join(place.path[1:]))
    with places.taken_out(place.mailbox, place.kind) as items:
        waiting = _unspared(places, place.mailbox, items, reason)
        _end_in_hand(places, books, place, drop)
        for piece, to_come in _pieces(waiting):
            if place.kind is None:
                books.drop_all([(item[0], item[1]) for item in piece], drop, to_come)
            else:
                ends = [RecordEnd((item[0], item[1]), item[3], drop) for item in piece]
                books.report(place.kind, place.sinks[0], ends)


def end_unbuilt(places: Places, books: Books, reason: Reason = Reason.PARKED) -> int:
    """End what waits at the door of a tree that is not there. Returns how many."""
    drop = Drop(reason, "gateway")
    with places.taken_out(places.gateway) as items:
        ends = _unspared(places, places.gateway, items, reason)
        for piece, to_come in _pieces(ends):
            books.drop_all(piece, drop, to_come)
        return len(ends)


def _pieces(items: list[T]) -> Iterator[tuple[list[T], int]]:
    """*items*, a thousand at a time, and how many are to come: what is made dies young.

    All at once the collector walks all of it again and again: of 131,072 events that took half
    of the time.
    """
    for at in range(0, len(items), _PIECE):
        yield items[at : at + _PIECE], max(0, len(items) - at - _PIECE)


def end_calls(calls: Mailbox, slots: Mapping[tuple[str, ...], Slot], books: Books) -> None:
    """Count the calls of trace providers that a stopped tree has not made.

    The one in hand is ``hung``, those behind it and in the mailbox are ``absent``, so that in
    the end ``given`` is the sum of the others.
    """
    absent = len(calls.drain())
    slot = slots.get(_PROVIDERS)
    if slot is not None:
        with slot.fence:  # or it would be counted once more by an actor that comes back
            flight, slot.in_flight = slot.in_flight, None
        if flight is not None and not flight.forwarded:
            for result in flight.results:
                books.count_provider(result if isinstance(result, str) else "raised")
            left = len(flight.batch) - len(flight.results)
            books.count_provider("hung", min(left, 1))
            absent += max(left - 1, 0)
    books.count_provider("absent", absent)


def _end_in_hand(places: Places, books: Books, place: Place, drop: Drop) -> None:
    slot = places.slots.get(place.path)
    flight = slot.in_flight if slot is not None else None
    if slot is None or flight is None:
        return

    def spares(ticket: Ticket) -> bool:
        return _is_spared(places, ticket, drop.reason)

    def elsewhere() -> set[int]:
        return {item[0].serial for _, item in places.held(besides=flight)}

    kept = place.actor.give_up(Left(place, slot, flight, drop, books, spares, elsewhere))
    if slot.in_flight is flight:
        slot.in_flight = _batch_of(kept)


def _batch_of(kept: list[object]) -> InFlight | None:
    """A batch in hand that nobody will go on with, for those who count."""
    if not kept:
        return None
    flight = InFlight()
    flight.batch = kept
    return flight


def _is_spared(places: Places, ticket: Ticket, reason: Reason) -> bool:
    """Whether the event goes on in the next process instead of ending here."""
    journal = places.on_disk
    return reason is Reason.SHUTDOWN and journal is not None and journal.holds(ticket.place)


def _unspared(places: Places, mailbox: Mailbox, items: list[Any], reason: Reason) -> list[Any]:
    """Those of *items*, out of *mailbox*, that have to end; the others go back."""
    if places.on_disk is None or reason is not Reason.SHUTDOWN:
        return items
    kept: list[Any] = []
    ends: list[Any] = []
    for item in items:
        (kept if _is_spared(places, item[0], reason) else ends).append(item)
    if kept:
        mailbox.extend(kept, sum(item[0].charged_bytes for item in kept))
    return ends
