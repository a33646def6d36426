"""DRAFT_NODE_EXECUTION: a node was tried out while a workflow is being written.

A node in all it says (`node_execution.py`), but on its own: its span is a root in the
trace of its run, which is the node's own if there is no run.
"""

from __future__ import annotations

from typing import Final

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.ids import is_id
from telemetry_actors.event.signals import Signals
from telemetry_actors.handlers._fields import PAYLOAD
from telemetry_actors.handlers.node_execution import (
    NodeFields,
    NodeKind,
    node_emits,
    node_log,
    node_signals,
)
from telemetry_actors.handlers.spans import span_ids

_KIND: Final = NodeKind(node_log("dify.node.execution.draft"), "draft_node")


@with_config(PAYLOAD)
class DraftNodeExecutionPayload(NodeFields, total=False):
    """The payload: docs/data-dictionary.md, "draft_node_execution"."""

    workflow_run_id: str | None


def _map(facts: EventFacts, node: DraftNodeExecutionPayload, settings: MappingSettings) -> Signals:
    own = node["node_execution_id"]
    run_id = node.get("workflow_run_id") or own
    trace = run_id if is_id(run_id) else own
    ids = span_ids(facts.event_id, trace=trace, own=own, parent=None)
    return node_signals(facts, node, settings, _KIND, run_id, ids)


DEFINITION: Final = CaseDefinition(
    TelemetryCase.DRAFT_NODE_EXECUTION, DraftNodeExecutionPayload, _map, node_emits(_KIND)
)
