"""What `TelemetryGateway.status()` shows, and its form for Prometheus."""

from __future__ import annotations

from telemetry_actors.observe._models import Snapshot


class Status(Snapshot):
    """One look at a gateway. Readable after ``stop()`` as well."""

    def to_prometheus(self) -> str:
        """The numbers as Prometheus reads them: text exposition format 0.0.4, in UTF-8.

        Names and labels are those of docs/self-telemetry.md by OpenTelemetry's rules for
        Prometheus. To be served as ``text/plain; version=0.0.4``.
        """
        from telemetry_actors.observe._prometheus import exposition  # on first use: regular
        from telemetry_actors.observe._samples import samples  # expressions and tables

        return exposition(samples(self))
