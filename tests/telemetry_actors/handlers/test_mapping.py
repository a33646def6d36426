"""Whatever a model lets through is mapped, to what can be sent; and content stays out."""

import math
from typing import get_type_hints

import msgpack
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from telemetry_actors.cases import CASE_ROUTING, gate
from telemetry_actors.handlers import DEFINITIONS, INSTRUMENTS, EventFacts, MappingSettings

REQUIRED = {
    "workflow_run": ("workflow_id", "workflow_run_id", "status"),
    "node_execution": (
        "workflow_id",
        "workflow_run_id",
        "node_execution_id",
        "node_id",
        "node_type",
        "status",
    ),
    "message_run": ("message_id", "status"),
    "app_created": (),
}
LEN = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}

# --- values that a payload may hold ---------------------------------------------------

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
parents = st.fixed_dictionaries(
    {"parent_workflow_run_id": texts},
    optional=dict.fromkeys(
        ["parent_node_execution_id", "root_workflow_run_id", "trace_id", "parent_app_id"], texts
    ),
)
values = {"parent_trace_context": parents, "start_time": times, "end_time": times}
CONTENT = {"inputs", "outputs", "process_data", "query"}


@st.composite
def payloads(draw, case):
    """Required keys, most others as they should be, and a few that may be anything."""
    payload = {key: draw(texts) for key in REQUIRED[case]}
    types = get_type_hints(DEFINITIONS[case].model)
    for key in draw(st.lists(st.sampled_from(sorted(types)), max_size=12)):
        good = texts if types[key] == str | None else values.get(key, numbers)
        payload[key] = draw(anything if key in CONTENT else good | st.none())
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


# --- what can be sent -----------------------------------------------------------------


def check_record(record):
    for value in record.values:
        assert value is None or type(value) in (str, bool, int, float)
        assert type(value) is not int or -(2**63) <= value < 2**63
        assert type(value) is not float or math.isfinite(value)
    assert len(record.keys) == len(record.values) == len(set(record.keys))


def check_ids(record, *, required):
    for name, length in LEN.items():
        raw = getattr(record, name, b"")
        assert len(raw) in ((length,) if name in required else (0, length))
        assert raw == b"" or any(raw)


def check_measurement(measurement):
    assert measurement.instrument in INSTRUMENTS
    assert len(measurement.label_keys) == len(measurement.label_values)
    assert {type(value) for value in measurement.label_values} == {str}
    kind = int if measurement.instrument.kind == "counter" else float
    assert type(measurement.value) is kind
    assert 0 <= measurement.value < 2**63


@settings(max_examples=300)
@given(data=st.data(), case=st.sampled_from(sorted(DEFINITIONS)), facts=facts, how=how)
def test_what_the_model_lets_through_is_mapped_to_what_can_be_sent(data, case, facts, how):
    payload = data.draw(payloads(case))
    try:
        model = DEFINITIONS[case].validate(payload)
    except ValidationError:
        return  # invalid_payload: no signal at all

    signals = DEFINITIONS[case].map(facts, model, how)

    assert signals == DEFINITIONS[case].map(facts, model, how)
    (log,) = signals.logs
    check_record(log)
    check_ids(log, required=())
    for span in signals.spans:
        check_record(span)
        check_ids(span, required=("trace_id", "span_id"))
        assert 0 <= span.start_ns <= span.end_ns < 2**63
        assert (log.trace_id, log.span_id) == (span.trace_id, span.span_id)
    assert len(signals.spans) + signals.spans_sampled_out == (1 if "span" in log.signal else 0)
    for measurement in signals.measurements:
        check_measurement(measurement)


# --- content --------------------------------------------------------------------------

secret_leaves = st.builds("SECRET{}".format, st.text(max_size=3))
secrets = st.recursive(
    secret_leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(secret_leaves, inner, max_size=3),
    max_leaves=6,
)


@given(data=st.data(), case=st.sampled_from(sorted(DEFINITIONS)))
def test_g21_with_content_off_no_leaf_of_a_gated_value_is_in_a_signal(data, case):
    """Mutant: gate() returns its copy unchanged, or contents() looks at the value."""
    route = CASE_ROUTING[case]
    payload = dict.fromkeys(REQUIRED[case], "x") | {k: data.draw(secrets) for k in route.gated}
    packed = msgpack.packb(gate(route, payload))
    facts = EventFacts("e", "t", 0, 0, {})

    definition = DEFINITIONS[case]
    signals = definition.map(
        facts, definition.validate(msgpack.unpackb(packed)), MappingSettings(False, 1.0)
    )

    assert b"SECRET" not in packed
    assert "SECRET" not in repr(signals)


@given(data=st.data(), case=st.sampled_from(sorted(DEFINITIONS)))
def test_g21_an_ungated_payload_gives_references_too(data, case):
    """A fallback or a replay from a time when content was on: the mapping is a second gate."""
    route = CASE_ROUTING[case]
    payload = dict.fromkeys(REQUIRED[case], "x")
    payload |= {key: data.draw(secret_leaves) for key in route.gated}
    definition = DEFINITIONS[case]

    signals = definition.map(
        EventFacts("e", "t", 0, 0, {}), definition.validate(payload), MappingSettings(False, 1.0)
    )

    assert "SECRET" not in repr(signals)
