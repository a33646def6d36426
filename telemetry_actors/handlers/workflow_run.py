"""WORKFLOW_RUN: a run of a workflow has ended. A log, its span, and counters.

The span is the root of its trace unless another run started this one; then it lies in
that run's trace, below the node that did (docs/values.md, "Ids of traces and spans").
"""

from __future__ import annotations

from typing import Final, Required

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Emits, Metric
from telemetry_actors.event.ids import is_sampled
from telemetry_actors.event.instruments import ERRORS, REQUESTS, WORKFLOW_DURATION
from telemetry_actors.event.signals import AttributeValue, Measurement, Signals, SpanSignal
from telemetry_actors.handlers._content import contents, reference
from telemetry_actors.handlers._correlation import (
    IdentityFields,
    OriginFields,
    identity,
    invoked_by,
    resolved_trace_id,
)
from telemetry_actors.handlers._fields import PAYLOAD, Count
from telemetry_actors.handlers._records import SPAN_DETAIL, log_record, log_type
from telemetry_actors.handlers._timestamps import between_s
from telemetry_actors.handlers._tokens import token_measurements, token_metrics
from telemetry_actors.handlers.spans import (
    Parent,
    TimeFields,
    outermost_run,
    span_error,
    span_ids,
    span_times,
    starting_point,
)

_NAME: Final = "dify.workflow.run"
_SPAN_KEYS: Final = (
    "dify.trace_id",
    "dify.tenant_id",
    "dify.app_id",
    "dify.workflow.id",
    "dify.workflow.run_id",
    "dify.workflow.status",
    "dify.workflow.error",
    "dify.workflow.elapsed_time",
    "dify.invoke_from",
    "dify.conversation.id",
    "dify.message.id",
    "dify.invoked_by",
    "gen_ai.usage.total_tokens",
    "gen_ai.user.id",
    "dify.parent.trace_id",
    "dify.parent.node.execution_id",
    "dify.parent.workflow.run_id",
    "dify.parent.app.id",
)
_LOG: Final = log_type(
    _NAME,
    SPAN_DETAIL,
    *_SPAN_KEYS,
    "dify.app.name",
    "dify.workspace.name",
    "dify.workflow.version",
    gated=("dify.workflow.inputs", "dify.workflow.outputs", "dify.workflow.query"),
    reference="workflow_run_id",
)
_REQUEST_LABELS: Final = ("tenant_id", "app_id", "type", "status", "invoke_from")
_DURATION_LABELS: Final = ("tenant_id", "app_id", "status")
_ERROR_LABELS: Final = ("tenant_id", "app_id", "type")
_NOT_NESTED: Final = (None, None, None, None)


@with_config(PAYLOAD)
class WorkflowRunPayload(IdentityFields, OriginFields, TimeFields, total=False):
    """The payload: docs/data-dictionary.md, "workflow_run"."""

    workflow_id: Required[str]
    workflow_run_id: Required[str]
    status: Required[str]
    version: str | None
    error: str | None
    total_tokens: Count | None
    prompt_tokens: Count | None
    completion_tokens: Count | None
    triggered_from: str | None
    conversation_id: str | None
    message_id: str | None
    trace_id: str | None
    parent_trace_context: Parent
    inputs: object
    outputs: object
    query: str | None


def _map(facts: EventFacts, run: WorkflowRunPayload, settings: MappingSettings) -> Signals:
    tenant_id, app_id, user_id, app_name, workspace_name = identity(facts, run)
    trace_id, span_id, parent_id = _ids(facts.event_id, run)
    on_both = _values_on_both(run, tenant_id, app_id, user_id)
    on_log = (app_name, workspace_name, run.get("version") or "", *_contents(run, settings))
    log = log_record(facts, _LOG, on_both + on_log, (trace_id, span_id))
    spans: tuple[SpanSignal, ...] = ()
    if is_sampled(trace_id, settings.sampling_rate):
        times = span_times(run, facts.emitted_at_ns)
        error = span_error(run["status"], run.get("error"), "failed")
        spans = (
            SpanSignal(_NAME, trace_id, span_id, parent_id, *times, _SPAN_KEYS, on_both, error),
        )
    return Signals((log,), spans, _measurements(run, tenant_id, app_id), 1 - len(spans))


def _ids(event_id: str, run: WorkflowRunPayload) -> tuple[bytes, bytes, bytes]:
    run_id, parent = run["workflow_run_id"], run.get("parent_trace_context")
    if parent is None:
        return span_ids(event_id, trace=run_id, own=run_id, parent=None)
    return span_ids(
        event_id,
        trace=outermost_run(parent),
        own=run_id,
        parent=starting_point(parent),
    )


def _values_on_both(
    run: WorkflowRunPayload, tenant_id: str, app_id: str, user_id: str | None
) -> tuple[AttributeValue, ...]:
    message_id = run.get("message_id")
    return (
        resolved_trace_id(run.get("trace_id"), run["workflow_run_id"], message_id),
        tenant_id,
        app_id,
        run["workflow_id"],
        run["workflow_run_id"],
        run["status"],
        run.get("error") or "",
        run.get("elapsed_time") or 0.0,
        run.get("triggered_from"),
        run.get("conversation_id"),
        message_id,
        invoked_by(run, user_id),
        run.get("total_tokens") or 0,
        user_id,
        *_parent_values(run),
    )


def _parent_values(run: WorkflowRunPayload) -> tuple[str | None, ...]:
    parent = run.get("parent_trace_context")
    if parent is None:
        return _NOT_NESTED
    return (
        parent.get("trace_id") or outermost_run(parent),
        parent.get("parent_node_execution_id"),
        parent["parent_workflow_run_id"],
        parent.get("parent_app_id"),
    )


def _contents(run: WorkflowRunPayload, settings: MappingSettings) -> tuple[str | None, ...]:
    return contents(
        settings, reference(_LOG, run), run.get("inputs"), run.get("outputs"), run.get("query")
    )


def _measurements(run: WorkflowRunPayload, tenant_id: str, app_id: str) -> tuple[Measurement, ...]:
    status, invoke_from = run["status"], run.get("triggered_from") or ""
    found = token_measurements(
        (tenant_id, app_id, "workflow", "", "", ""),
        run.get("total_tokens"),
        run.get("prompt_tokens"),
        run.get("completion_tokens"),
    )
    request = (tenant_id, app_id, "workflow", status, invoke_from)
    found.append(Measurement(REQUESTS, _REQUEST_LABELS, request, 1))
    duration = (tenant_id, app_id, status)
    found.append(Measurement(WORKFLOW_DURATION, _DURATION_LABELS, duration, _duration_s(run)))
    if run.get("error"):
        found.append(Measurement(ERRORS, _ERROR_LABELS, (tenant_id, app_id, "workflow"), 1))
    return tuple(found)


def _duration_s(run: WorkflowRunPayload) -> float:
    measured = between_s(run.get("start_time"), run.get("end_time"))
    return max(run.get("elapsed_time") or 0.0, 0.0) if measured is None else measured


DEFINITION: Final = CaseDefinition(
    TelemetryCase.WORKFLOW_RUN,
    WorkflowRunPayload,
    _map,
    Emits(
        _LOG,
        _SPAN_KEYS,
        (
            *token_metrics(),
            Metric(REQUESTS, _REQUEST_LABELS, "workflow"),
            Metric(WORKFLOW_DURATION, _DURATION_LABELS),
            Metric(ERRORS, _ERROR_LABELS, "workflow", "`error` is set"),
        ),
    ),
)
