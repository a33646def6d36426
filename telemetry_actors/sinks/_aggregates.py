"""Our own cumulative aggregates: integer sums and explicit-bucket histograms.

``handlers -> [aggregates] -> metric sink``. A measurement costs a dict look-up under a
lock that is taken once per batch, a tenth of what the SDK's instruments cost; ``emit()``
never comes here. The tree's slot owns the object, so a restart of the metric sink
loses no count. After a fork the child makes its own: a lock may be inherited held.

Memory has bounds: label sets per instrument, and bytes per label value.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType
from typing import Any, Protocol

from supervisors._native import Lock
from telemetry_actors._marks import cut
from telemetry_actors._wall_clock import NeverBack
from telemetry_actors.ports import InstrumentState, MetricPoint
from telemetry_actors.signals import Instrument, Measurement

__all__ = [
    "BOUNDS",
    "DEFAULT_BOUNDS_S",
    "OVERFLOW_KEY",
    "SDK_BOUNDS",
    "MetricAggregates",
]

DEFAULT_BOUNDS_S = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0),
)
"""Upper bounds, inclusive, for durations from a retrieval to a long workflow."""

SDK_BOUNDS = tuple(
    map(float, (0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000))
)
"""The SDK's own, meant for milliseconds: what the platform's dashboards know today."""

BOUNDS = MappingProxyType({"seconds": DEFAULT_BOUNDS_S, "sdk": SDK_BOUNDS})
"""By the words of ``metrics.duration_buckets``."""

OVERFLOW_KEY = "otel.metric.overflow"

_INT64_MAX = 2**63 - 1
_MOST = 1e200  # of a histogram's values: sums of them stay finite
_OVERFLOW = ((OVERFLOW_KEY,), ("true",))

_Labels = tuple[tuple[str, ...], tuple[str, ...]]


def _nobody(_instrument: str, _limit: int) -> None: ...


class MetricAggregates:
    """A `MetricRecorder`: adds up measurements, any thread; never resets.

    A value that no sum could hold (negative, not finite, a fraction in a counter) is left
    out and counted in `invalid`: one of them would spoil its series for ever.

    Args:
        now_ns: wall clock, such as `Clock.now_ns`.
        bounds: upper bounds of the buckets of every histogram, ascending.
        cardinality_limit: label sets of one instrument; values of later ones are added to one
            more point, labelled ``otel.metric.overflow``. So sums over all points stay exact.
        label_bytes: UTF-8 bytes of one label value; a longer one is cut, with a mark.
        on_overflow: told once of each instrument that is over its limit, by the next
            collection, on its thread and with no lock held: name and limit.
    """

    def __init__(
        self,
        now_ns: Callable[[], int],
        *,
        bounds: tuple[float, ...] = DEFAULT_BOUNDS_S,
        cardinality_limit: int = 2000,
        label_bytes: int = 1024,
        on_overflow: Callable[[str, int], None] = _nobody,
    ) -> None:
        self._now_ns = NeverBack(now_ns)
        self._bounds = bounds
        self._limit = cardinality_limit
        self._label_bytes = label_bytes
        self._on_overflow = on_overflow
        self._to_tell: list[str] = []
        self._start_ns = self._now_ns()
        self._lock = Lock()
        self._series: dict[Instrument, _Series] = {}
        self.recorded = 0
        """Measurements that are in the aggregates."""
        self.invalid = 0
        """Measurements left out."""

    def record(self, measurements: Iterable[Measurement]) -> int:
        """Add *measurements*; give a whole batch at once, the lock is taken once per call."""
        with self._lock:
            before = self.recorded
            for instrument, keys, values, value in measurements:
                series = self._series.get(instrument) or self._new(instrument)
                if not series.takes(value):
                    self.invalid += 1
                    continue
                cell = series.cells.get((keys, values)) or self._admit(series, keys, values)
                cell.add(value)
                self.recorded += 1
            return self.recorded - before

    def collect(self) -> list[MetricPoint]:
        """All points, cumulative since this object was made.

        Each series is read whole; the lock is let go between two instruments, so that a
        collection of many points holds nobody up for long.
        """
        points: list[MetricPoint] = []
        with self._lock:
            every = list(self._series.values())
        for series in every:
            with self._lock:
                points += series.points(self._start_ns, self._now_ns())
        self._tell()
        return points

    def _tell(self) -> None:
        """Not from `record`: its caller may hold a lock, and must not do its step again."""
        with self._lock:
            to_tell, self._to_tell = self._to_tell, []
        for name in to_tell:
            self._on_overflow(name, self._limit)

    def instruments(self) -> list[InstrumentState]:
        """How full each instrument is."""
        with self._lock:
            return [
                InstrumentState(
                    series.instrument.name,
                    len(series.cells) - (_OVERFLOW in series.cells),
                    series.overflowed,
                )
                for series in self._series.values()
            ]

    def _new(self, instrument: Instrument) -> _Series:
        kind = _Histograms if instrument.kind == "histogram" else _Sums
        series = self._series[instrument] = kind(instrument, self._bounds)
        return series

    def _admit(self, series: _Series, keys: tuple[str, ...], values: tuple[str, ...]) -> _Cell:
        """The cell of a label set that is not among the series as it stands."""
        labels = (keys, tuple(cut(value, self._label_bytes) for value in values))
        cells = series.cells
        if labels not in cells and len(cells) >= self._limit:
            if not series.overflowed:
                self._to_tell.append(series.instrument.name)
            series.overflowed += 1
            labels = _OVERFLOW
        cell: _Cell = cells.get(labels) or cells.setdefault(labels, series.cell())
        return cell


class _Cell(Protocol):
    def add(self, value: float) -> None: ...


class _Series(Protocol):
    """One instrument: label set -> cell."""

    instrument: Instrument
    cells: dict[_Labels, Any]
    overflowed: int

    def takes(self, value: float) -> bool: ...
    def cell(self) -> _Cell: ...
    def points(self, start_ns: int, now_ns: int) -> Iterator[MetricPoint]: ...


class _Sum:
    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0

    def add(self, value: float) -> None:
        # A sum that has reached the end of an int64 stays there: past it nothing could be sent.
        self.total = min(self.total + int(value), _INT64_MAX)


class _Sums:
    """A counter: monotonic int64 sums."""

    cell = _Sum

    def __init__(self, instrument: Instrument, _bounds: tuple[float, ...]) -> None:
        self.instrument = instrument
        self.overflowed = 0
        self.cells: dict[_Labels, _Sum] = {}

    def takes(self, value: float) -> bool:
        return isinstance(value, int) and value >= 0

    def points(self, start_ns: int, now_ns: int) -> Iterator[MetricPoint]:
        for (keys, values), cell in self.cells.items():
            yield MetricPoint(self.instrument, keys, values, start_ns, now_ns, cell.total)


class _Buckets:
    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        self.total += value
        self.counts[bisect_left(self.bounds, value)] += 1  # a bound belongs to the bucket below


class _Histograms:
    """A histogram: sums and bucket counts."""

    def __init__(self, instrument: Instrument, bounds: tuple[float, ...]) -> None:
        self.instrument = instrument
        self.overflowed = 0
        self._bounds = bounds
        self.cells: dict[_Labels, _Buckets] = {}

    def takes(self, value: float) -> bool:
        return 0 <= value <= _MOST  # False for a NaN, and no overflow with any int

    def cell(self) -> _Buckets:
        return _Buckets(self._bounds)

    def points(self, start_ns: int, now_ns: int) -> Iterator[MetricPoint]:
        for (keys, values), cell in self.cells.items():
            yield MetricPoint(
                self.instrument,
                keys,
                values,
                start_ns,
                now_ns,
                cell.total,
                sum(cell.counts),
                self._bounds,
                tuple(cell.counts),
            )
