"""The signal vectors of tests/data/signals, as far as a mapping can see.

How to compare is told in the README beside them. What admission decides is not looked
at here: vectors that are refused at the door are left to the tests of the gateway.
"""

import json
import math
from pathlib import Path

import msgpack
import pytest
from pydantic import ValidationError

from telemetry_actors.cases import CASE_ROUTING, gate
from telemetry_actors.handlers import DEFINITIONS, EventFacts, MappingSettings
from telemetry_actors.handlers._timestamps import timestamp_ns

FILE = Path(__file__).parents[2] / "data" / "signals" / "sample.jsonl"
VECTORS = [json.loads(line) for line in FILE.read_text().splitlines()]
HERE = [
    vector
    for vector in VECTORS
    if vector["case"] in DEFINITIONS and vector["expect"]["admission"] in ("accepted", "$any")
]
EVENT_ID = "0d9f1c9e-6a53-4f6e-9a7b-3f1d7c2b8a10"
EMITTED_AT_NS = 1_795_162_540_000_001_000


def mapped(vector):
    payload, settings = vector["payload"], vector["settings"]
    if not settings["include_content"]:
        payload = gate(CASE_ROUTING[vector["case"]], payload)
    payload = msgpack.unpackb(msgpack.packb(payload))
    context = vector["context"]
    facts = EventFacts(
        EVENT_ID, context.get("tenant_id") or "", EMITTED_AT_NS, EMITTED_AT_NS, context
    )
    definition = DEFINITIONS[vector["case"]]
    return definition.map(
        facts,
        definition.validate(payload),
        MappingSettings(settings["include_content"], settings["sampling_rate"]),
    )


def same(expected, actual):
    if isinstance(expected, dict):
        return isinstance(actual, str) and same_json(expected["$json"], json.loads(actual))
    if expected == "$event_id":
        return actual == EVENT_ID
    if expected == "$emitted_at":
        return timestamp_ns(actual) == EMITTED_AT_NS
    return same_json(expected, actual)


def same_json(expected, actual):
    if isinstance(expected, list):
        return len(expected) == len(actual) and all(map(same_json, expected, actual))
    if isinstance(expected, dict):
        return set(expected) == set(actual) and all(
            same_json(value, actual[key]) for key, value in expected.items()
        )
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, int | float):
        return isinstance(actual, int | float) and math.isclose(expected, actual, abs_tol=1e-9)
    return expected == actual


def check_attributes(expected, record):
    for key, value in expected["attributes"].items():
        if value is None:
            assert record.attributes.get(key) is None, key
        else:
            assert same(value, record.attributes.get(key)), (key, value, record.attributes.get(key))
    assert not set(expected["absent"]) & set(record.attributes)


def hex_or_none(raw):
    return raw.hex() or None


def check_logs(expected, signals):
    assert [log.event_name for log in signals.logs] == [log["event_name"] for log in expected]
    for log, wanted in zip(signals.logs, expected, strict=True):
        check_attributes(wanted, log)
        for key in ("trace_id", "span_id"):
            value = wanted[key]
            if value == "$span":
                assert getattr(log, key) == getattr(signals.spans[0], key)
            else:
                assert hex_or_none(getattr(log, key)) == value


def check_spans(expected, signals):
    assert [span.name for span in signals.spans] == [span["name"] for span in expected]
    for span, wanted in zip(signals.spans, expected, strict=True):
        check_attributes(wanted, span)
        for key in ("trace_id", "span_id", "parent_span_id"):
            value = hex_or_none(getattr(span, key))
            assert value == wanted[key] or (wanted[key] == "$any" and int(value, 16))
        assert ("UNSET" if span.error is None else "ERROR") == wanted["status"]
        assert span.error == wanted.get("status_description")
        assert span.start_ns == instant(wanted["start_ns"], wanted)
        assert span.end_ns == instant(wanted["end_ns"], wanted)


def instant(expected, wanted):
    if expected == "$emitted_at":
        return EMITTED_AT_NS
    if expected == "$emitted_at_minus_elapsed":
        (elapsed_s,) = (v for k, v in wanted["attributes"].items() if k.endswith(".elapsed_time"))
        return EMITTED_AT_NS - round(elapsed_s * 1e9)
    return expected


def check_metrics(expected, signals):
    wanted = sorted(
        (
            m["name"],
            m["kind"],
            m["unit"],
            sorted(m["attributes"].items()),
            m.get("value", m.get("sum")),
        )
        for m in expected
    )
    found = sorted(
        (*m.instrument, sorted(zip(m.label_keys, m.label_values, strict=True)), m.value)
        for m in signals.measurements
    )
    assert [w[:4] for w in wanted] == [f[:4] for f in found]
    assert all(math.isclose(w[4], f[4], abs_tol=1e-9) for w, f in zip(wanted, found, strict=True))
    assert all(m.get("count", 1) == 1 for m in expected)  # one event: one value per label set


@pytest.mark.parametrize("vector", HERE, ids=lambda vector: vector["id"])
def test_a_vector(vector):
    expected = vector["expect"]
    if expected["admission"] == "$any":
        with pytest.raises(ValidationError):
            mapped(vector)
        return
    signals = mapped(vector)

    check_logs(expected["logs"], signals)
    check_spans(expected["spans"], signals)
    check_metrics(expected["metrics"], signals)
    assert not [text for text in expected["forbid_text"] if text in repr(signals)]


def test_the_vectors_are_there():
    assert len(HERE) >= 18
