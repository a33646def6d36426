"""Payloads to try mappings with: mostly as they should be, in part anything whatever."""

from typing import get_type_hints

from hypothesis import strategies as st

from telemetry_actors.handlers import DEFINITIONS, EventFacts, MappingSettings
from tests.telemetry_actors.handlers.required import REQUIRED

__all__ = [
    "anything",
    "cases",
    "contents",
    "facts",
    "how",
    "payloads",
    "plain",
    "uuids",
    "weird_text",
]

cases = st.sampled_from(sorted(DEFINITIONS))
weird_text = st.text(st.characters(exclude_categories=()), max_size=8)
uuids = st.uuids().map(str) | st.just("00000000-0000-0000-0000-000000000000")
texts = st.sampled_from(["", "failed", "exception", "tool"]) | uuids | weird_text
numbers = (
    st.integers()
    | st.floats()
    | st.sampled_from([2**53, 2**63 - 1, 2**63, -(2**63), 10**400, 9e9, 1e308])
)
times = (
    st.datetimes().map(lambda instant: instant.isoformat() + "Z")
    | st.sampled_from(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999999-23:59"])
    | st.integers(-(2**63) + 1, 2**63 - 1)
)
anything = st.recursive(
    st.none() | st.booleans() | texts | numbers | times | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts | st.integers() | st.binary(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
"""Whatever msgpack may carry, and what it can't."""

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e9, 1e9) | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["dataset_id", "document_id", "segment_id", "score", "x"]), inner
        )
    ),
    max_leaves=8,
)
"""Of JSON's types."""


def _maps(*keys, **more):
    return st.fixed_dictionaries({}, optional=dict.fromkeys(keys, texts | st.none()) | more)


_parents = st.fixed_dictionaries(
    {"parent_workflow_run_id": texts},
    optional=dict.fromkeys(
        ["parent_node_execution_id", "root_workflow_run_id", "trace_id", "parent_app_id"], texts
    ),
)
_documents = st.lists(
    anything
    | _maps(
        *("dataset_id", "dataset_name", "document_id", "segment_id", "page_content"),
        score=numbers | st.none(),
    ),
    max_size=4,
)
_models = st.dictionaries(texts, _maps("embedding_model_provider", "embedding_model"), max_size=3)
_by_key = {
    "parent_trace_context": _parents,
    "start_time": times,
    "end_time": times,
    "documents": _documents,
    "embedding_models": _models,
}
_by_type = (
    (bool, st.booleans()),
    (object, anything),
    (str, texts),
    (str | None, texts),
    (list[str] | None, st.lists(texts, max_size=3)),
)


def _good(key, kind):
    """Values that the key should have."""
    found = [values for one, values in _by_type if kind == one]
    return _by_key[key] if key in _by_key else found[0] if found else numbers


@st.composite
def payloads(draw, case):
    """Required keys, most others as they should be, and one that may be anything."""
    types = get_type_hints(DEFINITIONS[case].model)
    payload = {key: draw(_good(key, types[key])) for key in REQUIRED[case]}
    for key in draw(st.lists(st.sampled_from(sorted(types)), max_size=12)):
        payload[key] = draw(_good(key, types[key]) | st.none())
    for key in draw(st.lists(st.sampled_from(sorted(types)), max_size=1)):
        payload[key] = draw(anything)
    return payload


how = st.builds(MappingSettings, st.booleans(), st.floats(0.0, 1.0), st.booleans(), st.booleans())
facts = st.builds(
    EventFacts,
    event_id=weird_text | uuids,
    tenant_id=weird_text,
    emitted_at_ns=st.integers(0, 2**63 - 1),
    observed_ns=st.just(0),
    context=st.dictionaries(
        st.sampled_from(["tenant_id", "user_id", "app_id", "app_name", "workspace_name"]), anything
    ),
)


def contents(leaves):
    """Values of gated keys: texts, lists and maps with *leaves* at every end, and as keys."""
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(leaves, inner, max_size=3),
        max_leaves=6,
    )
