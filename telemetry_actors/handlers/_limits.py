"""How long a text of a record may be: what is longer is cut, and its end says so.

Between a mapping and the sinks, so that no mapping has to think of it and every sink gets
the same. Labels of measurements have a limit of their own, in the aggregates.
"""

from __future__ import annotations

from collections.abc import Iterable

from telemetry_actors.event.marks import cut
from telemetry_actors.event.signals import AttributeValue, Signals

_AT_MOST_TIMES = 32
_BESIDE_BYTES = 1024


def surely_short(packed_bytes: int, most_bytes: int) -> bool:
    """Whether no text made of so many packed bytes can be over the limit.

    True for nearly every event, which is then spared the look at each of its attributes.
    JSON of a byte is longest where ``[]`` gives way to a mark: 25 bytes with its comma. A
    built-in mapping puts a few words beside a value, and never two values into one text.
    """
    return packed_bytes * _AT_MOST_TIMES + _BESIDE_BYTES <= most_bytes


def limited(signals: Signals, most_bytes: int) -> Signals:
    """*signals* with no text over *most_bytes* bytes of UTF-8 in a log or span."""
    chars = most_bytes // 4  # so many fit in any script
    logs = tuple(
        log._replace(values=_cut(log.values, most_bytes)) if _any_over(log.values, chars) else log
        for log in signals.logs
    )
    spans = tuple(
        span._replace(
            values=_cut(span.values, most_bytes),
            error=None if span.error is None else cut(span.error, most_bytes),
        )
        if _any_over((*span.values, span.error), chars)
        else span
        for span in signals.spans
    )
    return signals._replace(logs=logs, spans=spans)


def _any_over(values: Iterable[AttributeValue], chars: int) -> bool:
    return any(isinstance(value, str) and len(value) > chars for value in values)


def _cut(values: Iterable[AttributeValue], most_bytes: int) -> tuple[AttributeValue, ...]:
    return tuple(cut(value, most_bytes) if isinstance(value, str) else value for value in values)
