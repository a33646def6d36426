"""BatchActor: what every actor of the pipeline does with a batch.

    take -> whole-batch step -> each item -> book the ends -> forward -> let go

The batch in hand (`supervisors.InFlight`) belongs to the slot; each of these moves is
written so that the next incarnation can go on where a crash left off and repeat nothing:
one result per item, one number for the forwards done (semantics.md g14).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from supervisors import ExitKind, InFlight, Mailbox, Revoked, Slot, SupervisedActor
from supervisors.system.native import gently
from telemetry_actors.base.inside import inside_the_tree
from telemetry_actors.batch.places import Held, Left, Place
from telemetry_actors.books.books import Books
from telemetry_actors.books.ends import Drop, Ending, RecordEnd
from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.envelope import Envelope, Item
from telemetry_actors.event.signals import SignalKind, Signals
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.redaction.redaction import without_secrets, words_of

SinkItem = tuple[Ticket, Envelope, Any, int]
"""A record on its way to one sink; the number says which of its event's records it is.

It is a `LogSignal` or `SpanSignal`; for a bridge, the envelope as it leaves the process.
"""


class BatchActor(SupervisedActor):
    """Base of stages, handlers and sinks. Runs on the thread its dispatcher gives it.

    Args:
        stage: its name in dead letters: ``router``, ``handlers/app_created`` …
        books: where events that end here are booked.
    """

    crash_reason: ClassVar[Reason] = Reason.STAGE_CRASH
    takes_events: ClassVar[bool] = True
    """Its items begin with ticket and envelope, and may expire."""

    def __init__(self, stage: str, books: Books) -> None:
        super().__init__()
        self._stage = stage
        self._books = books

    def on_receive(self, message: Any) -> None:
        """Work on a batch, or go on with it after a crash or a pause."""
        with inside_the_tree():
            if isinstance(message, InFlight):
                slot = self.slot
                began_s = slot.clock.now_s()
                self._work(message)
                self._books.timing(slot.name).add(slot.clock.now_s() - began_s)
            else:
                self.on_other(message)

    def on_other(self, message: Any) -> None:
        """Take a message that is no batch. None by default."""

    # -- what a stage fills in --------------------------------------------------------------------

    def prepare(self, flight: InFlight) -> None:
        """Do what is done once for the whole batch. Redone after a crash: be idempotent."""

    def handle(self, item: Any, index: int, flight: InFlight) -> Any:
        """Decide about one item. The result may be a `Drop`; anything else is passed on.

        Raises:
            Exception: costs this one item.
        """
        return item

    def deliver(self, flight: InFlight) -> bool:
        """Forward the results. False: not done yet (the batch comes again when due)."""
        raise NotImplementedError

    # -- what nobody will finish ------------------------------------------------------------------

    @classmethod
    def held(cls, place: Place, flight: InFlight) -> Iterator[Held]:
        """What of a batch in hand has no end yet and is found nowhere else. Any thread.

        A stage's first step books those that end there; the others may have to wait for long.
        """
        done = zip(list(flight.batch), list(flight.results), strict=False)
        left = (
            [item for item, result in done if not isinstance(result, (Drop, str))]
            if flight.forwarded
            else list(flight.batch)
        )
        for item in left:
            yield None, item

    @classmethod
    def give_up(cls, left: Left) -> list[Any]:
        """End a batch that nobody will go on with. Its actor is down, or has been given up.

        Returns:
            Items that are spared, since they go on in the next process.
        """
        if not _cut_short(left):
            _charge_the_last(left)
        kept: list[Ending] = []
        ends: list[Ending] = []
        for end in _ends_of(left):
            undecided = end.drop is left.drop  # what was decided before stays so
            (kept if undecided and left.spares(end.item[0]) else ends).append(end)
        cls.end_unsent(left)  # after the look at who is joined: it may end joins
        left.books.end(ends)
        return [end.item for end in kept]

    @classmethod
    def end_unsent(cls, left: Left) -> None:
        """End the records that the batch was to send and has not. A handler's alone has any."""

    # -- the moves --------------------------------------------------------------------------------

    def _work(self, flight: InFlight) -> None:
        self._charge(flight)
        if not flight.results:
            self.prepare(flight)
        handle: Callable[[object, int, InFlight], object] = self.handle
        if self._books.max_age_ns and self.takes_events:
            handle = self._handle_unless_expired()
        handle = gently(handle)
        for item in flight.items():
            flight.results.append(handle(item, len(flight.results), flight))
        if self.deliver(flight):
            self._let_go(flight)

    def _let_go(self, flight: InFlight) -> None:
        slot = self.slot
        with slot.fence:
            if slot.in_flight is flight:
                slot.in_flight = None
                slot.mailbox.let_go(slot.clock.now_s())

    def _handle_unless_expired(self) -> Callable[[object, int, InFlight], object]:
        """`handle` for events of which some may have grown too old; asked for once per batch."""
        limits, handle = self._books.max_age_ns, self.handle
        now_ns = self.slot.clock.now_ns()
        drop = Drop(Reason.EXPIRED, self._stage)

        def handle_unless_expired(item: Any, index: int, flight: InFlight) -> Any:
            limit_ns = limits.get(item[0].case_index)
            if limit_ns is not None and now_ns - item[1].emitted_at > limit_ns:
                return drop
            return handle(item, index, flight)

        return handle_unless_expired

    def _charge(self, flight: InFlight) -> None:
        """After a crash in the middle of an item: that item is what it costs."""
        culprit = flight.culprit()
        if culprit is not None:
            reason = crash_reason_of(self.slot)
            flight.results.append(Drop(reason, self._stage, self._last_words()))

    def _last_words(self) -> str:
        return describe(self.slot.last_exit)

    def once(self, flight: InFlight, step: int, action: Callable[[], None]) -> None:
        """Do forward number *step* unless an earlier incarnation has done it.

        Results leave only under the slot's fence, and only from the incarnation that has
        the batch: one that hung and comes back has a copy that is nobody's (g16).

        Raises:
            Revoked: this incarnation has been given up.
        """
        with self.slot.fence:
            if self.slot.in_flight is not flight:
                raise Revoked
            if flight.forwarded == step:
                action()
                flight.forwarded = step + 1

    def end_dropped(self, flight: InFlight) -> None:
        """Book the items of which a `Drop` is the result."""
        pairs = zip(flight.batch, flight.results, strict=True)
        ends = [Ending(item[:2], result) for item, result in pairs if type(result) is Drop]
        if ends:
            self._books.end(ends)


def crash_reason_of(slot: Slot) -> Reason:
    """How an event that the slot's actor did not survive ends."""
    if slot.last_exit is not None and slot.last_exit.kind is ExitKind.hung:
        return Reason.ABANDONED
    reason: Reason = getattr(slot.spec.start, "crash_reason", Reason.STAGE_CRASH)
    return reason


def describe(exit_: object) -> str:
    """An exit as type and digest: ``KeyError: 'x'``, at most 300 characters."""
    error = getattr(exit_, "error", None)
    if isinstance(error, BaseException):
        return words_of(error)[:300]
    return without_secrets(str(exit_))[:300]


def forward(mailbox: Mailbox, items: Sequence[Item], books: Books, stage: str) -> None:
    """Put *items* into a downstream *mailbox*; what is parked ends here as ``parked``.

    The sender has made sure of room before it took its batch; a mailbox that is parked
    counts as having room.
    """
    if not items:
        return
    rest = _offer(mailbox, list(items))
    if not rest:
        return
    drop = Drop(Reason.PARKED, stage)
    books.end([Ending((item[0], item[1]), drop) for item in rest])


def forward_records(
    kind: SignalKind,
    mailbox: Mailbox,
    records: list[SinkItem],
    books: Books,
    stage: str,
    sink: str = "",
) -> None:
    """Put *records* into the mailbox of *sink*; what is parked ends here as ``parked``."""
    if not records:
        return
    rest = _offer(mailbox, records)
    if rest:
        drop = Drop(Reason.PARKED, stage)
        books.report(kind, sink or stage, [RecordEnd(r[:2], r[3], drop) for r in rest])


def _offer(mailbox: Mailbox, items: list[Any]) -> list[Any]:
    """Put *items* in; what nobody will take, since the mailbox is parked, comes back."""
    if mailbox.parked:
        return items
    mailbox.extend(items, sum(item[0].charged_bytes for item in items))
    return mailbox.drain() if mailbox.is_parked() else []


def _cut_short(left: Left) -> bool:
    """It was ended by the stop itself in the middle of an item, which is then no culprit."""
    last_exit = left.slot.last_exit
    killed = last_exit is not None and last_exit.kind is ExitKind.killed
    return killed and left.drop.reason is Reason.SHUTDOWN


def _charge_the_last(left: Left) -> None:
    """The crash that was one too many costs its item, though no incarnation came after it."""
    if left.flight.culprit() is not None:
        stage = left.drop.stage.removesuffix("/handler")
        words = describe(left.slot.last_exit)
        left.flight.results.append(Drop(crash_reason_of(left.slot), stage, words))


def _ends_of(left: Left) -> list[Ending]:
    """The ends of a stage's batch: what was decided already stays so, the rest is the drop.

    Nothing of it has been booked or has gone on before the first forward. Between two
    forwards (a crash there is a fault of ours) what has a decision was booked, and the rest
    has ended here only if it is found nowhere else.
    """
    flight, drop = left.flight, left.drop
    if not flight.forwarded:
        results = [*flight.results, *([None] * (len(flight.batch) - len(flight.results)))]
        return [_decided(item, r, drop) for item, r in zip(flight.batch, results, strict=True)]
    # A handler's first two forwards end what it dropped, and record what it measured.
    recorded = flight.forwarded > 1
    elsewhere = left.elsewhere()
    return [
        Ending((item[0], item[1]), drop, measured=recorded and type(result) is Signals)
        for item, result in zip(flight.batch, flight.results, strict=True)
        if type(result) is not Drop
        and not isinstance(result, str)
        and item[0].serial not in elsewhere
        and not left.books.joined(item[0].serial)
    ]


def _decided(item: Any, result: object, drop: Drop) -> Ending:
    if isinstance(result, str):
        return Ending((item[0], item[1]), duplicate=True)
    return Ending((item[0], item[1]), result if type(result) is Drop else drop)
