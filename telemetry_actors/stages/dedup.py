"""DedupActor: let each ``(tenant_id, event_id)`` through once per window.

Third stage: ``router -> [dedup] -> rehydrator``. It claims the ids of a whole batch in one
go. A claim names its holder (the admission), so that redoing the step after a crash finds its
own claims and passes. A claim is released when its event is dropped (g09); the store does that
on this stage's thread, since it may wait for a peer.
"""

from __future__ import annotations

from typing import Any, Final

from supervisors import TICK, InFlight, Mailbox
from telemetry_actors.batch.actor import BatchActor, forward
from telemetry_actors.books.books import Books
from telemetry_actors.books.ends import Drop, Ending
from telemetry_actors.event.envelope import Item, claim_of
from telemetry_actors.ports import DedupStore

SETTLE: Final = "settle"
"""Steered into the mailbox: have the store do what is left undone."""

_DUPLICATE = "duplicate"


class DedupActor(BatchActor):
    """Forwards the first event of each id; books the repeats."""

    def __init__(self, books: Books, *, store: DedupStore, rehydrator: Mailbox) -> None:
        super().__init__("stages/dedup", books)
        self._store = store
        self._rehydrator = rehydrator

    def on_start(self) -> None:
        """Look how the store is, once running: nobody waits for it at the start (g27)."""
        if self._store.reaches_out:
            self.wake_in(0.0)

    def on_other(self, message: Any) -> None:
        """Releases wait, or a store that was gone may be back."""
        if message is TICK or message == SETTLE:
            again_s = self._store.settle()
            if again_s is not None:
                self.wake_in(again_s)

    def prepare(self, flight: InFlight) -> None:
        """Claim the whole batch at once (unless a culprit is being looked for)."""
        if flight.item_by_item or "claims" in flight.notes:
            return
        with flight.whole_batch("claim"):
            flight.notes["claims"] = self._store.claim(list(map(claim_of, flight.batch)))

    def handle(self, item: Item, index: int, flight: InFlight) -> Item | Drop | str:
        """First or repeat?"""
        claims = flight.notes.get("claims")
        first = claims[index] if claims is not None else self._store.claim([claim_of(item)])[0]
        return item if first else _DUPLICATE

    def deliver(self, flight: InFlight) -> bool:
        """Book drops and duplicates, forward the rest."""
        self.once(flight, 0, lambda: self.end_dropped(flight))
        self.once(flight, 1, lambda: self._end_duplicates(flight))
        kept = [r for r in flight.results if type(r) is tuple]
        self.once(flight, 2, lambda: forward(self._rehydrator, kept, self._books, self._stage))
        return True

    def _end_duplicates(self, flight: InFlight) -> None:
        pairs = zip(flight.batch, flight.results, strict=True)
        ends = [Ending(item, duplicate=True) for item, result in pairs if result is _DUPLICATE]
        if ends:
            self._books.end(ends)
