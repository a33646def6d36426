"""The fourteen telemetry cases: their routes, and the content gate that runs at the door.

First step of an event's way: ``[cases: route, gate] -> pack -> gateway mailbox``.
``CASE_ROUTING`` says where a case goes, who may send it and which payload keys hold
content; `gate` takes that content out **before** packing, so that with content off
it is in no envelope, journal, store, dead letter or log line (g21).

Routing is era S's: five trace cases, nine metric_log cases. "Trace" means that trace
managers get the event as well; whether it makes a span is its handler's business.

Values and pure functions only. Whether a case is let in is the gateway's decision;
what becomes of it, the handlers'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeGuard

from telemetry_actors.event.forms import id_of_any, is_number

GATED: Final = "[gated]"
"""Stands where content was. A text, so that it passes for a value of any gated key."""

_DOCUMENT_IDS: Final = ("document_id", "segment_id")
_NO_TEXT: Final = (bool, int, float, list, tuple, dict)
_NO_ID: Final = (float, list, tuple, dict)  # and bool; an int is its decimal text
_NO_NUMBER: Final = (bool, bytes, list, tuple, dict)  # and a text that is no number


class TelemetryCase(StrEnum):
    """What happened. The values are what envelopes carry."""

    WORKFLOW_RUN = "workflow_run"
    MESSAGE_RUN = "message_run"
    NODE_EXECUTION = "node_execution"
    DRAFT_NODE_EXECUTION = "draft_node_execution"
    PROMPT_GENERATION = "prompt_generation"
    TOOL_EXECUTION = "tool_execution"
    MODERATION_CHECK = "moderation_check"
    SUGGESTED_QUESTION = "suggested_question"
    DATASET_RETRIEVAL = "dataset_retrieval"
    GENERATE_NAME = "generate_name"
    APP_CREATED = "app_created"
    APP_UPDATED = "app_updated"
    APP_DELETED = "app_deleted"
    FEEDBACK_CREATED = "feedback_created"


class SignalType(StrEnum):
    """Which way a case goes beside the tree."""

    TRACE = "trace"
    """Also handed to the trace manager and to registered trace providers."""
    METRIC_LOG = "metric_log"
    """Through the tree alone."""


class Priority(StrEnum):
    """How long the door goes on letting a case in while it gets full (`door/pressure.py`, g13).

    Decided at admission alone: what was let in is delivered first in, first out.
    """

    LOW = "low"
    """Many, and each worth little: node executions."""
    NORMAL = "normal"
    """Runs, messages, and all that is not said to be otherwise."""
    HIGH = "high"
    """Few, and nobody says them twice: feedback, changes of apps."""


class Reduction(StrEnum):
    """What must survive of a gated value: a mapping counts with it, or the model looks at it.

    A payload is as valid with content off as with content on: what no model would take for
    the value that it stands for becomes ``[]``, which none takes either.
    """

    TEXT = "text"
    """That it is a text, or none."""
    COUNT = "count"
    """A list of texts becomes as many markers."""
    DATASETS = "datasets"
    """A list of maps keeps, of each map, the id and the name of its dataset."""


_NOTHING: Final[Mapping[str, Reduction]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CaseRoute:
    """Where a case goes, who may send it, and which of its payload keys hold content."""

    case: str
    """A `TelemetryCase`, or the name of a registered custom case."""
    signal_type: SignalType
    ce_eligible: bool = False
    """Community edition may send it; else it takes enterprise telemetry."""
    task_name: str | None = None
    """What trace managers call it; None for metric_log cases."""
    gated: tuple[str, ...] = ()
    """Payload keys that hold content: the content of docs/data-dictionary.md."""
    reduced: Mapping[str, Reduction] = field(default_factory=lambda: _NOTHING, hash=False)
    """Those of *gated* of which something must survive. Read-only."""
    priority: Priority = Priority.NORMAL
    """How full the mailboxes may be for the case to be let in still."""


def _trace(
    case: TelemetryCase,
    task_name: str,
    *gated: str,
    ce_eligible: bool = False,
    priority: Priority = Priority.NORMAL,
    **reduced: Reduction,
) -> CaseRoute:
    kept = MappingProxyType(reduced)
    return CaseRoute(case, SignalType.TRACE, ce_eligible, task_name, gated, kept, priority)


def _metric_log(
    case: TelemetryCase,
    *gated: str,
    priority: Priority = Priority.NORMAL,
    **reduced: Reduction,
) -> CaseRoute:
    kept = MappingProxyType(reduced)
    return CaseRoute(case, SignalType.METRIC_LOG, False, None, gated, kept, priority)


_NODE_CONTENT: Final = ("inputs", "outputs", "process_data")
_ROUTES: Final = (
    _trace(
        TelemetryCase.WORKFLOW_RUN,
        "workflow",
        "inputs",
        "outputs",
        "query",
        ce_eligible=True,
        query=Reduction.TEXT,
    ),
    _trace(TelemetryCase.MESSAGE_RUN, "message", "inputs", "outputs", ce_eligible=True),
    _trace(TelemetryCase.NODE_EXECUTION, "node_execution", *_NODE_CONTENT, priority=Priority.LOW),
    _trace(
        TelemetryCase.DRAFT_NODE_EXECUTION,
        "draft_node_execution",
        *_NODE_CONTENT,
        priority=Priority.LOW,
    ),
    _trace(TelemetryCase.PROMPT_GENERATION, "prompt_generation", "instruction", "output"),
    _metric_log(TelemetryCase.TOOL_EXECUTION, "inputs", "outputs", "parameters", "config"),
    _metric_log(
        TelemetryCase.MODERATION_CHECK,
        "preset_response",
        "query",
        preset_response=Reduction.TEXT,
        query=Reduction.TEXT,
    ),
    _metric_log(TelemetryCase.SUGGESTED_QUESTION, "questions", questions=Reduction.COUNT),
    _metric_log(
        TelemetryCase.DATASET_RETRIEVAL, "query", "documents", documents=Reduction.DATASETS
    ),
    _metric_log(TelemetryCase.GENERATE_NAME, "inputs", "outputs"),
    _metric_log(TelemetryCase.APP_CREATED, priority=Priority.HIGH),
    _metric_log(TelemetryCase.APP_UPDATED, priority=Priority.HIGH),
    _metric_log(TelemetryCase.APP_DELETED, priority=Priority.HIGH),
    _metric_log(
        TelemetryCase.FEEDBACK_CREATED,
        "content",
        priority=Priority.HIGH,
        content=Reduction.TEXT,
    ),
)

CASE_ROUTING: Final[Mapping[TelemetryCase, CaseRoute]] = MappingProxyType(
    {TelemetryCase(route.case): route for route in _ROUTES}
)
"""The route of each of the fourteen cases. Read-only; a plain `str` finds its route too."""

CASE_TO_TRACE_TASK_NAME: Final[Mapping[TelemetryCase, str]] = MappingProxyType(
    {case: route.task_name for case, route in CASE_ROUTING.items() if route.task_name is not None}
)
"""What trace managers call each of the five trace cases."""


def gate(route: CaseRoute, payload: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of *payload* with the content taken out, for use when content is off.

    Runs on the caller's thread for every event: one copy in C, and a loop over the
    gated keys alone. It looks inside a gated value only for what a `Reduction` keeps,
    and trusts no type there: a generator, a text or a home-made mapping becomes the
    marker as a whole. Null stays null, since it means "absent". All other values are
    those of *payload*, not copies.

    Args:
        payload: as the producer gave it.

    Returns:
        A plain dict that holds no content.

    Raises:
        Exception: whatever a home-made mapping raises while it is read; never for a dict.

    >>> gate(CASE_ROUTING[TelemetryCase.MESSAGE_RUN], {"message_id": "m", "inputs": {"q": 1}})
    {'message_id': 'm', 'inputs': '[gated]'}
    """
    try:
        gated = payload.copy() if type(payload) is dict else _as_dict(payload)
        return _gate_in_place(route, gated)
    except Exception:
        if not _is_dict(payload):
            raise
        # A key with an ``__eq__`` of its own raised. A payload's keys are texts; go by those.
        pairs = list(dict.items(payload))
        return _gate_in_place(route, {key: value for key, value in pairs if type(key) is str})


def gate_made_texts(route: CaseRoute, payload: Mapping[str, Any]) -> dict[str, Any]:
    """`gate`, of a payload whose keys have been made texts.

    Of two with the same text the later has a number behind it, and is content all the same.

    >>> made = {"message_id": "m", "inputs": 1, "inputs (3)": 2}
    >>> gate_made_texts(CASE_ROUTING[TelemetryCase.MESSAGE_RUN], made)
    {'message_id': 'm', 'inputs': '[gated]', 'inputs (3)': '[gated]'}
    """
    gated = gate(route, payload)
    for key in gated:
        name, numbered, _ = key.rpartition(" (")
        if numbered and name in route.gated:
            gated[key] = GATED
    return gated


def _gate_in_place(route: CaseRoute, payload: dict[str, Any]) -> dict[str, Any]:
    for key in route.gated:
        if (value := payload.get(key)) is not None:
            payload[key] = GATED if key not in route.reduced else _reduce(route.reduced[key], value)
    return payload


def _as_dict(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A plain dict of any mapping; of a dict's subclass, past what it may have overridden."""
    return dict(dict.items(payload)) if _is_dict(payload) else dict(payload)


# By type and not by `isinstance`: an object may lie about its ``__class__``, in Python code.
def _is_dict(value: object) -> TypeGuard[dict[Any, Any]]:
    return issubclass(type(value), dict)


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return issubclass(type(value), list)


def _reduce(reduction: Reduction, value: object) -> object:
    if reduction is Reduction.TEXT:
        return _text(value)
    if _is_list(value):
        items = list.copy(value)  # and not `list(value)`: that asks an overridden __iter__
    elif type(value) is tuple:
        items = list(value)
    else:
        return GATED
    if reduction is Reduction.COUNT:
        return [None if item is None else _text(item) for item in items]
    return [_document(item) for item in items]


def _text(value: object) -> object:
    return [] if issubclass(type(value), _NO_TEXT) else GATED


def _document(document: object) -> object:
    if not _is_dict(document):
        return GATED
    kept: dict[str, object] = {
        "dataset_id": _shown(dict.get(document, "dataset_id"), _NO_ID),
        "dataset_name": _shown(dict.get(document, "dataset_name"), _NO_TEXT),
    }
    for key in _DOCUMENT_IDS:
        if _is_no_id(dict.get(document, key)):
            kept[key] = []
    score = dict.get(document, "score")
    if issubclass(type(score), _NO_NUMBER) or (type(score) is str and not is_number(score)):
        kept["score"] = []
    return kept


def _is_no_id(value: object) -> bool:
    kind = type(value)
    return kind is bool or issubclass(kind, _NO_ID)


def _shown(value: object, no_text: tuple[type, ...]) -> object:
    """A text or null as it is, or its text (an int, a UUID); else ``[]``, which is none."""
    if value is None or issubclass(type(value), str):
        return value
    return [] if issubclass(type(value), no_text) else id_of_any(value) or []
