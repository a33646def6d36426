"""What every log record has: its first two attributes, its last one, and its times.

A record's attributes are a static key table beside a tuple of values (see
`telemetry_actors.signals`); each event type declares its tables once, at module level.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from telemetry_actors.event.definition import EventFacts
from telemetry_actors.event.emits import LogType
from telemetry_actors.event.ids import is_sampled
from telemetry_actors.event.signals import AttributeValue, LogSignal, Signals

DEGRADED_KEY: Final = "dify.telemetry.degraded"
"""True on each record of an event whose off-loaded payload did not come back; else absent."""

UNREADABLE_KEY: Final = "dify.telemetry.unreadable"
"""On each record of an event of which optional keys could not be read: their names; else absent."""

SPAN_DETAIL: Final = "span_detail"
"""The signal of a log with a span beside it, whose ids it carries."""
METRIC_ONLY: Final = "metric_only"
"""The signal of a log without a span."""


def log_type(
    name: str, signal: str, *keys: str, gated: Iterable[str] = (), reference: str = ""
) -> LogType:
    """Declare the logs of an event type.

    Args:
        name: of the event type, such as ``dify.app.created``.
        signal: `SPAN_DETAIL` or `METRIC_ONLY`.
        keys: the attributes of its own; those of every record are added around them.
        gated: those of its own that hold content. They come last, after *keys*.
        reference: the payload key by whose id gated content can be looked up.
    """
    every_log, content = ("dify.event.name", "dify.event.signal"), tuple(gated)
    own = (*every_log, *keys, *content, "log.record.uid")
    return LogType(name, signal, own, frozenset(content), reference)


def log_record(
    facts: EventFacts,
    kind: LogType,
    values: tuple[AttributeValue, ...],
    ids: tuple[bytes, bytes] = (b"", b""),
    *,
    record_id: str = "",
) -> LogSignal:
    """One log record of an event.

    Args:
        facts: of the event.
        kind: what `log_type` made.
        values: beside the keys that `log_type` was given, the gated ones last.
        ids: trace id and span id; ``b""`` for none.
        record_id: ``log.record.uid``, where it isn't the event's id.
    """
    name, signal, keys = kind[:3]
    return LogSignal(
        name,
        signal,
        keys,
        (name, signal, *values, record_id or facts.event_id),
        *ids,
        facts.emitted_at_ns,
        facts.observed_ns,
    )


def _marked(signals: Signals, key: str, value: AttributeValue) -> Signals:
    """The same signals, each log and span with one attribute more."""
    logs = tuple(
        [log._replace(keys=(*log.keys, key), values=(*log.values, value)) for log in signals.logs]
    )
    spans = tuple(
        [
            span._replace(keys=(*span.keys, key), values=(*span.values, value))
            for span in signals.spans
        ]
    )
    return signals._replace(logs=logs, spans=spans)


def degraded(signals: Signals) -> Signals:
    """The same signals, each log and span with a mark that something may be missing in it."""
    return _marked(signals, DEGRADED_KEY, True)


def unreadable(signals: Signals, keys: Iterable[str]) -> Signals:
    """The same signals, each log and span with the names of what could not be read."""
    return _marked(signals, UNREADABLE_KEY, ", ".join(keys))


def flagged(signals: Signals, rate: float) -> Signals:
    """The same signals, each log with a word of whether the spans of its trace are kept."""
    logs = [
        log._replace(sampled=is_sampled(log.trace_id, rate)) if log.trace_id else log
        for log in signals.logs
    ]
    return signals._replace(logs=tuple(logs))
