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
from supervisors.system.process import Process, this_process
from telemetry_actors.errors import SettingsError
from telemetry_actors.event.signals import LogSignal, ResourceValue, SignalKind, SpanSignal
from telemetry_actors.ports import ExportResult, MetricPoint, Verdict
from telemetry_actors.redaction.redaction import know_headers, know_url, without_secrets
from telemetry_actors.settings.otlp_target import check_exact_url, check_url
from telemetry_actors.sinks._rotation import Rotation
from telemetry_actors.sinks.resource import check_resource, package_version, resource_attributes

if TYPE_CHECKING:
    from telemetry_actors.settings import OtlpTarget
    from telemetry_actors.sinks.encode_metrics import EncodedMetric
    from telemetry_actors.sinks.frame import Frame
    from telemetry_actors.sinks.transport import Channel

_PATHS = {
    SignalKind.LOGS: "/v1/logs",
    SignalKind.SPANS: "/v1/traces",
    SignalKind.METRICS: "/v1/metrics",
}
_MAX_METRIC_BYTES = 4_000_000  # of one request; gRPC takes 4 MiB, resource and tags included
LEAST_S = 0.001
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

_now_s = SystemClock().now_s  # a time-out of the network's is real time


class Means(NamedTuple):
    """What one kind's requests are sent by."""

    url: str
    headers: Mapping[str, SecretStr]
    compress: bool
    tls: Mapping[str, str | None]

    @property
    def compression(self) -> str:
        """As the settings have it."""
        return "gzip" if self.compress else "none"

    def plain_headers(self) -> dict[str, str]:
        """As they go on the wire."""
        return {name: value.get_secret_value() for name, value in self.headers.items()}

    def redactor(self, body: bytes) -> Callable[[str], str]:
        """Takes out of a receiver's words what it must not repeat: secrets, and what was sent."""

        def redact(text: str) -> str:
            from telemetry_actors.sinks._echo import without_echo

            return without_echo(without_secrets(text), body, self.plain_headers()) if text else ""

        return redact


class _Line(NamedTuple):
    """What one kind of signals is sent with, in one process."""

    process: Process
    channel: Channel
    frame: Frame
    means: Means
    """What the channel has been given."""


class Attempt(NamedTuple):
    """How one request ended."""

    result: ExportResult
    login_refused: bool = False
    """For want of a header that says who we are, or for its value."""


class OtlpSink:
    """Sends to one OTLP/HTTP receiver.

    Args:
        endpoint: base URL, such as ``http://otel-collector:4318``; ``/v1/logs`` and its
            siblings are added.
        headers: sent with each request. Their values appear in no text of ours.
        compression: ``none``, or ``gzip``, which saves the network and costs processor time.
        service_name: ``service.name`` of the resource; None: the environment's, else ``dify``.
        resource: more resource attributes; they win over the environment's. Lists are allowed.
        urls: exact URLs by kind, instead of those made from *endpoint*. Used as they are.
        tls: file names of certificates, as keyword arguments of `_transport.Tls`.
        name: of the sink; a gateway with several receivers needs one for each.

    Raises:
        SettingsError: *endpoint*, a URL, a header or *compression* can't be used, or OTLP can't
            carry the resource.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        headers: Mapping[str, str] | None = None,
        compression: str = "none",
        service_name: str | None = None,
        resource: Mapping[str, ResourceValue] | None = None,
        urls: Mapping[SignalKind, str] | None = None,
        tls: Mapping[str, str | None] | None = None,
        name: str = "otlp",
    ) -> None:
        self.name = name
        self._endpoint = base = _checked(check_url, "endpoint", self._completed(endpoint))
        exact = urls or {}
        self._means = {
            kind: self._means_of(
                exact.get(kind, base + path), headers or {}, compression, tls or {}
            )
            for kind, path in _PATHS.items()
        }
        self._service_name = service_name
        self._resource = dict(resource or {})
        check_resource(service_name, self._resource, os.environ)
        self._lines: dict[SignalKind, _Line] = {}
        self._rotation: Rotation | None = None

    @classmethod
    def from_target(cls, target: OtlpTarget, *, service_name: str | None) -> Self:
        """A sink for the receiver that the settings name; each kind by means of its own.

        Raises:
            SettingsError: a file of headers or a key can't be used.
        """
        sink = cls(target.endpoint, service_name=service_name)
        routes = {
            SignalKind.LOGS: target.logs,
            SignalKind.SPANS: target.traces,
            SignalKind.METRICS: target.metrics,
        }
        for kind, route in routes.items():
            headers = route.plain_headers()
            sink._means[kind] = sink._means_of(route.url, headers, route.compression, route.tls())
        if target.header_files is not None:
            sink._rotation = Rotation(target.header_files, sink._use_headers)
            sink._rotation.begin()
        return sink

    def __repr__(self) -> str:
        return f"<OtlpSink {self._endpoint}>"

    def endpoint_of(self, kind: SignalKind) -> str:
        """Scheme, host and port of the URL for *kind*."""
        parts = urlsplit(self._means[kind].url)
        return f"{parts.scheme}://{parts.netloc}"

    def encode(self, kind: SignalKind, record: LogSignal | SpanSignal) -> bytes:
        """One record's protobuf bytes.

        Raises:
            Exception: OTLP can't carry it; see `encode.encode_log`.
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
        from telemetry_actors.sinks.encode_metrics import encode_metrics

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
        if self._rotation is None:
            return self._attempt(kind, records, count, timeout_s).result
        until_s = _now_s() + timeout_s
        self._rotation.look()
        used = self._means[kind]
        attempt = self._attempt(kind, records, count, timeout_s)
        if attempt.login_refused:
            self._rotation.look(at_once=True)
            if self._means[kind] is not used:  # the key has changed since: once more with that
                attempt = self._attempt(kind, records, count, until_s - _now_s())
        return attempt.result

    def _attempt(
        self, kind: SignalKind, records: Sequence[bytes], count: int, timeout_s: float
    ) -> Attempt:
        from telemetry_actors.sinks._advice import Trouble, advice_on_http, advice_on_trouble
        from telemetry_actors.sinks.answer import Answer, one_line, read_answer

        try:
            line = self._line(kind)
        except ValueError as error:  # a URL that only `requests` finds fault with
            message = one_line(without_secrets(str(error)))
            return Attempt(ExportResult(Verdict.REFUSED, message=message))
        body = line.frame.request(records)
        answer = line.channel.post(body, max(timeout_s, LEAST_S))
        url, redact = line.means.url, line.means.redactor(body)
        if isinstance(answer, Answer):
            result = read_answer(answer, count, datetime.now(UTC), redact=redact)
            if result.verdict is Verdict.ACCEPTED:
                return Attempt(result)
            advice = advice_on_http(answer.status, url, line.means.headers, result.message)
            return Attempt(told(result, url, advice), answer.status in (401, 403))
        # What is no HTTP, or can't be told, may be quoted from what came.
        theirs = answer.trouble in (Trouble.NOT_HTTP, Trouble.OTHER)
        message = one_line((redact if theirs else without_secrets)(answer.error))
        result = ExportResult(Verdict.RETRY, message=message, unconfirmed=answer.sent)
        return Attempt(told(result, url, advice_on_trouble(answer.trouble, url, grpc=False)))

    def _line(self, kind: SignalKind) -> _Line:
        process, means = this_process(), self._means[kind]
        line = self._lines.get(kind)
        if line is None or line.process is not process:
            frame = self._new_frame()
            line = self._lines[kind] = _Line(process, self._new_channel(kind), frame, means)
        elif line.means is not means:
            line.channel.use_headers(self._sent_headers(means))
            line = self._lines[kind] = line._replace(means=means)
        return line

    def _use_headers(self, headers: Mapping[str, str]) -> None:
        """From the next request of each kind on. The thread of one of them.

        Raises:
            SettingsError: they can't be sent; all is as before.
        """
        after = {
            kind: self._means_of(means.url, headers, means.compression, means.tls)
            for kind, means in self._means.items()
        }
        self._means.update(after)

    def _new_channel(self, kind: SignalKind) -> Channel:
        from telemetry_actors.sinks.transport import Channel, Tls

        means = self._means[kind]
        headers = self._sent_headers(means)
        return Channel(means.url, headers, compress=means.compress, tls=Tls(**means.tls))

    def _sent_headers(self, means: Means) -> dict[str, str]:
        agent = f"telemetry-actors/{package_version()}".rstrip("/")
        return {**means.plain_headers(), "User-Agent": agent}

    def _new_frame(self) -> Frame:
        from telemetry_actors.sinks.frame import Frame

        attributes = resource_attributes(
            self._service_name, environ=os.environ, extra=self._resource
        )
        return Frame(attributes, version=package_version())

    def _means_of(
        self, url: str, headers: Mapping[str, str], compression: str, tls: Mapping[str, str | None]
    ) -> Means:
        """Checked; and what is secret of it is known from here on (g30)."""
        if compression not in ("none", "gzip"):
            raise SettingsError("compression", value=compression, allowed="must be none or gzip")
        know_headers(headers)
        checked = {name: SecretStr(text) for name, text in self._checked(headers)}
        url = _checked(check_exact_url, "endpoint", url)
        return Means(url, checked, compression == "gzip", dict(tls))

    def _completed(self, endpoint: str) -> str:
        return endpoint

    def _checked(self, headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        return _checked_headers(headers)

    @cached_property
    def _encoders(self) -> Mapping[SignalKind, Callable[[Any], bytes]]:
        from telemetry_actors.sinks.encode import encode_log, encode_span

        return {SignalKind.LOGS: encode_log, SignalKind.SPANS: encode_span}

    @cached_property
    def _size_on_wire(self) -> Callable[[bytes], int]:
        from telemetry_actors.sinks.encode import size_on_wire

        return size_on_wire


def told(result: ExportResult, url: str, advice: str) -> ExportResult:
    """With what the log says of it."""
    from telemetry_actors.sinks._advice import shown_url

    return result._replace(url=without_secrets(shown_url(url)), advice=without_secrets(advice))


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


def _checked(check: Callable[[str], str], name: str, url: str) -> str:
    know_url(url)
    try:
        return check(url)
    except ValueError as error:
        problem = SettingsError(name, allowed=str(error))
    raise problem  # outside the handler: the other error may hold a login


def _checked_headers(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Whatever `requests` or HTTP would refuse is refused here, without its value in the text."""
    for name, value in headers.items():
        text = value.strip()
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(text):
            raise SettingsError(f"headers[{name!r}]", allowed="must be what HTTP can carry")
        yield name, text
