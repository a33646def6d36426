"""Marks beside what a mapping says: a part is missing, keys were unreadable, a trace is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from telemetry_actors.event.ids import is_sampled
from telemetry_actors.event.signals import AttributeValue, Signals

DEGRADED_KEY: Final = "dify.telemetry.degraded"
"""True on each record of an event whose off-loaded payload did not come back; else absent."""

UNREADABLE_KEY: Final = "dify.telemetry.unreadable"
"""On each record of an event of which optional keys could not be read: their names; else absent."""


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
