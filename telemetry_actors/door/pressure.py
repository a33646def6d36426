"""Pressure: what may still be let in, and who is refused first when room gets scarce (g04, g13).

First step of an event's way, on the caller's thread: ``flags -> gate -> pack -> [pressure] ->
gateway mailbox``. Two places are bounded, each in events and in bytes: the gateway
mailbox, and all of memory (`books/room.py`: what was let in and has no outcome yet, in stages,
handlers, sinks and retries alike). While every one of the four is less than half full, four
compares are all it costs; `Pressure.refusal` is asked only beyond that:

- each class of cases may fill a budget to a mark of its own;
- above the fair mark a tenant is refused that holds more than its part.

*Its part* grows strict as room gets scarce: at fullness ``f`` among ``n`` tenants that hold
something, ``1 / (f * n)`` of what is in memory: with half the room left twice an equal part,
with none left an equal part. A tenant that is alone may fill all of it.

No lock, and of the room nothing is written here. ADR-0014.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from supervisors import Mailbox
from telemetry_actors.books.ledger import Admission
from telemetry_actors.books.room import Room
from telemetry_actors.door._refused_tenants import RefusedTenants
from telemetry_actors.event.cases import Priority
from telemetry_actors.event.envelope import Item
from telemetry_actors.settings.parts import GatewaySettings, PressureSettings


class Budget(NamedTuple):
    """One of the four: its size, and what each class may fill of it."""

    size: int
    marks: Mapping[Priority, int]
    fair: int
    """Above it shares count."""

    @classmethod
    def of(cls, size: int, settings: PressureSettings) -> Budget:
        """The budget of *size*; room for one is left to every class."""
        shares = {
            Priority.LOW: settings.low_share,
            Priority.NORMAL: settings.normal_share,
            Priority.HIGH: settings.high_share,
        }
        marks = {priority: max(1, int(size * share)) for priority, share in shares.items()}
        return cls(size, marks, max(1, int(size * settings.fair_share)))

    def calm(self) -> int:
        """Up to here nobody is refused."""
        return min(self.fair, *self.marks.values())


class Pressure:
    """Decides who is let in. Any thread.

    Args:
        gateway: how large the budgets are.
        settings: marks.
        mailbox: the gateway stage's.
    """

    def __init__(
        self, gateway: GatewaySettings, settings: PressureSettings, mailbox: Mailbox, room: Room
    ) -> None:
        self.total_events = max(gateway.total_events, gateway.mailbox_events)
        self.total_bytes = gateway.total_bytes
        self._events = Budget.of(gateway.mailbox_events, settings)
        self._bytes = Budget.of(gateway.mailbox_bytes, settings)
        self._all_events = Budget.of(self.total_events, settings)
        self._mailbox = mailbox
        self._queue = mailbox.user
        self.room = room
        self.refused = RefusedTenants()
        self._settings = settings
        self.sinks: Sequence[Mailbox] = ()
        """Mailboxes in which records wait."""
        self.calm_events = self._events.calm()
        self.calm_bytes = self._bytes.calm()
        self.calm_in_all_events = self._all_events.calm()
        self.know_sinks(())

    def know_sinks(self, sinks: Sequence[Mailbox]) -> None:
        """The tree is built, and *sinks* are the mailboxes in which records wait.

        A record holds the texts of its event once more. Room for as many as may wait is kept
        free from the start: an event that was let in can't be refused when it becomes one.
        """
        self.sinks = sinks
        waiting = sum(min(sink.max_bytes, self.total_bytes) for sink in sinks)
        self.most_bytes = max(self.total_bytes // 2, self.total_bytes - waiting)
        self._all_bytes = Budget.of(self.most_bytes, self._settings)
        self.calm_in_all_bytes = self._all_bytes.calm()

    def calm(self, charged: int) -> bool:
        """Whether an event of *charged* bytes is let in, whoever sends it. Any thread.

        `Intake` asks the same in place: a call would cost as much as the four compares.
        """
        return (
            len(self._queue) < self.calm_events
            and self._mailbox.queued_bytes + charged <= self.calm_bytes
            and self.room.events < self.calm_in_all_events
            and self.room.event_bytes + charged <= self.calm_in_all_bytes
        )

    def roomy(self, in_hand: Sequence[Item] = ()) -> bool:
        """Whether the journal should bring events back into memory, and leave new ones there.

        Well before anybody is refused: what is on disk takes nobody's room. Any thread.

        What waits at the door, or is *in_hand* there, may be too much by itself; if the journal
        does not take it either, it waits for just this. So a little is let on all the same
        while little is on its way.
        """
        events, size = self.room.events, self.room.event_bytes
        if events * 4 < self.calm_in_all_events * 3 and size * 4 < self.calm_in_all_bytes * 3:
            return True
        events -= len(self._queue) + len(in_hand)
        size -= self._mailbox.queued_bytes + sum(ticket.charged_bytes for ticket, _ in in_hand)
        return events * 16 < self.calm_in_all_events and size * 16 < self.calm_in_all_bytes

    def read_back_events(self) -> int:
        """How many events the journal may bring back at a time: with them it is calm still."""
        return max(1, self.calm_in_all_events // 4)

    def refusal(self, priority: Priority, tenant_id: str, charged: int) -> Admission | None:
        """Why an event is not let in; None: it is. Caller's thread, re-entrant, no wait."""
        reason = self.want_of_room(priority, tenant_id, charged)
        if reason is not None:
            self.refused.count(tenant_id)
        return reason

    def want_of_room(self, priority: Priority, tenant_id: str, charged: int) -> Admission | None:
        """As `refusal`, of an event that is not there yet: nothing is counted."""
        room = self.room
        budgets = (
            (self._events, len(self._queue), 1, Admission.MAILBOX_FULL),
            (self._bytes, self._mailbox.queued_bytes, charged, Admission.BYTES_FULL),
            (self._all_events, room.events, 1, Admission.MAILBOX_FULL),
            (self._all_bytes, room.event_bytes, charged, Admission.BYTES_FULL),
        )
        for budget, used, more, reason in budgets:
            if not _fits(budget, used, more, priority) or (
                used >= budget.fair and self._over_its_part(budget, used, reason, tenant_id)
            ):
                return reason
        return None

    def _over_its_part(self, budget: Budget, used: int, reason: Admission, tenant_id: str) -> bool:
        if budget.fair >= budget.size:
            return False  # switched off
        room, share = self.room, self.room.held_by(tenant_id)
        if reason is Admission.BYTES_FULL:
            held, total = share.event_bytes, room.event_bytes
        else:
            held, total = share.events, room.events
        return held * room.tenants() * used > total * budget.size


def _fits(budget: Budget, used: int, more: int, priority: Priority) -> bool:
    """Up to the mark of its class; one that is larger than that travels alone."""
    return used + more <= (budget.marks[priority] if used else budget.size)


class _Classed(Protocol):
    """An `Entry` of the intake."""

    @property
    def row(self) -> int: ...
    @property
    def priority(self) -> Priority: ...


def max_ages_ns(settings: PressureSettings, entries: Iterable[_Classed]) -> Mapping[int, int]:
    """By row of the books, how old an event may become; without those that may be any age."""
    by_class = {
        Priority.LOW: settings.low_max_age_s,
        Priority.NORMAL: settings.normal_max_age_s,
        Priority.HIGH: settings.high_max_age_s,
    }
    ages = {entry.row: by_class[entry.priority] for entry in entries}
    return {row: int(age_s * 1e9) for row, age_s in ages.items() if age_s is not None}
