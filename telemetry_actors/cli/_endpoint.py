"""Settings of a command that sends: the environment, and what its options say."""

from __future__ import annotations

from pathlib import Path

from telemetry_actors.errors import SettingsError
from telemetry_actors.life.settings_said import check_files
from telemetry_actors.settings import TelemetrySettings

_NO_ENDPOINT = (
    "no endpoint to send to: give --endpoint URL, or set TELEMETRY_ACTORS__ENDPOINT "
    "(ENTERPRISE_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_ENDPOINT do, too)"
)


class UsageError(Exception):
    """Nothing was started: an option, a setting or the file is wrong."""


def sending_settings(
    endpoint: str | None, config: Path | None, **more: object
) -> TelemetrySettings:
    """Settings with all flags on and somewhere to send to.

    Args:
        endpoint: wins over the environment; None: not given.
        config: the same.
        more: further fields, as for `TelemetrySettings`.

    Raises:
        UsageError: a setting can't be used, or no endpoint is named.
    """
    named: dict[str, object] = {"enterprise_otlp_endpoint": endpoint, "config": config}
    named = {name: value for name, value in named.items() if value is not None} | more
    try:
        settings = TelemetrySettings.enabled(**named)
        check_files(settings, None)
    except SettingsError as error:
        words = str(error)
        if endpoint is not None:  # what was typed, and not the name of what it is taken for
            words = words.replace("enterprise_otlp_endpoint = ", "--endpoint ")
        raise UsageError(words) from None
    if settings.resolved_otlp() is None:
        raise UsageError(_NO_ENDPOINT)
    return settings
