"""A span's ids and parent, its times and its status.

docs/values.md, "Ids of traces and spans". ``""`` and null are the same for a source of an id; the
first source that is neither counts, and an invalid one does not fall through to the next.
"""

from __future__ import annotations

from typing import Annotated, Any, Required

from pydantic import BeforeValidator, with_config
from typing_extensions import TypedDict

from telemetry_actors.event.ids import is_id, own_span_id, run_trace_id, substitute_ids
from telemetry_actors.handlers._fields import PAYLOAD, Seconds, Timestamp
from telemetry_actors.handlers._timestamps import on_the_wire, seconds_ns


class TimeFields(TypedDict, total=False):
    """When the operation was."""

    start_time: Timestamp | None
    end_time: Timestamp | None
    elapsed_time: Seconds | None


@with_config(PAYLOAD)
class ParentTraceContext(TypedDict, total=False):
    """The run that started this run, as the payload of a nested run names it."""

    parent_workflow_run_id: Required[str]
    parent_node_execution_id: str | None
    root_workflow_run_id: str | None
    trace_id: str | None
    parent_app_id: str | None


def _only_if_nested(value: object) -> object:
    # Without a parent run the whole map is ignored, whatever else is in it.
    if isinstance(value, dict):
        run_id = value.get("parent_workflow_run_id")
        if run_id is None or (isinstance(run_id, str) and not is_id(run_id)):
            return None
    return value


Parent = Annotated[ParentTraceContext | None, BeforeValidator(_only_if_nested)]
"""``parent_trace_context``; null unless it names a parent run."""


def span_ids(event_id: str, trace: str, own: str, parent: str | None) -> tuple[bytes, bytes, bytes]:
    """A span's trace id, its own id, and its parent's (``b""``: it is a root).

    A source that is no UUID gives an id that is derived from its text; one that is no id at all
    (empty, nil) gives a substitute, made of the event id. A parent needs both halves of the
    link, the trace and the parent's id; else the span is a root, and so is one that would be
    its own parent.

    Args:
        event_id: of the event, for substitutes.
        trace: the run whose trace it is: the outermost.
        own: what the span is about.
        parent: what its parent is about, or null.
    """
    trace_id, span_id = run_trace_id(trace), own_span_id(own)
    parent_id = own_span_id(parent) if trace_id else b""
    if not (trace_id and span_id):
        substitutes = substitute_ids(event_id)
        trace_id, span_id = trace_id or substitutes[0], span_id or substitutes[1]
    return trace_id, span_id, b"" if parent_id == span_id else parent_id


def outermost_run(parent: ParentTraceContext) -> str:
    """The run whose trace a nested run and its nodes are in."""
    root = parent.get("root_workflow_run_id")
    return root if root and is_id(root) else parent["parent_workflow_run_id"]


def starting_point(parent: ParentTraceContext) -> str:
    """What the span of a nested run is below: the node that started it, else that node's run."""
    node = parent.get("parent_node_execution_id")
    return node if node and is_id(node) else parent["parent_workflow_run_id"]


def span_times(payload: TimeFields, emitted_at_ns: int) -> tuple[int, int]:
    """Start and end: as given, else one from the other, else back from when it was emitted.

    An end before its start counts as the start, and a negative elapsed time as 0.
    """
    # Validated: ints or null. The type says what a producer may give.
    start_ns: Any = payload.get("start_time")
    end_ns: Any = payload.get("end_time")
    if start_ns is None or end_ns is None:
        elapsed_ns = seconds_ns(payload.get("elapsed_time") or 0.0)
        if start_ns is not None:
            end_ns = start_ns + elapsed_ns
        else:
            end_ns = emitted_at_ns if end_ns is None else end_ns
            start_ns = end_ns - elapsed_ns
    start_ns = on_the_wire(start_ns)
    return start_ns, max(start_ns, on_the_wire(end_ns))


def span_error(status: str, error: str | None, *failures: str) -> str | None:
    """The description of an ERROR status, if *status* is one of *failures*; else null: UNSET."""
    return (error or status) if status in failures else None
