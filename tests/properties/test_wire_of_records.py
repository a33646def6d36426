"""Records by hand and records by protobuf are the same bytes, whatever is in them."""

import math
from enum import IntEnum, StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from telemetry_actors.event.signals import LogSignal, SpanSignal
from telemetry_actors.sinks import encode
from telemetry_actors.sinks.encode import encode_log, encode_span
from telemetry_actors.sinks.frame import add_attributes


def by_protobuf(record):
    """What `opentelemetry-proto` makes of it."""
    if isinstance(record, LogSignal):
        message = LogRecord(
            time_unix_nano=record.time_ns,
            observed_time_unix_nano=record.observed_ns,
            severity_number=9,
            severity_text="INFO",
            event_name=record.event_name,
            trace_id=record.trace_id,
            span_id=record.span_id,
            flags=1 if record.trace_id and record.sampled else 0,
        )
        message.body.string_value = f"telemetry.{record.signal}"
    else:
        message = Span(
            name=record.name,
            kind=Span.SpanKind.SPAN_KIND_INTERNAL,
            trace_id=record.trace_id,
            span_id=record.span_id,
            parent_span_id=record.parent_span_id,
            start_time_unix_nano=record.start_ns,
            end_time_unix_nano=record.end_ns,
        )
        if record.error is not None:
            message.status.code = Status.StatusCode.STATUS_CODE_ERROR
            message.status.message = record.error
    add_attributes(message.attributes, record.keys, record.values)
    return message.SerializeToString()


def by_hand(record):
    return encode_log(record) if isinstance(record, LogSignal) else encode_span(record)


class Mode(StrEnum):
    CHAT = "chat"


class Level(IntEnum):
    HIGH = 300


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    ["", "x" * 63, "x" * 64, "x" * 65, "é" * 64, "x" * 124, "x" * 130, "x" * 16_500, "a\0b"]
)
ints = st.integers(-(2**63), 2**63 - 1) | st.sampled_from(
    [0, 1, -1, 127, 128, 16_383, 16_384, 2**63 - 1, -(2**63)]
)
values = (
    texts
    | ints
    | st.floats()
    | st.booleans()
    | st.none()
    | st.sampled_from([Mode.CHAT, Level.HIGH, -0.0, math.inf])
)
keys = st.sampled_from(["a", "dify.app_id", "k" * 100, "k" * 130, "ключ", ""]) | texts
times = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 1_764_000_000_000_000_000])
attributes = st.lists(st.tuples(keys, values), max_size=12).map(
    lambda pairs: (tuple(k for k, _ in pairs), tuple(v for _, v in pairs))
)


def ids(length):
    return st.binary(min_size=length, max_size=length)


logs = st.builds(
    lambda name, signal, both, *rest: LogSignal(name, signal, both[0], both[1], *rest),
    texts,
    texts,
    attributes,
    ids(16) | st.just(b""),
    ids(8) | st.just(b""),
    times,
    times,
    st.booleans(),
)
spans = st.builds(
    lambda name, trace, span, parent, start, end, both, error: SpanSignal(
        name, trace, span, parent, start, end, both[0], both[1], error
    ),
    texts,
    ids(16),
    ids(8),
    ids(8) | st.just(b""),
    times,
    times,
    attributes,
    texts | st.none(),
)


@given(logs | spans)
def test_a_record_is_what_protobuf_makes_of_it(record):
    assert by_hand(record) == by_protobuf(record)
    assert by_hand(record) == by_protobuf(record)  # with what is remembered by now


BASE = LogSignal("e", "s", ("k",), ("v",), b"", b"", 1, 2)
SPAN = SpanSignal("n", b"t" * 16, b"s" * 8, b"", 1, 2, ("k",), ("v",), None)


@pytest.mark.parametrize(
    "bad", [2**63, -(2**63) - 1, "\ud800", b"bytes", ["a list"], {"a": 1}, object(), 1j]
)
def test_what_protobuf_refuses_is_refused(bad):
    for record in (BASE._replace(values=(bad,)), SPAN._replace(values=(bad,))):
        for made in (by_protobuf, by_hand):
            with pytest.raises((ValueError, TypeError)):
                made(record)


@pytest.mark.parametrize("bad", [2**63, {"a": 1}])
def test_a_refusal_names_the_attribute_and_not_its_value(bad):
    with pytest.raises(
        (ValueError, TypeError), match=r"^attribute 'k' is an? \w+[\w -]*$"
    ) as raised:
        by_hand(BASE._replace(values=(bad,)))
    assert str(bad) not in str(raised.value)


@pytest.mark.parametrize("bad", [-1, 2**64, 1.5, "1", None])
def test_a_time_that_is_none_is_refused(bad):
    if bad is None:
        return  # protobuf takes it for absent; ours has it from a clock
    with pytest.raises(Exception, match=r".+"):
        by_hand(BASE._replace(time_ns=bad))
    with pytest.raises(Exception, match=r".+"):
        by_hand(SPAN._replace(end_ns=bad))


@pytest.mark.parametrize("field", ["trace_id", "span_id"])
def test_an_id_of_another_length_is_refused(field):
    for record in (BASE, SPAN):
        with pytest.raises(ValueError, match="an id of 5 bytes"):
            by_hand(record._replace(**{field: b"short"}))


class TestWhatIsRemembered:
    def test_is_bounded_however_many_keys_values_and_names_there_are(self, monkeypatch):
        known = encode._Keys(0x32)
        monkeypatch.setattr(encode, "_LOG_KEYS", known)
        monkeypatch.setattr(encode, "_BODIES", {})
        monkeypatch.setattr(encode, "_NAMES", {})
        for number in range(3000):
            keys, values = (f"k{number}", "id"), ("v", f"i{number}")
            record = LogSignal(f"n{number}", f"s{number}", keys, values, b"", b"", 1, 2)
            assert by_hand(record) == by_protobuf(record)
        assert len(known._known) <= encode._MOST_KEYS
        assert len(known._tables) <= encode._MOST_TABLES
        assert len(encode._BODIES) == len(encode._NAMES) == encode._MOST_TEXTS

    def test_a_key_with_many_values_remembers_none_and_one_with_few_all(self):
        ids_, status = encode._Key(0x32, "id"), encode._Key(0x32, "status")
        for number in range(1000):
            ids_.text(f"id-{number}")
            status.text(("ok", "failed")[number % 2])
        assert ids_.known is None
        assert sorted(status.known) == ["failed", "ok"]

    def test_long_names_are_not_however_many_there_are(self, monkeypatch):
        known = encode._Keys(0x32)
        monkeypatch.setattr(encode, "_LOG_KEYS", known)
        monkeypatch.setattr(encode, "_BODIES", {})
        monkeypatch.setattr(encode, "_NAMES", {})
        for number in range(10):
            long = f"{number}" * 129
            record = LogSignal(long, long, ("a", long), ("v", 1), b"", b"", 1, 2)
            assert by_hand(record) == by_protobuf(record)
        assert (list(known._known), known._tables) == (["a"], {})
        assert (encode._BODIES, encode._NAMES) == ({}, {})

    def test_long_texts_are_not(self):
        key = encode._Key(0x32, "content")
        key.text("x" * 1000)
        assert key.known == {}

    def test_a_table_of_keys_is_told_from_one_that_gets_its_place_in_memory(self):
        for number in range(5000):
            names = (f"key-{number % 7}", "x" * (number % 3))
            record = BASE._replace(keys=names, values=("a", "b"))
            assert by_hand(record) == by_protobuf(record)
            del names, record
