"""The names that the reference allows, as one table each, and nothing else.

Written down from signals.md, sections 4 and 11 (era M), with payloads.md winning: its
corrections are era S's request counter of app events, and that a moderation's preset
response is content. `test_completeness` holds the product to it in both directions.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "CASES",
    "EVENTS",
    "INSTRUMENTS",
    "ON_DEGRADED",
    "ON_EVERY_LOG",
    "ON_UNREADABLE",
    "SERIES",
    "Event",
]

ON_EVERY_LOG = ("dify.event.name", "dify.event.signal", "log.record.uid")
"""The last is payloads.md 1.3: OpenTelemetry's standard attribute, and none of the matrix."""

ON_DEGRADED = "dify.telemetry.degraded"
"""On each log and span of an event whose off-loaded payload did not come back, and on no other."""

ON_UNREADABLE = "dify.telemetry.unreadable"
"""On each log and span of an event with an optional key that could not be read, and on no other."""

_EVENTS = """
W   workflow_run          span_detail  dify.workflow.run
N   node_execution        span_detail  dify.node.execution
D   draft_node_execution  span_detail  dify.node.execution.draft
M   message_run           metric_only  dify.message.run
T   tool_execution        metric_only  dify.tool.execution
O   moderation_check      metric_only  dify.moderation.check
Q   suggested_question    metric_only  dify.suggested_question.generation
R   dataset_retrieval     metric_only  dify.dataset.retrieval
G   generate_name         metric_only  dify.generate_name.execution
P   prompt_generation     metric_only  dify.prompt_generation.execution
A+  app_created           metric_only  dify.app.created
Au  app_updated           metric_only  dify.app.updated
Ad  app_deleted           metric_only  dify.app.deleted
F   feedback_created      metric_only  dify.feedback.created
X   -                     metric_only  dify.telemetry.rehydration_failed
"""

# Attribute (a leading dot repeats what is before the last part of the one before it), then
# the events: "s" = on the span too, "g" = gated.
_ATTRIBUTES = """
dify.trace_id                                           Ws Ns Ds M T O Q R G P
dify.tenant_id dify.app_id                              Ws Ns Ds M T O Q R G P A+ Au Ad F
dify.app.name dify.workspace.name                       W N D M T O Q R G P
dify.event.id                                           A+ Au Ad F
dify.message.id                                         Ws Ns Ds M T O Q R G F
dify.conversation.id                                    Ws Ns Ds M G F
dify.conversation.mode                                  M
dify.invoke_from                                        Ws N D M
dify.invoked_by                                         Ws
dify.workflow.id                                        Ws Ns Ds
dify.workflow.run_id                                    Ws Ns Ds M T O Q R
dify.workflow.status .error .elapsed_time               Ws
dify.workflow.version                                   W
dify.workflow.inputs .outputs .query                    Wg
dify.parent.trace_id .node.execution_id .workflow.run_id .app.id    Ws
dify.node.execution_id                                  Ns Ds M T O Q R G P
dify.node.id .type .title .status                       Ns Ds
dify.node.error .elapsed_time .index                    Ns Ds
dify.node.predecessor_node_id .iteration_id .loop_id .parallel_id   Ns Ds
dify.node.invoked_by                                    Ns Ds
dify.node.iteration_index .loop_index                   N D
dify.node.total_price .currency                         N D
dify.node.inputs .outputs .process_data                 Ng Dg
dify.plugin.name dify.credential.name .id               N D
dify.dataset.ids .names                                 N D
dify.dataset.id .name                                   R
dify.dataset.embedding_providers .embedding_models      R
dify.dataset.documents                                  Rg
dify.retrieval.query                                    Rg
dify.retrieval.document_count .duration .status .error  R
dify.retrieval.rerank_provider .rerank_model            R
gen_ai.user.id                                          Ws Ns Ds M T O Q R G P F
gen_ai.provider.name gen_ai.request.model               Ns Ds M Q P
gen_ai.usage.input_tokens .output_tokens                Ns Ds M P
gen_ai.usage.total_tokens                               Ws Ns Ds M Q P
gen_ai.tool.name                                        N D
dify.message.status .error .from_source .from_end_user_id .from_account_id  M
dify.message.duration .time_to_first_token .streaming_duration      M
dify.message.inputs .outputs                            Mg
dify.streaming                                          M
dify.tool.name .duration .status .error                 T
dify.tool.inputs .outputs .parameters .config           Tg
dify.moderation.flagged .action .type .categories       O
dify.moderation.preset_response .query                  Og
dify.suggested_question.count .duration .status .error  Q
dify.suggested_question.questions                       Qg
dify.generate_name.duration .status .error              G
dify.generate_name.inputs .outputs                      Gg
dify.prompt_generation.operation_type .duration .status .error      P
dify.prompt_generation.total_price .currency            P
dify.prompt_generation.instruction .output              Pg
dify.app.mode                                           A+
dify.app.created_at                                     A+
dify.app.updated_at                                     Au
dify.app.deleted_at                                     Ad
dify.feedback.rating .from_source .created_at           F
dify.feedback.content                                   Fg
tenant_id dify.telemetry.error .payload_type .correlation_id        X
"""

_INSTRUMENTS = """
dify.tokens.total                    counter    {token}
dify.tokens.input                    counter    {token}
dify.tokens.output                   counter    {token}
dify.requests.total                  counter    {request}
dify.errors.total                    counter    {error}
dify.feedback.total                  counter    {feedback}
dify.dataset.retrievals.total        counter    {retrieval}
dify.app.created.total               counter    {app}
dify.app.updated.total               counter    {app}
dify.app.deleted.total               counter    {app}
dify.workflow.duration               histogram  s
dify.node.duration                   histogram  s
dify.message.duration                histogram  s
dify.message.time_to_first_token     histogram  s
dify.tool.duration                   histogram  s
dify.prompt_generation.duration      histogram  s
"""

_MODEL = "model_provider model_name"
_APP = "tenant_id app_id"
_TOKENS = f"{_APP} operation_type {_MODEL} node_type"
_NODE = f"{_APP} node_type {_MODEL}"
_EMBEDDING = "embedding_model_provider embedding_model"
_PROMPT = f"{_APP} operation_type {_MODEL}"

# Instrument; events; value of the label "type", if there is one; the other labels.
_SERIES = (
    ("dify.tokens.total", "W N D M P", "", _TOKENS),
    ("dify.tokens.input", "W N D M P", "", _TOKENS),
    ("dify.tokens.output", "W N D M P", "", _TOKENS),
    ("dify.requests.total", "W", "workflow", f"{_APP} status invoke_from"),
    ("dify.requests.total", "N", "node", f"{_NODE} status"),
    ("dify.requests.total", "D", "draft_node", f"{_NODE} status"),
    ("dify.requests.total", "M", "message", f"{_APP} {_MODEL} status invoke_from"),
    ("dify.requests.total", "T", "tool", f"{_APP} tool_name"),
    ("dify.requests.total", "O", "moderation", _APP),
    ("dify.requests.total", "Q", "suggested_question", f"{_APP} {_MODEL}"),
    ("dify.requests.total", "R", "dataset_retrieval", _APP),
    ("dify.requests.total", "G", "generate_name", _APP),
    ("dify.requests.total", "P", "prompt_generation", f"{_PROMPT} status"),
    ("dify.requests.total", "A+", "app.created", "tenant_id"),
    ("dify.requests.total", "Au", "app.updated", "tenant_id"),
    ("dify.requests.total", "Ad", "app.deleted", "tenant_id"),
    ("dify.errors.total", "W", "workflow", _APP),
    ("dify.errors.total", "N", "node", _NODE),
    ("dify.errors.total", "D", "draft_node", _NODE),
    ("dify.errors.total", "M", "message", f"{_APP} {_MODEL}"),
    ("dify.errors.total", "T", "tool", f"{_APP} tool_name"),
    ("dify.errors.total", "P", "prompt_generation", _PROMPT),
    ("dify.feedback.total", "F", "", f"{_APP} rating"),
    (
        "dify.dataset.retrievals.total",
        "R",
        "",
        f"{_APP} dataset_id {_EMBEDDING} rerank_model_provider rerank_model",
    ),
    ("dify.app.created.total", "A+", "", f"{_APP} mode"),
    ("dify.app.updated.total", "Au", "", _APP),
    ("dify.app.deleted.total", "Ad", "", _APP),
    ("dify.workflow.duration", "W", "", f"{_APP} status"),
    ("dify.node.duration", "N D", "", _NODE),
    ("dify.node.duration", "N D", "", f"{_NODE} plugin_name"),
    ("dify.message.duration", "M", "", f"{_APP} {_MODEL}"),
    ("dify.message.time_to_first_token", "M", "", f"{_APP} {_MODEL}"),
    ("dify.tool.duration", "T", "", f"{_APP} tool_name"),
    ("dify.prompt_generation.duration", "P", "", _PROMPT),
)


class Event(NamedTuple):
    """What one event may look like."""

    name: str
    signal: str
    on_log: frozenset[str]
    on_span: frozenset[str]
    gated: frozenset[str]


Series = tuple[str, str, frozenset[str]]
"""Instrument, value of the label ``type``, and all labels."""


def _rows() -> list[tuple[list[str], list[str]]]:
    """Attributes and events of each row."""
    rows = []
    for line in _ATTRIBUTES.split("\n"):
        words = line.split()
        names = [word for word in words if word.lstrip(".")[:1].islower()]
        rows.append((_whole(names), words[len(names) :]))
    return rows


def _whole(names: list[str]) -> list[str]:
    """``.x`` after ``a.b.y`` is ``a.b.x``; after another short one it continues the same."""
    found: list[str] = []
    stem = ""
    for name in names:
        if name.startswith("."):
            found.append(stem + name)
        else:
            found.append(name)
            stem = name.rpartition(".")[0]
    return found


def _event(letter: str, signal: str, name: str) -> Event:
    marks: dict[str, str] = {}
    for names, events in _rows():
        for event in events:
            if event.rstrip("sg") == letter:
                marks |= dict.fromkeys(names, event[len(letter) :])
    return Event(
        name,
        signal,
        frozenset((*marks, *ON_EVERY_LOG)),
        frozenset(key for key, mark in marks.items() if mark == "s"),
        frozenset(key for key, mark in marks.items() if mark == "g"),
    )


_LINES = [line.split() for line in _EVENTS.strip().split("\n")]
_LETTERS = {letter: case for letter, case, _, _ in _LINES}

EVENTS = {case: _event(letter, signal, name) for letter, case, signal, name in _LINES}
"""By case; that of the rehydration diagnostic is ``-``."""

CASES = [case for case in EVENTS if case != "-"]

INSTRUMENTS = {tuple(line.split()) for line in _INSTRUMENTS.strip().split("\n")}
"""Name, kind and unit of each."""

SERIES: dict[str, set[Series]] = {case: set() for case in CASES}
"""By case."""
for _name, _letters, _type, _labels in _SERIES:
    for _letter in _letters.split():
        _keys = {*_labels.split(), "type"} if _type else _labels.split()
        SERIES[_LETTERS[_letter]].add((_name, _type, frozenset(_keys)))
