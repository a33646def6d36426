"""Where an event that may come in is let into the gateway's mailbox, or refused for want of room.

Last step of `emit()`: ``flags -> gate -> pack -> [room -> gateway mailbox]``. On the caller's
thread: no lock, no wait, no system call; nothing is raised but what breaks the thread off (g02).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

from supervisors import Mailbox
from supervisors.system.native import get_ident
from telemetry_actors.books.ledger import Admission
from telemetry_actors.books.shards import Shards
from telemetry_actors.door.entries import Entry
from telemetry_actors.door.pressure import Pressure
from telemetry_actors.door.waiting import WaitingEvents

_ACCEPTED = Admission.ACCEPTED


class Enqueuer:
    """Weighs an event, takes room for it, wakes the tree with the first one, and puts it in.

    It owns the admission serials, and knows which cases are parked. Any thread, re-entrant.

    Args:
        mailbox: the gateway stage's.
        pressure: who is refused when room is scarce.
        shards: where trace managers that were handed in are counted.
        awaken: called with the first event, to start the tree. False: it can't be.
    """

    def __init__(
        self,
        mailbox: WaitingEvents,
        pressure: Pressure,
        shards: Shards,
        awaken: Callable[[], bool],
    ) -> None:
        self.asleep = True
        """No tree has been started yet."""
        self.parked: frozenset[int] = frozenset()
        """Columns of cases that no one can take at present."""
        self.serials = count(1)
        self.interrupted = mailbox.interrupted
        """See `Mailbox`: whose event is in, though the thread was broken off."""
        self._mailbox = mailbox
        self._queue = mailbox.user
        self._pressure, self._room = pressure, pressure.room
        self._shares, self._share_of = pressure.room.own, pressure.room.share_of
        self._calm_events, self._calm_bytes = pressure.calm_events, pressure.calm_bytes
        self._calm_in_all_events = pressure.calm_in_all_events
        self._calm_in_all_bytes = pressure.calm_in_all_bytes
        self._shards = shards
        self._awaken = awaken

    def know_sinks(self, sinks: Sequence[Mailbox]) -> None:
        """See `Pressure.know_sinks`."""
        self._pressure.know_sinks(sinks)
        self._calm_in_all_bytes = self._pressure.calm_in_all_bytes

    def wakes(self) -> bool:
        """Start the tree unless it has been. False: it can't be. Never waits."""
        return not self.asleep or self._awaken()

    def enter(
        self,
        entry: Entry,
        manager: object,
        charged: int,
        tenant_id: str,
        event_id: str,
        now_ns: int,
        context: bytes,
        payload: bytes,
    ) -> Admission:
        """Let the event of these fields in, which weighs *charged* bytes, or say why not."""
        if self.parked and entry.row in self.parked:
            return Admission.PARKED
        mailbox, room = self._mailbox, self._room
        if (  # `Pressure.calm`, in place
            len(self._queue) >= self._calm_events
            or mailbox.queued_bytes + charged > self._calm_bytes
            or room.events >= self._calm_in_all_events
            or room.event_bytes + charged > self._calm_in_all_bytes
        ):
            refusal = self._pressure.refusal(entry.priority, tenant_id, charged)
            if refusal is not None:
                return refusal
        if self.asleep and not self._awaken():
            return Admission.STOPPING
        if manager is not None:
            manager = self._companion(entry, manager)
        share = self._shares.get(tenant_id) or self._share_of(tenant_id)
        event = (  # `waiting.flat`, in place: the fields of a `Ticket` ...
            next(self.serials),
            entry.row,
            charged,
            manager,
            None,
            False,
            get_ident(),
            None,
            False,
            share.number,
            entry.name,  # ... and of an `Envelope`
            tenant_id,
            event_id,
            now_ns,
            context,
            payload,
            None,
            None,
        )
        room.events += 1  # `Room.take`, in place; after the last call but one
        room.event_bytes += charged
        share.events += 1
        share.event_bytes += charged
        try:
            mailbox.append(event, charged)
        except BaseException:  # whatever it is, the event is in or is not
            if get_ident() not in mailbox.interrupted:
                room.give_back(share.number, charged)
            raise
        return _ACCEPTED

    def _companion(self, entry: Entry, manager: object) -> object:
        if entry.route.task_name is None:
            return None  # no trace case: nobody will call it
        self._shards.mine().given[0] += 1
        return manager
