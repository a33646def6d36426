"""PROMPT_GENERATION: a prompt, code or a schema was written for an author. A log, no span.

A trace case all the same: trace managers get it. The reference to its content is the
caller's own trace id and nothing else, for there is no record of ours to look it up in.
"""

from __future__ import annotations

from typing import Final, Required

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Metric
from telemetry_actors.event.instruments import ERRORS, PROMPT_GENERATION_DURATION, REQUESTS
from telemetry_actors.event.signals import Measurement, Signals
from telemetry_actors.handlers._columns import METRIC_ONLY, Column, Columns, Row
from telemetry_actors.handlers._content import text_list_or_map
from telemetry_actors.handlers._fields import PAYLOAD, Count, Price, Seconds
from telemetry_actors.handlers._operations import (
    NODE,
    WHOSE,
    OperationFields,
    operation_ids,
    operation_row,
    status,
)
from telemetry_actors.handlers._tokens import token_measurements, token_metrics, total_or_sum

_TYPE: Final = "prompt_generation"


def _currency(row: Row) -> str | None:
    """A currency without an amount says nothing, and is left out."""
    return None if row.get("total_price") is None else row.get("currency")


_LOG: Final = Columns(
    "dify.prompt_generation.execution",
    METRIC_ONLY,
    *WHOSE,
    Column("dify.prompt_generation.operation_type", "operation_type"),
    Column("gen_ai.provider.name", "model_provider"),
    Column("gen_ai.request.model", "model_name"),
    Column("gen_ai.usage.input_tokens", "prompt_tokens", empty=0),
    Column("gen_ai.usage.output_tokens", "completion_tokens", empty=0),
    Column("gen_ai.usage.total_tokens", total_or_sum),
    Column("dify.prompt_generation.duration", "elapsed_time", empty=0.0),
    Column("dify.prompt_generation.status", status),
    Column("dify.prompt_generation.error", "error", empty=None),
    NODE,
    Column("dify.prompt_generation.total_price", "total_price"),
    Column("dify.prompt_generation.currency", _currency),
    Column(
        "dify.prompt_generation.instruction",
        text_list_or_map("instruction"),
        content=True,
    ),
    Column(
        "dify.prompt_generation.output",
        text_list_or_map("output"),
        content=True,
    ),
    reference="trace_id",
)
_LABELS: Final = ("tenant_id", "app_id", "operation_type", "model_provider", "model_name")
_REQUEST_LABELS: Final = (*_LABELS, "type", "status")
_ERROR_LABELS: Final = (*_LABELS, "type")


@with_config(PAYLOAD)
class PromptGenerationPayload(OperationFields, total=False):
    """The payload: docs/data-dictionary.md, "prompt_generation"."""

    operation_type: Required[str]
    model_provider: str | None
    model_name: str | None
    prompt_tokens: Count | None
    completion_tokens: Count | None
    total_tokens: Count | None
    elapsed_time: Seconds | None
    total_price: Price | None
    currency: str | None
    instruction: object
    output: object


def _map(facts: EventFacts, made: PromptGenerationPayload, settings: MappingSettings) -> Signals:
    row = operation_row(facts, made)
    log = _LOG.record(facts, row, settings, operation_ids(row))
    return Signals((log,), (), _measurements(made, row["tenant_id"], row["app_id"]))


def _measurements(
    made: PromptGenerationPayload, tenant_id: str, app_id: str
) -> tuple[Measurement, ...]:
    operation, error = made["operation_type"], made.get("error")
    provider, model = made.get("model_provider") or "", made.get("model_name") or ""
    labels = (tenant_id, app_id, operation, provider, model)
    found = token_measurements(
        (*labels, ""),
        total_or_sum(made),
        made.get("prompt_tokens"),
        made.get("completion_tokens"),
    )
    found.append(Measurement(REQUESTS, _REQUEST_LABELS, (*labels, _TYPE, status(made)), 1))
    elapsed_s = max(made.get("elapsed_time") or 0.0, 0.0)
    found.append(Measurement(PROMPT_GENERATION_DURATION, _LABELS, labels, elapsed_s))
    if error:
        found.append(Measurement(ERRORS, _ERROR_LABELS, (*labels, _TYPE), 1))
    return tuple(found)


DEFINITION: Final = CaseDefinition(
    TelemetryCase.PROMPT_GENERATION,
    PromptGenerationPayload,
    _map,
    _LOG.emits(
        *token_metrics(),
        Metric(REQUESTS, _REQUEST_LABELS, _TYPE),
        Metric(PROMPT_GENERATION_DURATION, _LABELS),
        Metric(ERRORS, _ERROR_LABELS, _TYPE, "`error` is set"),
    ),
)
