"""What handlers make and sinks take: log records, spans, measurements.

Sixth step of an event's way: ``handlers -> [signals] -> sinks``. Values only; no
encoding, no thread, no clock. A record holds its attributes as a **static key
table** (one tuple per event type, shared by every record) beside a tuple of
values: one small tuple per record instead of one per attribute keeps Python's
garbage collector out of the hot path (a third of the CPU in our prototype).

A value of ``None`` means "not on the wire".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, Self

AttributeValue = str | bool | int | float | None
MOST: Final = 1e200
"""Of what a float instrument is given, either way: sums of such stay finite."""

ResourceValue = AttributeValue | Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]
"""Of a resource: lists, too."""


class SignalKind(StrEnum):
    """The two kinds of records that are sent one by one, the aggregate, and whole events."""

    LOGS = "logs"
    SPANS = "spans"
    METRICS = "metrics"
    BRIDGE = "bridge"
    """Events that leave this process as they are, for another one's tree (``transport``)."""


class LogSignal(NamedTuple):
    """One OpenTelemetry log record before it is encoded."""

    event_name: str
    signal: str
    """``span_detail`` or ``metric_only``; the body on the wire is ``telemetry.<signal>``."""
    keys: tuple[str, ...]
    """Static key table of the event type."""
    values: tuple[AttributeValue, ...]
    """Beside *keys*; ``None`` is left out."""
    trace_id: bytes
    """16 bytes, or ``b""``."""
    span_id: bytes
    """8 bytes, or ``b""``."""
    time_ns: int
    """When the event was emitted, ns since the epoch."""
    observed_ns: int
    """When it was mapped, ns since the epoch."""
    sampled: bool = True
    """The spans of its trace are kept: the flag of a record with a trace id says so."""

    @property
    def attributes(self) -> dict[str, AttributeValue]:
        """The attributes that go on the wire, as a dict (for tests and people)."""
        return {k: v for k, v in zip(self.keys, self.values, strict=True) if v is not None}


class SpanSignal(NamedTuple):
    """One finished span, kind INTERNAL, without links or events."""

    name: str
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    """8 bytes, or ``b""`` for a root span."""
    start_ns: int
    end_ns: int
    keys: tuple[str, ...]
    values: tuple[AttributeValue, ...]
    error: str | None
    """``None`` = status UNSET; a text (may be empty) = status ERROR with that description."""

    @property
    def attributes(self) -> dict[str, AttributeValue]:
        """The attributes that go on the wire, as a dict (for tests and people)."""
        return {k: v for k, v in zip(self.keys, self.values, strict=True) if v is not None}


class _Declared(NamedTuple):
    name: str
    kind: str
    unit: str
    number: type[int | float]
    buckets: tuple[float, ...]


class Instrument(_Declared):
    """A metric instrument: what is counted or measured, and in which unit.

    Args:
        name: in the receiver, such as ``shop.orders.total``.
        kind: ``counter`` (a sum that never falls), ``updown_counter`` (a sum that may fall),
            ``gauge`` (the last value, by when its event was emitted) or ``histogram``.
        unit: in UCUM, such as ``s``, ``By`` or ``{order}``.
        number: ``float`` for an instrument with fractions, which sends doubles, whatever it is
            given; ``int`` (the default) for one that takes whole numbers alone and sends int64.
            A histogram is always float.
        buckets: upper bounds, inclusive, of a histogram's buckets: strictly rising, finite, 200 at
            most. Without: those of ``metrics.duration_buckets``, which are made for seconds.

    What can't be used is said when its case is registered (`CaseError`).
    """

    __slots__ = ()

    def __new__(
        cls,
        name: str,
        kind: str,
        unit: str,
        number: type[int | float] | None = None,
        buckets: Iterable[float] = (),
    ) -> Self:
        """What isn't said is what the kind implies, so that equal instruments are equal."""
        if number is None:
            number = float if kind == "histogram" else int
        return super().__new__(cls, name, kind, unit, number, _bounds(buckets))

    def measure(self, value: float = 1, /, **labels: str | None) -> Measurement:
        """One value, for one label set; a label that is null is "".

        >>> Instrument("shop.orders.total", "counter", "{order}").measure(shop="s1").label_values
        ('s1',)
        """
        keys = tuple(sorted(labels))  # one label set is one series, in whichever order it is said
        return Measurement(self, keys, tuple([labels[key] or "" for key in keys]), value)


def _bounds(buckets: Iterable[float]) -> tuple[float, ...]:
    """As they compare and are sent; what is no number stays for `register_case` to say."""
    try:
        return tuple(map(_bound, buckets))
    except TypeError:
        return buckets  # type: ignore[return-value]


def _bound(bound: float) -> float:
    try:
        return float(bound) if type(bound) is int else bound
    except OverflowError:
        return bound


class Measurement(NamedTuple):
    """One value for one label set of one instrument."""

    instrument: Instrument
    label_keys: tuple[str, ...]
    """Static key table of the label set."""
    label_values: tuple[str, ...]
    value: int | float


class Signals(NamedTuple):
    """All that one event makes."""

    logs: tuple[LogSignal, ...] = ()
    spans: tuple[SpanSignal, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    spans_sampled_out: int = 0
    """Spans that sampling left out: counted, never an outcome of the event."""


class MetricPoint(NamedTuple):
    """One cumulative point (a sum, or an explicit-bucket histogram), or a gauge's value."""

    instrument: Instrument
    label_keys: tuple[str, ...]
    label_values: tuple[str | int, ...]
    """Whole numbers only in metrics about the gateway itself (a port, a status code)."""
    start_ns: int
    time_ns: int
    """When it was collected; of a gauge of a user's own case, when its value was emitted."""
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
    left_out: int = 0
    """Values of a gauge whose label set was one too many: no point could hold them."""
