"""APP_CREATED: an app was made. A log and its counters, no ids, no span."""

from __future__ import annotations

from typing import Final

from pydantic import with_config

from telemetry_actors.cases import TelemetryCase
from telemetry_actors.handlers._correlation import OwnerFields, owner
from telemetry_actors.handlers._definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.handlers._fields import PAYLOAD
from telemetry_actors.handlers._instruments import APP_CREATED, REQUESTS
from telemetry_actors.handlers._records import METRIC_ONLY, log_record, log_type
from telemetry_actors.handlers._timestamps import rfc3339
from telemetry_actors.signals import Measurement, Signals

__all__ = ["DEFINITION", "AppCreatedPayload"]

_LOG: Final = log_type(
    "dify.app.created",
    METRIC_ONLY,
    "dify.app_id",
    "dify.tenant_id",
    "dify.event.id",
    "dify.app.created_at",
    "dify.app.mode",
)
_REQUEST_LABELS: Final = ("tenant_id", "type")
_APP_LABELS: Final = ("tenant_id", "app_id", "mode")


@with_config(PAYLOAD)
class AppCreatedPayload(OwnerFields, total=False):
    """payloads.md 2.11. Nothing is required: an empty payload is one."""

    mode: str | None


def _map(facts: EventFacts, payload: AppCreatedPayload, settings: MappingSettings) -> Signals:
    tenant_id, app_id = owner(facts, payload)
    mode = payload.get("mode")
    values = (app_id, tenant_id, facts.event_id, rfc3339(facts.emitted_at_ns), mode)
    log = log_record(facts, _LOG, values)
    return Signals((log,), (), _measurements(settings, tenant_id, app_id, mode or ""))


def _measurements(
    settings: MappingSettings, tenant_id: str, app_id: str, mode: str
) -> tuple[Measurement, ...]:
    created = Measurement(APP_CREATED, _APP_LABELS, (tenant_id, app_id, mode), 1)
    request = Measurement(REQUESTS, _REQUEST_LABELS, (tenant_id, "app.created"), 1)
    return (created,) * settings.app_counters + (request,) * settings.app_requests_counter


DEFINITION: Final = CaseDefinition(TelemetryCase.APP_CREATED, AppCreatedPayload, _map)
