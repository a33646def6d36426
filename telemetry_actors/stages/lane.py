"""A lane beside the way: for events that have to wait for something, and those behind them.

    gateway ----------------> router          rehydrator ----------------> handlers
       `----> [offload] -------^                   `----> [recall] ----------^

An event that waits (for the payload store) goes into the lane, and so does every later one of
its thread, tenant and case until it is out again: they arrive in the order of `emit()`, and
nobody else waits for them (g07). What is in the lane is asked of the lane itself, never counted
beside it, so that no crash can leave a thread, tenant and case in it for good.

The actor of a lane never waits either: errands are on other threads, and it looks at them when
one is done, or when its time is up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any, Final

from supervisors import Clock, InFlight, Mailbox, Revoked, Slot
from telemetry_actors.batch.actor import BatchActor, forward
from telemetry_actors.batch.crashes import tell_raised
from telemetry_actors.books.books import Books
from telemetry_actors.books.ends import Drop, Ending
from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.envelope import Item
from telemetry_actors.ports import Errand, PayloadKeeper

Key = tuple[int, str, int]


class Later(Enum):
    """Of an item whose errand has not been begun. No text, for that is a duplicate to the books."""

    LATER = 0


LATER: Final = Later.LATER

_LOOK_S: Final = 0.02


def _key_of(item: Item) -> Key:
    """Order is kept among events of the same."""
    ticket, envelope = item[0], item[1]
    return ticket.thread, envelope.tenant_id, ticket.case_index


class Lane:
    """What the stage before a lane knows of it."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self.slot: Slot | None = None
        """The lane's actor's, once it has started."""

    def keys(self) -> set[Key]:
        """Thread, tenant and case of all events in the lane.

        The mailbox before the batch, as that is their way: one that moves on is seen twice
        rather than not at all.
        """
        waiting = self.mailbox.held() if self.mailbox.user else []
        flight = self.slot.in_flight if self.slot is not None else None
        if flight is None:
            return {_key_of(item) for item in waiting}
        return {_key_of(item) for item in (*waiting, *list(flight.batch))}

    def sort(
        self, items: Sequence[Item], waits: Callable[[Item], bool]
    ) -> tuple[Sequence[Item], list[Item]]:
        """Those that go straight on, and those that go into the lane."""
        keys = self.keys()
        if not keys and not any(map(waits, items)):
            return items, []
        straight: list[Item] = []
        aside: list[Item] = []
        for item in items:
            key = _key_of(item)
            if waits(item):
                keys.add(key)
            (aside if key in keys else straight).append(item)
        return straight, aside


class LaneActor(BatchActor):
    """Holds events until their errands are done, and lets them out in order.

    Args:
        lane: its own; tells it where it is.
    """

    def __init__(
        self, stage: str, books: Books, *, lane: Lane, keeper: PayloadKeeper, clock: Clock
    ) -> None:
        super().__init__(stage, books)
        self._lane = lane
        self._keeper = keeper
        self._clock = clock

    def on_start(self) -> None:
        """Be known before anything can be taken out of the mailbox."""
        self._lane.slot = self.slot

    # -- what a lane fills in ---------------------------------------------------------------------

    def has_time(self, before: Sequence[object]) -> bool:
        """Whether one more may be begun, beside those *before* it: errands, and finished items."""
        return True

    def begin(self, item: Item) -> Errand | None:
        """Begin the errand of *item*. None: there is none."""
        raise NotImplementedError

    def finish(self, item: Item, errand: Errand | None) -> Item:
        """What becomes of *item*. None: no errand, or one that was given up."""
        raise NotImplementedError

    def outlet(self, item: Item) -> Mailbox:
        """Where it goes on."""
        raise NotImplementedError

    # -- the moves --------------------------------------------------------------------------------

    def handle(self, item: Item, index: int, flight: InFlight) -> Any:
        """Begin its errand."""
        return self._begun(item, flight.results)

    def _begun(self, item: Item, before: Sequence[object]) -> object:
        """In their order: one that is begun late must not wait for those behind it."""
        if (before and before[-1] is LATER) or not self.has_time(before):
            return LATER
        return self.begin(item) or self._finished(item, None)

    def deliver(self, flight: InFlight) -> bool:
        """Take in who has come, let out who may go. True: the lane is empty."""
        flight.due_s = self._clock.now_s() + _LOOK_S  # before the look: `_woken` takes it back
        self._look(flight)
        self._let_out(flight)
        self._take_in(flight)
        if len(flight.results) < len(flight.batch):
            flight.due_s = None
        return not flight.batch

    def _woken(self) -> None:
        """An errand is done. A hand's thread."""
        flight = self.slot.in_flight
        if flight is not None:
            flight.due_s = None
        self.slot.mailbox.wake()

    def _look(self, flight: InFlight) -> None:
        now_s = self._clock.now_s()
        for n, (item, result) in enumerate(zip(flight.batch, flight.results, strict=False)):
            begun = result
            if begun is LATER and n and flight.results[n - 1] is LATER:
                break  # nor are those behind it begun
            if begun is LATER:
                begun = self._begun(item, flight.results[:n])
            if not isinstance(begun, tuple) and begun is not LATER:
                begun = self._looked_at(item, begun, now_s)
            flight.results[n] = begun

    def _looked_at(self, item: Item, errand: Errand, now_s: float) -> object:
        if errand.done:
            return self._finished(item, errand)
        if now_s - errand.since_s < self._keeper.timeout_s:
            return errand
        return self._finished(item, None if self._keeper.give_up(errand) else errand)

    def _finished(self, item: Item, errand: Errand | None) -> Item | Drop:
        try:
            return self.finish(item, errand)
        except Exception as error:  # noqa: BLE001 -- one event costs one event, here too (g12)
            tell_raised(self._stage, error, "the event is dropped (stage_crash)")
            return Drop(Reason.STAGE_CRASH, self._stage, type(error).__name__)

    def _let_out(self, flight: InFlight) -> None:
        """Each whose errand is done and who has nobody before him, as far as there is room."""
        with self.slot.fence:
            if self.slot.in_flight is not flight:
                raise Revoked
            done = len(flight.results)
            held: list[tuple[Item, object]] = []
            out: list[tuple[Item, object]] = []
            keys: set[Key] = set()
            for item, result in zip(flight.batch[:done], flight.results, strict=True):
                may_go = isinstance(result, tuple) and _key_of(item) not in keys
                if may_go and (type(result) is Drop or self.outlet(result).has_room()):
                    out.append((item, result))
                else:
                    held.append((item, result))
                    keys.add(_key_of(item))
            if out:
                self._pass_on(out)
                flight.batch[:done] = [item for item, _ in held]
                flight.results[:] = [result for _, result in held]

    def _pass_on(self, out: Iterable[tuple[Item, Any]]) -> None:
        ends = [Ending(item, result) for item, result in out if type(result) is Drop]
        if ends:
            self._books.end(ends)
        by_outlet: dict[int, tuple[Mailbox, list[Item]]] = {}
        for _, result in out:
            if type(result) is not Drop:
                mailbox = self.outlet(result)
                by_outlet.setdefault(id(mailbox), (mailbox, []))[1].append(result)
        for mailbox, items in by_outlet.values():
            forward(mailbox, items, self._books, self._stage)

    def _take_in(self, flight: InFlight) -> None:
        """Those in the mailbox: in the batch before they are out of it (the books look)."""
        mailbox = self.slot.mailbox
        assert mailbox.batching is not None
        room = mailbox.batching.max_items - len(flight.batch)
        heavy = sum(item[0].charged_bytes for item in flight.batch) > mailbox.max_bytes
        coming = mailbox.held()[:room] if mailbox.user and room > 0 and not heavy else []
        if not coming:
            return
        before, taken = len(flight.batch), list[Item]()
        with self.slot.fence:  # given up before it or after it: in between they are in both
            if self.slot.in_flight is not flight:
                raise Revoked
            flight.batch.extend(coming)
            mailbox.take(len(coming), taken, self._clock.now_s())
            del flight.batch[before + len(taken) :]  # what is too heavy for one batch stays there
