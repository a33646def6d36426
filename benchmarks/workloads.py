"""What is emitted: a few templates over and over, each time with ids of their own.

A template's ids (of the event, its message, run, node and conversation) are marks: in the n-th
round each stands for another UUID, the same for every contestant. Tenants, apps, models and texts
stay, so that label sets and repeated values are as few as they are in a platform's hour.
"""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from pydantic import BaseModel

from telemetry_actors import (
    CaseDefinition,
    EventFacts,
    MappingSettings,
    Signals,
    SpanSignal,
)
from telemetry_actors.demo.application import Application
from telemetry_actors.testing import registered_case

__all__ = ["WORKLOADS", "Template", "Workload", "id_in_round", "in_round"]

_MARKS = (
    "message_id",
    "workflow_run_id",
    "node_execution_id",
    "conversation_id",
    "parent_workflow_run_id",
    "parent_node_execution_id",
)
_START_NS = 1_700_000_000_000_000_000
_MADE_UP = 240  # events of the made-up application: all fourteen cases are among them


class Template(NamedTuple):
    """One event, with marks for ids."""

    case: str
    context: Mapping[str, Any]
    payload: Mapping[str, Any]
    event_id: str
    marks: tuple[str, ...]
    """All ids that are others in each round, that of the event first."""


class Workload(NamedTuple):
    """What is emitted, and what it is called."""

    name: str
    about: str
    templates: tuple[Template, ...]
    content: bool = False
    """The payload's content goes out, too (it is off by default)."""


def id_in_round(mark: str, number: int) -> str:
    """The id that *mark* stands for in that round.

    >>> id_in_round("0b5e1c1e-0000-4000-8000-00000000000a", 16)
    '0b5e1c1e-0000-4000-8000-00000000001a'
    """
    return f"{mark[:28]}{int(mark[28:], 16) ^ number:08x}"


def in_round(value: Any, ids: Mapping[str, str]) -> Any:
    """*value* with each mark in it replaced; what holds none is the same object."""
    if isinstance(value, str):
        return ids.get(value, value)
    if isinstance(value, dict) and _marked(value, ids):
        return {key: in_round(item, ids) for key, item in value.items()}
    return value


def _marked(value: Any, ids: Mapping[str, str]) -> bool:
    if isinstance(value, dict):
        return any(_marked(item, ids) for item in value.values())
    return isinstance(value, str) and value in ids


def _template(case: str, context: Mapping[str, Any], payload: Mapping[str, Any]) -> Template:
    event_id = str(uuid.UUID(int=_RNG.getrandbits(128), version=4))
    marks = dict.fromkeys((event_id, *_ids_in(payload)))
    return Template(case, context, payload, event_id, tuple(marks))


def _ids_in(payload: Mapping[str, Any]) -> Iterator[str]:
    for key, value in payload.items():
        if isinstance(value, dict):
            yield from _ids_in(value)
        elif key in _MARKS and isinstance(value, str):
            yield value


_RNG = random.Random(18)
_CONTEXT = {
    "tenant_id": "5d4c2a10-8f6e-4b7a-9c31-20f1a6e7b3d2",
    "app_id": "e1a9c0de-77aa-4c52-b0f3-91d28c4f6a05",
    "user_id": "0b7d7e55-3a5c-4f0e-8c1a-6d0e5f9a7712",
    "app_name": "Support desk",
    "workspace_name": "Acme",
}
_MODEL = {"model_provider": "openai", "model_name": "gpt-4o"}


def _new_id() -> str:
    return str(uuid.UUID(int=_RNG.getrandbits(128), version=4))


def _app_created() -> Template:
    context = {"tenant_id": _CONTEXT["tenant_id"], "app_id": _CONTEXT["app_id"]}
    return _template("app_created", context, {"app_id": _CONTEXT["app_id"], "mode": "chat"})


def _message_run(run_id: str, question: str, answer: str) -> Template:
    payload = {
        "message_id": _new_id(),
        "workflow_run_id": run_id,
        "conversation_id": _new_id(),
        "conversation_mode": "advanced-chat",
        "status": "succeeded",
        "error": None,
        "from_source": "api",
        "from_end_user_id": _CONTEXT["user_id"],
        "prompt_tokens": 1234,
        "completion_tokens": 56,
        "time_to_first_token": 0.26,
        "start_time": _START_NS,
        "end_time": _START_NS + 1_520_000_000,
        "inputs": {"query": question},
        "outputs": answer,
        **_MODEL,
    }
    return _template("message_run", _CONTEXT, payload)


def _run_of_nodes() -> tuple[Template, ...]:
    """A run, its three nodes, its message; and now and then somebody makes an app."""
    run_id = _new_id()
    nodes = [
        _node(run_id, index, node_type, ms)
        for index, (node_type, ms) in enumerate([("start", 2), ("llm", 1400), ("answer", 3)])
    ]
    run = {
        "workflow_id": "c1af4465-06f1-42fc-a101-0f154a9f2968",
        "workflow_run_id": run_id,
        "version": "2026-11-01 10:00:00",
        "status": "succeeded",
        "triggered_from": "api",
        "from_end_user_id": _CONTEXT["user_id"],
        "elapsed_time": 1.52,
        "start_time": _START_NS,
        "end_time": _START_NS + 1_520_000_000,
        "prompt_tokens": 1234,
        "completion_tokens": 56,
        "total_tokens": 1290,
        "query": _QUESTION,
        "inputs": {"query": _QUESTION},
        "outputs": {"answer": _ANSWER},
    }
    message = _message_run(run_id, _QUESTION, _ANSWER)
    return (*nodes, _template("workflow_run", _CONTEXT, run), message, _app_created())


def _node(run_id: str, index: int, node_type: str, ms: int) -> Template:
    payload = {
        "workflow_id": "c1af4465-06f1-42fc-a101-0f154a9f2968",
        "workflow_run_id": run_id,
        "node_execution_id": _new_id(),
        "node_id": node_type,
        "node_type": node_type,
        "title": node_type.capitalize(),
        "status": "succeeded",
        "index": index + 1,
        "elapsed_time": ms / 1000,
        "start_time": _START_NS + index * 10_000_000,
        "end_time": _START_NS + index * 10_000_000 + ms * 1_000_000,
        "invoke_from": "api",
        "from_end_user_id": _CONTEXT["user_id"],
        "inputs": {"query": _QUESTION},
    }
    if node_type == "llm":
        tokens = {"prompt_tokens": 1234, "completion_tokens": 56, "total_tokens": 1290}
        payload |= {**_MODEL, **tokens, "outputs": {"text": _ANSWER}}
    return _template("node_execution", _CONTEXT, payload)


def _all_fourteen() -> tuple[Template, ...]:
    """The events of the demo's application, as its tenants would make them."""
    application = Application(seed=7, start_ns=_START_NS)
    events = itertools.islice(application.events(), _MADE_UP)
    return tuple([_template(event.case, event.context, event.payload) for event in events])


_SPAN_KEYS = tuple([f"attribute.of.test.{number:02}" for number in range(10)])  # 20 characters


class _Timed(BaseModel):
    """The payload of `_SPAN_CASE`."""

    start_ns: int
    end_ns: int
    values: list[str]


def _as_span(facts: EventFacts, payload: _Timed, _settings: MappingSettings) -> Signals:
    trace_id = uuid.UUID(facts.event_id).bytes
    start_ns, end_ns = payload.start_ns, payload.end_ns
    values = tuple(payload.values)
    span = SpanSignal(
        "operation", trace_id, trace_id[8:], b"", start_ns, end_ns, _SPAN_KEYS, values, None
    )
    return Signals(spans=(span,))


_SPAN_CASE = CaseDefinition("benchmark_span", _Timed, _as_span)


def its_cases(workload: Workload) -> AbstractContextManager[object]:
    """A block in which gateways that are made know the case of its own that *workload* has."""
    has_own = any(template.case == _SPAN_CASE.case for template in workload.templates)
    return registered_case(_SPAN_CASE) if has_own else nullcontext()


def _otel_span() -> Template:
    values = [f"value.of.attribute{number:02}" for number in range(10)]
    payload = {"start_ns": _START_NS, "end_ns": _START_NS + 1_000, "values": values}
    return _template("benchmark_span", {"tenant_id": _CONTEXT["tenant_id"]}, payload)


_QUESTION = "Where is my order 4711? " * 5
_ANSWER = "It left the warehouse this morning. " * 5

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("app_created", "one log record, two counters", (_app_created(),)),
        Workload(
            "message_run",
            "one log record of 28 attributes, six measurements",
            (_message_run(_new_id(), _QUESTION, _ANSWER),),
        ),
        Workload(
            "message_run 20 kB",
            "the same with 20 kB of content, which goes out",
            (_message_run(_new_id(), "q" * 4_000, _ANSWER * 88),),
            content=True,
        ),
        Workload("mix", "three nodes, their run, its message, an app", _run_of_nodes()),
        Workload("span", "a case of our own: one span of ten attributes", (_otel_span(),)),
        Workload("all cases", "all fourteen cases, as the demo's application", _all_fourteen()),
    )
}
