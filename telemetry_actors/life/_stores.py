"""What of one gateway outlasts its tree, or the process: claims, letters, journal, payloads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from telemetry_actors.books.books import Listener
from telemetry_actors.event.envelope import Item, claim_of
from telemetry_actors.stores.letters.writer import letters_of
from telemetry_actors.stores.memory import MemoryDedupStore

if TYPE_CHECKING:
    from supervisors import Clock
    from telemetry_actors.books.dead_letters import DeadLetter
    from telemetry_actors.event.ticket import Ticket
    from telemetry_actors.ports import DedupStore
    from telemetry_actors.settings import TelemetrySettings
    from telemetry_actors.stores.journal import Journal
    from telemetry_actors.stores.payload_keeper import PayloadKeeper


class Stores(Listener):
    """The stores of one gateway; the books tell it what has ended, and it tells them.

    Nothing is opened before the tree is built (`life/building.py`). Any thread.
    """

    def __init__(self, settings: TelemetrySettings, clock: Clock, process: str) -> None:
        dedup = settings.dedup
        self.say_lost: Callable[[Sequence[DeadLetter]], None] = lambda _letters: None
        """Has it said why events were dropped (`books/mistakes.py`)."""
        self.say_back: Callable[[Sequence[Item]], None] = lambda _items: None
        """Has it said that a part that had parked works again (`life/parking.py`)."""
        self.local_claims = MemoryDedupStore(dedup.ttl_s, dedup.max_ids, clock)
        self.dedup: DedupStore = self.local_claims
        """With a `redis_url` another one, once the tree is built."""
        self.letters = letters_of(settings.dead_letters, clock, process)
        self.journal: Journal | None = None
        self.payloads: PayloadKeeper | None = None
        """Made with the tree."""

    def keep_payloads(self, keeper: PayloadKeeper) -> None:
        """*keeper* is made: from now on the books look for its objects, once for each event."""
        self.payloads, self.off_loaded = keeper, keeper.objects

    def on_exported(self, items: Sequence[Item]) -> None:
        """See `Listener`."""
        if self.dedup is not self.local_claims:  # those have their whole time from the claim on
            self.dedup.keep([claim_of(item) for item in items])
        self.say_back(items)

    def on_dropped(self, items: Sequence[Item]) -> None:
        """See `Listener`."""
        self.dedup.release([claim_of(item) for item in items])

    def on_letters(self, letters: Sequence[DeadLetter]) -> None:
        """See `Listener`."""
        self.say_lost(letters)
        if self.letters is not None:
            self.letters.offer(letters)

    def on_ended(self, tickets: Sequence[Ticket]) -> None:
        """See `Listener`."""
        if self.journal is not None:
            self.journal.ended(tickets)

    def on_off_loaded_end(self, serial: int) -> None:
        """See `Listener`."""
        if self.payloads is not None:
            self.payloads.ended(serial)
