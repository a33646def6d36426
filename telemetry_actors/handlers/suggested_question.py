"""SUGGESTED_QUESTION: questions to go on with were made up. A log and a counter.

Its tokens are those of the message, so they are an attribute and in no counter.
"""

from __future__ import annotations

from typing import Final

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Emits, Metric
from telemetry_actors.event.instruments import REQUESTS
from telemetry_actors.event.signals import AttributeValue, Measurement, Signals
from telemetry_actors.handlers._content import contents, reference
from telemetry_actors.handlers._fields import PAYLOAD, Count, Timestamp
from telemetry_actors.handlers._operations import (
    COMMON_KEYS,
    OperationFields,
    common,
    operation_ids,
)
from telemetry_actors.handlers._records import METRIC_ONLY, log_record, log_type
from telemetry_actors.handlers._timestamps import between_s

_TYPE: Final = "suggested_question"
_LOG: Final = log_type(
    "dify.suggested_question.generation",
    METRIC_ONLY,
    *COMMON_KEYS,
    "dify.message.id",
    "gen_ai.usage.total_tokens",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "dify.suggested_question.count",
    "dify.suggested_question.status",
    "dify.suggested_question.error",
    "dify.suggested_question.duration",
    "dify.workflow.run_id",
    "dify.node.execution_id",
    gated=("dify.suggested_question.questions",),
    reference="message_id",
)
_LABELS: Final = ("tenant_id", "app_id", "model_provider", "model_name", "type")


@with_config(PAYLOAD)
class SuggestedQuestionPayload(OperationFields, total=False):
    """The payload: docs/data-dictionary.md, "suggested_question".

    Nothing is required: an empty one is one.
    """

    questions: list[str] | None
    total_tokens: Count | None
    model_provider: str | None
    model_name: str | None
    status: str | None
    start_time: Timestamp | None
    end_time: Timestamp | None


def _map(
    facts: EventFacts, suggested: SuggestedQuestionPayload, settings: MappingSettings
) -> Signals:
    whose = common(facts, suggested)
    questions = suggested.get("questions") or []
    values = (
        *whose.values,
        *_values(suggested, len(questions)),
        *contents(settings, reference(_LOG, suggested), questions),
    )
    log = log_record(facts, _LOG, values, operation_ids(suggested))
    model = (suggested.get("model_provider") or "", suggested.get("model_name") or "")
    request = Measurement(REQUESTS, _LABELS, (whose.tenant_id, whose.app_id, *model, _TYPE), 1)
    return Signals((log,), (), (request,))


def _values(suggested: SuggestedQuestionPayload, count: int) -> tuple[AttributeValue, ...]:
    error = suggested.get("error")
    return (
        suggested.get("message_id"),
        suggested.get("total_tokens") or 0,
        suggested.get("model_provider"),
        suggested.get("model_name"),
        count,
        "failed" if error else suggested.get("status") or "succeeded",
        error or None,
        between_s(suggested.get("start_time"), suggested.get("end_time")),
        suggested.get("workflow_run_id"),
        suggested.get("node_execution_id") or None,
    )


DEFINITION: Final = CaseDefinition(
    TelemetryCase.SUGGESTED_QUESTION,
    SuggestedQuestionPayload,
    _map,
    Emits(_LOG, metrics=(Metric(REQUESTS, _LABELS, _TYPE),)),
)
