"""The fields of `TelemetryGateway.status()`: the tree, its mailboxes, and what is wrong."""

from __future__ import annotations

from pydantic import Field

from telemetry_actors.base.status import StatusModel
from telemetry_actors.ports import DedupStatus
from telemetry_actors.stores.status import JournalStatus, LetterFilesStatus, PayloadStoreStatus


class ProcessStatus(StatusModel):
    """Whose look this is."""

    version: str
    """Of this package; empty where it runs without having been installed."""
    pid: int
    instance: str
    """``service.instance.id``: a UUID per process."""
    python: str
    """Version of the interpreter."""


class TreeNode(StatusModel):
    """One place in the tree."""

    path: str
    """``stages/router`` and the like."""
    state: str
    """``running``, ``restarting``, ``parked`` or ``stopped``."""
    incarnation: int
    restarts: int
    last_exit: str = ""


class MailboxStatus(StatusModel):
    """How full one mailbox is."""

    path: str
    items: int
    items_capacity: int | None
    queued_bytes: int
    bytes_capacity: int | None
    in_hand: int = 0
    """Taken out by the part, which is not done with them."""
    oldest_age_s: float = 0.0
    """Seconds since `emit()` of the first in line, in hand or waiting."""
    overdue_s: float = 0.0
    """For so long its actor should have taken what waits, or be done with what it took. Time in a
    linger, on the wire, in a back-off or behind a full mailbox is not overdue."""


class TimingStatus(StatusModel):
    """How long something took, each time that it was done."""

    bounds_s: list[float]
    """Upper bounds of the buckets, inclusive, in seconds."""
    counts: list[int]
    """One more than bounds."""
    total_s: float


class CaseStatus(StatusModel):
    """What became of the events of one case that were handed in."""

    case: str
    admissions: dict[str, int]
    """By what `emit()` said; words that were never said are absent."""
    exported: int
    duplicate: int
    dropped: dict[str, int]
    """By reason."""


class ValuesStatus(StatusModel):
    """Values of payloads and contexts that had none of the forms that their key can take."""

    unreadable: dict[str, dict[str, int]] = Field(default_factory=dict)
    """By case and key, of optional keys alone: each cost its key, and its event went on without it.
    A key of a context has ``context.`` before it."""


class MadeStatus(StatusModel):
    """What handlers made of events."""

    logs: int
    spans: int
    spans_sampled_out: int
    measurements: int


class ParkingStatus(StatusModel):
    """A part that has given up at least once."""

    part: str
    """Its path; ``root`` is the whole tree."""
    parked: bool
    """Now."""
    since: int
    """When it parked, or came back, in ns since the epoch."""
    times: int
    refused: int
    """Events of its cases that were refused while it was parked, the last time."""
    dropped: int = 0
    """Events of its cases that ended as ``parked`` since it has been."""
    cause: str = ""
    """What was raised last when it parked: the child, the type and where; never its message."""


class BreakerStatus(StatusModel):
    """The circuit breaker of one endpoint of one sink."""

    state: str
    """``closed``, ``open`` or ``half_open``."""
    since: int
    """When it came into this state, in ns since the epoch (to the millisecond)."""
    failures: int
    """Failures in a row, over all signals that go there."""
    next_probe_s: float | None
    """Open: seconds until one request goes out to see."""


class FailureStatus(StatusModel):
    """One request without success. Texts are redacted and bounded, as in the log."""

    time: int
    """ns since the epoch."""
    kind: str
    """``logs``, ``spans`` or ``metrics``."""
    verdict: str
    """What followed: ``split``, ``refused``, ``retry``; ``accepted`` with some rejected."""
    status_code: int | None
    """HTTP status; none without an answer."""
    rpc_code: int | None
    """Code of the ``google.rpc.Status`` in the answer."""
    rejected: int
    """Records that a partial success refused."""
    message: str
    """The receiver's own words or the transport's error."""


class RequestStatus(StatusModel):
    """Requests that ended in the same way."""

    status_code: int | None
    """HTTP status; none without an answer, and where there is no HTTP."""
    error_type: str
    """"" = success."""
    timing: TimingStatus


class RefusedTenantStatus(StatusModel):
    """A tenant for which there was no room."""

    tenant_id: str
    """Its first 200 characters."""
    refused: int
    """Events refused as ``mailbox_full`` or ``bytes_full``; at least so many."""


class PressureStatus(StatusModel):
    """How full the whole is, and who was refused for it."""

    events: int = 0
    """In memory without an outcome, wherever they are; what is in the journal alone isn't."""
    events_capacity: int = 0
    event_bytes: int = 0
    """Packed, of those events."""
    event_bytes_capacity: int = 0
    """What is left of ``gateway.total_bytes`` beside the records that may wait before sinks."""
    record_bytes: int = 0
    """Of the records that wait before sinks."""
    tenants: int = 0
    """About how many have an event among them."""
    oldest_age_s: float = 0.0
    """Seconds since `emit()` of the oldest that is in memory; `journal` has its own."""
    overdue_s: float = 0.0
    """The most of any place; over 0.25 s our threads are starved, or one is slow."""
    gave_way: int = 0
    """How often ``emit()`` has given way for that."""
    out_of_memory: int = 0
    """Events refused as ``invalid`` since memory ran out inside ``emit()``."""
    refused_tenants: list[RefusedTenantStatus] = Field(default_factory=list)
    """The ten that were refused most often, the most refused first."""


class SinkStatus(StatusModel):
    """How the requests of one signal kind at one sink went."""

    sink: str
    kind: str
    endpoint: str
    """Scheme, host and port; the sink's name where it has none."""
    healthy: bool
    """The last request was a success."""
    failures: int
    """Requests without success so far."""
    last_failure: str = ""
    """The receiver's own words or the transport's error."""
    warnings: int = 0
    """Successes about which the receiver had something to say."""
    last_warning: str = ""
    """Its words."""
    unreadable_answers: int = 0
    """Of *warnings*: successes whose body can't be read; all of their records count as taken."""
    breaker: BreakerStatus
    """Shared by all kinds with the same endpoint."""
    next_try_s: float | None = None
    """Seconds until what it has in hand is sent again (a back-off, a ``Retry-After``, an open
    breaker); None: nothing waits for a time."""
    last_failures: list[FailureStatus]
    """Of the endpoint, oldest first; the last few."""
    part: str = ""
    """Path of the actor that sends."""
    transport: str = ""
    """How, as it is said in ``otel.component.type``: ``otlp_http``, ``otlp_grpc``, or the sink's
    class."""
    exported: int = 0
    """Records; points of all collections, for metrics."""
    dropped: dict[str, int] = Field(default_factory=dict)
    """Records by reason; points by ``error.type``, for metrics (the next collection says all that
    they would have said)."""
    requests: list[RequestStatus] = Field(default_factory=list)
    exports: list[RequestStatus] = Field(default_factory=list)
    """From the first request of an export to the end of its last one, by how that ended."""


class InstrumentStatus(StatusModel):
    """How many label sets one metric instrument has."""

    name: str
    label_sets: int
    """Never more than ``metrics.cardinality_limit``."""
    overflowed: int
    """Measurements of later label sets: they are in the point ``otel.metric.overflow``."""
    left_out: int = 0
    """Values of later label sets of a gauge: they are nowhere."""


class DeadLetterStatus(StatusModel):
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
    attribution: str = ""
    """``assumed``: the receiver named a number, and may have meant another event."""


class Snapshot(StatusModel):
    """One look at a gateway. Readable after ``stop()`` as well."""

    state: str
    """``new``, ``starting``, ``running``, ``parked``, ``stopping`` or ``stopped``."""
    restarts: int
    tree: list[TreeNode]
    mailboxes: list[MailboxStatus]
    pressure: PressureStatus = PressureStatus()
    sinks: list[SinkStatus]
    dedup: DedupStatus = DedupStatus()
    parked: list[str]
    """Cases that no one can take at present."""
    instruments: list[InstrumentStatus] = Field(default_factory=list)
    """Of metrics that have had a value."""
    payload_store: PayloadStoreStatus | None = None
    """None: it is off, the tree has not been built, or its events leave for a broker whole."""
    dead_letters: list[DeadLetterStatus]
    """The last ones that are kept, oldest first; `TelemetryGateway.dead_letters` has the whole
    envelopes."""
    dead_letters_forgotten: int
    """Letters that had to make room for newer ones."""
    dead_letter_files: LetterFilesStatus | None = None
    """None: no directory is set."""
    journal: JournalStatus | None = None
    """None: there is none."""
    problems: list[str]
    """What is missing or off, in sentences."""
    since: int = 0
    """When counting began, in ns since the epoch: the gateway was made, or its process forked."""
    now: int = 0
    """When this look was taken, in ns since the epoch."""
    process: ProcessStatus | None = None
    cases: list[CaseStatus] = Field(default_factory=list)
    """Of cases that have had an event."""
    made: MadeStatus | None = None
    values: ValuesStatus = ValuesStatus()
    parkings: list[ParkingStatus] = Field(default_factory=list)
    """Parts that have parked; none in a good life."""
    timings: dict[str, TimingStatus] = Field(default_factory=dict)
    """How long one batch took, by path of the part; a collection, for metric sinks."""
    providers: dict[str, int] = Field(default_factory=dict)
    """Calls of trace managers and providers, by what became of them."""
    dedup_ids: int = 0
    """Event ids that are remembered."""
    dead_letters_kept: int = 0
    threads_abandoned: int = 0
    """Threads that hung and were left behind, since the start."""
    threads_stuck: int = 0
    """Of these, those that still hang."""
