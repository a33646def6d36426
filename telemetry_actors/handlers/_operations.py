"""What the operations within a message or a run have in common.

Columns and ids of the cases without a span of their own: tools, moderation,
suggested questions, retrieval, names, prompts. Whose operation it was comes first in
each of their records; their logs lie in the trace of the run or the message.
"""

from __future__ import annotations

from typing import Final

from telemetry_actors.event.definition import EventFacts
from telemetry_actors.event.emits import Metric
from telemetry_actors.event.ids import log_ids
from telemetry_actors.event.instruments import REQUESTS
from telemetry_actors.event.signals import Measurement
from telemetry_actors.handlers._columns import Column, NewRow, Row
from telemetry_actors.handlers._correlation import IdentityFields, identified, resolved_trace_id

WHOSE: Final = (
    Column("dify.trace_id", "resolved_trace_id"),
    Column("dify.tenant_id", "tenant_id"),
    Column("dify.app_id", "app_id"),
    Column("dify.app.name", "app_name"),
    Column("dify.workspace.name", "workspace_name"),
    Column("gen_ai.user.id", "user_id"),
)
"""The columns that come first in the table of every operation."""

NODE: Final = Column("dify.node.execution_id", "node_execution_id", empty=None)

_REQUEST_LABELS: Final = ("tenant_id", "app_id", "type")


class OperationFields(IdentityFields, total=False):
    """Keys that the payload of every operation may have."""

    trace_id: str | None
    message_id: str | None
    workflow_run_id: str | None
    node_execution_id: str | None
    error: str | None


def operation_row(facts: EventFacts, operation: OperationFields) -> NewRow:
    """The payload with whose operation it was, and ``resolved_trace_id``."""
    row = identified(facts, operation)
    row["resolved_trace_id"] = resolved_trace_id(row)
    return row


def operation_ids(row: Row) -> tuple[bytes, bytes]:
    """Trace id and span id of the log; ``b""`` where the source is missing or no id."""
    return log_ids(row["resolved_trace_id"], row.get("node_execution_id"))


def status(row: Row) -> str:
    """The status of an operation that has no other: failed with an error text."""
    return "failed" if row.get("error") else "succeeded"


def request_metric(type_: str) -> Metric:
    """What `request` makes."""
    return Metric(REQUESTS, _REQUEST_LABELS, type_)


def request(row: Row, type_: str) -> Measurement:
    """One request of a type that has no labels of its own."""
    return Measurement(REQUESTS, _REQUEST_LABELS, (row["tenant_id"], row["app_id"], type_), 1)
