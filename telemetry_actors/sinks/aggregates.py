"""Our own cumulative aggregates: sums, last values and explicit-bucket histograms.

``handlers -> [aggregates] -> metric sink``. A measurement costs a dict look-up under a
lock that is taken once per batch, a tenth of what the SDK's instruments cost; ``emit()``
never comes here. The tree's slot owns the object, so a restart of the metric sink
loses no count. After a fork the child makes its own: a lock may be inherited held.

Memory has bounds: label sets per instrument, and bytes per label value. What one label set holds
is in `_series.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import repeat
from types import MappingProxyType

from supervisors.system.native import Lock
from telemetry_actors.base.wall_clock import NeverBack
from telemetry_actors.event.marks import cut
from telemetry_actors.event.signals import Instrument, Measurement
from telemetry_actors.ports import InstrumentState, MetricPoint
from telemetry_actors.sinks._series import Cell, Series, series_of

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

_OVERFLOW = ((OVERFLOW_KEY,), ("true",))
_UNDATED = repeat(0)  # without an end and without a state: any thread may read it


def _nobody(_instrument: str, _limit: int) -> None: ...


class MetricAggregates:
    """A `MetricRecorder`: adds up measurements, any thread; never resets.

    A value that its series could not hold (not finite, a negative in a counter, a fraction in an
    int) is not taken and counted in `invalid`: one of them would spoil its series for ever.

    Args:
        now_ns: wall clock, such as `Clock.now_ns`.
        bounds: upper bounds of the buckets, ascending, of histograms that declare none.
        cardinality_limit: label sets of one instrument; values of later ones are added to one
            more point, labelled ``otel.metric.overflow``. So sums over all points stay exact.
            Those of a gauge are left out: the last of several things' values says nothing.
        label_bytes: UTF-8 bytes of one label value; a longer one is cut, with a mark.
        on_overflow: told once of each instrument that is over its limit, by the next
            collection, on its thread and with no lock held: name and limit.
        on_left_out: the same, of a gauge.
    """

    def __init__(
        self,
        now_ns: Callable[[], int],
        *,
        bounds: tuple[float, ...] = DEFAULT_BOUNDS_S,
        cardinality_limit: int = 2000,
        label_bytes: int = 1024,
        on_overflow: Callable[[str, int], None] = _nobody,
        on_left_out: Callable[[str, int], None] = _nobody,
    ) -> None:
        self._wall_ns = now_ns
        self._now_ns = NeverBack(now_ns)
        self._bounds = bounds
        self._limit = cardinality_limit
        self._label_bytes = label_bytes
        self._on_overflow = on_overflow
        self._on_left_out = on_left_out
        self._to_tell: list[Series] = []
        self._start_ns = self._now_ns()
        self._lock = Lock()
        self._series: dict[str, Series] = {}
        self.recorded = 0
        """Measurements that are in the aggregates."""
        self.left_out = 0
        """Values of gauges that have too many label sets."""
        self.invalid = 0
        """Measurements that were not taken."""

    def record(
        self, made: Iterable[Measurement], at_ns: Iterable[int] = _UNDATED
    ) -> tuple[int, int]:
        """Add measurements; give a whole batch at once, the lock is taken once per call.

        Args:
            at_ns: beside each, when its event was emitted, ns since the epoch. Gauges alone ask;
                without it they are as old as their arrival.

        Returns:
            How many are in the aggregates now, and how many were left out (see `left_out`).
        """
        with self._lock:
            before = self.recorded, self.left_out
            for (instrument, keys, values, value), at in zip(made, at_ns, strict=False):
                series = self._series.get(instrument.name) or self._new(instrument)
                if not series.takes(value):
                    self.invalid += 1
                    continue
                cell = series.cells.get((keys, values)) or self._admit(series, keys, values)
                if cell is None:
                    self.left_out += 1
                    continue
                cell.add(value, at)
                self.recorded += 1
            return self.recorded - before[0], self.left_out - before[1]

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
        for series in to_tell:
            tell = self._on_overflow if series.has_overflow else self._on_left_out
            tell(series.instrument.name, self._limit)

    def instruments(self) -> list[InstrumentState]:
        """How full each instrument is."""
        with self._lock:
            return [_state(series) for series in self._series.values()]

    def _new(self, instrument: Instrument) -> Series:
        series = series_of(instrument, self._bounds, self._wall_ns)
        self._series[instrument.name] = series  # one name is one instrument: `register_case`
        return series

    def _admit(self, series: Series, keys: tuple[str, ...], values: tuple[str, ...]) -> Cell | None:
        """The cell of a label set that is not among the series as it stands; None: left out."""
        labels = (keys, tuple(cut(value, self._label_bytes) for value in values))
        cells = series.cells
        if labels not in cells and len(cells) >= self._limit:
            if not series.overflowed:
                self._to_tell.append(series)
            series.overflowed += 1
            if not series.has_overflow:
                return None
            labels = _OVERFLOW
        cell: Cell = cells.get(labels) or cells.setdefault(labels, series.cell())
        return cell


def _state(series: Series) -> InstrumentState:
    name, over = series.instrument.name, series.overflowed
    if not series.has_overflow:
        return InstrumentState(name, len(series.cells), 0, over)
    return InstrumentState(name, len(series.cells) - (_OVERFLOW in series.cells), over)
