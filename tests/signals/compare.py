"""What came out of `emit()` beside what a vector says: the rules of the vectors' README.

A set comparison: records are paired by name, measurements by name and label set, and what
has no partner is a difference. Knows nothing of trees and clocks; `replay` does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from telemetry_actors.event.signals import LogSignal, SpanSignal
from telemetry_actors.ports import MetricPoint
from tests.signals.vectors import MISSING, Difference

__all__ = ["Emitted", "differences", "same"]

_ADMISSION = {"legacy_dropped": "gateway_off"}
"""Names of the vectors for names of ours."""

_OWN_METRICS = ("telemetry_actors.", "enterprise_telemetry.")
"""Begin the names of metrics about the gateway and its handlers; vectors don't list them."""

_MICROSECOND_NS = 1000
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Emitted(NamedTuple):
    """All that one `emit()` led to."""

    admission: str
    before_ns: int
    after_ns: int
    """The wall clock before and after the call."""
    event_id: str
    """Of the envelope; "" if there was none."""
    dropped: dict[str, int]
    """The ledger's."""
    logs: Sequence[LogSignal]
    spans: Sequence[SpanSignal]
    points: Sequence[MetricPoint]


_Found = tuple[str, Any, Any]


def differences(vector: dict[str, Any], emitted: Emitted) -> list[Difference]:
    """How *emitted* differs from what *vector* expects, in its own words; empty = it agrees."""
    return [Difference(vector["id"], *found) for found in _Comparison(vector, emitted).all()]


class _Comparison:
    """One vector."""

    def __init__(self, vector: dict[str, Any], emitted: Emitted) -> None:
        self._expect: dict[str, Any] = vector["expect"]
        self._elapsed_s = vector["payload"].get("elapsed_time") or 0
        self._emitted = emitted

    def all(self) -> Iterator[_Found]:
        yield from self._admission()
        yield from self._paired("logs", "event_name", self._emitted.logs, self._log)
        yield from self._paired("spans", "name", self._emitted.spans, self._span)
        yield from self._metrics()
        yield from self._forbidden()

    # -- admission ------------------------------------------------------------------------------

    def _admission(self) -> Iterator[_Found]:
        expected, got = self._expect["admission"], self._emitted.admission
        if expected == "$any":
            if got == "accepted" and self._emitted.dropped != {"invalid_payload": 1}:
                yield "outcome", {"invalid_payload": 1}, self._emitted.dropped
        elif got != _ADMISSION.get(expected, expected):
            yield "admission", expected, got

    # -- records --------------------------------------------------------------------------------

    def _paired(
        self, what: str, key: str, records: Sequence[Any], compare: Any
    ) -> Iterator[_Found]:
        """Each expected record beside the one of its name that differs least."""
        left = list(records)
        for wanted in self._expect[what]:
            name = wanted[key]
            found = [(list(compare(wanted, r)), r) for r in left if _name(r) == name]
            if not found:
                yield f"{what} {name}", "a record", MISSING
                continue
            differing, partner = min(found, key=lambda pair: len(pair[0]))
            left = [record for record in left if record is not partner]
            for place, expected, got in differing:
                yield f"{what} {name}: {place}", expected, got
        for record in left:
            yield f"{what} {_name(record)}", "no such record", record.attributes

    def _log(self, wanted: dict[str, Any], log: LogSignal) -> Iterator[_Found]:
        yield from self._attributes(wanted, log)
        for key in ("trace_id", "span_id"):
            expected, got = wanted[key], getattr(log, key).hex() or None
            if expected == "$span":
                ids = [getattr(span, key).hex() for span in self._emitted.spans]
                expected = ids[0] if len(ids) == 1 else "that of the one span"
            if expected != got:
                yield key, expected, got
        if not self._emitted.before_ns <= log.time_ns <= self._emitted.after_ns:
            yield "the record's own time", "within the emit call", log.time_ns

    def _span(self, wanted: dict[str, Any], span: SpanSignal) -> Iterator[_Found]:
        yield from self._attributes(wanted, span)
        for key in ("trace_id", "span_id", "parent_span_id"):
            expected, got = wanted[key], getattr(span, key).hex() or None
            if expected == "$any":
                if got is None or not int(got, 16):
                    yield key, "any id but zero", got
            elif expected != got:
                yield key, expected, got
        yield from self._status(wanted, span)
        for key in ("start_ns", "end_ns"):
            yield from self._instant(key, wanted[key], getattr(span, key))

    def _status(self, wanted: dict[str, Any], span: SpanSignal) -> Iterator[_Found]:
        status = "UNSET" if span.error is None else "ERROR"
        if status != wanted["status"]:
            yield "status", wanted["status"], status
        described = wanted.get("status_description")
        if described != span.error and ("status_description" in wanted or status == "UNSET"):
            yield "status_description", described, span.error

    def _instant(self, key: str, expected: Any, got: int) -> Iterator[_Found]:
        if expected == "$emitted_at":
            good = self._emitted.before_ns <= got <= self._emitted.after_ns
        elif expected == "$emitted_at_minus_elapsed":
            # To the microsecond, since elapsed_time is a float.
            at_ns = got + round(self._elapsed_s * 1e9)
            first_ns = self._emitted.before_ns - _MICROSECOND_NS
            good = first_ns <= at_ns <= self._emitted.after_ns + _MICROSECOND_NS
        else:
            good = expected == got
        if not good:
            yield key, expected, got

    # -- attributes -----------------------------------------------------------------------------

    def _attributes(
        self, wanted: dict[str, Any], record: LogSignal | SpanSignal
    ) -> Iterator[_Found]:
        attributes = record.attributes
        for key, expected in wanted["attributes"].items():
            got = attributes.get(key, MISSING)
            if not self._fits(expected, got):
                yield key, expected, got
        for key in wanted.get("absent", ()):
            if key in attributes:
                yield key, "no such key", attributes[key]

    def _fits(self, expected: Any, got: Any) -> bool:
        if expected is None:
            return got is None or got is MISSING
        if isinstance(expected, dict):
            return _is_json_of(expected["$json"], got)
        if expected == "$event_id":
            return isinstance(got, str) and got == self._emitted.event_id != ""
        if expected == "$emitted_at":
            return self._is_emit_time(got)
        return same(expected, got)

    def _is_emit_time(self, got: Any) -> bool:
        """RFC 3339 in UTC, with at least the microseconds of the call."""
        try:
            instant = datetime.fromisoformat(got)
        except (TypeError, ValueError):
            return False
        if "T" not in got or instant.utcoffset() != timedelta(0):
            return False
        at_ns = (instant - _EPOCH) // timedelta(microseconds=1) * _MICROSECOND_NS
        first_ns = self._emitted.before_ns // _MICROSECOND_NS * _MICROSECOND_NS
        return first_ns <= at_ns <= self._emitted.after_ns

    # -- metrics --------------------------------------------------------------------------------

    def _metrics(self) -> Iterator[_Found]:
        left = {
            _series(p.instrument.name, dict(zip(p.label_keys, p.label_values, strict=True))): p
            for p in self._emitted.points
            if not p.instrument.name.startswith(_OWN_METRICS)
        }
        for wanted in self._expect["metrics"]:
            name, labels = wanted["name"], wanted["attributes"]
            point = left.pop(_series(name, labels), None)
            if point is None:
                yield f"metrics {name} {labels}", "a point", MISSING
                continue
            for place, expected, got in _point(wanted, point):
                yield f"metrics {name} {labels}: {place}", expected, got
        for point in left.values():
            labels = dict(zip(point.label_keys, point.label_values, strict=True))
            yield f"metrics {point.instrument.name} {labels}", "no such point", point.value

    # -- text that must be nowhere --------------------------------------------------------------

    def _forbidden(self) -> Iterator[_Found]:
        emitted = list(_texts(self._emitted))
        for forbidden in self._expect.get("forbid_text", ()):
            for text in emitted:
                if forbidden in text:
                    yield "forbid_text", f"no {forbidden!r}", text


def _name(record: LogSignal | SpanSignal) -> str:
    return record.event_name if isinstance(record, LogSignal) else record.name


def _series(name: str, labels: dict[str, Any]) -> tuple[str, frozenset[tuple[str, Any]]]:
    return name, frozenset(labels.items())


def _point(wanted: dict[str, Any], point: MetricPoint) -> Iterator[_Found]:
    got = {"kind": point.instrument.kind, "unit": point.instrument.unit}
    if point.instrument.kind == "counter":
        got |= {"value": point.value}
    else:
        got |= {"count": point.measurements, "sum": point.value}
    for key in ("kind", "unit", "value", "count", "sum"):
        expected, found = wanted.get(key, MISSING), got.get(key, MISSING)
        if not same(expected, found):
            yield key, expected, found


def _texts(emitted: Emitted) -> Iterator[str]:
    """Every text of everything that was emitted, keys included."""
    for record in (*emitted.logs, *emitted.spans):
        yield _name(record)
        yield from record.attributes
        yield from (value for value in record.attributes.values() if isinstance(value, str))
    yield from (span.error for span in emitted.spans if span.error)
    for point in emitted.points:
        yield from (point.instrument.name, *point.label_keys, *point.label_values)


def _is_json_of(expected: Any, got: Any) -> bool:
    try:
        return isinstance(got, str) and same(expected, json.loads(got))
    except ValueError:
        return False


def same(expected: Any, got: Any) -> bool:
    """Equal in value and type; numbers to 1e-9, and 1 is 1.0, but true isn't 1.

    >>> same(1, 1.0), same(True, 1), same([{"a": 0.1}], [{"a": 0.1 + 1e-12}]), same("1", 1)
    (True, False, True, False)
    """
    if isinstance(expected, list):
        return isinstance(got, list) and len(expected) == len(got) and all(map(same, expected, got))
    if isinstance(expected, dict):
        return (
            isinstance(got, dict)
            and set(expected) == set(got)
            and all(same(value, got[key]) for key, value in expected.items())
        )
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, int | float):
        return isinstance(got, int | float) and math.isclose(
            expected, got, rel_tol=1e-9, abs_tol=1e-9
        )
    return bool(expected == got)
