"""The Protocols that rooms meet through.

Stages, handlers, sinks and stores are strangers to one another; each knows only
the small shapes on this page. A user may hand in a `Sink` and a `TraceProvider`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, runtime_checkable

from telemetry_actors.base.status import StatusModel
from telemetry_actors.event.envelope import Item
from telemetry_actors.event.signals import (
    InstrumentState,
    LogSignal,
    Measurement,
    MetricPoint,
    SignalKind,
    SpanSignal,
)

__all__ = [
    "Claim",
    "DedupStatus",
    "DedupStore",
    "Errand",
    "ExportResult",
    "InstrumentState",
    "Interruptible",
    "Journal",
    "MetricPoint",
    "MetricRecorder",
    "OwnMetrics",
    "Remote",
    "PayloadKeeper",
    "PayloadStore",
    "Sink",
    "TraceProvider",
    "Unfit",
    "Verdict",
]


class Verdict(StrEnum):
    """What a receiver's answer to one request means for its records."""

    ACCEPTED = "accepted"
    """2xx. ``rejected`` of the records were refused by ``partial_success``."""
    SPLIT = "split"
    """400 or 413: one of the records may be the culprit; bisect."""
    REFUSED = "refused"
    """Any other permanent no (401, 403, 404, 3xx ...): all records are ``rejected``."""
    RETRY = "retry"
    """429, 502, 503, 504 or a transport error: send the same bytes again."""


class ExportResult(NamedTuple):
    """The outcome of one request, as read from the receiver's answer."""

    verdict: Verdict
    rejected: int = 0
    """Records refused by ``partial_success`` (only with `Verdict.ACCEPTED`)."""
    message: str = ""
    """The receiver's own words or the transport's error, at most 500 characters."""
    retry_after_s: float | None = None
    """Seconds that the receiver asks for (``Retry-After`` or ``RetryInfo``), if it does."""
    unconfirmed: bool = False
    """The request was sent in full and no answer came: it may have been received."""
    status_code: int | None = None
    """HTTP status, where there was one."""
    rpc_code: int | None = None
    """Code of the answer's ``google.rpc.Status`` or gRPC status, where there was one."""
    left_out: int = 0
    """Metric points that could not be encoded, and were not sent."""
    unreadable: bool = False
    """Accepted in words that can't be read: all records count as taken."""
    url: str = ""
    """Where the request was sent to, without secrets. For the log."""
    advice: str = ""
    """What to do about it, as the end of a sentence. For the log."""


@runtime_checkable
class Sink(Protocol):
    """Where signals end up. A user may write one.

    Threads: calls for one `SignalKind` come one at a time from that kind's own
    actor; calls for different kinds may come at the same time.
    """

    @property
    def name(self) -> str:
        """Short and unique among the sinks of a gateway; the ledger's ``by_sink`` key."""

    def encode(self, kind: SignalKind, record: LogSignal | SpanSignal) -> Any:
        """One record in the sink's own form (bytes for OTLP).

        Raises:
            Exception: this record alone ends as ``encode_error``.
        """

    def size_of(self, encoded: Any) -> int:
        """Bytes that *encoded* will take on the wire."""

    def export(self, kind: SignalKind, encoded: Sequence[Any], timeout_s: float) -> ExportResult:
        """Send records (logs or spans) in one request and read the answer.

        Args:
            timeout_s: the longest that this attempt may take.

        Raises:
            Exception: crashes the sink's actor; the step is redone once.
        """

    def export_metrics(self, points: Sequence[MetricPoint], timeout_s: float) -> ExportResult:
        """Send one collection of all points."""

    def close(self) -> None:
        """Release connections. Called once, on any thread, when the tree has stopped."""


@runtime_checkable
class Remote(Protocol):
    """What a `Sink` that sends to somewhere may have besides."""

    def endpoint_of(self, kind: SignalKind) -> str:
        """Where records of *kind* go, as scheme, host and port; in the status, without secrets.

        Kinds that go to the same share one circuit breaker. A sink without this method is
        one endpoint.
        """


@runtime_checkable
class Interruptible(Protocol):
    """What a `Sink` whose requests can be ended from outside may have besides."""

    def interrupt(self) -> None:
        """End at once what is on its way: a stop's time is up, and `close` follows. Any thread."""


class MetricRecorder(Protocol):
    """Takes measurements, from any thread of the tree."""

    def record(self, made: Iterable[Measurement], at_ns: Iterable[int] = ...) -> tuple[int, int]:
        """Add values, each with its event's emit time; how many were taken, and left out."""

    def collect(self) -> list[MetricPoint]:
        """All points, cumulative since the start. Does not reset them."""

    def instruments(self) -> list[InstrumentState]:
        """How full each instrument is."""


Claim = tuple[str, str, int | str]
"""Tenant id, event id and holder: an admission serial of this process, or another's origin."""


class OwnMetrics(Protocol):
    """The gateway's metrics about itself, computed when they are asked for. Any thread."""

    def collect(self) -> list[MetricPoint]:
        """All points; none if the settings say so."""

    def has_news(self) -> bool:
        """Whether any event has been handed in."""


class DedupStatus(StatusModel):
    """How event ids are remembered. All counts are since the tree was built."""

    store: str = "memory"
    """``memory``: in this process. ``redis``: across processes."""
    healthy: bool = True
    """False: events pass with this process's own word alone."""
    ids: int = 0
    """Ids remembered in this process."""
    hits: int = 0
    """Events whose id somebody else had."""
    misses: int = 0
    """Events whose id was free."""
    breaker: str = "closed"
    """``closed``: Redis is asked. ``open``: not for a while. ``half_open``: one round trip is
    on its way to see."""
    unchecked: int = 0
    """Of *misses*: those that Redis was not there to be asked about."""
    failures: int = 0
    """Round trips that failed, and single answers that could not be used."""
    last_failure: str = ""
    """Without secrets; kept when all is well again."""
    leases: int = 0
    """Ids in Redis whose events have no outcome yet: renewed until they have."""
    releases_waiting: int = 0
    """Ids of dropped events that Redis is still to be told of."""
    releases_lost: int = 0
    """Ids of dropped events that Redis was never told of: they count as seen until their time
    is over."""
    outcomes_waiting: int = 0
    """Ids of exported events that Redis is still to be told of."""
    outcomes_lost: int = 0
    """Ids of exported events that Redis was never told of: it forgets them with their lease."""


class DedupStore(Protocol):
    """Remembers ids for a while. No failure of it is an exception: it lets events pass (g10)."""

    @property
    def reaches_out(self) -> bool:
        """Whether a call may wait for somebody else. Then it wants a thread of its own."""

    def claim(self, keys: Sequence[Claim]) -> list[bool]:
        """Claim each of *keys*; True = first, or already this holder's. The stage's thread."""

    def keep(self, keys: Iterable[Claim]) -> None:
        """Their events are exported: remember them for the whole time. Any thread; never waits."""

    def release(self, keys: Iterable[Claim]) -> None:
        """Give up claims, where the holder still is the holder. Any thread; never waits."""

    def settle(self) -> float | None:
        """Do what is left undone, and look how the store is. The stage's thread.

        Returns:
            Seconds after which to be called again; None = not before it asks for it.
        """

    def health(self) -> DedupStatus:
        """One look. Any thread; never waits."""

    def close(self, timeout_s: float) -> None:
        """Do what is left undone within *timeout_s* seconds, let connections go. Called once."""


class Unfit(Exception):
    """A payload that a store can't keep as it is, or an object that holds none.

    Nothing is wrong with the store. Never leaves the tree.
    """


class PayloadStore(Protocol):
    """Keeps off-loaded payloads. Called on threads of its keeper alone, which may be held up.

    A key is ``telemetry/{tenant}/{event}.json``, the ids encoded (semantics.md g29). Whatever a
    method raises beside what is said here means that the store is not well.
    """

    def put(self, key: str, data: bytes) -> bool:
        """Keep *data*, whole or not at all; False: it has an object of that name, and keeps it."""

    def get(self, key: str, max_bytes: int) -> bytes:
        """The object.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it has more than *max_bytes*, or is no object.
        """

    def delete(self, key: str) -> None:
        """Delete the object; nothing if there is none."""

    def sweep(self, older_than_ns: int) -> int:
        """Delete all objects written before that time (ns since the epoch); how many."""

    def close(self) -> None:
        """Release what is held. Called once."""


class Errand(Protocol):
    """A piece of work that a keeper has taken on; `PayloadKeeper`."""

    done: bool
    result: Any
    error: BaseException | None
    since_s: float


# ruff: disable[D102] -- the stores say it
class PayloadKeeper(Protocol):
    """Puts payloads away and gets them back, without ever holding up a stage.

    ``stores/payload_keeper.py`` has it, and says what each does; the stages know only this much.
    """

    @property
    def timeout_s(self) -> float: ...
    def put(
        self,
        serial: int,
        ids: tuple[str, str],
        size_bytes: int,
        encode: Callable[[], tuple[bytes, Any]],
        woken: Callable[[], None],
    ) -> Errand | None: ...
    def get(
        self,
        serial: int,
        ids: tuple[str, str],
        ref: object,
        decode: Callable[[bytes], bytes],
        woken: Callable[[], None],
    ) -> Errand | None: ...
    def give_up(self, errand: Any) -> bool: ...


class Journal(Protocol):
    """Keeps events on disk until they have their outcome. The gateway actor's thread.

    Nothing here raises because of the disk. ``stores/journal/journal.py`` says what each does.
    """

    @property
    def backlog(self) -> int: ...
    @property
    def replays(self) -> int: ...
    def append(self, items: Sequence[Item]) -> list[Item]: ...
    def spill(self, items: Iterable[Item]) -> None: ...
    def next_spilled(self, limit: int) -> list[Item]: ...
    def next_replayed(self, limit: int) -> list[Item]: ...
    @property
    def paced(self) -> bool: ...
    def forwarded(self, items: Iterable[Item]) -> None: ...
    def holds(self, place: int | None) -> bool: ...
    def tick(self) -> float | None: ...


# ruff: enable[D102]


@runtime_checkable
class TraceProvider(Protocol):
    """Something that wants each trace task besides the tree, such as a host's trace manager.

    Called on the TraceProviderActor's own thread, never the caller's.
    """

    def add_trace_task(
        self, task_name: str, payload: Mapping[str, Any], context: Mapping[str, Any]
    ) -> None:
        """Take one task. An exception is counted and changes nothing of the event."""
