"""The batch in hand, and how far it has come.

A coalescing mailbox hands its actor not bare messages but an `InFlight`: the
batch, and a cursor. It belongs to the slot, not to the actor, so that it
outlives a crash. What a crash costs follows from it (semantics.md g14):

- in the middle of an item (``in_hand``): that item, and no other;
- in a step for the whole batch: nothing the first time, since the step is redone;
  a second crash in the same step sets `item_by_item`, until the culprit shows.

**Progress is the number of results.** Exactly one result is appended per item,
after its effects, so there is one truth for crash, hang and redelivery.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class InFlight:
    """A batch taken from a mailbox, its results so far, and its forwards done."""

    __slots__ = (
        "batch",
        "due_s",
        "forwarded",
        "in_hand",
        "interrupted",
        "item_by_item",
        "notes",
        "progressed",
        "results",
        "sabotage",
        "step",
        "strikes",
        "taken_s",
    )

    def __init__(self) -> None:
        self.batch: list[Any] = []
        """The items, in the order in which they came."""
        self.results: list[Any] = []
        """One per item that is done; ``len(results)`` is the cursor."""
        self.forwarded = 0
        """How many of the forwards at the end have been made."""
        self.notes: dict[str, Any] = {}
        """What a whole-batch step found, kept for the next incarnation."""
        self.in_hand = False
        """An item is being worked on: the one at the cursor."""
        self.step = ""
        """The whole-batch step that is running, or ``""``."""
        self.strikes = 0
        """Crashes seen in whole-batch steps."""
        self.item_by_item = False
        """Redo whole-batch steps one item at a time: the culprit is among them."""
        self.interrupted = False
        """An incarnation ended while it held this batch."""
        self.progressed = 0
        """Items that were handled (not charged to a crash)."""
        self.due_s: float | None = None
        """Clock time before which the batch is not to be taken up again (back-off)."""
        self.taken_s = 0.0
        """Clock time at which it was taken out of the mailbox."""
        self.sabotage: Callable[[], None] | None = None
        """Testing: called with the next item in hand."""

    def __repr__(self) -> str:
        return f"<InFlight {len(self.results)}/{len(self.batch)} {self.step or 'items'}>"

    def items(self) -> Iterator[Any]:
        """The items from the cursor on; the consumer appends one result for each."""
        batch = self.batch
        self.in_hand = True
        for index in range(len(self.results), len(batch)):
            if self.sabotage is not None:
                fault, self.sabotage = self.sabotage, None
                fault()
            yield batch[index]
            self.progressed += 1
        self.in_hand = False

    @contextmanager
    def whole_batch(self, step: str) -> Iterator[None]:
        """Mark the body as one *step* for the whole batch: a crash in it is redone."""
        self.step = step
        yield
        self.step = ""

    def culprit(self) -> Any | None:
        """After an interruption: the item that the crash costs, or None. Call once.

        The caller appends a result for it. A first crash outside an item costs
        none; a second one in a whole-batch step turns on `item_by_item`.
        """
        if not self.interrupted:
            return None
        self.interrupted = False
        if self.in_hand and len(self.results) < len(self.batch):
            return self.batch[len(self.results)]
        self.strikes += 1
        if self.strikes >= 2:
            self.item_by_item = True
        return None

    def fresh(self) -> InFlight:
        """The same batch, as far as it has come, for another incarnation.

        What the old one still does to its own copy, should it come back from a hang, no
        longer reaches anybody. So a note that changes must have a ``fresh()`` of its own.
        """
        new = InFlight()
        for name in self.__slots__:
            setattr(new, name, getattr(self, name))
        new.batch, new.results, new.notes = list(self.batch), list(self.results), dict(self.notes)
        for name, note in new.notes.items():
            if hasattr(note, "fresh"):
                new.notes[name] = note.fresh()
        return new

    def remaining(self) -> list[Any]:
        """The items without a result."""
        return self.batch[len(self.results) :]
