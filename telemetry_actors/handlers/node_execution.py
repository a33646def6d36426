"""NODE_EXECUTION: a node of a workflow run has ended. A log, its span, and counters.

The span is a child of its run's span, in the run's trace; for the nodes of a nested run
that is the trace of the outermost run (docs/values.md, "Ids of traces and spans").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Required

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Emits, Metric
from telemetry_actors.event.ids import is_sampled
from telemetry_actors.event.instruments import ERRORS, NODE_DURATION, REQUESTS
from telemetry_actors.event.signals import Measurement, Signals, SpanSignal
from telemetry_actors.handlers._columns import SPAN_DETAIL, Column, Columns, Row
from telemetry_actors.handlers._content import json_text
from telemetry_actors.handlers._correlation import (
    IdentityFields,
    OriginFields,
    identified,
    invoked_by,
    resolved_trace_id,
)
from telemetry_actors.handlers._fields import PAYLOAD, Count, Index, Price
from telemetry_actors.handlers._tokens import token_measurements, token_metrics
from telemetry_actors.handlers.spans import (
    Parent,
    TimeFields,
    outermost_run,
    span_error,
    span_ids,
    span_times,
)

_BASE_LABELS: Final = ("tenant_id", "app_id", "node_type", "model_provider", "model_name")
_REQUEST_LABELS: Final = (*_BASE_LABELS, "type", "status")
_ERROR_LABELS: Final = (*_BASE_LABELS, "type")
_PLUGIN_LABELS: Final = (*_BASE_LABELS, "plugin_name")
_PLUGIN_NODE_TYPES: Final = ("tool", "knowledge-retrieval")


class NodeFields(IdentityFields, OriginFields, TimeFields, total=False):
    """Keys of a node of either kind, without what depends on its run."""

    workflow_id: Required[str]
    node_execution_id: Required[str]
    node_id: Required[str]
    node_type: Required[str]
    status: Required[str]
    title: str | None
    error: str | None
    index: Index | None
    predecessor_node_id: str | None
    iteration_id: str | None
    loop_id: str | None
    parallel_id: str | None
    iteration_index: Index | None
    loop_index: Index | None
    total_tokens: Count | None
    prompt_tokens: Count | None
    completion_tokens: Count | None
    model_provider: str | None
    model_name: str | None
    total_price: Price | None
    currency: str | None
    tool_name: str | None
    plugin_name: str | None
    credential_id: str | None
    credential_name: str | None
    dataset_ids: list[str] | None
    dataset_names: list[str] | None
    invoke_from: str | None
    conversation_id: str | None
    message_id: str | None
    trace_id: str | None
    inputs: object
    outputs: object
    process_data: object


@with_config(PAYLOAD)
class NodeExecutionPayload(NodeFields, total=False):
    """The payload: docs/data-dictionary.md, "node_execution"."""

    workflow_run_id: Required[str]
    parent_trace_context: Parent


class NodeKind(NamedTuple):
    """What tells a node of a run from one that is tried out alone (a draft)."""

    log: Columns
    request_type: str
    """Label ``type`` of requests and errors."""


def _json_list(key: str) -> Callable[[Row], str | None]:
    return lambda row: None if row.get(key) is None else json_text(row[key])


def node_log(name: str) -> Columns:
    """The log of a node event of that name."""
    return Columns(
        name,
        SPAN_DETAIL,
        Column("dify.app.name", "app_name"),
        Column("dify.workspace.name", "workspace_name"),
        Column("dify.invoke_from", "invoke_from"),
        Column("dify.node.total_price", "total_price", empty=0.0),
        Column("dify.node.currency", "currency"),
        Column("gen_ai.tool.name", "tool_name"),
        Column("dify.node.iteration_index", "iteration_index"),
        Column("dify.node.loop_index", "loop_index"),
        Column("dify.plugin.name", "plugin_name"),
        Column("dify.credential.name", "credential_name"),
        Column("dify.credential.id", "credential_id"),
        Column("dify.dataset.ids", _json_list("dataset_ids")),
        Column("dify.dataset.names", _json_list("dataset_names")),
        Column("dify.node.inputs", "inputs", content=True),
        Column("dify.node.outputs", "outputs", content=True),
        Column("dify.node.process_data", "process_data", content=True),
        on_span=(
            Column("dify.trace_id", resolved_trace_id),
            Column("dify.tenant_id", "tenant_id"),
            Column("dify.app_id", "app_id"),
            Column("dify.workflow.id", "workflow_id"),
            Column("dify.workflow.run_id", "workflow_run_id"),
            Column("dify.message.id", "message_id"),
            Column("dify.conversation.id", "conversation_id"),
            Column("dify.node.execution_id", "node_execution_id"),
            Column("dify.node.id", "node_id"),
            Column("dify.node.type", "node_type"),
            Column("dify.node.title", "title", empty=""),
            Column("dify.node.status", "status"),
            Column("dify.node.error", "error", empty=None),
            Column("dify.node.elapsed_time", "elapsed_time", empty=0.0),
            Column("dify.node.index", "index", empty=0),
            Column("dify.node.predecessor_node_id", "predecessor_node_id"),
            Column("dify.node.iteration_id", "iteration_id"),
            Column("dify.node.loop_id", "loop_id"),
            Column("dify.node.parallel_id", "parallel_id"),
            Column("dify.node.invoked_by", invoked_by),
            Column("gen_ai.usage.input_tokens", "prompt_tokens"),
            Column("gen_ai.usage.output_tokens", "completion_tokens"),
            Column("gen_ai.usage.total_tokens", "total_tokens", empty=0),
            Column("gen_ai.request.model", "model_name"),
            Column("gen_ai.provider.name", "model_provider"),
            Column("gen_ai.user.id", "user_id"),
        ),
        reference="node_execution_id",
    )


def node_emits(kind: NodeKind) -> Emits:
    """All that a node of that kind can make."""
    type_ = kind.request_type
    return kind.log.emits(
        *token_metrics(total_when="`total_tokens` > 0"),
        Metric(REQUESTS, _REQUEST_LABELS, type_),
        Metric(NODE_DURATION, _BASE_LABELS, when="no plugin"),
        Metric(NODE_DURATION, _PLUGIN_LABELS, when="a tool or a retrieval by a plugin"),
        Metric(ERRORS, _ERROR_LABELS, type_, "`error` is set"),
    )


def node_signals(
    facts: EventFacts,
    node: NodeFields,
    settings: MappingSettings,
    kind: NodeKind,
    run_id: str,
    ids: tuple[bytes, bytes, bytes],
) -> Signals:
    """The signals of a node, of either kind.

    Args:
        facts: of the event.
        node: the payload.
        settings: what the mapping may know.
        kind: of the node.
        run_id: its run, given or not.
        ids: trace, span and parent span, as `span_ids` makes them.
    """
    row = identified(facts, node)
    row["workflow_run_id"] = run_id
    log = kind.log.record(facts, row, settings, ids[:2])
    spans: tuple[SpanSignal, ...] = ()
    if is_sampled(ids[0], settings.sampling_rate):
        error = span_error(node["status"], node.get("error"), "failed", "exception")
        spans = (kind.log.span(log, ids[2], span_times(node, facts.emitted_at_ns), error),)
    measurements = _measurements(node, kind.request_type, row["tenant_id"], row["app_id"])
    return Signals((log,), spans, measurements, 1 - len(spans))


_KIND: Final = NodeKind(node_log("dify.node.execution"), "node")


def _map(facts: EventFacts, node: NodeExecutionPayload, settings: MappingSettings) -> Signals:
    ids = _ids(facts.event_id, node)
    return node_signals(facts, node, settings, _KIND, node["workflow_run_id"], ids)


def _ids(event_id: str, node: NodeExecutionPayload) -> tuple[bytes, bytes, bytes]:
    run_id, parent = node["workflow_run_id"], node.get("parent_trace_context")
    return span_ids(
        event_id,
        trace=run_id if parent is None else outermost_run(parent),
        own=node["node_execution_id"],
        parent=run_id,
    )


def _measurements(
    node: NodeFields, request_type: str, tenant_id: str, app_id: str
) -> tuple[Measurement, ...]:
    provider, model = node.get("model_provider") or "", node.get("model_name") or ""
    base = (tenant_id, app_id, node["node_type"], provider, model)
    found = _tokens(node, (tenant_id, app_id, "node_execution", provider, model, node["node_type"]))
    found.append(Measurement(REQUESTS, _REQUEST_LABELS, (*base, request_type, node["status"]), 1))
    found.append(_duration(node, base))
    if node.get("error"):
        found.append(Measurement(ERRORS, _ERROR_LABELS, (*base, request_type), 1))
    return tuple(found)


def _tokens(node: NodeFields, labels: tuple[str, str, str, str, str, str]) -> list[Measurement]:
    total = node.get("total_tokens") or 0
    if total <= 0:
        return []
    return token_measurements(
        labels, total, node.get("prompt_tokens"), node.get("completion_tokens")
    )


def _duration(node: NodeFields, base: tuple[str, ...]) -> Measurement:
    elapsed_s = max(node.get("elapsed_time") or 0.0, 0.0)
    plugin = node.get("plugin_name")
    if plugin and node["node_type"] in _PLUGIN_NODE_TYPES:
        return Measurement(NODE_DURATION, _PLUGIN_LABELS, (*base, plugin), elapsed_s)
    return Measurement(NODE_DURATION, _BASE_LABELS, base, elapsed_s)


DEFINITION: Final = CaseDefinition(
    TelemetryCase.NODE_EXECUTION, NodeExecutionPayload, _map, node_emits(_KIND)
)
