"""How sinks fare: per kind of signal, and per endpoint. For `status()`, and said once per change.

Belongs to the life of the gateway, as the breaker does that an endpoint has: a sink actor
that is restarted finds all as it was (g17).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from telemetry_actors._say import warn
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.signals import SignalKind

if TYPE_CHECKING:
    from telemetry_actors.sinks._breaker import Breaker

__all__ = ["Endpoint", "Failure", "SinkHealth"]

_FAILURES_KEPT = 8


class Failure(NamedTuple):
    """An answer that was no success, or none."""

    time_ns: int
    kind: SignalKind
    result: ExportResult


class Endpoint:
    """Where a sink sends to, its circuit breaker and its last failures.

    Args:
        name: scheme, host and port; the sink's name where it says nothing.
        breaker: shared by all kinds that go there.
    """

    def __init__(self, name: str, breaker: Breaker) -> None:
        self.name = name
        self.breaker = breaker
        self.failures: deque[Failure] = deque(maxlen=_FAILURES_KEPT)
        """Oldest first. Appended by the sinks' threads, copied by readers."""


class SinkHealth:
    """One kind of one sink.

    Args:
        what: its name in log lines.
        kind: of its signals.
        endpoint: where they go.
    """

    def __init__(self, what: str, kind: SignalKind, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.healthy = True
        self.failures = 0
        self.last_failure = ""
        self.warnings = 0
        self.last_warning = ""
        self._what = what
        self._kind = kind

    def note(self, now_ns: int, result: ExportResult) -> None:
        """Take an answer. The sink's thread."""
        well = result.verdict is Verdict.ACCEPTED and not result.rejected
        if not well:
            self.failures += 1
            self.last_failure = f"{result.verdict}: {result.message}"
            self.endpoint.failures.append(Failure(now_ns, self._kind, result))
        elif result.message:  # all were taken, and the receiver has something to say about it
            self.warnings += 1
            self.last_warning = result.message
        if well is not self.healthy:
            self.healthy = well
            warn("%s %s", self._what, "accepts again" if well else f"fails ({self.last_failure})")
