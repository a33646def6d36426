"""The Protocols that rooms meet through.

Stages, handlers, sinks and stores are strangers to one another; each knows only
the small shapes on this page. A user may hand in a `Sink` and a `TraceProvider`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, runtime_checkable

from telemetry_actors.signals import Instrument, LogSignal, Measurement, SignalKind, SpanSignal

__all__ = [
    "DedupStore",
    "ExportResult",
    "InstrumentState",
    "MetricPoint",
    "MetricRecorder",
    "OwnMetrics",
    "Remote",
    "Sink",
    "TraceProvider",
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
    """Code of the answer's ``google.rpc.Status``, where there was one."""
    left_out: int = 0
    """Metric points that could not be encoded, and were not sent."""


class MetricPoint(NamedTuple):
    """One cumulative point (a sum, or an explicit-bucket histogram), or a gauge's value."""

    instrument: Instrument
    label_keys: tuple[str, ...]
    label_values: tuple[str | int, ...]
    """Whole numbers only in metrics about the gateway itself (a port, a status code)."""
    start_ns: int
    time_ns: int
    value: int | float
    """A sum; a histogram's sum; a gauge's last value."""
    measurements: int = 0
    """A histogram's number of measurements (0 for any other)."""
    bounds: tuple[float, ...] = ()
    bucket_counts: tuple[int, ...] = ()
    """``len(bounds) + 1`` counts."""


class InstrumentState(NamedTuple):
    """How full one instrument is."""

    name: str
    label_sets: int
    """Points, the overflow point not among them."""
    overflowed: int
    """Measurements that the overflow point has taken."""


@runtime_checkable
class Sink(Protocol):
    """Where signals end up. A user may write one.

    Threads: calls for one `SignalKind` come one at a time from that kind's own
    actor; calls for different kinds may come at the same time.
    """

    @property
    def name(self) -> str:
        """Short and unique among the sinks of a gateway; the ledger's ``by_sink`` key."""
        ...

    def encode(self, kind: SignalKind, record: LogSignal | SpanSignal) -> Any:
        """One record in the sink's own form (bytes for OTLP).

        Raises:
            Exception: this record alone ends as ``encode_error``.
        """
        ...

    def size_of(self, encoded: Any) -> int:
        """Bytes that *encoded* will take on the wire."""
        ...

    def export(self, kind: SignalKind, encoded: Sequence[Any], timeout_s: float) -> ExportResult:
        """Send records (logs or spans) in one request and read the answer.

        Args:
            timeout_s: the longest that this attempt may take.

        Raises:
            Exception: crashes the sink's actor; the step is redone once.
        """
        ...

    def export_metrics(self, points: Sequence[MetricPoint], timeout_s: float) -> ExportResult:
        """Send one collection of all points."""
        ...

    def close(self) -> None:
        """Release connections. Called once, when the tree has stopped."""
        ...


@runtime_checkable
class Remote(Protocol):
    """What a `Sink` that sends to somewhere may have besides."""

    def endpoint_of(self, kind: SignalKind) -> str:
        """Where records of *kind* go, as scheme, host and port; in the status, without secrets.

        Kinds that go to the same share one circuit breaker. A sink without this method is
        one endpoint.
        """
        ...


class MetricRecorder(Protocol):
    """Takes measurements, from any thread of the tree."""

    def record(self, measurements: Iterable[Measurement]) -> int:
        """Add the values to the cumulative aggregates; how many were taken."""
        ...

    def collect(self) -> list[MetricPoint]:
        """All points, cumulative since the start. Does not reset them."""
        ...

    def instruments(self) -> list[InstrumentState]:
        """How full each instrument is."""
        ...


class OwnMetrics(Protocol):
    """The gateway's metrics about itself, computed when they are asked for. Any thread."""

    def collect(self) -> list[MetricPoint]:
        """All points; none if the settings say so."""
        ...

    def has_news(self) -> bool:
        """Whether any event has been handed in."""
        ...


class DedupStore(Protocol):
    """Remembers ids for a while. Called from any thread of the tree."""

    def claim(self, keys: Sequence[tuple[str, str, int]]) -> list[bool]:
        """Claim each ``(tenant_id, event_id, serial)``; True = first, or already this serial's."""
        ...

    def release(self, keys: Iterable[tuple[str, str, int]]) -> None:
        """Give up claims, where the serial is still the holder."""
        ...


@runtime_checkable
class TraceProvider(Protocol):
    """Something that wants each trace task besides the tree, such as a host's trace manager.

    Called on the TraceProviderActor's own thread, never the caller's.
    """

    def add_trace_task(
        self, task_name: str, payload: Mapping[str, Any], context: Mapping[str, Any]
    ) -> None:
        """Take one task. An exception is counted and changes nothing of the event."""
        ...
