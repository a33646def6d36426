"""TOOL_EXECUTION: a tool was called. A log and its counters, no span."""

from __future__ import annotations

from typing import Final, Required

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Emits, Metric
from telemetry_actors.event.instruments import ERRORS, REQUESTS, TOOL_DURATION
from telemetry_actors.event.signals import AttributeValue, Measurement, Signals
from telemetry_actors.handlers._content import contents, reference
from telemetry_actors.handlers._fields import PAYLOAD, Seconds
from telemetry_actors.handlers._operations import (
    COMMON_KEYS,
    OperationFields,
    common,
    operation_ids,
    status_of,
)
from telemetry_actors.handlers._records import METRIC_ONLY, log_record, log_type

_TYPE: Final = "tool"
_LOG: Final = log_type(
    "dify.tool.execution",
    METRIC_ONLY,
    *COMMON_KEYS,
    "dify.message.id",
    "dify.tool.name",
    "dify.tool.duration",
    "dify.tool.status",
    "dify.tool.error",
    "dify.workflow.run_id",
    "dify.node.execution_id",
    gated=("dify.tool.inputs", "dify.tool.outputs", "dify.tool.parameters", "dify.tool.config"),
    reference="message_id",
)
_LABELS: Final = ("tenant_id", "app_id", "tool_name")
_TYPED_LABELS: Final = (*_LABELS, "type")


@with_config(PAYLOAD)
class ToolExecutionPayload(OperationFields, total=False):
    """The payload: docs/data-dictionary.md, "tool_execution"."""

    tool_name: Required[str]
    elapsed_time: Seconds | None
    inputs: object
    outputs: object
    parameters: object
    config: object


def _map(facts: EventFacts, tool: ToolExecutionPayload, settings: MappingSettings) -> Signals:
    whose = common(facts, tool)
    values = (*whose.values, *_values(tool), *_contents(tool, settings))
    log = log_record(facts, _LOG, values, operation_ids(tool))
    return Signals((log,), (), _measurements(tool, whose.tenant_id, whose.app_id))


def _values(tool: ToolExecutionPayload) -> tuple[AttributeValue, ...]:
    error = tool.get("error")
    return (
        tool.get("message_id"),
        tool["tool_name"],
        tool.get("elapsed_time") or 0.0,
        status_of(error),
        error or None,
        tool.get("workflow_run_id"),
        tool.get("node_execution_id") or None,
    )


def _contents(tool: ToolExecutionPayload, settings: MappingSettings) -> tuple[str | None, ...]:
    return contents(
        settings,
        reference(_LOG, tool),
        tool.get("inputs"),
        tool.get("outputs"),
        tool.get("parameters"),
        tool.get("config"),
    )


def _measurements(
    tool: ToolExecutionPayload, tenant_id: str, app_id: str
) -> tuple[Measurement, ...]:
    labels = (tenant_id, app_id, tool["tool_name"])
    elapsed_s = max(tool.get("elapsed_time") or 0.0, 0.0)
    request = Measurement(REQUESTS, _TYPED_LABELS, (*labels, _TYPE), 1)
    duration = Measurement(TOOL_DURATION, _LABELS, labels, elapsed_s)
    if tool.get("error"):
        return request, duration, Measurement(ERRORS, _TYPED_LABELS, (*labels, _TYPE), 1)
    return request, duration


DEFINITION: Final = CaseDefinition(
    TelemetryCase.TOOL_EXECUTION,
    ToolExecutionPayload,
    _map,
    Emits(
        _LOG,
        metrics=(
            Metric(REQUESTS, _TYPED_LABELS, _TYPE),
            Metric(TOOL_DURATION, _LABELS),
            Metric(ERRORS, _TYPED_LABELS, _TYPE, "`error` is set"),
        ),
    ),
)
