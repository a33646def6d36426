"""Room: what events take of memory, in all and by tenant, however many there are (g04, g13).

Beside the way: whoever lets an event in (`emit()`, a replay, a bridge, the journal that reads
one back) takes room for it; whoever ends it (the books) or puts it on disk alone (the journal's
spill) gives it back. The ticket carries the number of the share in which its event is counted (a
number, so that the garbage collector has nothing to walk), and no number is given twice; so room
is given back where it was taken, or in no share if that is no more. A ticket without one takes
no room.

The first `OWN_SHARES` tenants have shares of their own, and are counted exactly. Those that come
while so many others have events in memory have `COMMON_SHARES` among them, by hash: each of
them counts for all in its share, so that the one who is met by a flood there is refused
with it. (A flood under a million names is thus refused before those who were there first.)

No lock: each number changes in one step with no call in it (ADR-0006). `emit()` takes room
in place, since a call would cost more than the four steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Final

from telemetry_actors.event.ticket import Share, Ticket

OWN_SHARES: Final = 4096
COMMON_SHARES: Final = 256


_NONE: Final = Share("", -1)


class Room:
    """Events in memory, and their charged bytes: in all, and by tenant."""

    __slots__ = ("_common", "_numbers", "event_bytes", "events", "numbered", "own")

    def __init__(self) -> None:
        self.events = 0
        self.event_bytes = 0
        self.own: dict[str, Share] = {}
        """By tenant; there while it has something in memory."""
        self._numbers = count(COMMON_SHARES)
        self._common = [Share("", number) for number in range(COMMON_SHARES)]
        self.numbered: dict[int, Share] = dict(enumerate(self._common))
        """All of them, by `Share.number`."""

    def share_of(self, tenant_id: str) -> Share:
        """The share that counts *tenant_id*. Any thread, re-entrant.

        The books may drop it just before the caller adds to it; then it counts for its
        events alone, and the next event gets a new one.
        """
        share = self.own.get(tenant_id)
        if share is not None:
            return share
        if len(self.own) < OWN_SHARES:
            return self._own_share(tenant_id)
        return self._common[hash(tenant_id) % COMMON_SHARES]

    def _own_share(self, tenant_id: str) -> Share:
        made = Share(tenant_id, next(self._numbers))
        self.numbered[made.number] = made  # first: an event may be in it as soon as it is known
        share = self.own.setdefault(tenant_id, made)
        if share is not made:
            del self.numbered[made.number]
        return share

    def held_by(self, tenant_id: str) -> Share:
        """What *tenant_id* has, or all that have its share. Any thread; makes none."""
        if len(self.own) < OWN_SHARES:
            return self.own.get(tenant_id, _NONE)
        return self.own.get(tenant_id) or self._common[hash(tenant_id) % COMMON_SHARES]

    def take(self, tenant_id: str, charged_bytes: int) -> int:
        """An event comes into memory; its ticket is to carry the number. Any thread."""
        share = self.share_of(tenant_id)
        self.events += 1
        self.event_bytes += charged_bytes
        share.events += 1
        share.event_bytes += charged_bytes
        return share.number

    def give_all_back(self, tickets: Iterable[Ticket]) -> None:
        """As `give_back` of each that takes room, once for each share. Any thread."""
        by_share: dict[int, list[int]] = {}
        for ticket in tickets:
            if ticket.share is not None:
                by_share.setdefault(ticket.share, []).append(ticket.charged_bytes)
        for number, charged in by_share.items():
            self.give_back(number, sum(charged), len(charged))

    def give_back(self, number: int, charged_bytes: int, events: int = 1) -> None:
        """An event (or some) of the share of *number* has left memory. Any thread."""
        self.events -= events
        self.event_bytes -= charged_bytes
        share = self.numbered.get(number)
        if share is None:
            return  # it was dropped just before the event came into it: see `share_of`
        share.events -= events
        share.event_bytes -= charged_bytes
        if not share.events and self.own.get(share.tenant_id) is share:
            self.own.pop(share.tenant_id, None)
            self.numbered.pop(number, None)

    def tenants(self) -> int:
        """How many have something; never above `OWN_SHARES` by more than a few."""
        return len(self.own)
