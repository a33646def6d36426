"""What the operations within a message or a run have in common.

Keys, content and ids of the cases without a span of their own: tools, moderation,
suggested questions, retrieval, names, prompts. Whose operation it was comes first in
each of their records; their logs lie in the trace of the run or the message.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from telemetry_actors.event.definition import EventFacts
from telemetry_actors.event.emits import Metric
from telemetry_actors.event.ids import log_ids
from telemetry_actors.event.instruments import REQUESTS
from telemetry_actors.event.signals import AttributeValue, Measurement
from telemetry_actors.handlers._correlation import IdentityFields, identity, resolved_trace_id

COMMON_KEYS: Final = (
    "dify.trace_id",
    "dify.tenant_id",
    "dify.app_id",
    "dify.app.name",
    "dify.workspace.name",
    "gen_ai.user.id",
)
"""The attributes that `Common.values` stands beside."""

_REQUEST_LABELS: Final = ("tenant_id", "app_id", "type")


class OperationFields(IdentityFields, total=False):
    """Keys that the payload of every operation may have."""

    trace_id: str | None
    message_id: str | None
    workflow_run_id: str | None
    node_execution_id: str | None
    error: str | None


class Common(NamedTuple):
    """Whose operation it was."""

    tenant_id: str
    app_id: str
    values: tuple[AttributeValue, ...]
    """Beside `COMMON_KEYS`."""


def common(facts: EventFacts, operation: OperationFields) -> Common:
    """Who and where, for attributes and for labels."""
    tenant_id, app_id, user_id, app_name, workspace_name = identity(facts, operation)
    values = (_trace(operation), tenant_id, app_id, app_name, workspace_name, user_id)
    return Common(tenant_id, app_id, values)


def operation_ids(operation: OperationFields) -> tuple[bytes, bytes]:
    """Trace id and span id of the log; ``b""`` where the source is missing or no id."""
    return log_ids(_trace(operation), operation.get("node_execution_id"))


def _trace(operation: OperationFields) -> str | None:
    return resolved_trace_id(
        operation.get("trace_id"), operation.get("workflow_run_id"), operation.get("message_id")
    )


def status_of(error: str | None) -> str:
    """The status of an operation that has no other: failed with an error text."""
    return "failed" if error else "succeeded"


def request_metric(type_: str) -> Metric:
    """What `request` makes."""
    return Metric(REQUESTS, _REQUEST_LABELS, type_)


def request(whose: Common, type_: str) -> Measurement:
    """One request of a type that has no labels of its own."""
    return Measurement(REQUESTS, _REQUEST_LABELS, (whose.tenant_id, whose.app_id, type_), 1)
