"""How long whoever sends tries: a part of the settings, chosen by where events go."""

from __future__ import annotations

from typing import NamedTuple

from telemetry_actors.settings import TelemetrySettings


class Patience(NamedTuple):
    """How long whoever sends tries, in seconds."""

    attempt_timeout_s: float
    give_up_s: float
    backoff_min_s: float
    backoff_max_s: float
    breaker_failures: int
    breaker_open_s: float
    max_retry_after_s: float = 60.0
    """However long whoever answers asks us to wait."""


_ROUND_TRIPS = 4
_WAITS = Patience._fields[1:-1]


def patience_of(settings: TelemetrySettings, *, bridging: bool) -> Patience:
    """That of the sinks: of a broker, or of an OTLP receiver."""
    if bridging:
        part = settings.celery
        # Connecting and publishing are a few round trips, each with its own time-out.
        return Patience(part.socket_timeout_s * _ROUND_TRIPS, *(getattr(part, f) for f in _WAITS))
    otlp = settings.otlp
    waits = (getattr(otlp, f) for f in _WAITS)
    patience = Patience(otlp.attempt_timeout_s, *waits)
    return patience._replace(max_retry_after_s=otlp.max_retry_after_s)
