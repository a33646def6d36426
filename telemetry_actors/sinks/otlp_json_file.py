"""OtlpJsonFileSink: OTLP as lines of JSON in a file, as a collector's file exporter writes them.

Last step of an event's way, where a file is the receiver: for a look with ``jq``, and for
collectors that read such files. Each line is one export request of logs, traces or metrics in
OTLP's JSON form: field names in camelCase, enumerations as numbers, 64-bit integers as
texts, trace and span ids in hex.

An error of the disk is a "try again": a sink whose disk is full goes on when there is room.
What became of a batch is known, so nothing it holds is ever ``unconfirmed``. A write has
no time-out: a disk that hangs is the hang rule's business. Lines are with the kernel when
a batch ends, and not forced to the disk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from supervisors.system.process import Process, this_process
from telemetry_actors.errors import SettingsError
from telemetry_actors.event.signals import LogSignal, ResourceValue, SignalKind, SpanSignal
from telemetry_actors.ports import ExportResult, MetricPoint, Verdict
from telemetry_actors.redaction.redaction import words_of
from telemetry_actors.sinks._lines_file import LinesFile
from telemetry_actors.sinks.resource import check_resource, package_version, resource_attributes

if TYPE_CHECKING:
    from google.protobuf.message import Message

_MAX_LINE_BYTES = 1_000_000  # collectors read lines of up to 1 MiB unless told otherwise
_FIELDS = {
    SignalKind.LOGS: ("resourceLogs", "scopeLogs", "logRecords"),
    SignalKind.SPANS: ("resourceSpans", "scopeSpans", "spans"),
    SignalKind.METRICS: ("resourceMetrics", "scopeMetrics", "metrics"),
}
_IDS = {"traceId": "trace_id", "spanId": "span_id", "parentSpanId": "parent_span_id"}
_LINE_ENDS = {ord(c): f"\\u{ord(c):04x}" for c in "\x85\u2028\u2029"}
"""What JSON leaves as it is in a text, and some readers take for the end of a line."""


class OtlpJsonFileSink:
    """Appends to one file, whole lines at a time, from any thread.

    Args:
        path: the file. Its directory must exist, if not now then later.
        max_bytes: a file that would become larger is put aside as ``<path>.1``.
        keep: files put aside that are kept (``.1`` is the youngest); 0 keeps none.
        service_name: ``service.name`` of the resource; None: the environment's, else ``dify``.
        resource: more resource attributes; they win over the environment's. Lists are allowed.
        name: of the sink; a gateway with several files needs one for each.

    Raises:
        SettingsError: *max_bytes* or *keep* makes no sense, or OTLP can't carry the resource. The
            file isn't touched yet.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int = 104_857_600,
        keep: int = 5,
        service_name: str | None = None,
        resource: Mapping[str, ResourceValue] | None = None,
        name: str = "otlp_json_file",
    ) -> None:
        if max_bytes < 1:
            raise SettingsError("max_bytes", value=str(max_bytes), allowed="must be at least 1")
        if keep < 0:
            raise SettingsError("keep", value=str(keep), allowed="must be at least 0")
        self.name = name
        self._path = Path(path).absolute()
        self._file = LinesFile(self._path, max_bytes=max_bytes, keep=keep)
        self._service_name = service_name
        self._resource = dict(resource or {})
        check_resource(service_name, self._resource, os.environ)
        self._heads: dict[Process, tuple[bytes, bytes]] = {}

    def __repr__(self) -> str:
        return f"<OtlpJsonFileSink {self._path}>"

    def endpoint_of(self, kind: SignalKind) -> str:
        """The file, as a URL: the same for all kinds."""
        return self._path.as_uri()

    def encode(self, kind: SignalKind, record: LogSignal | SpanSignal) -> bytes:
        """One record as a JSON object in UTF-8.

        Raises:
            Exception: OTLP can't carry it; see `encode.encode_log`.
        """
        from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
        from opentelemetry.proto.trace.v1.trace_pb2 import Span

        from telemetry_actors.sinks.encode import encode_log, encode_span

        if isinstance(record, LogSignal):
            return _json(_fields(LogRecord.FromString(encode_log(record))))
        return _json(_fields(Span.FromString(encode_span(record))))

    def size_of(self, encoded: bytes) -> int:
        """Bytes in a line, with the comma."""
        return len(encoded) + 1

    def export(self, kind: SignalKind, encoded: Sequence[bytes], timeout_s: float) -> ExportResult:
        """Append the records, all or none: one line, or as many as 1 MB each makes."""
        try:
            if encoded:
                self._file.append(b"".join(self._lines(kind, encoded)))
        except OSError as error:
            return ExportResult(Verdict.RETRY, message=words_of(error)[:500])
        return ExportResult(Verdict.ACCEPTED)

    def export_metrics(self, points: Sequence[MetricPoint], timeout_s: float) -> ExportResult:
        """Append one collection of *points*."""
        from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

        from telemetry_actors.sinks.encode_metrics import encode_metrics

        metrics, left_out = encode_metrics(points)
        encoded = [_json(_fields(Metric.FromString(metric.data))) for metric in metrics]
        result = self.export(SignalKind.METRICS, encoded, timeout_s)
        if left_out and result.verdict is Verdict.ACCEPTED:
            message = f"{left_out} points could not be encoded"
            return result._replace(message=message, left_out=left_out)
        return result

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _lines(self, kind: SignalKind, encoded: Sequence[bytes]) -> Iterator[bytes]:
        resource, scope = self._head()
        resourced, scoped, records = (field.encode() for field in _FIELDS[kind])
        head = b'{"%b":[{"resource":%b,"%b":[{"scope":%b,"%b":[' % (
            resourced,
            resource,
            scoped,
            scope,
            records,
        )
        for line in _in_lines(encoded, _MAX_LINE_BYTES - len(head)):
            yield head + b",".join(line) + b"]}]}]}\n"

    def _head(self) -> tuple[bytes, bytes]:
        """Resource and scope of this process: a fork's child is another sender."""
        process = this_process()
        if process not in self._heads:
            self._heads[process] = self._new_head()
        return self._heads[process]

    def _new_head(self) -> tuple[bytes, bytes]:
        from telemetry_actors.sinks.frame import SCOPE_NAME, resource_message

        attributes = resource_attributes(
            self._service_name, environ=os.environ, extra=self._resource
        )
        resource = resource_message(attributes)
        scope = {"name": SCOPE_NAME, "version": package_version()}
        return _json(_fields(resource)), _json(scope)


def _in_lines(encoded: Sequence[bytes], max_bytes: int) -> Iterator[list[bytes]]:
    """As few as the limit allows; one larger record has a line of its own."""
    line: list[bytes] = []
    size = 0
    for record in encoded:
        if line and size + len(record) > max_bytes:
            yield line
            line, size = [], 0
        line.append(record)
        size += len(record) + 1
    if line:
        yield line


def _fields(message: Message) -> dict[str, object]:
    """OTLP's JSON form, which is protobuf's but for the ids and the numbers of enumerations."""
    from google.protobuf.json_format import MessageToDict

    fields = MessageToDict(message, use_integers_for_enums=True)
    for name, field in _IDS.items():
        if name in fields:
            fields[name] = getattr(message, field).hex()
    return fields


def _json(fields: Mapping[str, object]) -> bytes:
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_LINE_ENDS).encode()
