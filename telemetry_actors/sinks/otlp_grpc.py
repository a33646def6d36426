"""OtlpGrpcSink: logs, spans and metrics over gRPC to any OTLP receiver.

Last step of an event's way, like `otlp`, whose encoding, resource and treatment of secrets
it shares: the same bytes travel as the message of a unary call. gRPC is imported at the
first request and not before.

Calls block their thread. A sink actor has a native one of its own, under gevent's patches too
(ADR-0018), so no hub is stalled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from telemetry_actors.errors import SettingsError
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.ports import Verdict
from telemetry_actors.redaction.redaction import without_secrets
from telemetry_actors.settings.otlp_target import with_scheme
from telemetry_actors.sinks.otlp import LEAST_S, Attempt, Means, OtlpSink, told
from telemetry_actors.sinks.resource import package_version

_COLLECTOR = "/opentelemetry.proto.collector"
_METHODS = {
    SignalKind.LOGS: f"{_COLLECTOR}.logs.v1.LogsService/Export",
    SignalKind.SPANS: f"{_COLLECTOR}.trace.v1.TraceService/Export",
    SignalKind.METRICS: f"{_COLLECTOR}.metrics.v1.MetricsService/Export",
}
_NAME = re.compile(r"(?!grpc-)[0-9a-z_.-]+(?<!-bin)")
_VALUE = re.compile(r"[\x20-\x7e]*")
_RESERVED = frozenset(("connection", "content-type", "host", "te", "user-agent"))


class OtlpGrpcSink(OtlpSink):
    """Sends to one OTLP/gRPC receiver.

    Args and Raises are those of `OtlpSink`, with these differences:

    - *endpoint* is such as ``http://otel-collector:4317``: ``http://`` is plain, ``https://``
      is TLS; without a port it is 80 or 443; a path is not used. ``otel-collector:4317`` and
      ``dns:///otel-collector:4317`` are plain, too, as in the settings.
    - *headers* travel as metadata: names in lower case, values of printable ASCII.
    """

    def __repr__(self) -> str:
        return f"<OtlpGrpcSink {self._endpoint}>"

    def close(self) -> None:
        """Close the connections. A request on its way ends at once, as CANCELLED."""
        super().close()

    def _attempt(
        self, kind: SignalKind, records: Sequence[bytes], count: int, timeout_s: float
    ) -> Attempt:
        from telemetry_actors.sinks._grpc import GrpcChannel
        from telemetry_actors.sinks._grpc_answer import advice_on_reply, read_reply

        line = self._line(kind)
        channel = cast("GrpcChannel", line.channel)  # what our own `_new_channel` has made
        body = line.frame.request(records)
        reply = channel.post(body, max(timeout_s, LEAST_S))
        redact = without_secrets if reply.is_not_connected else line.means.redactor(body)
        result = read_reply(reply, count, redact=redact)
        if result.verdict is Verdict.ACCEPTED:
            return Attempt(result)
        advice = advice_on_reply(reply, line.means.url, line.means.headers)
        refused = reply.code in ("UNAUTHENTICATED", "PERMISSION_DENIED")
        return Attempt(told(result, self.endpoint_of(kind), advice), refused)

    def _new_channel(self, kind: SignalKind) -> Any:
        from telemetry_actors.sinks._grpc import GrpcChannel, GrpcTls

        means = self._means[kind]
        return GrpcChannel(
            means.url,
            _METHODS[kind],
            self._sent_headers(means),
            compress=means.compress,
            tls=GrpcTls(**means.tls),
            agent=f"telemetry-actors/{package_version()}".rstrip("/"),
        )

    def _sent_headers(self, means: Means) -> dict[str, str]:
        return means.plain_headers()  # the agent is an option of the channel

    def _completed(self, endpoint: str) -> str:
        return with_scheme(endpoint)

    def _checked(self, headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Whatever gRPC would refuse, or would write over, is refused here, without its value."""
        for given, value in headers.items():
            name, text = given.lower(), value.strip()
            if not _NAME.fullmatch(name) or name in _RESERVED or not _VALUE.fullmatch(text):
                raise SettingsError(f"headers[{given!r}]", allowed="must be what gRPC can carry")
            yield name, text
