"""The series of one instrument: label set -> a sum, a last value, or buckets.

Part of the aggregates (`sinks/aggregates.py`), which alone come here, with their lock held. An
instrument is int or float by its declaration: what a cell holds is made of that type when it
comes in, so that the wire never depends on which value came first or last.

No value that came in can spoil what is sent: ints are held exactly and are sent as the nearest
int64; floats are finite and small enough for their sums to stay finite.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from telemetry_actors.event.signals import MOST, Instrument, MetricPoint

_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1

Labels = tuple[tuple[str, ...], tuple[str, ...]]


class Cell(Protocol):
    """One label set."""

    def add(self, value: float, at_ns: int) -> None:
        """Take a value of an event that was emitted *at_ns* (0: nobody said)."""


class Series(Protocol):
    """One instrument: label set -> cell."""

    instrument: Instrument
    cells: dict[Labels, Any]
    has_overflow: bool
    """One more point stands for later label sets: sums can be added up, last values can't."""
    overflowed: int
    """Values of later label sets."""

    def takes(self, value: float) -> bool:
        """Whether it can be added without harm to the series."""

    def cell(self) -> Cell:
        """A new one."""

    def points(self, start_ns: int, now_ns: int) -> Iterator[MetricPoint]:
        """One for each label set."""


def series_of(
    instrument: Instrument, bounds: tuple[float, ...], wall_ns: Callable[[], int]
) -> Series:
    """An empty one.

    Args:
        bounds: of a histogram that has none of its own.
        wall_ns: the clock that events are emitted by.
    """
    if instrument.kind == "histogram":
        return _Histograms(instrument, bounds)
    if instrument.kind == "gauge":
        return _LastValues(instrument, wall_ns)
    return _Sums(instrument)


def _fits(instrument: Instrument, value: object) -> bool:
    """A number of the declared type; an int is a float as well, and a bool is neither."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if instrument.number is int:
        return isinstance(value, int)
    return -MOST <= value <= MOST  # False for a NaN, and no overflow with any int


def _int64(value: int) -> int:
    """At its end a sum stays where it is: past it nothing of the instrument could be sent."""
    return max(_INT64_MIN, min(value, _INT64_MAX))


# -- sums -----------------------------------------------------------------------------------------


class _IntSum:
    __slots__ = ("_total",)

    def __init__(self) -> None:
        self._total = 0

    def add(self, value: float, _at_ns: int) -> None:
        # Exact past the end, so that a sum that may fall can come back.
        self._total += int(value) if _INT64_MIN <= value <= _INT64_MAX else _int64(int(value))

    @property
    def total(self) -> int:
        return _int64(self._total)


class _FloatSum:
    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0.0

    def add(self, value: float, _at_ns: int) -> None:
        self.total += float(value)


class _Sums:
    """A counter (monotonic) or an up-down counter."""

    has_overflow = True

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.overflowed = 0
        self.cells: dict[Labels, _IntSum | _FloatSum] = {}
        self.cell: Callable[[], Cell] = _IntSum if instrument.number is int else _FloatSum
        self._may_fall = instrument.kind == "updown_counter"
        self._is_int = instrument.number is int

    def takes(self, value: float) -> bool:
        if type(value) is int and self._is_int:  # the usual one, without a call
            return value >= 0 or self._may_fall
        return _fits(self.instrument, value) and (self._may_fall or value >= 0)

    def points(self, start_ns: int, now_ns: int) -> Iterator[MetricPoint]:
        for (keys, values), cell in self.cells.items():
            yield MetricPoint(self.instrument, keys, values, start_ns, now_ns, cell.total)


# -- last values ----------------------------------------------------------------------------------


class _LastValue:
    """The value of the event that was emitted last; of two at the same time, the later arrival.

    An event that says it is from the future (another machine's clock) counts as emitted when it
    arrives; and a value from what is the future now (the clock was set back) as emitted now.
    Otherwise one wrong clock would hold a value fast until time has caught up.
    """

    __slots__ = ("_number", "_wall_ns", "at_ns", "value")

    def __init__(self, number: type[int | float], wall_ns: Callable[[], int]) -> None:
        self._number = number
        self._wall_ns = wall_ns
        self.at_ns = 0
        self.value: int | float = 0

    def add(self, value: float, at_ns: int) -> None:
        now_ns = self._wall_ns()
        at_ns = max(min(at_ns or now_ns, now_ns), 0)
        self.at_ns = min(self.at_ns, now_ns)
        if at_ns >= self.at_ns:
            self.at_ns = at_ns
            self.value = _int64(int(value)) if self._number is int else float(value)


class _LastValues:
    """A gauge."""

    has_overflow = False

    def __init__(self, instrument: Instrument, wall_ns: Callable[[], int]) -> None:
        self.instrument = instrument
        self.overflowed = 0
        self.cells: dict[Labels, _LastValue] = {}
        self._wall_ns = wall_ns

    def takes(self, value: float) -> bool:
        return _fits(self.instrument, value)

    def cell(self) -> _LastValue:
        return _LastValue(self.instrument.number, self._wall_ns)

    def points(self, start_ns: int, now_ns: int) -> Iterator[MetricPoint]:
        for (keys, values), cell in self.cells.items():
            yield MetricPoint(self.instrument, keys, values, start_ns, cell.at_ns, cell.value)


# -- buckets --------------------------------------------------------------------------------------


class _Buckets:
    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float, _at_ns: int) -> None:
        self.total += value
        self.counts[bisect_left(self.bounds, value)] += 1  # a bound belongs to the bucket below


class _Histograms:
    """A histogram: sums and bucket counts."""

    has_overflow = True

    def __init__(self, instrument: Instrument, bounds: tuple[float, ...]) -> None:
        self.instrument = instrument
        self.overflowed = 0
        self._bounds = instrument.buckets or bounds
        self.cells: dict[Labels, _Buckets] = {}

    def takes(self, value: float) -> bool:
        if type(value) is float:  # the usual one, without a call
            return 0 <= value <= MOST  # False for a NaN
        return _fits(self.instrument, value) and value >= 0

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
