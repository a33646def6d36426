"""What an earlier process left, let out a portion at a time. The gateway's thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from telemetry_actors.books.books import Books
from telemetry_actors.books.ends import Drop, Ending
from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.envelope import Envelope, Item
from telemetry_actors.stores.journal._index import Index

_MOST_OUT: Final = 1024
"""Another process's events in memory at one time: two requests of the usual size."""
_STAGE: Final = "journal"


class Replays:
    """See the module.

    No more are on their way at a time than a few requests take, so that what this process accepts
    never waits long behind them.

    Args:
        read: reads so many of the next ones at most.
        cases: how many; the last row of the books is for unknown ones.
        index: knows how many are on their way.
        books: told of those that end here.
        gate: an event as the settings let it travel now; None: it can't be read.
    """

    def __init__(
        self,
        read: Callable[[int], Sequence[Item]],
        cases: int,
        index: Index,
        books: Books,
        gate: Callable[[Envelope], Envelope | None],
    ) -> None:
        self._read = read
        self._unknown = cases - 1
        self._index = index
        self._books = books
        self._gate = gate
        self.held_back = False
        """The process ends, and its own events come first. Set on any thread."""
        self.paced = True
        """They keep to the pace that is set. Set on any thread."""

    def next(self, limit: int) -> list[Item]:
        """The next of them; they stay the journal's until they were forwarded."""
        room = _MOST_OUT - self._index.replays_out()
        if room <= 0 or self.held_back:
            return []
        let: list[Item] = []
        for ticket, envelope in self._read(min(limit, room)):
            if ticket.case_index >= self._unknown:
                self._end((ticket, envelope), Reason.NO_HANDLER)
                continue
            gated = self._gate(envelope)  # content may have been let in then, and be off now (g21)
            if gated is None:
                self._end((ticket, envelope._replace(payload=None)), Reason.INVALID_PAYLOAD)
            else:
                let.append((ticket, gated))
        return let

    def _end(self, item: Item, reason: Reason) -> None:
        self._books.end([Ending(item, Drop(reason, _STAGE))])
