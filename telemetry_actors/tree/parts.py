"""What a tree is built around: handed to `tree.py`, made by `life/building.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from supervisors import Clock, Mailbox
from telemetry_actors.base.breaker import Breaker
from telemetry_actors.books.books import Books
from telemetry_actors.event.definition import CaseDefinition
from telemetry_actors.event.envelope import Envelope, Item
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.ports import (
    DedupStore,
    ExportResult,
    Journal,
    MetricRecorder,
    OwnMetrics,
    PayloadKeeper,
    Sink,
)
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.sinks.retry import StopBudget


class Parts(NamedTuple):
    """What the tree is built around; all of it outlives every incarnation."""

    settings: TelemetrySettings
    clock: Clock
    books: Books
    sinks: Sequence[Sink]
    recorder: MetricRecorder
    own: OwnMetrics
    """The gateway's metrics about itself."""
    dedup: DedupStore
    gateway: Mailbox
    roomy: Callable[[Sequence[Item]], bool]
    """Whether memory has room for what may as well be in the journal."""
    read_back_events: int
    """How many events the journal brings back at a time, if it has."""
    providers: Mailbox
    give: Callable[[object, str, Envelope], None]
    budget: StopBudget
    breaker: Callable[[str, SignalKind], Breaker]
    """By sink and kind of signal: that of their endpoint."""
    note: Callable[[str, SignalKind, ExportResult, float, int], None]
    """Told of each request: sink, kind, answer, seconds, and (metrics) how many points."""
    note_export: Callable[[str, SignalKind, ExportResult, float], None]
    """Told when what was sent has its end: sink, kind, last answer, seconds since the first try."""
    registered: Mapping[str, CaseDefinition[object]]
    """The user's own cases."""
    payloads: PayloadKeeper
    process: str
    """Names this life in ``metadata.origin`` of what leaves it; serials are unique in it."""
    journal: Journal | None = None
    bridging: bool = False
    """The one sink takes whole events, behind the router; the rest of the tree isn't here."""
