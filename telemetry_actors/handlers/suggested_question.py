"""SUGGESTED_QUESTION: questions to go on with were made up. A log and a counter.

Its tokens are those of the message, so they are an attribute and in no counter.
"""

from __future__ import annotations

from typing import Final

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Metric
from telemetry_actors.event.instruments import REQUESTS
from telemetry_actors.event.signals import Measurement, Signals
from telemetry_actors.handlers._columns import METRIC_ONLY, Column, Columns, Row
from telemetry_actors.handlers._fields import PAYLOAD, Count, Timestamp
from telemetry_actors.handlers._operations import (
    NODE,
    WHOSE,
    OperationFields,
    operation_ids,
    operation_row,
)
from telemetry_actors.handlers._timestamps import duration_s

_TYPE: Final = "suggested_question"


def _status(row: Row) -> str:
    return "failed" if row.get("error") else row.get("status") or "succeeded"


_LOG: Final = Columns(
    "dify.suggested_question.generation",
    METRIC_ONLY,
    *WHOSE,
    Column("dify.message.id", "message_id"),
    Column("gen_ai.usage.total_tokens", "total_tokens", empty=0),
    Column("gen_ai.provider.name", "model_provider"),
    Column("gen_ai.request.model", "model_name"),
    Column("dify.suggested_question.count", lambda row: len(row.get("questions") or [])),
    Column("dify.suggested_question.status", _status),
    Column("dify.suggested_question.error", "error", empty=None),
    Column("dify.suggested_question.duration", duration_s),
    Column("dify.workflow.run_id", "workflow_run_id"),
    NODE,
    Column(
        "dify.suggested_question.questions", lambda row: row.get("questions") or [], content=True
    ),
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
    row = operation_row(facts, suggested)
    log = _LOG.record(facts, row, settings, operation_ids(row))
    model = (suggested.get("model_provider") or "", suggested.get("model_name") or "")
    labels = (row["tenant_id"], row["app_id"], *model, _TYPE)
    return Signals((log,), (), (Measurement(REQUESTS, _LABELS, labels, 1),))


DEFINITION: Final = CaseDefinition(
    TelemetryCase.SUGGESTED_QUESTION,
    SuggestedQuestionPayload,
    _map,
    _LOG.emits(Metric(REQUESTS, _LABELS, _TYPE)),
)
