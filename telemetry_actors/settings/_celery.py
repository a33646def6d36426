"""The part of the settings that is about Celery, at either end.

Beside `settings/parts.py`, which has all others.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from telemetry_actors.settings._part import Count, Part, Seconds, SecondsOrZero


class CelerySettings(Part):
    """The way out to a fleet of Celery workers, and (the last two) the way in there."""

    part = "celery"

    broker_url: SecretStr | None = None
    """As Celery takes it: ``redis://user:password@host:port/database``. Only Redis is tested."""
    queue: Annotated[str, Field(min_length=1, max_length=200)] = "enterprise_telemetry"
    """Queue that events are sent to."""
    socket_timeout_s: Seconds = 2.0
    """Seconds for one connection attempt and for one answer of the broker."""
    give_up_s: Seconds = 60.0
    """Seconds after which an event that the broker does not take is ``retry_exhausted``."""
    backoff_min_s: Seconds = 0.2
    """Seconds before the first retry of a publish; doubles at each."""
    backoff_max_s: Seconds = 5.0
    """Seconds between two retries at most."""
    breaker_failures: Count = 3
    """Failed publishes in a row that open the circuit breaker."""
    breaker_open_s: Seconds = 2.0
    """Seconds from its opening to the next attempt."""
    room_timeout_s: SecondsOrZero = 10.0
    """A worker's task waits so many seconds for room; then it goes back to the queue."""
    outcome_timeout_s: SecondsOrZero = 120.0
    """A worker's task waits so many seconds for its event's outcome before it is acknowledged."""

    @field_validator("broker_url")
    @classmethod
    def _has_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and "://" not in value.get_secret_value():
            raise ValueError("must be of the form redis://user:password@host:port/database")
        return value

    def _contradiction(self) -> str | None:
        return self._at_least("backoff_max_s", "backoff_min_s")
