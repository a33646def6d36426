"""MESSAGE_RUN: a message has been answered. A log and its counters, no span.

The log lies in the trace of the run that answered, so that the two meet in a trace view.
"""

from __future__ import annotations

from typing import Final, Required

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Metric
from telemetry_actors.event.ids import log_ids
from telemetry_actors.event.instruments import ERRORS, MESSAGE_DURATION, MESSAGE_TTFT, REQUESTS
from telemetry_actors.event.signals import Measurement, Signals
from telemetry_actors.handlers._columns import METRIC_ONLY, Column, Columns
from telemetry_actors.handlers._content import text_list_or_map
from telemetry_actors.handlers._correlation import IdentityFields, identified, resolved_trace_id
from telemetry_actors.handlers._fields import PAYLOAD, Count, Seconds, Timestamp
from telemetry_actors.handlers._timestamps import duration_s
from telemetry_actors.handlers._tokens import token_measurements, token_metrics, total_or_sum

_LOG: Final = Columns(
    "dify.message.run",
    METRIC_ONLY,
    Column("dify.tenant_id", "tenant_id"),
    Column("dify.app_id", "app_id"),
    Column("dify.app.name", "app_name"),
    Column("dify.workspace.name", "workspace_name"),
    Column("gen_ai.user.id", "user_id"),
    Column("dify.trace_id", resolved_trace_id),
    Column("dify.message.id", "message_id"),
    Column("dify.invoke_from", "from_source"),
    Column("dify.conversation.id", "conversation_id"),
    Column("dify.conversation.mode", "conversation_mode", empty=""),
    Column("gen_ai.provider.name", "model_provider"),
    Column("gen_ai.request.model", "model_name"),
    Column("gen_ai.usage.input_tokens", "prompt_tokens", empty=0),
    Column("gen_ai.usage.output_tokens", "completion_tokens", empty=0),
    Column("gen_ai.usage.total_tokens", total_or_sum),
    Column("dify.message.status", "status"),
    Column("dify.message.error", "error", empty=""),
    Column("dify.message.from_source", "from_source"),
    Column("dify.message.from_end_user_id", "from_end_user_id"),
    Column("dify.message.from_account_id", "from_account_id"),
    Column("dify.streaming", lambda row: row.get("time_to_first_token") is not None),
    Column("dify.message.time_to_first_token", "time_to_first_token"),
    Column("dify.message.streaming_duration", "streaming_duration"),
    Column("dify.message.duration", duration_s),
    Column("dify.workflow.run_id", "workflow_run_id"),
    Column("dify.node.execution_id", "node_execution_id", empty=None),
    Column("dify.message.inputs", "inputs", content=True),
    Column("dify.message.outputs", text_list_or_map("outputs"), content=True),
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
    row = identified(facts, message)
    log = _LOG.record(facts, row, settings, _ids(message))
    return Signals((log,), (), _measurements(message, row["tenant_id"], row["app_id"]))


def _ids(message: MessageRunPayload) -> tuple[bytes, bytes]:
    trace = message.get("workflow_run_id") or message["message_id"]
    return log_ids(trace, message.get("node_execution_id"))


def _measurements(
    message: MessageRunPayload, tenant_id: str, app_id: str
) -> tuple[Measurement, ...]:
    provider, model = message.get("model_provider") or "", message.get("model_name") or ""
    labels = (tenant_id, app_id, provider, model)
    found = token_measurements(
        (tenant_id, app_id, "message", provider, model, ""),
        total_or_sum(message),
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
    elapsed_s = duration_s(message)
    if elapsed_s is not None:
        found.append(Measurement(MESSAGE_DURATION, _LABELS, labels, elapsed_s))
    first_token_s = message.get("time_to_first_token")
    if first_token_s is not None:
        found.append(Measurement(MESSAGE_TTFT, _LABELS, labels, max(first_token_s, 0.0)))
    return found


DEFINITION: Final = CaseDefinition(
    TelemetryCase.MESSAGE_RUN,
    MessageRunPayload,
    _map,
    _LOG.emits(
        *token_metrics(),
        Metric(REQUESTS, _REQUEST_LABELS, "message"),
        Metric(MESSAGE_DURATION, _LABELS, when="`start_time` and `end_time` are set"),
        Metric(MESSAGE_TTFT, _LABELS, when="`time_to_first_token` is set"),
        Metric(ERRORS, _ERROR_LABELS, "message", "`error` is set"),
    ),
)
