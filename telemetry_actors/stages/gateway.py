"""GatewayActor: takes what `emit()` put in, in batches, and puts them into the journal.

First stage: ``emit -> [gateway] -> router``. Its mailbox coalesces, so that one wake-up
serves many events. It does I/O, and has a thread of its own. What is large, or behind something
large, goes aside into a lane, to be off-loaded (`offload.py`).

Without a journal it takes a batch only while the router has room, so that pressure runs back
to `emit()`. With one it takes batches all the same: what is durable may leave memory
(*spill*) and is read back, in order, as the router gets room; only what the journal doesn't
take waits here, and holds `emit()` back. What an earlier process left is replayed beside that,
at a set pace. ADR-0012.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from supervisors import TICK, Clock, InFlight, Mailbox
from telemetry_actors.batch.actor import BatchActor, forward
from telemetry_actors.books.books import Books
from telemetry_actors.books.mistakes import say_of_no_tenant
from telemetry_actors.event.envelope import Item
from telemetry_actors.ports import Journal
from telemetry_actors.stages.lane import Lane
from telemetry_actors.stages.offload import is_large

JOURNAL: Final = "journal"
"""Steered into the mailbox: the journal has something to do."""

_LOOK_S = 0.02
"""Seconds between two looks whether the router has room."""
_READ_EVENTS = 512
_MOST_READS = 16
"""In one look; then the mailbox has its turn."""
_SOON_S = 0.5
"""Seconds from a batch to the next look at the journal; while it is empty there is none."""


class GatewayActor(BatchActor):
    """Passes batches on to the router, by way of the journal.

    Args:
        router: the next stage's mailbox.
        lane: beside it, for what is off-loaded; None: nothing is.
        journal: None: there is none.
        roomy: whether memory has room for what may as well be on disk, given what is in hand.
        read_back_events: how many may come back from there at a time, if it has.
    """

    def __init__(
        self,
        books: Books,
        *,
        router: Mailbox,
        lane: Lane | None,
        journal: Journal | None,
        roomy: Callable[[Sequence[Item]], bool],
        read_back_events: int,
        clock: Clock,
        replay_events_per_s: int,
    ) -> None:
        super().__init__("stages/gateway", books)
        self._router = router
        self._lane = lane
        self._journal = journal
        self._roomy = roomy
        self._at_a_time = min(_READ_EVENTS, read_back_events)
        self._clock = clock
        self._replay_events_per_s = replay_events_per_s
        self._replayed_s = clock.now_s()
        self._said_no_tenant = False

    def on_start(self) -> None:
        """See what an earlier process, or incarnation, has left."""
        if self._journal is not None:
            self.wake_in(0.0)

    # -- a batch ----------------------------------------------------------------------------------

    def prepare(self, flight: InFlight) -> None:
        """Write the whole batch, once (unless a culprit is being looked for)."""
        if (
            not self._said_no_tenant and "" in self._books.room.own
        ):  # somebody's events are nobody's
            self._said_no_tenant = say_of_no_tenant(flight.batch)
        if self._journal is None or flight.item_by_item or "journaled" in flight.notes:
            return
        with flight.whole_batch("journal"):
            flight.batch[:] = self._journal.append(flight.batch)
            flight.notes["journaled"] = True

    def handle(self, item: Item, index: int, flight: InFlight) -> Item:
        """Nothing to decide; after two crashes in the journal, write events one by one."""
        if self._journal is not None and "journaled" not in flight.notes:
            (item,) = self._journal.append([item])
            flight.batch[index] = item
        return item

    def deliver(self, flight: InFlight) -> bool:
        """To the router, or out of memory. False: no room in either; `emit()` will notice."""
        self.once(flight, 0, lambda: self.end_dropped(flight))
        kept = [r for r in flight.results if type(r) is tuple]
        flight.due_s = None
        if self._journal is not None and self.slot.due_s is None:
            self.wake_in(_SOON_S)
        if self._may_go_on():
            self.once(flight, 1, lambda: self._pass_on(kept))
            return True
        assert self._journal is not None
        self.wake_in(_LOOK_S)
        if not all(self._journal.holds(item[0].place) for item in kept):
            flight.due_s = self._clock.now_s() + _LOOK_S
            return False
        journal = self._journal
        self.once(flight, 1, lambda: self._spill(journal, kept))
        return True

    def _spill(self, journal: Journal, items: Sequence[Item]) -> None:
        journal.spill(items)
        for ticket, _ in items:
            if ticket.share is not None:
                self._books.room.give_back(ticket.share, ticket.charged_bytes)

    def _may_go_on(self) -> bool:
        """The router has room, and no older event is waiting for it."""
        if self._journal is None:
            return True  # the mailbox has seen to it
        return self._have_room() and self._is_roomy() and not self._journal.backlog

    # -- reading back -----------------------------------------------------------------------------

    def on_other(self, message: Any) -> None:
        """Time for a look at the journal."""
        if (message is TICK or message == JOURNAL) and self._journal is not None:
            self._look(self._journal)

    def _look(self, journal: Journal) -> None:
        wait_s = journal.tick()
        self._read_back(journal)
        self._replay(journal)
        if journal.backlog or (journal.replays and self._replay_events_per_s):
            wait_s = _LOOK_S
        if wait_s is not None:
            self.wake_in(wait_s)

    def _read_back(self, journal: Journal) -> None:
        for _ in range(_MOST_READS):
            if not journal.backlog or not self._has_room():
                return
            items = journal.next_spilled(self._at_a_time)
            if not items:
                return  # what could not be read, perhaps next time
            self._pass_back(journal, items)

    def _replay(self, journal: Journal) -> None:
        now_s = self._clock.now_s()
        allowed = int(min(1.0, now_s - self._replayed_s) * self._replay_events_per_s)
        if not journal.paced:
            allowed = _READ_EVENTS * _MOST_READS
        if allowed < 1:
            return
        self._replayed_s = now_s
        while allowed > 0 and journal.replays and self._has_room():
            items = journal.next_replayed(min(allowed, self._at_a_time))
            if not items:
                return
            self._pass_back(journal, items)
            allowed -= len(items)

    def _has_room(self) -> bool:
        """A parked router would end them; on disk they can wait for better days."""
        return self._have_room() and self._is_roomy() and not self._router.is_parked()

    def _pass_back(self, journal: Journal, items: list[Item]) -> None:
        with self.slot.fence:  # one that hung, and comes back, passes nothing on (g16)
            self.check_revoked()
            self._pass_on([self._in_memory(item) for item in items])
            journal.forwarded(items)  # put down first, then let go: they are always somewhere

    def _in_memory(self, item: Item) -> Item:
        ticket, envelope = item
        share = self._books.room.take(envelope.tenant_id, ticket.charged_bytes)
        return ticket._replace(share=share), envelope

    # -- where it goes ----------------------------------------------------------------------------

    def _is_roomy(self) -> bool:
        flight = self.slot.in_flight
        return self._roomy(flight.batch if flight is not None else ())

    def _have_room(self) -> bool:
        aside = self._lane is None or self._lane.mailbox.has_room()
        return self._router.has_room() and aside

    def _pass_on(self, items: Sequence[Item]) -> None:
        """To the router; what is large, or behind something large, into the lane."""
        if self._lane is None:
            forward(self._router, items, self._books, self._stage)
            return
        straight, aside = self._lane.sort(items, _is_put_away)
        forward(self._router, straight, self._books, self._stage)
        forward(self._lane.mailbox, aside, self._books, self._stage)  # behind those before them


def _is_put_away(item: Item) -> bool:
    """What a broker has until its outcome is here whole; it is not put down a second time."""
    return is_large(item) and not item[0].bridged
