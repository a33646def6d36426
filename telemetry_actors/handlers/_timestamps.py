"""Instants: RFC 3339 text to nanoseconds and back, in integers all the way.

A float holds today's time to a quarter of a microsecond only, so two timestamps that
differ by one would give durations of 0 or 2; no float ever holds an instant here.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final

from telemetry_actors.event.forms import INT64_MAX, ns_of_number
from telemetry_actors.handlers._columns import Row

_SECOND_NS: Final = 1_000_000_000
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_TO_THE_SECOND: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d", re.ASCII)
_THE_REST: Final = re.compile(
    r"(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,9}))?)?)?",
    re.ASCII,
)
"""RFC 3339, and the seconds that Python writes into the offset of a local mean time."""


def timestamp_ns(value: object) -> int:
    """Nanoseconds since the epoch, of RFC 3339 text or of a number (`ns_of_number`).

    Digits after the ninth are cut off. No offset means UTC. A leap second is the second
    after it. Instants before 1970 are negative; see `on_the_wire`.

    Raises:
        ValueError: *value* is neither; it is not repeated in the message.

    >>> timestamp_ns("1970-01-01T01:00:00.000001+01:00")
    1000
    >>> timestamp_ns(1000)
    1000000000000
    """
    return _text_ns(value) if isinstance(value, str) else ns_of_number(value)  # type: ignore[arg-type]


def _text_ns(text: str) -> int:
    rest = _THE_REST.fullmatch(text, 19)
    if rest is None:
        raise ValueError("not an RFC 3339 timestamp")
    fraction, sign, hours, minutes, seconds, parts = rest.groups()
    instant_ns = _whole_seconds(text[:19]) * _SECOND_NS
    if fraction:
        instant_ns += int(fraction[:9].ljust(9, "0"))
    if sign:
        offset_ns = (int(hours) * 60 + int(minutes)) * 60 * _SECOND_NS
        if seconds:
            offset_ns += int(seconds) * _SECOND_NS + int((parts or "0").ljust(9, "0"))
        instant_ns += offset_ns if sign == "-" else -offset_ns
    return instant_ns


@lru_cache(maxsize=256)
def _whole_seconds(text: str) -> int:
    """Seconds since the epoch of ``YYYY-MM-DDThh:mm:ss``, as if it were UTC.

    Remembered, since what starts in the same second ends in the same few.
    """
    if not _TO_THE_SECOND.fullmatch(text):
        raise ValueError("not an RFC 3339 timestamp")
    leap_s = 1 if text.endswith(":60") else 0
    moment = datetime.fromisoformat(text[:17] + "59" if leap_s else text)
    days = moment.toordinal() - _EPOCH_DAY
    return days * 86_400 + moment.hour * 3600 + moment.minute * 60 + moment.second + leap_s


def rfc3339(instant_ns: int) -> str:
    """UTC text with microseconds, as Python's own `datetime` reads and writes it.

    >>> rfc3339(1_795_162_530_123_457_999)
    '2026-11-20T08:15:30.123457Z'
    """
    second, rest_ns = divmod(instant_ns, _SECOND_NS)
    return f"{_second_text(second)}.{rest_ns // 1000:06d}Z"


@lru_cache(maxsize=16)
def _second_text(second: int) -> str:
    # Events come in order, so a batch of them asks for the same second.
    return datetime.fromtimestamp(second, UTC).isoformat()[:19]


def between_s(start_ns: object, end_ns: Any) -> float | None:
    """Seconds from start to end; None unless both are there. An early end counts as the start.

    Args:
        start_ns, end_ns: as validated, so ints or null (a payload's type says ``int | str``:
            what a producer may give).

    >>> between_s(1_000_000_000, 3_500_000_000), between_s(2, 1), between_s(2, None)
    (2.5, 0.0, None)
    """
    if start_ns is None or end_ns is None:
        return None
    between_ns: int = end_ns - start_ns
    return max(between_ns, 0) / _SECOND_NS


def duration_s(row: Row) -> float | None:
    """Seconds from ``start_time`` to ``end_time``, if both are there."""
    return between_s(row.get("start_time"), row.get("end_time"))


def seconds_ns(seconds: float) -> int:
    """A duration in whole nanoseconds, 0 for a negative one. Not for instants."""
    return round(max(seconds, 0.0) * _SECOND_NS)


def on_the_wire(instant_ns: int) -> int:
    """*instant_ns* within what OTLP can carry: 1970 to 2262.

    Clipped rather than refused, because a year 1 (Go's zero time) is a right timestamp
    of a wrong clock. Durations are taken before clipping.
    """
    return min(max(instant_ns, 0), INT64_MAX)
