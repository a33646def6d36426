"""ConsoleSink: one line per log record, span and metric point, for a person to read.

Last step of an event's way, where a terminal is the receiver. A line names what one looks
for first; it is no format to parse, and shows neither texts nor ids beyond the owner's.

>>> from telemetry_actors.event.signals import LogSignal, SignalKind
>>> sink = ConsoleSink()
>>> keys = ("dify.app_id", "dify.tenant_id", "dify.event.id", "dify.app.mode")
>>> log = LogSignal("dify.app.created", "", keys, ("a1", "acme", "0b7d", "chat"), b"", b"", 1, 2)
>>> sink.encode(SignalKind.LOGS, log)
'dify.app.created  tenant=acme app=a1 mode=chat'
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from supervisors.system.fork import LONGEST_LINE_S, whole
from supervisors.system.process import ProcessLock
from telemetry_actors.event.own_metrics import is_own
from telemetry_actors.event.signals import AttributeValue, LogSignal, SignalKind, SpanSignal
from telemetry_actors.ports import ExportResult, MetricPoint, Verdict
from telemetry_actors.redaction.redaction import words_of

_SHOWN = {
    "tenant_id": "tenant",
    "app_id": "app",
    "mode": "mode",
    "type": "type",
    "action": "action",
    "rating": "rating",
    "operation_type": "operation",
    "status": "status",
    "model": "model",
    "total_tokens": "tokens",
    "elapsed_time": "elapsed_s",
    "duration": "duration_s",
    "error": "error",
}
"""Last part of an attribute's key -> what it is called here; in this order."""

_MAX_VALUE_CHARS = 80
_PLAIN = re.compile(r"[^\s\"'=\\]+")


class ConsoleSink:
    """Writes to a text stream, whole lines at a time, from any thread.

    Args:
        stream: where to; ``None`` = whatever ``sys.stdout`` is at that moment. Never closed.
    """

    name = "console"

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lock = ProcessLock()

    def __repr__(self) -> str:
        return "<ConsoleSink>"

    def encode(self, kind: SignalKind, record: LogSignal | SpanSignal) -> str:
        """The line, without its end."""
        facts = _facts(record.attributes)
        if isinstance(record, LogSignal):
            return f"{record.event_name}  {facts}".rstrip()
        took_ms = (record.end_ns - record.start_ns) / 1e6
        error = "" if record.error is None else f" ERROR {_shown(record.error)}"
        return f"{record.name}  span {took_ms:.1f} ms {facts}".rstrip() + error

    def size_of(self, encoded: str) -> int:
        """Its characters."""
        return len(encoded)

    def export(self, kind: SignalKind, encoded: Sequence[str], timeout_s: float) -> ExportResult:
        """Write the lines. A stream that is closed or broken refuses them."""
        return self._write(encoded)

    def export_metrics(self, points: Sequence[MetricPoint], timeout_s: float) -> ExportResult:
        """One line per point; those about the gateway itself are left out."""
        return self._write(_point(p) for p in points if not is_own(p.instrument.name))

    def close(self) -> None:
        """Nothing to release: the stream is its owner's."""

    def _write(self, lines: Iterable[str]) -> ExportResult:
        text = "".join(f"{line}\n" for line in lines)
        stream = sys.stdout if self._stream is None else self._stream
        try:
            with self._lock.here(), whole(LONGEST_LINE_S):
                _write_text(stream, text)
        except (OSError, ValueError) as error:  # ValueError: closed
            return ExportResult(Verdict.REFUSED, message=words_of(error)[:500])
        return ExportResult(Verdict.ACCEPTED)


def _write_text(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:  # a terminal without UTF-8
        stream.write(text.encode("ascii", "backslashreplace").decode("ascii"))
    stream.flush()


def _facts(attributes: Mapping[str, AttributeValue]) -> str:
    by_last_part = {key.rpartition(".")[2]: value for key, value in attributes.items()}
    shown = ((label, by_last_part.get(part)) for part, label in _SHOWN.items())
    return " ".join(f"{label}={_shown(value)}" for label, value in shown if value not in (None, ""))


def _shown(value: AttributeValue) -> str:
    text = str(value)
    if len(text) > _MAX_VALUE_CHARS:
        text = text[: _MAX_VALUE_CHARS - 1] + "…"
    # A line stays a line, and a terminal's control codes stay text, whatever is in a value.
    return text if _PLAIN.fullmatch(text) and text.isprintable() else json.dumps(text)


def _point(point: MetricPoint) -> str:
    labels = zip(point.label_keys, point.label_values, strict=True)
    facts = " ".join(f"{key}={_shown(value)}" for key, value in labels)
    value = f"{point.value:g} {point.instrument.unit}"
    if point.bounds:
        value = f"{point.measurements} times, {value} in all"
    return f"{point.instrument.name}  metric {value}  {facts}".rstrip()
