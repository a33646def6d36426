"""APP_CREATED: an app was made. A log and its counters, no ids, no span."""

from __future__ import annotations

from typing import Final

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition
from telemetry_actors.event.instruments import APP_CREATED
from telemetry_actors.handlers._app import app_event
from telemetry_actors.handlers._correlation import OwnerFields
from telemetry_actors.handlers._fields import PAYLOAD

_EVENT: Final = app_event("created", APP_CREATED, "mode")


@with_config(PAYLOAD)
class AppCreatedPayload(OwnerFields, total=False):
    """The payload: docs/data-dictionary.md, "app_created".

    Nothing is required: an empty one is one.
    """

    mode: str | None


DEFINITION: Final = CaseDefinition(
    TelemetryCase.APP_CREATED, AppCreatedPayload, _EVENT.map, _EVENT.emits
)
