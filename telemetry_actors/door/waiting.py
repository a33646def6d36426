"""What waits at the door: events in the gateway's mailbox, as the garbage collector likes them.

``emit -> [gateway mailbox] -> gateway``. An item of the stages is a ticket and an envelope in a
tuple: three objects that each collection of their generation walks, and a hundred thousand may
wait. So here an event is *flat*: one exact tuple of the ticket's fields and the envelope's, one
after another. All of them are texts, bytes, ints or None, and CPython (3.11-3.13) lets go of such
a tuple at the first young collection; never of a `NamedTuple`. (Of an event that brings a trace
manager, or metadata from another process, one object stays.)

`enqueuer.py` makes one in place for `emit()`; all else that knows of the form is here.
"""

from __future__ import annotations

import sys
from itertools import compress, repeat, starmap
from typing import Final

from supervisors import Mailbox
from telemetry_actors.event.envelope import Envelope, Item
from telemetry_actors.event.ticket import Ticket

Flat = tuple[object, ...]
"""The fields of a `Ticket`, then those of an `Envelope`."""

_TICKET: Final = len(Ticket._fields)
_new = tuple.__new__


def flat(item: Item) -> Flat:
    """*item* as it waits."""
    return (*item[0], *item[1])


def whole(waiting: Flat) -> Item:
    """The item of which *waiting* was made."""
    return _new(Ticket, waiting[:_TICKET]), _new(Envelope, waiting[_TICKET:])


class WaitingEvents(Mailbox):
    """The gateway's mailbox: flat inside, and read and left as items of the stages.

    Whoever puts an event in by `append` or `offer` makes it flat; `extend` does so itself. Threads
    are those of a mailbox. It never hands out a flat event, but for who looks at `user`.
    """

    def put(self, item: Item, size: int) -> None:
        """`append`, of an item of the stages."""
        self.append(flat(item), size)

    def extend(self, items: list[Item], size: int = 0) -> None:
        """See `Mailbox.extend`."""
        super().extend([flat(item) for item in items], size)

    def move(self, count: int, into: list[Item]) -> None:
        """See `Mailbox.move`: whole first, then moved in one C call, each for its flat one.

        `compress` takes an item and pops a flat one, which is true: the two stay in step, since
        there is one taker, and senders add at the other end.
        """
        items = self.held(count)
        into.extend(compress(items, starmap(self.user.popleft, repeat((), len(items)))))

    def held(self, count: int = sys.maxsize) -> list[Item]:
        """See `Mailbox.held`."""
        return [
            (_new(Ticket, waiting[:_TICKET]), _new(Envelope, waiting[_TICKET:]))
            for waiting in super().held(count)  # `whole`, in place
        ]

    def oldest(self) -> Item | None:
        """See `Mailbox.oldest`."""
        waiting = super().oldest()
        return None if waiting is None else whole(waiting)
