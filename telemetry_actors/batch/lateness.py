"""How late the tree is.

*Overdue* is what a thread of ours should have done by now and has not: a batch that its
consumer should have taken, or is still at work on. Time in a linger, on the wire, in a back-off
or behind a full mailbox is not. What it is measured by was written by whoever put the
batch in, since a starved consumer can't. ADR-0015.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from supervisors import Clock, InFlight, Mailbox, Slot
from telemetry_actors.batch.places import Place


class Lateness:
    """Looks at each place where events can be. Any thread, no lock; a look costs microseconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._places: tuple[tuple[Mailbox, Slot], ...] = ()
        self._door: Mailbox | None = None

    def watch(self, places: Sequence[Place], slots: Mapping[tuple[str, ...], Slot]) -> None:
        """The tree runs. The first of *places* is where `emit()` puts events."""
        self._door = places[0].mailbox
        self._places = tuple((p.mailbox, slots[p.path]) for p in places if p.path in slots)

    def overdue_s(self) -> float:
        """The most that anything is overdue, in seconds; 0.0 = all is in time."""
        return max(
            (self.overdue_at_s(mailbox, slot) for mailbox, slot in self._places), default=0.0
        )

    def overdue_at_s(self, mailbox: Mailbox, slot: Slot) -> float:
        """What waits in *mailbox*, or is in the hands of its actor."""
        if mailbox.parked or slot.ended:
            return 0.0
        now_s, flight = self._clock.now_s(), slot.in_flight
        if flight is not None:
            return _in_hand_s(flight, now_s)
        late_s = self._at_the_door_s() if mailbox is self._door else now_s - mailbox.dues.due_s
        late_s = min(late_s, now_s - mailbox.dues.room_s)
        return late_s if late_s > 0 and not mailbox.held_back() else 0.0

    def _at_the_door_s(self) -> float:
        """`emit()` writes no due time but the event's own."""
        door = self._door
        item = door.oldest() if door is not None else None
        if door is None or item is None:
            return 0.0
        emitted_at: int = item[1].emitted_at
        return (self._clock.now_ns() - emitted_at) / 1e9 - door.dues.linger.present_s


def _in_hand_s(flight: InFlight, now_s: float) -> float:
    if flight.step:
        return 0.0  # on the wire, or on a round trip
    since_s = flight.taken_s if flight.due_s is None else flight.due_s
    return max(0.0, now_s - since_s)
