"""Room: what may still be let in, and who is refused first when it gets scarce (g04, g13).

First step of an event's way, on the caller's thread: ``flags -> gate -> pack -> [room] ->
gateway mailbox``. Two places are bounded, each in events and in bytes: the gateway
mailbox, and the whole tree (all that was let in and has no outcome yet, in stages, handlers,
sinks and retries alike). While every one of the four is less than half full, four compares are
all it costs; `Pressure.refusal` is asked only beyond that:

- each class of cases may fill a budget to a mark of its own;
- above the fair mark a tenant is refused that holds more than its part.

*Its part* grows strict as room gets scarce: at fullness ``f`` among ``n`` tenants that hold
something, ``1 / (f * n)`` of what is in flight: with half the room left twice an equal part,
with none left an equal part. A tenant that is alone may fill all of it.

No lock, and nothing is written. What is in flight is not counted here: it is
what the mailbox was given, less what the books have ended, so that nothing can drift.
ADR-0010.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from supervisors import Mailbox
from telemetry_actors._parts import GatewaySettings, PressureSettings
from telemetry_actors._tenants import RefusedTenants, TenantTable
from telemetry_actors.cases import Priority
from telemetry_actors.envelope import Envelope
from telemetry_actors.ledger import Admission

__all__ = ["Budget", "Pressure"]


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
        tenants: who holds what.
    """

    def __init__(
        self,
        gateway: GatewaySettings,
        settings: PressureSettings,
        mailbox: Mailbox,
        tenants: TenantTable,
    ) -> None:
        self.total_events = max(gateway.total_events, gateway.mailbox_events)
        self.total_bytes = gateway.total_bytes
        self._events = Budget.of(gateway.mailbox_events, settings)
        self._bytes = Budget.of(gateway.mailbox_bytes, settings)
        self._all_events = Budget.of(self.total_events, settings)
        self._mailbox = mailbox
        self._queue = mailbox.user
        self.tenants = tenants
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
        mailbox, queued = self._mailbox, len(self._queue)
        queued_bytes = mailbox.queued_bytes + charged
        return (
            queued < self.calm_events
            and queued_bytes <= self.calm_bytes
            and queued + mailbox.unsettled_items < self.calm_in_all_events
            and queued_bytes + mailbox.unsettled_bytes <= self.calm_in_all_bytes
        )

    def in_flight(self) -> tuple[int, int]:
        """Events without an outcome, and their bytes."""
        mailbox = self._mailbox
        events = len(self._queue) + mailbox.unsettled_items
        return events, mailbox.queued_bytes + mailbox.unsettled_bytes

    def refusal(self, priority: Priority, envelope: Envelope, charged: int) -> Admission | None:
        """Why an event is not let in; None: it is. Caller's thread, re-entrant, no wait."""
        tenant_id = envelope.tenant_id
        queued, queued_bytes = len(self._queue), self._mailbox.queued_bytes
        events, all_bytes = self.in_flight()
        budgets = (
            (self._events, queued, 1, Admission.MAILBOX_FULL),
            (self._bytes, queued_bytes, charged, Admission.BYTES_FULL),
            (self._all_events, events, 1, Admission.MAILBOX_FULL),
            (self._all_bytes, all_bytes, charged, Admission.BYTES_FULL),
        )
        for budget, used, more, reason in budgets:
            if not _fits(budget, used, more, priority) or (
                used >= budget.fair and self._over_its_part(budget, used, reason, tenant_id)
            ):
                self.refused.count(tenant_id)
                return reason
        return None

    def _over_its_part(self, budget: Budget, used: int, reason: Admission, tenant_id: str) -> bool:
        if budget.fair >= budget.size:
            return False  # switched off
        by_bytes = reason is Admission.BYTES_FULL
        total = self.in_flight()[by_bytes]
        held = self.tenants.held_by(tenant_id)[by_bytes]
        return held * self.tenants.active() * used > total * budget.size


def _fits(budget: Budget, used: int, more: int, priority: Priority) -> bool:
    """Up to the mark of its class; one that is larger than that travels alone."""
    return used + more <= (budget.marks[priority] if used else budget.size)
