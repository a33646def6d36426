"""MESSAGE_RUN: a message has been answered. A log and its counters, no span.

The log lies in the trace of the run that answered, so that the two meet in a trace view.
"""

from __future__ import annotations

from typing import Final, Required

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Emits, Metric
from telemetry_actors.event.ids import log_ids
from telemetry_actors.event.instruments import ERRORS, MESSAGE_DURATION, MESSAGE_TTFT, REQUESTS
from telemetry_actors.event.signals import AttributeValue, Measurement, Signals
from telemetry_actors.handlers._content import contents, reference, text_list_or_map
from telemetry_actors.handlers._correlation import IdentityFields, identity, resolved_trace_id
from telemetry_actors.handlers._fields import PAYLOAD, Count, Seconds, Timestamp
from telemetry_actors.handlers._records import METRIC_ONLY, log_record, log_type
from telemetry_actors.handlers._timestamps import between_s
from telemetry_actors.handlers._tokens import token_measurements, token_metrics, total_or_sum

_LOG: Final = log_type(
    "dify.message.run",
    METRIC_ONLY,
    "dify.tenant_id",
    "dify.app_id",
    "dify.app.name",
    "dify.workspace.name",
    "gen_ai.user.id",
    "dify.trace_id",
    "dify.message.id",
    "dify.invoke_from",
    "dify.conversation.id",
    "dify.conversation.mode",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.total_tokens",
    "dify.message.status",
    "dify.message.error",
    "dify.message.from_source",
    "dify.message.from_end_user_id",
    "dify.message.from_account_id",
    "dify.streaming",
    "dify.message.time_to_first_token",
    "dify.message.streaming_duration",
    "dify.message.duration",
    "dify.workflow.run_id",
    "dify.node.execution_id",
    gated=("dify.message.inputs", "dify.message.outputs"),
    reference="message_id",
)
_LABELS: Final = ("tenant_id", "app_id", "model_provider", "model_name")
_REQUEST_LABELS: Final = (*_LABELS, "type", "status", "invoke_from")
_ERROR_LABELS: Final = (*_LABELS, "type")


@with_config(PAYLOAD)
class MessageRunPayload(IdentityFields, total=False):
    """The payload: docs/data-dictionary.md, "message_run"."""

    message_id: Required[str]
    status: Required[str]
    conversation_id: str | None
    conversation_mode: str | None
    from_source: str | None
    from_end_user_id: str | None
    from_account_id: str | None
    model_provider: str | None
    model_name: str | None
    prompt_tokens: Count | None
    completion_tokens: Count | None
    total_tokens: Count | None
    error: str | None
    time_to_first_token: Seconds | None
    streaming_duration: Seconds | None
    start_time: Timestamp | None
    end_time: Timestamp | None
    workflow_run_id: str | None
    node_execution_id: str | None
    trace_id: str | None
    inputs: object
    outputs: object


def _map(facts: EventFacts, message: MessageRunPayload, settings: MappingSettings) -> Signals:
    tenant_id, app_id, user_id, app_name, workspace_name = identity(facts, message)
    values = _values(message, user_id)
    log = log_record(
        facts,
        _LOG,
        (tenant_id, app_id, app_name, workspace_name, *values, *_contents(message, settings)),
        _ids(message),
    )
    return Signals((log,), (), _measurements(message, tenant_id, app_id))


def _ids(message: MessageRunPayload) -> tuple[bytes, bytes]:
    trace = message.get("workflow_run_id") or message["message_id"]
    return log_ids(trace, message.get("node_execution_id"))


def _values(message: MessageRunPayload, user_id: str | None) -> tuple[AttributeValue, ...]:
    message_id, run_id = message["message_id"], message.get("workflow_run_id")
    first_token_s = message.get("time_to_first_token")
    return (
        user_id,
        resolved_trace_id(message.get("trace_id"), run_id, message_id),
        message_id,
        message.get("from_source"),
        message.get("conversation_id"),
        message.get("conversation_mode") or "",
        message.get("model_provider"),
        message.get("model_name"),
        message.get("prompt_tokens") or 0,
        message.get("completion_tokens") or 0,
        _total_tokens(message),
        message["status"],
        message.get("error") or "",
        message.get("from_source"),
        message.get("from_end_user_id"),
        message.get("from_account_id"),
        first_token_s is not None,
        first_token_s,
        message.get("streaming_duration"),
        between_s(message.get("start_time"), message.get("end_time")),
        run_id,
        message.get("node_execution_id") or None,
    )


def _contents(message: MessageRunPayload, settings: MappingSettings) -> tuple[str | None, ...]:
    outputs = text_list_or_map(message.get("outputs"))
    return contents(settings, reference(_LOG, message), message.get("inputs"), outputs)


def _total_tokens(message: MessageRunPayload) -> int:
    return total_or_sum(
        message.get("total_tokens"), message.get("prompt_tokens"), message.get("completion_tokens")
    )


def _measurements(
    message: MessageRunPayload, tenant_id: str, app_id: str
) -> tuple[Measurement, ...]:
    provider, model = message.get("model_provider") or "", message.get("model_name") or ""
    labels = (tenant_id, app_id, provider, model)
    found = token_measurements(
        (tenant_id, app_id, "message", provider, model, ""),
        _total_tokens(message),
        message.get("prompt_tokens"),
        message.get("completion_tokens"),
    )
    request = (*labels, "message", message["status"], message.get("from_source") or "")
    found.append(Measurement(REQUESTS, _REQUEST_LABELS, request, 1))
    found += _histograms(message, labels)
    if message.get("error"):
        found.append(Measurement(ERRORS, _ERROR_LABELS, (*labels, "message"), 1))
    return tuple(found)


def _histograms(message: MessageRunPayload, labels: tuple[str, ...]) -> list[Measurement]:
    found = []
    duration_s = between_s(message.get("start_time"), message.get("end_time"))
    if duration_s is not None:
        found.append(Measurement(MESSAGE_DURATION, _LABELS, labels, duration_s))
    first_token_s = message.get("time_to_first_token")
    if first_token_s is not None:
        found.append(Measurement(MESSAGE_TTFT, _LABELS, labels, max(first_token_s, 0.0)))
    return found


DEFINITION: Final = CaseDefinition(
    TelemetryCase.MESSAGE_RUN,
    MessageRunPayload,
    _map,
    Emits(
        _LOG,
        metrics=(
            *token_metrics(),
            Metric(REQUESTS, _REQUEST_LABELS, "message"),
            Metric(MESSAGE_DURATION, _LABELS, when="`start_time` and `end_time` are set"),
            Metric(MESSAGE_TTFT, _LABELS, when="`time_to_first_token` is set"),
            Metric(ERRORS, _ERROR_LABELS, "message", "`error` is set"),
        ),
    ),
)
