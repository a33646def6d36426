"""PROMPT_GENERATION: a prompt, code or a schema was written for an author. A log, no span.

A trace case all the same: trace managers get it. The reference to its content is the
caller's own trace id and nothing else, for there is no record of ours to look it up in.
"""

from __future__ import annotations

from typing import Final, Required

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Emits, Metric
from telemetry_actors.event.instruments import ERRORS, PROMPT_GENERATION_DURATION, REQUESTS
from telemetry_actors.event.signals import AttributeValue, Measurement, Signals
from telemetry_actors.handlers._content import contents, reference, text_list_or_map
from telemetry_actors.handlers._fields import PAYLOAD, Count, Price, Seconds
from telemetry_actors.handlers._operations import (
    COMMON_KEYS,
    OperationFields,
    common,
    operation_ids,
    status_of,
)
from telemetry_actors.handlers._records import METRIC_ONLY, log_record, log_type
from telemetry_actors.handlers._tokens import token_measurements, token_metrics, total_or_sum

_TYPE: Final = "prompt_generation"
_LOG: Final = log_type(
    "dify.prompt_generation.execution",
    METRIC_ONLY,
    *COMMON_KEYS,
    "dify.prompt_generation.operation_type",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.total_tokens",
    "dify.prompt_generation.duration",
    "dify.prompt_generation.status",
    "dify.prompt_generation.error",
    "dify.node.execution_id",
    "dify.prompt_generation.total_price",
    "dify.prompt_generation.currency",
    gated=("dify.prompt_generation.instruction", "dify.prompt_generation.output"),
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
    whose = common(facts, made)
    values = (*whose.values, *_values(made), *_price(made), *_contents(made, settings))
    log = log_record(facts, _LOG, values, operation_ids(made))
    return Signals((log,), (), _measurements(made, whose.tenant_id, whose.app_id))


def _values(made: PromptGenerationPayload) -> tuple[AttributeValue, ...]:
    error = made.get("error")
    return (
        made["operation_type"],
        made.get("model_provider"),
        made.get("model_name"),
        made.get("prompt_tokens") or 0,
        made.get("completion_tokens") or 0,
        _total_tokens(made),
        made.get("elapsed_time") or 0.0,
        status_of(error),
        error or None,
        made.get("node_execution_id") or None,
    )


def _price(made: PromptGenerationPayload) -> tuple[AttributeValue, AttributeValue]:
    """A currency without an amount says nothing, and is left out."""
    price = made.get("total_price")
    return price, None if price is None else made.get("currency")


def _contents(made: PromptGenerationPayload, settings: MappingSettings) -> tuple[str | None, ...]:
    return contents(
        settings,
        reference(_LOG, made),
        text_list_or_map(made.get("instruction")),
        text_list_or_map(made.get("output")),
    )


def _total_tokens(made: PromptGenerationPayload) -> int:
    return total_or_sum(
        made.get("total_tokens"), made.get("prompt_tokens"), made.get("completion_tokens")
    )


def _measurements(
    made: PromptGenerationPayload, tenant_id: str, app_id: str
) -> tuple[Measurement, ...]:
    operation, error = made["operation_type"], made.get("error")
    provider, model = made.get("model_provider") or "", made.get("model_name") or ""
    labels = (tenant_id, app_id, operation, provider, model)
    found = token_measurements(
        (*labels, ""),
        _total_tokens(made),
        made.get("prompt_tokens"),
        made.get("completion_tokens"),
    )
    found.append(Measurement(REQUESTS, _REQUEST_LABELS, (*labels, _TYPE, status_of(error)), 1))
    elapsed_s = max(made.get("elapsed_time") or 0.0, 0.0)
    found.append(Measurement(PROMPT_GENERATION_DURATION, _LABELS, labels, elapsed_s))
    if error:
        found.append(Measurement(ERRORS, _ERROR_LABELS, (*labels, _TYPE), 1))
    return tuple(found)


DEFINITION: Final = CaseDefinition(
    TelemetryCase.PROMPT_GENERATION,
    PromptGenerationPayload,
    _map,
    Emits(
        _LOG,
        metrics=(
            *token_metrics(),
            Metric(REQUESTS, _REQUEST_LABELS, _TYPE),
            Metric(PROMPT_GENERATION_DURATION, _LABELS),
            Metric(ERRORS, _ERROR_LABELS, _TYPE, "`error` is set"),
        ),
    ),
)
