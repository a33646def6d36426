"""What `TelemetryGateway.status()` shows: the tree, its mailboxes, and what is wrong."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "DeadLetterStatus",
    "InstrumentStatus",
    "MailboxStatus",
    "PressureStatus",
    "RefusedTenantStatus",
    "SinkStatus",
    "Status",
    "StopReport",
    "TreeNode",
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TreeNode(_Model):
    """One place in the tree."""

    path: str
    """``stages/router`` and the like."""
    state: str
    """``running``, ``restarting``, ``parked`` or ``stopped``."""
    incarnation: int
    restarts: int
    last_exit: str = ""


class MailboxStatus(_Model):
    """How full one mailbox is."""

    path: str
    items: int
    items_capacity: int | None
    queued_bytes: int
    bytes_capacity: int | None
    oldest_age_s: float | None = None
    """Since its oldest event was emitted, in the mailbox or in hand; None: there is none."""
    overdue_s: float = 0.0
    """For so long its actor should have taken what waits, or be done with what it took. Time in a
    linger, on the wire, in a back-off or behind a full mailbox is not overdue."""


class RefusedTenantStatus(_Model):
    """A tenant for which there was no room."""

    tenant_id: str
    """Its first 200 characters."""
    refused: int
    """Events refused as ``mailbox_full`` or ``bytes_full``; at least so many."""


class PressureStatus(_Model):
    """How full the whole is, and who was refused for it."""

    events: int = 0
    """Without an outcome, wherever they are."""
    events_capacity: int = 0
    event_bytes: int = 0
    """Packed, of those events."""
    event_bytes_capacity: int = 0
    """What is left of ``gateway.total_bytes`` beside the records that may wait before sinks."""
    record_bytes: int = 0
    """Of the records that wait before sinks."""
    tenants: int = 0
    """About how many have an event among them."""
    oldest_age_s: float | None = None
    """Since the oldest event without an outcome was emitted."""
    overdue_s: float = 0.0
    """The most of any place; over 0.25 s our threads are starved, or one is slow."""
    gave_way: int = 0
    """How often ``emit()`` has given way for that."""
    refused_tenants: list[RefusedTenantStatus] = Field(default_factory=list)
    """The ten that were refused most often, the most refused first."""


class SinkStatus(_Model):
    """How the last requests of one signal kind at one sink went."""

    sink: str
    kind: str
    healthy: bool
    failures: int
    """Requests without success so far."""
    last_failure: str = ""
    """The receiver's own words or the transport's error."""


class InstrumentStatus(_Model):
    """How many label sets one metric instrument has."""

    name: str
    label_sets: int
    """Never more than ``metrics.cardinality_limit``."""
    overflowed: int
    """Measurements of later label sets: they are in the point ``otel.metric.overflow``."""


class DeadLetterStatus(_Model):
    """One dropped event, without its payload."""

    case: str
    tenant_id: str
    event_id: str
    emitted_at: int
    """ns since the epoch."""
    payload_bytes: int
    reason: str
    stage: str
    error: str


class Status(_Model):
    """One look at a gateway. Readable after ``stop()`` as well."""

    state: str
    """``new``, ``starting``, ``running``, ``parked``, ``stopping`` or ``stopped``."""
    restarts: int
    tree: list[TreeNode]
    mailboxes: list[MailboxStatus]
    pressure: PressureStatus = PressureStatus()
    sinks: list[SinkStatus]
    parked: list[str]
    """Cases that no one can take at present."""
    instruments: list[InstrumentStatus] = Field(default_factory=list)
    """Of metrics that have had a value."""
    dead_letters: list[DeadLetterStatus]
    """The last ones that are kept, oldest first; `TelemetryGateway.dead_letters` has the whole
    envelopes."""
    dead_letters_forgotten: int
    """Letters that had to make room for newer ones."""
    problems: list[str]
    """What is missing or off, in sentences."""


class StopReport(_Model):
    """What `stop()` did with what was still there."""

    drained: bool
    """Everything accepted had its outcome in time."""
    metrics_exported: bool
    shutdown: int
    """Events dropped as ``shutdown``."""
    unconfirmed: int
    """Events whose last request had not been answered."""
    seconds: float
    threads_left: int
    """Threads that were stuck and have been left behind."""
