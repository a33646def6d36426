"""How sinks fare, per kind of signal and per endpoint: for `status()`, and for the log.

Belongs to the life of the gateway, as the breaker does that an endpoint has: a sink actor
that is restarted finds all as it was (g17).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import NamedTuple

from telemetry_actors.base.breaker import Breaker
from telemetry_actors.base.log import warn
from telemetry_actors.base.rpc_codes import RPC_CODES
from telemetry_actors.base.timing import Timing
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.sinks.outages import Outages, what_failed

_FAILURES_KEPT = 8


class Failure(NamedTuple):
    """An answer that was no success, or none."""

    time_ns: int
    kind: SignalKind
    result: ExportResult


def error_type_of(result: ExportResult) -> str:
    """``error.type`` of a request, as OpenTelemetry's convention has it; "" = it succeeded.

    What a receiver refuses has failed, with a 2xx or without.

    >>> error_type_of(ExportResult(Verdict.ACCEPTED, rejected=1))
    'rejected'
    >>> error_type_of(ExportResult(Verdict.RETRY, status_code=503))
    '503'
    """
    if result.verdict is Verdict.ACCEPTED:
        return "rejected" if result.rejected else ""
    if result.status_code is not None:
        return str(result.status_code)
    if result.rpc_code is not None:
        return RPC_CODES[result.rpc_code]
    if result.verdict is not Verdict.RETRY:
        return "rejected"
    return "unconfirmed" if result.unconfirmed else "unreachable"


class Endpoint:
    """Where a sink sends to, its circuit breaker and its last failures.

    Args:
        name: scheme, host and port; the sink's name where it says nothing.
        breaker: shared by all kinds that go there.
        sink: its name, for log lines.
    """

    def __init__(self, name: str, breaker: Breaker, sink: str = "otlp") -> None:
        self.name = name
        self.breaker = breaker
        self.outages = Outages(sink, name)
        self.failures: deque[Failure] = deque(maxlen=_FAILURES_KEPT)
        """Oldest first. Appended by the sinks' threads, copied by readers."""


def causes_of(health: Iterable[SinkHealth]) -> str:
    """What fails now, and why, on one line for all; "" = nothing does."""
    endpoints = {id(one.endpoint): one.endpoint for one in health}
    return "; ".join(filter(None, (one.outages.words() for one in endpoints.values())))


class SinkHealth:
    """One kind of one sink.

    Args:
        what: its name in log lines.
        transport: how, for ``otel.component.type``.
    """

    def __init__(
        self, what: str, kind: SignalKind, endpoint: Endpoint, transport: str = ""
    ) -> None:
        self.endpoint = endpoint
        self.transport = transport
        self.healthy = True
        self.unreadable = 0
        """Answers that were a yes and can't be read."""
        self.failures = 0
        self.last_failure = ""
        self.warnings = 0
        self.last_warning = ""
        self.requests: dict[tuple[int | None, str], Timing] = {}
        """How long requests took, by HTTP status and ``error.type``."""
        self.exports: dict[tuple[int | None, str], Timing] = {}
        """How long exports took, retries and waits between them included; by the last answer."""
        self.points: Counter[str] = Counter()
        """Metrics: points by ``error.type``; "" = exported."""
        self._what = what
        self._kind = kind

    def count(self, result: ExportResult, took_s: float, points: int) -> None:
        """One request has ended after so many seconds; it had so many *points*. As `note`."""
        error_type = error_type_of(result)
        key = (result.status_code, error_type)
        timing = self.requests.get(key) or self.requests.setdefault(key, Timing())
        timing.add(took_s)
        if not points:
            return
        if result.verdict is not Verdict.ACCEPTED:
            self.points[error_type] += points
            return
        rejected = min(result.rejected, points - result.left_out)
        self.points["rejected"] += rejected
        self.points["encode_error"] += result.left_out
        self.points[""] += points - rejected - result.left_out

    def count_export(self, result: ExportResult, took_s: float) -> None:
        """What was sent, perhaps again and again, has its end. As `note`."""
        key = (result.status_code, error_type_of(result))
        timing = self.exports.get(key) or self.exports.setdefault(key, Timing())
        timing.add(took_s)

    def note(self, now_ns: int, result: ExportResult, *, tells: bool = True) -> None:
        """Take an answer. The sink's thread. Without *tells* it is counted, and not said."""
        well = result.verdict is Verdict.ACCEPTED and not result.rejected
        if not well:
            self.failures += 1
            self.last_failure = what_failed(result)
            self.endpoint.failures.append(Failure(now_ns, self._kind, result))
        elif result.message:  # all were taken, and the receiver has something to say about it
            self.warnings += 1
            self.last_warning = result.message
        self.healthy = well
        outages, now_s = self.endpoint.outages, now_ns / 1e9
        if well:
            outages.succeeded(self._kind, now_s)
        elif tells:
            outages.failed(self._kind, error_type_of(result), result, now_s)
        if result.unreadable:
            if not self.unreadable:
                words = "%s gets answers that can't be read (%s); all records count as taken"
                warn(words, self._what, result.message, of=self._what)
            self.unreadable += 1
