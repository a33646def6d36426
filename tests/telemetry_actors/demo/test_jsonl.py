"""JSONL: good lines become events; bad ones have a number and a reason, and stop nothing."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors.demo import jsonl as _jsonl
from telemetry_actors.demo._lines import numbered_lines
from telemetry_actors.demo.event import BadLine, MadeEvent
from telemetry_actors.demo.jsonl import event_of_line, read_jsonl

GOOD = {"case": "app_created", "context": {"tenant_id": "acme"}, "payload": {"app_id": "a1"}}
VECTORS = Path(__file__).parents[2] / "data/signals/sample.jsonl"


def line(**changes):
    return json.dumps({**GOOD, **changes}).encode()


def test_a_good_line():
    text = line(event_id="e-1", at="2026-11-20T08:15:30.123457Z")

    assert event_of_line(7, text) == MadeEvent(
        case="app_created",
        context={"tenant_id": "acme"},
        payload={"app_id": "a1"},
        event_id="e-1",
        at_ns=1_795_162_530_123_457_000,
        line=7,
    )


@pytest.mark.parametrize(
    ("at", "at_ns"),
    [
        (None, None),
        (0, 0),
        (1.5, 1_500_000_000),
        (12, 12_000_000_000),
        (2**63 - 1, 2**63 - 1),
        (1_795_162_530, 1_795_162_530_000_000_000),
        (1_795_162_530_123_457_001, 1_795_162_530_123_457_001),
        ("1970-01-01T00:00:01", 1_000_000_000),
        ("1970-01-01T01:00:01+01:00", 1_000_000_000),
    ],
)
def test_at_is_a_time_or_a_number(at, at_ns):
    event = event_of_line(1, line(at=at))

    assert isinstance(event, MadeEvent)
    assert event.at_ns == at_ns


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"nonsense", "not JSON: Expecting value at column 1"),
        (b'{"case": ', "not JSON: Expecting value at column 10"),
        (b"[1, 2]", "not an object"),
        (b"null", "not an object"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"{}", "no case"),
        (line(case=5), "case is not a text"),
        (line(case="tea_break"), "unknown case 'tea_break'"),
        (line(context=[1]), "context is not an object"),
        (line(payload="x"), "payload is not an object"),
        (b'{"case": "app_created", "payload": {}}', "no context"),
        (b'{"case": "app_created", "context": {}}', "no payload"),
        (line(event_id=""), "event_id is not a text of a character or more"),
        (line(event_id=12), "event_id is not a text of a character or more"),
        (line(at="noon"), "at is no RFC 3339 time: 'noon'"),
        (line(at=[1]), "at is neither a time nor a number"),
        (line(at=True), "at is neither a time nor a number"),
        (
            b'{"case":"app_created","context":{},"payload":{},"at":1e999}',
            "at is neither a time nor a number",
        ),
        (line(at=float("nan")), "at is neither a time nor a number"),
        (line(at=1e300), "at is neither a time nor a number"),
        (line(at=-1e300), "at is neither a time nor a number"),
        (line(at=10**401), "at is neither a time nor a number"),
        (line(at=-(10**401)), "at is neither a time nor a number"),
        (line(at=2**63), "at is neither a time nor a number"),
        (line(payload={"x": [[]] * 1_000_000}), "more than 1000000 values"),
    ],
)
def test_a_bad_line_says_why(text, reason):
    bad = event_of_line(3, text)

    assert isinstance(bad, BadLine)
    assert bad.line == 3
    assert bad.reason.startswith(reason)


def test_an_id_of_any_length_is_for_the_door_to_judge():
    assert event_of_line(1, line(event_id="x" * 5000)).event_id == "x" * 5000


def test_bad_lines_never_stop_the_rest():
    stream = io.BytesIO(b"\xef\xbb\xbf" + b"\n".join([line(), b"?", b"", b"  ", line(), b"{}"]))

    found = list(read_jsonl(stream))

    assert [f.line for f in found] == [1, 2, 5, 6]
    assert [type(f) for f in found] == [MadeEvent, BadLine, MadeEvent, BadLine]


def test_a_line_without_end_is_read_past_and_never_held(monkeypatch):
    monkeypatch.setattr(_jsonl, "numbered_lines", lambda s: numbered_lines(s, 1000))
    stream = io.BytesIO(b"x" * 50_000 + b"\n" + line())

    bad, good = read_jsonl(stream)

    assert isinstance(bad, BadLine)
    assert bad.reason.startswith("longer than")
    assert (bad.line, good.line) == (1, 2)


def test_recorded_vectors_can_be_replayed_as_they_are():
    """tests/data/signals has further keys in each line; they are ignored."""
    with VECTORS.open("rb") as vectors:
        found = list(read_jsonl(vectors))

    assert found
    assert all(isinstance(event, MadeEvent) for event in found)


@given(st.binary(max_size=200))
def test_any_bytes_give_an_event_or_a_reason(text):
    found = event_of_line(1, text)

    assert isinstance(found, MadeEvent | BadLine)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists))
def test_any_value_as_at_gives_an_event_or_a_reason(value):
    found = event_of_line(1, json.dumps({**GOOD, "at": value}).encode())

    assert isinstance(found, MadeEvent | BadLine)
