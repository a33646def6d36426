"""Cumulative aggregates: exact sums, bounded memory, whatever threads do."""

import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors.event.signals import Instrument, Measurement
from telemetry_actors.ports import MetricRecorder
from telemetry_actors.sinks.aggregates import DEFAULT_BOUNDS_S, SDK_BOUNDS, MetricAggregates

COUNTER = Instrument("dify.requests.total", "counter", "{request}")
HISTOGRAM = Instrument("dify.workflow.duration", "histogram", "s")
INT64_MAX = 2**63 - 1


def counted(value, *labels):
    return Measurement(COUNTER, tuple(f"l{i}" for i in range(len(labels))), labels, value)


def took(value_s, *labels):
    return Measurement(HISTOGRAM, tuple(f"l{i}" for i in range(len(labels))), labels, value_s)


@pytest.fixture
def aggregates():
    """Aggregates that were made at 10 ns and are read at 20 ns and later."""
    times = itertools.count(10, 10)
    return MetricAggregates(lambda: next(times))


def test_it_is_a_metric_recorder(aggregates):
    """The shape that handlers and the metric sink know."""
    recorder: MetricRecorder = aggregates
    assert recorder.collect() == []


def test_a_sum_grows_and_is_not_reset_by_reading(aggregates):
    """Cumulative: each collection says all since the start, with the start's time."""
    aggregates.record([counted(1, "a"), counted(2, "a"), counted(5, "b")])
    first = aggregates.collect()
    aggregates.record([counted(10, "a")])
    second = aggregates.collect()

    assert [(p.label_values, p.value) for p in first] == [(("a",), 3), (("b",), 5)]
    assert [(p.label_values, p.value) for p in second] == [(("a",), 13), (("b",), 5)]
    assert [(p.start_ns, p.time_ns) for p in (first[0], second[0])] == [(10, 20), (10, 30)]


def test_the_same_values_under_other_keys_are_another_series(aggregates):
    """A label set is its keys and its values."""
    aggregates.record([counted(1, "a"), counted(1, "a")._replace(label_keys=("other",))])

    assert len(aggregates.collect()) == 2


@pytest.mark.parametrize(
    ("value_s", "bucket"), [(0, 0), (1.0, 0), (1.0001, 1), (2.0, 1), (2.5, 2), (1e9, 2)]
)
def test_a_bound_belongs_to_the_bucket_below_it(value_s, bucket):
    """OpenTelemetry's rule: (lower, upper]; what is above all bounds has the last bucket."""
    aggregates = MetricAggregates(lambda: 0, bounds=(1.0, 2.0))
    aggregates.record([took(value_s)])

    (point,) = aggregates.collect()

    assert point.bucket_counts == tuple(int(i == bucket) for i in range(3))
    assert (point.value, point.measurements) == (value_s, 1)


@pytest.mark.parametrize("bounds", [DEFAULT_BOUNDS_S, SDK_BOUNDS])
def test_bounds_ascend(bounds):
    """Otherwise no bucket could be found."""
    assert list(bounds) == sorted(set(bounds))


@pytest.mark.parametrize(
    "bad",
    [counted(-1), counted(1.5), took(-0.1), took(float("nan")), took(float("inf")), took(10**400)],
)
def test_a_value_that_would_spoil_its_series_is_left_out(aggregates, bad):
    """It is counted, and the rest of the batch goes on."""
    aggregates.record([counted(1), bad, took(1.0)])

    assert [p.value for p in aggregates.collect()] == [1, 1.0]
    assert (aggregates.recorded, aggregates.invalid) == (2, 1)


def test_a_sum_stays_within_an_int64(aggregates):
    """Past its end nothing of the instrument could be sent any more."""
    aggregates.record([counted(INT64_MAX), counted(INT64_MAX), counted(1)])

    assert aggregates.collect()[0].value == INT64_MAX


class TestCardinality:
    def test_later_label_sets_share_one_overflow_point(self):
        """The first ones keep their own; nothing is lost from the sum."""
        aggregates = MetricAggregates(lambda: 0, cardinality_limit=2)
        aggregates.record(counted(1, label) for label in "abcd")
        aggregates.record(counted(10, label) for label in "abcd")

        points = {p.label_values: p.value for p in aggregates.collect()}

        assert points == {("a",): 11, ("b",): 11, ("true",): 22}
        assert aggregates.recorded == 8
        assert aggregates.instruments() == [(COUNTER.name, 2, 4, 0)]

    def test_the_limit_is_per_instrument(self):
        """A wild one doesn't take the room of the others."""
        aggregates = MetricAggregates(lambda: 0, cardinality_limit=1)
        aggregates.record([counted(1, "a"), counted(1, "b"), took(1.0, "a"), took(1.0, "b")])

        keys = [(p.instrument, p.label_keys) for p in aggregates.collect()]

        overflow = ("otel.metric.overflow",)
        assert keys == [
            *((COUNTER, ("l0",)), (COUNTER, overflow)),
            *((HISTOGRAM, ("l0",)), (HISTOGRAM, overflow)),
        ]

    def test_an_instrument_that_reaches_its_limit_says_so_once(self):
        """And the state of each tells how full it is."""
        told = []
        aggregates = MetricAggregates(
            lambda: 0, cardinality_limit=2, on_overflow=lambda *what: told.append(what)
        )
        aggregates.record([counted(1, "a"), counted(1, "b"), took(1.0, "a")])
        assert told == []
        for _ in range(3):
            aggregates.record([counted(1, "c"), counted(1, "d"), counted(1, "a")])
            aggregates.collect()

        assert told == [(COUNTER.name, 2)]
        assert aggregates.instruments() == [(COUNTER.name, 2, 6, 0), (HISTOGRAM.name, 1, 0, 0)]

    def test_who_is_told_may_look(self):
        """No lock is held: a warning may go to a handler that asks for the status."""
        seen = []
        aggregates = MetricAggregates(
            lambda: 0, cardinality_limit=1, on_overflow=lambda *_: seen.extend(aggregates.collect())
        )
        aggregates.record([counted(1, "a"), counted(1, "b")])
        aggregates.collect()

        assert len(seen) == 2

    def test_a_long_label_value_is_cut_with_a_mark(self):
        """Else a number of label sets would be no bound on memory. Cut ones add up."""
        aggregates = MetricAggregates(lambda: 0, label_bytes=64)
        aggregates.record([counted(1, "é" * 5000), counted(1, "é" * 5000), counted(1, "é" * 32)])

        cut, whole = aggregates.collect()

        assert cut.label_values == ("é" * 19 + "…[cut: 5000 characters]",)
        assert len(cut.label_values[0].encode()) <= 64
        assert cut.value == 2
        assert whole.label_values == ("é" * 32,)


labels = st.text("ab\U0001f600", max_size=3).map(lambda text: text * 30)


@given(
    st.lists(st.tuples(labels, st.integers(0, 99)), max_size=40),
    st.integers(1, 5),
    st.integers(0, 40),
)
def test_however_many_label_sets_there_are_memory_has_a_bound_and_the_total_is_exact(
    measured, limit, cut
):
    """Two instruments, so that one's overflow is not the other's."""
    aggregates = MetricAggregates(lambda: 0, cardinality_limit=limit, label_bytes=64)
    batch = [counted(n, label) for label, n in measured] + [took(n, lab) for lab, n in measured]
    aggregates.record(batch[:cut])
    aggregates.record(batch[cut:])
    points = aggregates.collect()
    state = {name: (sets, over) for name, sets, over, _ in aggregates.instruments()}

    for instrument in (COUNTER, HISTOGRAM):
        its = [p for p in points if p.instrument == instrument]
        assert sum(p.value for p in its) == sum(n for _, n in measured)
        own = [p for p in its if p.label_keys != ("otel.metric.overflow",)]
        assert len(own) <= limit and len(its) <= limit + 1
        assert all(len(v.encode()) <= 64 for p in its for v in p.label_values)
        if measured:
            assert state[instrument.name][0] == len(own)
            assert bool(state[instrument.name][1]) is (len(its) > len(own))


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2**40))),
    st.lists(st.floats(0, 1e6)),
    st.integers(0, 20),
)
def test_it_adds_up_like_python(counts, durations_s, cut):
    """Against sums and counts made the plain way, however the batches are cut."""
    aggregates = MetricAggregates(lambda: 0)
    batch = [counted(n, label) for label, n in counts] + [took(s) for s in durations_s]
    aggregates.record(batch[:cut])
    aggregates.record(batch[cut:])

    points = {(p.instrument, p.label_values): p for p in aggregates.collect()}

    for label in {label for label, _ in counts}:
        assert points[COUNTER, (label,)].value == sum(n for name, n in counts if name == label)
    if durations_s:
        point = points[HISTOGRAM, ()]
        assert point.value == pytest.approx(sum(durations_s))
        assert point.measurements == sum(point.bucket_counts) == len(durations_s)
        below = sum(point.bucket_counts[: point.bounds.index(1.0) + 1])
        assert below == sum(s <= 1.0 for s in durations_s)
    assert aggregates.recorded == len(batch)


def test_threads_lose_no_count(aggregates):
    """Four writers and a reader at once."""
    batch = [counted(1, "a"), took(0.5, "a")] * 50

    def write():
        for _ in range(50):
            aggregates.record(batch)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        aggregates.collect()
    for thread in threads:
        thread.join()

    assert [p.value for p in aggregates.collect()] == [10_000, 5_000.0]
    assert aggregates.recorded == 20_000


def test_no_point_is_before_its_start_when_the_clock_is_set_back():
    """A14: 278 of 278 points were, until the restart."""
    now = [10**18]
    aggregates = MetricAggregates(now_ns=lambda: now[0])
    aggregates.record([Measurement(COUNTER, (), (), 1)])
    [before] = aggregates.collect()
    now[0] -= 3600 * 10**9
    [point] = aggregates.collect()

    assert point.start_ns <= before.time_ns <= point.time_ns
