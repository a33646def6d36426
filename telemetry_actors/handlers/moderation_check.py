"""MODERATION_CHECK: a text was checked for what it must not say. A log and a counter."""

from __future__ import annotations

from typing import Final, Required

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Emits
from telemetry_actors.event.signals import AttributeValue, Signals
from telemetry_actors.handlers._content import contents, json_text, reference
from telemetry_actors.handlers._fields import PAYLOAD
from telemetry_actors.handlers._operations import (
    COMMON_KEYS,
    OperationFields,
    common,
    operation_ids,
    request,
    request_metric,
)
from telemetry_actors.handlers._records import METRIC_ONLY, log_record, log_type

_TYPE: Final = "moderation"
_LOG: Final = log_type(
    "dify.moderation.check",
    METRIC_ONLY,
    *COMMON_KEYS,
    "dify.message.id",
    "dify.moderation.flagged",
    "dify.moderation.action",
    "dify.moderation.type",
    "dify.moderation.categories",
    "dify.workflow.run_id",
    "dify.node.execution_id",
    gated=("dify.moderation.preset_response", "dify.moderation.query"),
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
    whose = common(facts, moderation)
    gated = contents(
        settings,
        reference(_LOG, moderation),
        moderation.get("preset_response"),
        moderation.get("query"),
    )
    values = (*whose.values, *_values(moderation), *gated)
    log = log_record(facts, _LOG, values, operation_ids(moderation))
    return Signals((log,), (), (request(whose, _TYPE),))


def _values(moderation: ModerationCheckPayload) -> tuple[AttributeValue, ...]:
    return (
        moderation.get("message_id"),
        moderation["flagged"],
        moderation["action"],
        moderation.get("moderation_type") or "input",
        json_text(moderation.get("categories") or []),
        moderation.get("workflow_run_id"),
        moderation.get("node_execution_id") or None,
    )


DEFINITION: Final = CaseDefinition(
    TelemetryCase.MODERATION_CHECK,
    ModerationCheckPayload,
    _map,
    Emits(_LOG, metrics=(request_metric(_TYPE),)),
)
