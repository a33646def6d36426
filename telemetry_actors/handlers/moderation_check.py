"""MODERATION_CHECK: a text was checked for what it must not say. A log and a counter."""

from __future__ import annotations

from typing import Final, Required

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.signals import Signals
from telemetry_actors.handlers._columns import METRIC_ONLY, Column, Columns
from telemetry_actors.handlers._content import json_text
from telemetry_actors.handlers._fields import PAYLOAD
from telemetry_actors.handlers._operations import (
    NODE,
    WHOSE,
    OperationFields,
    operation_ids,
    operation_row,
    request,
    request_metric,
)

_TYPE: Final = "moderation"
_LOG: Final = Columns(
    "dify.moderation.check",
    METRIC_ONLY,
    *WHOSE,
    Column("dify.message.id", "message_id"),
    Column("dify.moderation.flagged", "flagged"),
    Column("dify.moderation.action", "action"),
    Column("dify.moderation.type", "moderation_type", empty="input"),
    Column("dify.moderation.categories", lambda row: json_text(row.get("categories") or [])),
    Column("dify.workflow.run_id", "workflow_run_id"),
    NODE,
    Column("dify.moderation.preset_response", "preset_response", content=True),
    Column("dify.moderation.query", "query", content=True),
    reference="message_id",
)


@with_config(PAYLOAD)
class ModerationCheckPayload(OperationFields, total=False):
    """The payload: docs/data-dictionary.md, "moderation_check"."""

    flagged: Required[bool]
    action: Required[str]
    moderation_type: str | None
    categories: list[str] | None
    preset_response: str | None
    query: str | None


def _map(
    facts: EventFacts, moderation: ModerationCheckPayload, settings: MappingSettings
) -> Signals:
    row = operation_row(facts, moderation)
    log = _LOG.record(facts, row, settings, operation_ids(row))
    return Signals((log,), (), (request(row, _TYPE),))


DEFINITION: Final = CaseDefinition(
    TelemetryCase.MODERATION_CHECK,
    ModerationCheckPayload,
    _map,
    _LOG.emits(request_metric(_TYPE)),
)
