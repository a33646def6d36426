"""Whatever a model lets through is mapped, to what can be sent; and content stays out."""

import math

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from telemetry_actors.event.cases import CASE_ROUTING, Reduction, gate
from telemetry_actors.handlers import DEFINITIONS, INSTRUMENTS, EventFacts, MappingSettings
from tests.properties.payloads import cases, contents, facts, how, payloads
from tests.telemetry_actors.handlers.required import REQUIRED

LEN = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}

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


def check_declared(signals, emits):
    """A case makes nothing that it has not said it can make."""
    assert {(log.event_name, log.signal, log.keys) for log in signals.logs} == {emits.log[:3]}
    assert {(span.name, span.keys) for span in signals.spans} <= {(emits.log.name, emits.span_keys)}
    declared = {(m.instrument, m.label_keys, m.type) for m in emits.metrics}
    for m in signals.measurements:
        labels = dict(zip(m.label_keys, m.label_values, strict=True))
        assert (m.instrument, m.label_keys, labels.get("type", "")) in declared


@pytest.mark.timeout(60)
@settings(max_examples=200)
@given(data=st.data(), case=cases, facts=facts, how=how)
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
    check_declared(signals, DEFINITIONS[case].emits)


# --- content --------------------------------------------------------------------------

secret_leaves = st.builds("SECRET{}".format, st.text(max_size=3))


def secret_values(route, key):
    """Of a gated key, as its model takes it."""
    shapes = {
        Reduction.TEXT: secret_leaves,
        Reduction.COUNT: st.lists(secret_leaves, max_size=3),
        Reduction.DATASETS: st.lists(contents(secret_leaves), max_size=3),
    }
    return shapes[route.reduced[key]] if key in route.reduced else contents(secret_leaves)


def secret_ungated(key):
    """Of a gated key, as its model takes it. Ids of datasets are no content."""
    if key == "documents":
        return st.lists(st.fixed_dictionaries({"document_id": secret_leaves}), max_size=3)
    return st.lists(secret_leaves, max_size=3) if key == "questions" else secret_leaves


@given(data=st.data(), case=cases)
def test_g21_with_content_off_no_leaf_of_a_gated_value_is_in_a_signal(data, case):
    """Mutant: gate() returns its copy unchanged, or contents() looks at the value."""
    route = CASE_ROUTING[case]
    payload = REQUIRED[case] | {k: data.draw(secret_values(route, k)) for k in route.gated}
    packed = msgpack.packb(gate(route, payload))
    facts = EventFacts("e", "t", 0, 0, {})

    definition = DEFINITIONS[case]
    signals = definition.map(
        facts, definition.validate(msgpack.unpackb(packed)), MappingSettings(False, 1.0)
    )

    assert b"SECRET" not in packed
    assert "SECRET" not in repr(signals)


@given(data=st.data(), case=cases)
def test_g21_an_ungated_payload_gives_references_too(data, case):
    """A fallback or a replay from a time when content was on: the mapping is a second gate."""
    route = CASE_ROUTING[case]
    payload = REQUIRED[case] | {key: data.draw(secret_ungated(key)) for key in route.gated}
    definition = DEFINITIONS[case]

    signals = definition.map(
        EventFacts("e", "t", 0, 0, {}), definition.validate(payload), MappingSettings(False, 1.0)
    )

    assert "SECRET" not in repr(signals)
