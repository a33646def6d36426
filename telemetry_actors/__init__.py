"""Supervised actors that carry business telemetry from `emit()` to OTLP, inside your process."""

from supervisors import Clock
from telemetry_actors._process import emit, get_gateway, init, is_gateway_enabled
from telemetry_actors.base import moved as _moved  # noqa: F401 -- the old names
from telemetry_actors.books.ledger import Admission, Ledger, Outcome, Reason
from telemetry_actors.door.registry import register_case
from telemetry_actors.errors import (
    AlreadyRunning,
    CaseError,
    SettingsError,
    StrictError,
    TelemetryError,
)
from telemetry_actors.event.cases import (
    CASE_ROUTING,
    CASE_TO_TRACE_TASK_NAME,
    CaseRoute,
    SignalType,
    TelemetryCase,
)
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.envelope import (
    PAYLOAD_SIZE_THRESHOLD_BYTES,
    TelemetryContext,
    TelemetryEnvelope,
)
from telemetry_actors.event.ids import new_event_id
from telemetry_actors.event.signals import Instrument, LogSignal, Measurement, Signals, SpanSignal
from telemetry_actors.gateway import TelemetryGateway
from telemetry_actors.lifecycle.report import StopReport
from telemetry_actors.observe.status import Status
from telemetry_actors.ports import Sink, TraceProvider
from telemetry_actors.settings import TelemetrySettings

__all__ = [
    "CASE_ROUTING",
    "CASE_TO_TRACE_TASK_NAME",
    "PAYLOAD_SIZE_THRESHOLD_BYTES",
    "Admission",
    "AlreadyRunning",
    "CaseDefinition",
    "CaseError",
    "CaseRoute",
    "Clock",
    "EventFacts",
    "Instrument",
    "Ledger",
    "LogSignal",
    "MappingSettings",
    "Measurement",
    "Outcome",
    "Reason",
    "SettingsError",
    "SignalType",
    "Signals",
    "Sink",
    "SpanSignal",
    "Status",
    "StopReport",
    "StrictError",
    "TelemetryCase",
    "TelemetryContext",
    "TelemetryEnvelope",
    "TelemetryError",
    "TelemetryGateway",
    "TelemetrySettings",
    "TraceProvider",
    "emit",
    "get_gateway",
    "init",
    "is_gateway_enabled",
    "new_event_id",
    "register_case",
]
