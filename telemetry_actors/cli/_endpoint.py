"""Settings of a command that sends: the environment, and what its options say."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from telemetry_actors.errors import SettingsError
from telemetry_actors.life.settings_said import check_files
from telemetry_actors.settings import TelemetrySettings

_NO_ENDPOINT = (
    "no endpoint to send to: give --endpoint URL, or set TELEMETRY_ACTORS__ENDPOINT "
    "(ENTERPRISE_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_ENDPOINT do, too)"
)
_AS_TYPED: Final = (
    ("enterprise_otlp_endpoint = ", "--endpoint "),
    ("enterprise_otlp_endpoint", "--endpoint"),
    ("enterprise_otlp_headers or _api_key", "ENTERPRISE_OTLP_HEADERS or ENTERPRISE_OTLP_API_KEY"),
)
"""By field: what was typed, or would have to be set, and not what it is taken for."""


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
        for name, typed in _AS_TYPED if endpoint is not None else ():
            words = words.replace(name, typed)
        raise UsageError(words) from None
    if settings.resolved_otlp() is None:
        raise UsageError(_NO_ENDPOINT)
    return settings
