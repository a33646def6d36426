"""Settings: all that can be chosen, from the environment or handed in; checked once, then frozen.

It owns the names of the environment, and the rules that turn several of them into one target.
It starts nothing, opens no connection, and never says a value that may be a secret.

For others: the names below; `environment`, `near_misses`, `neutral_names`, `origin` for whoever
says what was read; `otlp_target` and `header_files` for the sinks; `parts`.
"""

from telemetry_actors.settings._celery import CelerySettings
from telemetry_actors.settings.otlp_target import OtlpTarget
from telemetry_actors.settings.parts import (
    DeadLetterSettings,
    DedupSettings,
    GatewaySettings,
    JournalSettings,
    LifecycleSettings,
    LimitSettings,
    MetricSettings,
    OtlpSettings,
    PayloadStoreSettings,
    PressureSettings,
    ProviderSettings,
    RehydratorSettings,
    SinkSettings,
    StageSettings,
    SupervisionSettings,
)
from telemetry_actors.settings.settings import TelemetrySettings

__all__ = [
    "CelerySettings",
    "DeadLetterSettings",
    "DedupSettings",
    "GatewaySettings",
    "JournalSettings",
    "LifecycleSettings",
    "LimitSettings",
    "MetricSettings",
    "OtlpSettings",
    "OtlpTarget",
    "PayloadStoreSettings",
    "PressureSettings",
    "ProviderSettings",
    "RehydratorSettings",
    "SinkSettings",
    "StageSettings",
    "SupervisionSettings",
    "TelemetrySettings",
]
