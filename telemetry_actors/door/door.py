"""The door: whatever lets an event in or refuses it, of one gateway.

`emit()` is the main way in (`door/intake.py`); `door/readmission.py` and `door/arrival.py` are two
more, for dead letters and for what a broker delivers. They meet here: one mailbox, one budget, one
order in which things are refused. Any thread.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from supervisors import Clock, MailboxSpec
from supervisors.system.native import get_ident
from telemetry_actors.batch.crashes import tell_raised
from telemetry_actors.batch.lateness import Lateness
from telemetry_actors.books.ends import Drop, Ending, OnEnd
from telemetry_actors.books.ledger import Admission, Outcome, Reason
from telemetry_actors.books.mistakes import Losses
from telemetry_actors.books.shards import Shards
from telemetry_actors.door._giving_way import Pauses
from telemetry_actors.door.enqueuer import Enqueuer
from telemetry_actors.door.intake import Intake, Limits
from telemetry_actors.door.pressure import Pressure
from telemetry_actors.door.strict import StrictIntake
from telemetry_actors.door.waiting import WaitingEvents
from telemetry_actors.event.decoding import has_too_many

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from telemetry_actors.books.books import Books
    from telemetry_actors.books.dead_letters import DeadLetter
    from telemetry_actors.door.entries import Entry
    from telemetry_actors.door.trace_calls import TraceCalls
    from telemetry_actors.event.envelope import Envelope, Item
    from telemetry_actors.settings import TelemetrySettings

_LINGER_GROWTH: Final = 5.0
"""0.1 s becomes half a second at most, which a receiver waits for anyway: a sink's is 1 s."""


class Door:
    """Lets events in, or says why not.

    It owns the gateway's mailbox, the intake and the budget of memory. It books what it lets in by
    another way than `emit()`, which has counters of its own (`Intake.shards`). It never waits,
    but for the 50 µs of `Pauses`.

    Args:
        entries: what the settings decide for each case, by name.
        books: where events that come by other ways are counted.
        calls: takes a call for a trace manager whose event isn't carried.
        process: names this life where events are kept that outlast it.
        awaken: starts the tree in the background (first event); False: nobody can.
        has_sinks: they were handed in, if only as none: no line at the start says so.
    """

    def __init__(
        self,
        settings: TelemetrySettings,
        entries: Mapping[str, Entry],
        books: Books,
        calls: TraceCalls,
        clock: Clock,
        process: str,
        awaken: Callable[[], bool],
        *,
        has_sinks: bool,
    ) -> None:
        gateway = settings.gateway
        self.settings = settings
        self.entries = entries
        self.books = books
        self.clock = clock
        self.process = process
        self.mailbox = WaitingEvents(
            MailboxSpec(
                max_items=gateway.mailbox_events,
                max_bytes=gateway.mailbox_bytes,
                linger_s=gateway.linger_s,
                # A kill costs what isn't on disk yet: before a journal nothing waits longer.
                linger_growth=1.0 if settings.journal.directory is not None else _LINGER_GROWTH,
                batch_max_items=gateway.batch_events,
                batch_max_bytes=gateway.batch_bytes,
            ),
            lambda item: item[0].charged_bytes,
        )
        self.pressure = Pressure(gateway, settings.pressure, self.mailbox, books.room)
        self.lateness = Lateness(clock)
        self.pauses = Pauses(self.lateness.overdue_s)
        self.losses = Losses(self.cases, clock.now_s, of_no_sink=has_sinks)
        limits = Limits(
            gateway.max_event_bytes,
            gateway.max_context_bytes,
            self.pauses.look if settings.pressure.give_way else None,
            self.losses.refused if settings.gateway_on else None,
        )
        shards = Shards(len(entries))
        self.enqueuer = Enqueuer(self.mailbox, self.pressure, shards, awaken)
        kind = StrictIntake if settings.strict else Intake
        self.intake = kind(
            entries, limits, self.enqueuer, shards, clock, calls.offer, calls.providers
        )

    @cached_property
    def cases(self) -> list[str]:
        """Names, by column of the books."""
        return list(self.entries)

    # -- parked cases -----------------------------------------------------------------------------

    def rows_below(self, path: str) -> list[int]:
        """Columns of the cases that nobody can take while the part at *path* is parked."""
        case = path.removeprefix("handlers/")
        return [i for i, name in enumerate(self.cases) if not path or name == case]

    def refuse_parked(self, paths: Iterable[str]) -> None:
        """Events that need one of the parts at *paths* are refused from now on, no others."""
        self.enqueuer.parked = frozenset(row for path in paths for row in self.rows_below(path))

    # -- other ways in ----------------------------------------------------------------------------

    def refusal_of(self, entry: Entry, envelope: Envelope, charged: int) -> Admission | None:
        """What `emit()` would say of it, in the same order; None: it is let in."""
        limits = self.settings.gateway
        if self.intake.closed:
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
        if entry.row in self.enqueuer.parked:
            return Admission.PARKED
        return self.pressure.refusal(entry.priority, envelope.tenant_id, charged)

    def let_in(self, source: str, item: Item, on_end: OnEnd | None) -> Admission:
        """Put in what came by *source* and is not refused; counted first, as it may end at once.

        Takes the books' lock. What can't be put in all the same (there is no memory left, say)
        ends ``stage_crash``, so an exception of the host's own (Ctrl-C) leaves the books whole.

        Args:
            source: its name in the ledger.
            item: with a ticket that has neither thread nor share yet.
            on_end: see `Books.follow`.
        """
        ticket, envelope = item
        if on_end is not None:
            self.books.follow(ticket.serial, _guarded(on_end))
        self.books.take_in(source, {ticket.case_index: 1})
        share = self.books.room.take(envelope.tenant_id, ticket.charged_bytes)
        ticket = ticket._replace(thread=get_ident(), share=share)
        entered = ticket, envelope
        try:
            self.mailbox.put(entered, ticket.charged_bytes)
        except BaseException as error:
            self._broken_off(entered, error)
            if not isinstance(error, Exception):
                raise
        return Admission.ACCEPTED

    def _broken_off(self, item: Item, error: BaseException) -> None:
        interrupted, me = self.mailbox.interrupted, get_ident()
        if me in interrupted:  # it is in: a signal handler has raised just after that
            interrupted.discard(me)
            return
        drop = Drop(Reason.STAGE_CRASH, "stages/gateway", type(error).__name__)
        self.books.end([Ending(item, drop)])


def _guarded(on_end: OnEnd) -> OnEnd:
    """*on_end* may be a user's: what it raises costs nobody else anything, and is said."""

    def tell(outcome: Outcome, letter: DeadLetter | None) -> None:
        try:
            on_end(outcome, letter)
        except (Exception, SystemExit) as error:  # noqa: BLE001 -- of a user's; the books are done
            what = "what was to be told of a replayed event's end"
            tell_raised(what, error, "no event is lost")

    return tell
