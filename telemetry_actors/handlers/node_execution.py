"""NODE_EXECUTION: a node of a workflow run has ended. A log, its span, and counters.

The span is a child of its run's span, in the run's trace; for the nodes of a nested run
that is the trace of the outermost run (docs/values.md, "Ids of traces and spans").
"""

from __future__ import annotations

from typing import Final, NamedTuple, Required

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Emits, LogType, Metric
from telemetry_actors.event.ids import is_sampled
from telemetry_actors.event.instruments import ERRORS, NODE_DURATION, REQUESTS
from telemetry_actors.event.signals import AttributeValue, Measurement, Signals, SpanSignal
from telemetry_actors.handlers._content import contents, json_text, reference
from telemetry_actors.handlers._correlation import (
    IdentityFields,
    OriginFields,
    identity,
    invoked_by,
    resolved_trace_id,
)
from telemetry_actors.handlers._fields import PAYLOAD, Count, Index, Price
from telemetry_actors.handlers._records import SPAN_DETAIL, log_record, log_type
from telemetry_actors.handlers._tokens import token_measurements, token_metrics
from telemetry_actors.handlers.spans import (
    Parent,
    TimeFields,
    outermost_run,
    span_error,
    span_ids,
    span_times,
)

_SPAN_KEYS: Final = (
    "dify.trace_id",
    "dify.tenant_id",
    "dify.app_id",
    "dify.workflow.id",
    "dify.workflow.run_id",
    "dify.message.id",
    "dify.conversation.id",
    "dify.node.execution_id",
    "dify.node.id",
    "dify.node.type",
    "dify.node.title",
    "dify.node.status",
    "dify.node.error",
    "dify.node.elapsed_time",
    "dify.node.index",
    "dify.node.predecessor_node_id",
    "dify.node.iteration_id",
    "dify.node.loop_id",
    "dify.node.parallel_id",
    "dify.node.invoked_by",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.total_tokens",
    "gen_ai.request.model",
    "gen_ai.provider.name",
    "gen_ai.user.id",
)
_LOG_ONLY_KEYS: Final = (
    "dify.app.name",
    "dify.workspace.name",
    "dify.invoke_from",
    "dify.node.total_price",
    "dify.node.currency",
    "gen_ai.tool.name",
    "dify.node.iteration_index",
    "dify.node.loop_index",
    "dify.plugin.name",
    "dify.credential.name",
    "dify.credential.id",
    "dify.dataset.ids",
    "dify.dataset.names",
)
_CONTENT_KEYS: Final = ("dify.node.inputs", "dify.node.outputs", "dify.node.process_data")
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

    log: LogType
    request_type: str
    """Label ``type`` of requests and errors."""


def node_log(name: str) -> LogType:
    """The log of a node event of that name."""
    return log_type(
        name,
        SPAN_DETAIL,
        *_SPAN_KEYS,
        *_LOG_ONLY_KEYS,
        gated=_CONTENT_KEYS,
        reference="node_execution_id",
    )


def node_emits(kind: NodeKind) -> Emits:
    """All that a node of that kind can make."""
    type_ = kind.request_type
    return Emits(
        kind.log,
        _SPAN_KEYS,
        (
            *token_metrics(total_when="`total_tokens` > 0"),
            Metric(REQUESTS, _REQUEST_LABELS, type_),
            Metric(NODE_DURATION, _BASE_LABELS, when="no plugin"),
            Metric(NODE_DURATION, _PLUGIN_LABELS, when="a tool or a retrieval by a plugin"),
            Metric(ERRORS, _ERROR_LABELS, type_, "`error` is set"),
        ),
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
    tenant_id, app_id, user_id, app_name, workspace_name = identity(facts, node)
    on_both = _values_on_both(node, run_id, tenant_id, app_id, user_id)
    on_log = (app_name, workspace_name, *_values_on_log(node), *_contents(kind.log, node, settings))
    log = log_record(facts, kind.log, on_both + on_log, ids[:2])
    spans: tuple[SpanSignal, ...] = ()
    if is_sampled(ids[0], settings.sampling_rate):
        times = span_times(node, facts.emitted_at_ns)
        error = span_error(node["status"], node.get("error"), "failed", "exception")
        spans = (SpanSignal(kind.log.name, *ids, *times, _SPAN_KEYS, on_both, error),)
    measurements = _measurements(node, kind.request_type, tenant_id, app_id)
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


def _values_on_both(
    node: NodeFields, run_id: str, tenant_id: str, app_id: str, user_id: str | None
) -> tuple[AttributeValue, ...]:
    message_id = node.get("message_id")
    return (
        resolved_trace_id(node.get("trace_id"), run_id, message_id),
        tenant_id,
        app_id,
        node["workflow_id"],
        run_id,
        message_id,
        node.get("conversation_id"),
        node["node_execution_id"],
        node["node_id"],
        node["node_type"],
        node.get("title") or "",
        node["status"],
        node.get("error") or None,
        node.get("elapsed_time") or 0.0,
        node.get("index") or 0,
        node.get("predecessor_node_id"),
        node.get("iteration_id"),
        node.get("loop_id"),
        node.get("parallel_id"),
        invoked_by(node, user_id),
        node.get("prompt_tokens"),
        node.get("completion_tokens"),
        node.get("total_tokens") or 0,
        node.get("model_name"),
        node.get("model_provider"),
        user_id,
    )


def _values_on_log(node: NodeFields) -> tuple[AttributeValue, ...]:
    return (
        node.get("invoke_from"),
        node.get("total_price") or 0.0,
        node.get("currency"),
        node.get("tool_name"),
        node.get("iteration_index"),
        node.get("loop_index"),
        node.get("plugin_name"),
        node.get("credential_name"),
        node.get("credential_id"),
        _json_list(node.get("dataset_ids")),
        _json_list(node.get("dataset_names")),
    )


def _json_list(texts: list[str] | None) -> str | None:
    return None if texts is None else json_text(texts)


def _contents(log: LogType, node: NodeFields, settings: MappingSettings) -> tuple[str | None, ...]:
    return contents(
        settings,
        reference(log, node),
        node.get("inputs"),
        node.get("outputs"),
        node.get("process_data"),
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
