"""APP_UPDATED: an app was changed. A log and its counters, no ids, no span."""

from __future__ import annotations

from typing import Final

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition
from telemetry_actors.event.instruments import APP_UPDATED
from telemetry_actors.handlers._app import app_event
from telemetry_actors.handlers._correlation import OwnerFields
from telemetry_actors.handlers._fields import PAYLOAD

_EVENT: Final = app_event("updated", APP_UPDATED)


@with_config(PAYLOAD)
class AppUpdatedPayload(OwnerFields, total=False):
    """The payload: docs/data-dictionary.md, "app_updated".

    Nothing is required: an empty one is one.
    """


DEFINITION: Final = CaseDefinition(
    TelemetryCase.APP_UPDATED, AppUpdatedPayload, _EVENT.map, _EVENT.emits
)
