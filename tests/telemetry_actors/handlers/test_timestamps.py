"""RFC 3339 text and nanoseconds are the same instant, exactly."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors.handlers._timestamps import (
    INT64_MAX,
    between_s,
    on_the_wire,
    rfc3339,
    seconds_ns,
    timestamp_ns,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
minutes = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda m: timezone(timedelta(minutes=m)))


@given(st.datetimes(timezones=minutes | st.just(UTC)))
def test_text_is_read_to_the_microsecond_whatever_the_offset(instant):
    exact_us = (instant - EPOCH) // timedelta(microseconds=1)

    assert timestamp_ns(instant.isoformat()) == exact_us * 1000


@given(st.datetimes())
def test_text_without_an_offset_is_utc(instant):
    assert timestamp_ns(instant.isoformat()) == timestamp_ns(instant.isoformat() + "Z")


@given(st.integers(10**17, INT64_MAX))
def test_both_forms_give_the_same_instant_to_the_nanosecond(instant_ns):
    second, rest_ns = divmod(instant_ns, 10**9)
    text = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{rest_ns:09d}Z"

    assert timestamp_ns(text) == timestamp_ns(instant_ns) == instant_ns


@pytest.mark.parametrize(
    ("text", "instant_ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00z", 0),
        ("1970-01-01 00:00:00", 0),
        ("1970-01-01T00:00:00.1Z", 100_000_000),
        ("1970-01-01T00:00:00.1234567899Z", 123_456_789),
        ("1970-01-01T05:30:00+05:30", 0),
        ("1969-12-31T16:00:00-08:00", 0),
        ("1969-12-31T23:59:59Z", -1_000_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000_000),
    ],
)
def test_spellings_of_rfc_3339(text, instant_ns):
    assert timestamp_ns(text) == instant_ns


@pytest.mark.parametrize(
    "value",
    [
        "",
        "now",
        "2026-11-20",
        "2026-11-20T08:15",
        "2026-11-20T08:15:30.Z",
        "2026-11-20T08:15:30,5Z",
        "2026-11-20T08:15:30 Z",
        "2026-11-20T08:15:30+0100",
        "2026-11-20T08:15:30+24:00",
        "2026-11-20T08:15:30Z\n",
        "2026-W47-5T08:15:30",
        "20261120T081530Z",
        "2026-02-30T08:15:30Z",
        "2026-11-20T25:15:30Z",
        "0000-11-20T08:15:30Z",
        "٢٠٢٦-11-20T08:15:30Z",
        "1795162530",
        float("nan"),
        float("inf"),
        1e300,
        True,
        None,
        [],
        2**63,
        -(2**63),
    ],
)
def test_nothing_else_is_a_timestamp(value):
    with pytest.raises(ValueError, match=r"timestamp|time|day|month|hour|year|offset|range|number"):
        timestamp_ns(value)


SECOND = 1_795_162_530


@pytest.mark.parametrize(
    ("value", "instant_ns"),
    [
        (SECOND, SECOND * 10**9),
        (SECOND * 10**3 + 123, SECOND * 10**9 + 123_000_000),
        (SECOND * 10**6 + 123_457, SECOND * 10**9 + 123_457_000),
        (SECOND * 10**9 + 123_457_001, SECOND * 10**9 + 123_457_001),
        (SECOND + 0.123457, SECOND * 10**9 + 123_457_000),
        (SECOND * 10**3 + 123.457, SECOND * 10**9 + 123_457_000),
        (SECOND * 1e6, SECOND * 10**9),
        (SECOND * 1e9, SECOND * 10**9),
        (0, 0),
        (-1, -(10**9)),
        (10**11, 10**17),  # as seconds it were in the year 5138
        (10**14, 10**17),
        (10**17, 10**17),
        (10**17 - 1, (10**17 - 1) * 1000),
    ],
)
def test_the_unit_of_a_number_is_told_by_its_size(value, instant_ns):
    if -INT64_MAX <= instant_ns <= INT64_MAX:
        assert timestamp_ns(value) == instant_ns
    else:
        with pytest.raises(ValueError, match="64 bits"):
            timestamp_ns(value)


@given(st.integers(0, 4 * 10**15))
def test_a_float_of_seconds_is_the_same_instant_as_its_text(instant_us):
    text = (EPOCH + timedelta(microseconds=instant_us)).isoformat()

    assert timestamp_ns(instant_us / 10**6) == timestamp_ns(text)


def test_an_offset_may_have_seconds():
    """Local mean time: Amsterdam was 19 minutes and 32 seconds ahead until 1937."""
    amsterdam = timezone(timedelta(minutes=19, seconds=32))
    odd = timezone(-timedelta(minutes=1, seconds=2, microseconds=3))
    for instant in (
        datetime(1900, 1, 1, tzinfo=amsterdam),
        datetime.min.replace(tzinfo=amsterdam),
        datetime(2026, 1, 1, tzinfo=odd),
    ):
        exact_us = (instant - EPOCH) // timedelta(microseconds=1)

        assert timestamp_ns(instant.isoformat()) == exact_us * 1000


@given(st.datetimes(timezones=st.just(UTC), min_value=EPOCH.replace(tzinfo=None)))
def test_an_instant_reads_as_python_reads_it(instant):
    instant_ns = (instant - EPOCH) // timedelta(microseconds=1) * 1000

    assert datetime.fromisoformat(rfc3339(instant_ns + 999)) == instant


def test_a_second_at_the_boundary_is_not_rounded_up():
    assert rfc3339(1_999_999_999) == "1970-01-01T00:00:01.999999Z"


def test_durations_are_taken_in_integers():
    assert between_s(1_795_162_530_123_457_000, 1_795_162_533_999_999_000) == 3.876542


def test_an_end_before_the_start_counts_as_the_start():
    assert between_s(5, 4) == 0.0


@pytest.mark.parametrize(("start", "end"), [(None, 1), (1, None), (None, None)])
def test_there_is_no_duration_with_one_end_only(start, end):
    assert between_s(start, end) is None


def test_a_duration_in_nanoseconds_is_never_negative():
    assert [seconds_ns(s) for s in (3.9, 0.0, -1.0)] == [3_900_000_000, 0, 0]


def test_what_otlp_cannot_carry_is_clipped():
    assert [on_the_wire(i) for i in (-1, 0, INT64_MAX, INT64_MAX + 1)] == [
        0,
        0,
        INT64_MAX,
        INT64_MAX,
    ]
