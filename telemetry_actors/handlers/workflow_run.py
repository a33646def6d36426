"""WORKFLOW_RUN: a run of a workflow has ended. A log, its span, and counters.

The span is the root of its trace unless another run started this one; then it lies in
that run's trace, below the node that did (docs/values.md, "Ids of traces and spans").
"""

from __future__ import annotations

from typing import Final, Required

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Metric
from telemetry_actors.event.ids import is_sampled
from telemetry_actors.event.instruments import ERRORS, REQUESTS, WORKFLOW_DURATION
from telemetry_actors.event.signals import Measurement, Signals, SpanSignal
from telemetry_actors.handlers._columns import SPAN_DETAIL, Column, Columns, Row
from telemetry_actors.handlers._correlation import (
    IdentityFields,
    OriginFields,
    identified,
    invoked_by,
    resolved_trace_id,
)
from telemetry_actors.handlers._fields import PAYLOAD, Count
from telemetry_actors.handlers._timestamps import duration_s
from telemetry_actors.handlers._tokens import token_measurements, token_metrics
from telemetry_actors.handlers.spans import (
    Parent,
    ParentTraceContext,
    TimeFields,
    outermost_run,
    span_error,
    span_ids,
    span_times,
    starting_point,
)

_NAME: Final = "dify.workflow.run"
_LOG: Final = Columns(
    _NAME,
    SPAN_DETAIL,
    Column("dify.app.name", "app_name"),
    Column("dify.workspace.name", "workspace_name"),
    Column("dify.workflow.version", "version", empty=""),
    Column("dify.workflow.inputs", "inputs", content=True),
    Column("dify.workflow.outputs", "outputs", content=True),
    Column("dify.workflow.query", "query", content=True),
    on_span=(
        Column("dify.trace_id", resolved_trace_id),
        Column("dify.tenant_id", "tenant_id"),
        Column("dify.app_id", "app_id"),
        Column("dify.workflow.id", "workflow_id"),
        Column("dify.workflow.run_id", "workflow_run_id"),
        Column("dify.workflow.status", "status"),
        Column("dify.workflow.error", "error", empty=""),
        Column("dify.workflow.elapsed_time", "elapsed_time", empty=0.0),
        Column("dify.invoke_from", "triggered_from"),
        Column("dify.conversation.id", "conversation_id"),
        Column("dify.message.id", "message_id"),
        Column("dify.invoked_by", invoked_by),
        Column("gen_ai.usage.total_tokens", "total_tokens", empty=0),
        Column("gen_ai.user.id", "user_id"),
        Column("dify.parent.trace_id", "parent_trace_id"),
        Column("dify.parent.node.execution_id", "parent_node_execution_id"),
        Column("dify.parent.workflow.run_id", "parent_workflow_run_id"),
        Column("dify.parent.app.id", "parent_app_id"),
    ),
    reference="workflow_run_id",
)
_REQUEST_LABELS: Final = ("tenant_id", "app_id", "type", "status", "invoke_from")
_DURATION_LABELS: Final = ("tenant_id", "app_id", "status")
_ERROR_LABELS: Final = ("tenant_id", "app_id", "type")


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
    row = identified(facts, run)
    if parent := run.get("parent_trace_context"):
        row |= _parent(parent)
    trace_id, span_id, parent_id = _ids(facts.event_id, run)
    log = _LOG.record(facts, row, settings, (trace_id, span_id))
    spans: tuple[SpanSignal, ...] = ()
    if is_sampled(trace_id, settings.sampling_rate):
        error = span_error(run["status"], run.get("error"), "failed")
        times = span_times(run, facts.emitted_at_ns)
        spans = (_LOG.span(log, parent_id, times, error),)
    measurements = _measurements(run, row["tenant_id"], row["app_id"])
    return Signals((log,), spans, measurements, 1 - len(spans))


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


def _parent(parent: ParentTraceContext) -> Row:
    return {
        "parent_trace_id": parent.get("trace_id") or outermost_run(parent),
        "parent_node_execution_id": parent.get("parent_node_execution_id"),
        "parent_workflow_run_id": parent["parent_workflow_run_id"],
        "parent_app_id": parent.get("parent_app_id"),
    }


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
    found.append(Measurement(WORKFLOW_DURATION, _DURATION_LABELS, duration, _elapsed_s(run)))
    if run.get("error"):
        found.append(Measurement(ERRORS, _ERROR_LABELS, (tenant_id, app_id, "workflow"), 1))
    return tuple(found)


def _elapsed_s(run: WorkflowRunPayload) -> float:
    measured = duration_s(run)
    return max(run.get("elapsed_time") or 0.0, 0.0) if measured is None else measured


DEFINITION: Final = CaseDefinition(
    TelemetryCase.WORKFLOW_RUN,
    WorkflowRunPayload,
    _map,
    _LOG.emits(
        *token_metrics(),
        Metric(REQUESTS, _REQUEST_LABELS, "workflow"),
        Metric(WORKFLOW_DURATION, _DURATION_LABELS),
        Metric(ERRORS, _ERROR_LABELS, "workflow", "`error` is set"),
    ),
)
