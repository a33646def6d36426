"""TOOL_EXECUTION: a tool was called. A log and its counters, no span."""

from __future__ import annotations

from typing import Final, Required

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Metric
from telemetry_actors.event.instruments import ERRORS, REQUESTS, TOOL_DURATION
from telemetry_actors.event.signals import Measurement, Signals
from telemetry_actors.handlers._columns import METRIC_ONLY, Column, Columns
from telemetry_actors.handlers._fields import PAYLOAD, Seconds
from telemetry_actors.handlers._operations import (
    NODE,
    WHOSE,
    OperationFields,
    operation_ids,
    operation_row,
    status,
)

_TYPE: Final = "tool"
_LOG: Final = Columns(
    "dify.tool.execution",
    METRIC_ONLY,
    *WHOSE,
    Column("dify.message.id", "message_id"),
    Column("dify.tool.name", "tool_name"),
    Column("dify.tool.duration", "elapsed_time", empty=0.0),
    Column("dify.tool.status", status),
    Column("dify.tool.error", "error", empty=None),
    Column("dify.workflow.run_id", "workflow_run_id"),
    NODE,
    Column("dify.tool.inputs", "inputs", content=True),
    Column("dify.tool.outputs", "outputs", content=True),
    Column("dify.tool.parameters", "parameters", content=True),
    Column("dify.tool.config", "config", content=True),
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
    row = operation_row(facts, tool)
    log = _LOG.record(facts, row, settings, operation_ids(row))
    return Signals((log,), (), _measurements(tool, row["tenant_id"], row["app_id"]))


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
    _LOG.emits(
        Metric(REQUESTS, _TYPED_LABELS, _TYPE),
        Metric(TOOL_DURATION, _LABELS),
        Metric(ERRORS, _TYPED_LABELS, _TYPE, "`error` is set"),
    ),
)
