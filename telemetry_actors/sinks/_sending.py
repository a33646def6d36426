"""How far the sending of one batch has come. It stays with the batch, over crashes of its actor."""

from __future__ import annotations

from supervisors import InFlight
from telemetry_actors.books.ends import Drop
from telemetry_actors.books.ledger import Reason
from telemetry_actors.ports import ExportResult
from telemetry_actors.sinks.retry import RetryPlan

Chunk = list[int]
"""Indices into the batch, sent in one request."""


class Sending:
    """How far the sending of a batch has come. Kept with the batch, over crashes."""

    def __init__(self, work: list[Chunk], ends: list[Drop | None]) -> None:
        self.work = work
        """Chunks still to be sent, the next one first."""
        self.ends = ends
        """By index: None = exported (once nothing is left to send)."""
        self.on_wire: Chunk | None = None
        """That of the last request, until what its answer means has been noted down."""
        self.answer: tuple[Chunk, ExportResult] | None = None
        """To it, until what it means has been noted down: a crash in between changes nothing."""
        self.crashes = 0
        self.plan: RetryPlan | None = None
        self.first_s: float | None = None
        """When the present chunk was sent for the first time."""
        self.last: ExportResult | None = None
        """The last answer to it."""
        self.accepted = False
        """Some of it was."""
        self.probed = False
        """Single records have been tried; see `RecordSinkActor._split`."""
        self.unheard: frozenset[int] = frozenset()
        """Indices of those that were sent in full, and whose answer never came or was not heard."""

    def in_request(self) -> bool:
        """The present chunk is on its way, or was when the incarnation ended."""
        return bool(self.work) and self.work[0] is self.on_wire

    def is_answered(self) -> bool:
        """The answer to the present chunk's request has come, and is still to be followed."""
        return self.answer is not None and bool(self.work) and self.work[0] is self.answer[0]

    def unless_received(self, reason: Reason) -> Reason:
        """Why the present chunk is dropped: *reason*, unless an earlier attempt may have arrived.

        Of that a later no says nothing.
        """
        return reason if self.unheard.isdisjoint(self.work[0]) else Reason.UNCONFIRMED

    def fresh(self) -> Sending:
        """For the next incarnation, as this one was given up from outside (`InFlight.fresh`).

        It may still be at work, and notes down the end of a record, then the work that is left,
        then that nothing is on the wire; so they are read the other way round.
        """
        on_wire, work = self.on_wire, list(self.work)
        new = Sending(work, list(self.ends))
        new.crashes, new.plan = self.crashes, self.plan
        new.first_s, new.last = self.first_s, self.last
        new.accepted, new.probed, new.unheard = self.accepted, self.probed, self.unheard
        new.answer = self.answer
        if work and work[0] is on_wire:
            new.on_wire = on_wire
            if not new.is_answered():
                new.unheard |= frozenset(work[0])
        return new


def ends_given_up(flight: InFlight, drop: Drop, maybe: Drop) -> list[Drop | None]:
    """How the records of a batch that nobody will finish have ended.

    What was exported before stays so; what is in a request may still be received, and
    is *maybe* (``unconfirmed``); the rest is *drop*.
    """
    sending: Sending | None = flight.notes.get("sending")
    if sending is None:
        return [drop] * len(flight.batch)
    left = sending.fresh()
    for chunk in left.work:
        for index in chunk:
            left.ends[index] = maybe if index in left.unheard else drop
    return left.ends
