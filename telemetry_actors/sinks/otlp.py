"""OtlpSink: logs, spans and metrics as http/protobuf to any OTLP receiver.

Last step of an event's way: ``sink actor -> [otlp] -> receiver``. One attempt, and what its
answer means; retrying, splitting and giving up are the sink actor's (`_actor.py`).

One `_transport.Channel` per signal kind, made on the kind's own thread at its first
request, and anew after a fork: a child must not write into its parent's connection.
Nothing here takes a lock. gRPC: `otlp_grpc`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from supervisors import SystemClock
from supervisors._process import Process, this_process
from telemetry_actors._otlp_target import check_url
from telemetry_actors.errors import SettingsError
from telemetry_actors.ports import ExportResult, MetricPoint, Verdict
from telemetry_actors.signals import AttributeValue, LogSignal, SignalKind, SpanSignal
from telemetry_actors.sinks._resource import package_version, resource_attributes

if TYPE_CHECKING:
    from telemetry_actors.settings import OtlpTarget
    from telemetry_actors.sinks._encode import Frame
    from telemetry_actors.sinks._encode_metrics import EncodedMetric
    from telemetry_actors.sinks._transport import Channel

__all__ = ["OtlpSink"]

_PATHS = {
    SignalKind.LOGS: "/v1/logs",
    SignalKind.SPANS: "/v1/traces",
    SignalKind.METRICS: "/v1/metrics",
}
_MAX_METRIC_BYTES = 4_000_000  # of one request; gRPC takes 4 MiB, resource and tags included
LEAST_S = 0.001
_SECRET_CHARS, _SECRET_PART_CHARS = 4, 8  # at least; less would blot out ordinary words
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

_now_s = SystemClock().now_s  # a time-out of the network's is real time


class _Line(NamedTuple):
    """What one kind of signals is sent with, in one process."""

    process: Process
    channel: Channel
    frame: Frame


class OtlpSink:
    """Sends to one OTLP/HTTP receiver.

    Args:
        endpoint: base URL, such as ``http://otel-collector:4318``; ``/v1/logs`` and its
            siblings are added.
        headers: sent with each request. Their values appear in no text of ours.
        compression: ``none``, or ``gzip``, which saves the network and costs processor time.
        service_name: ``service.name`` of the resource.
        resource: more resource attributes; they win over the environment's.
        urls: exact URLs by kind, instead of those made from *endpoint*.
        tls: file names of certificates, as keyword arguments of `_transport.Tls`.
        name: of the sink; a gateway with several receivers needs one for each.

    Raises:
        SettingsError: *endpoint*, a header or *compression* can't be used.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        headers: Mapping[str, str] | None = None,
        compression: str = "none",
        service_name: str = "dify",
        resource: Mapping[str, AttributeValue] | None = None,
        urls: Mapping[SignalKind, str] | None = None,
        tls: Mapping[str, str | None] | None = None,
        name: str = "otlp",
    ) -> None:
        self.name = name
        if compression not in ("none", "gzip"):
            raise SettingsError("compression", value=compression, allowed="must be none or gzip")
        self._endpoint = base = _checked_endpoint(endpoint)
        self._urls = {kind: base + path for kind, path in _PATHS.items()} | dict(urls or {})
        self._headers = {name: SecretStr(text) for name, text in self._checked(headers)}
        self._compress = compression == "gzip"
        self._service_name = service_name
        self._resource = dict(resource or {})
        self._tls = dict(tls or {})
        self._lines: dict[SignalKind, _Line] = {}

    @classmethod
    def from_target(cls, target: OtlpTarget, *, service_name: str) -> Self:
        """A sink for the receiver that the settings name."""
        return cls(
            target.endpoint,
            headers=target.plain_headers(),
            compression=target.compression,
            service_name=service_name,
            urls={
                SignalKind.LOGS: target.logs_url,
                SignalKind.SPANS: target.traces_url,
                SignalKind.METRICS: target.metrics_url,
            },
            tls={
                "ca_file": target.ca_file,
                "client_certificate_file": target.client_certificate_file,
                "client_key_file": target.client_key_file,
            },
        )

    def __repr__(self) -> str:
        return f"<OtlpSink {self._endpoint}>"

    def endpoint_of(self, kind: SignalKind) -> str:
        """Scheme, host and port of the URL for *kind*."""
        parts = urlsplit(self._urls[kind])
        return f"{parts.scheme}://{parts.netloc}"

    def encode(self, kind: SignalKind, record: LogSignal | SpanSignal) -> bytes:
        """One record's protobuf bytes.

        Raises:
            Exception: OTLP can't carry it; see `_encode.encode_log`.
        """
        return self._encoders[kind](record)

    def size_of(self, encoded: bytes) -> int:
        """Bytes in a request, tag and length included."""
        return self._size_on_wire(encoded)

    def export(self, kind: SignalKind, encoded: Sequence[bytes], timeout_s: float) -> ExportResult:
        """One request with *encoded* records; *timeout_s* seconds from connect to last byte."""
        return self._send(kind, encoded, len(encoded), timeout_s)

    def export_metrics(self, points: Sequence[MetricPoint], timeout_s: float) -> ExportResult:
        """All *points*, in as many requests as 4 MB each makes; *timeout_s* seconds in all.

        The first request that isn't accepted ends it: points are cumulative, and the
        next collection says all that this one would have said.
        """
        from telemetry_actors.sinks._encode_metrics import encode_metrics

        until_s = _now_s() + timeout_s
        metrics, left_out = encode_metrics(points)
        rejected, result = 0, ExportResult(Verdict.ACCEPTED)
        for request in _in_requests(metrics):
            data = [metric.data for metric in request]
            count = sum(metric.points for metric in request)
            result = self._send(SignalKind.METRICS, data, count, until_s - _now_s())
            if result.verdict is not Verdict.ACCEPTED:
                return result
            rejected += result.rejected
        if left_out:
            result = result._replace(message=f"{left_out} points could not be encoded")
        return result._replace(rejected=rejected, left_out=left_out)

    def interrupt(self) -> None:
        """End the requests on their way: they get no answer. Any thread."""
        process = this_process()
        for line in list(self._lines.values()):
            if line.process is process:  # in the child of a fork: the parent's are the parent's
                line.channel.cancel()

    def close(self) -> None:
        """Close idle connections. A request on its way is not disturbed."""
        for line in self._lines.values():
            line.channel.close()
        self._lines.clear()

    # -- sending ----------------------------------------------------------------------------------

    def _send(
        self, kind: SignalKind, records: Sequence[bytes], count: int, timeout_s: float
    ) -> ExportResult:
        from telemetry_actors.sinks._answer import Answer, one_line, read_answer

        try:
            line = self._line(kind)
        except ValueError as error:  # a URL that only `requests` finds fault with
            return ExportResult(Verdict.REFUSED, message=one_line(str(error)))
        answer = line.channel.post(line.frame.request(records), max(timeout_s, LEAST_S))
        if isinstance(answer, Answer):
            return read_answer(answer, count, datetime.now(UTC), redact=self._without_secrets)
        message = one_line(self._without_secrets(answer.error))
        return ExportResult(Verdict.RETRY, message=message, unconfirmed=answer.sent)

    def _line(self, kind: SignalKind) -> _Line:
        process = this_process()
        line = self._lines.get(kind)
        if line is None or line.process is not process:
            line = self._lines[kind] = _Line(process, self._new_channel(kind), self._new_frame())
        return line

    def _new_channel(self, kind: SignalKind) -> Channel:
        from telemetry_actors.sinks._transport import Channel, Tls

        headers = {name: value.get_secret_value() for name, value in self._headers.items()}
        headers["User-Agent"] = f"telemetry-actors/{package_version()}".rstrip("/")
        return Channel(self._urls[kind], headers, compress=self._compress, tls=Tls(**self._tls))

    def _new_frame(self) -> Frame:
        from telemetry_actors.sinks._encode import Frame

        attributes = resource_attributes(
            self._service_name, environ=os.environ, extra=self._resource
        )
        return Frame(attributes, version=package_version())

    def _checked(self, headers: Mapping[str, str] | None) -> Iterator[tuple[str, str]]:
        return _checked_headers(headers)

    def _without_secrets(self, text: str) -> str:
        """A receiver may say our own key back to us."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    @cached_property
    def _secrets(self) -> list[str]:
        values = [value.get_secret_value() for value in self._headers.values()]
        parts = [part for value in values for part in value.split()]
        found = {value for value in values if len(value) >= _SECRET_CHARS}
        found |= {part for part in parts if len(part) >= _SECRET_PART_CHARS}
        return sorted(found, key=len, reverse=True)

    @cached_property
    def _encoders(self) -> Mapping[SignalKind, Callable[[Any], bytes]]:
        from telemetry_actors.sinks._encode import encode_log, encode_span

        return {SignalKind.LOGS: encode_log, SignalKind.SPANS: encode_span}

    @cached_property
    def _size_on_wire(self) -> Callable[[bytes], int]:
        from telemetry_actors.sinks._encode import size_on_wire

        return size_on_wire


def _in_requests(metrics: Sequence[EncodedMetric]) -> Iterator[list[EncodedMetric]]:
    request: list[EncodedMetric] = []
    size = 0
    for metric in metrics:
        if request and size + len(metric.data) > _MAX_METRIC_BYTES:
            yield request
            request, size = [], 0
        request.append(metric)
        size += len(metric.data)
    if request:
        yield request


def _checked_endpoint(endpoint: str) -> str:
    try:
        return check_url(endpoint)
    except ValueError as error:
        problem = SettingsError("endpoint", allowed=str(error))
    raise problem  # outside the handler: the other error may hold a login


def _checked_headers(headers: Mapping[str, str] | None) -> Iterator[tuple[str, str]]:
    """Whatever `requests` or HTTP would refuse is refused here, without its value in the text."""
    for name, value in (headers or {}).items():
        text = value.strip()
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(text):
            raise SettingsError(f"headers[{name!r}]", allowed="must be what HTTP can carry")
        yield name, text
