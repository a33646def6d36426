"""The JSON form: ours there and back, eras S and M, and bytes that no one trusts."""

import base64
import json
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors import TelemetryEnvelope
from telemetry_actors.errors import EnvelopeError
from telemetry_actors.event.envelope import Envelope, msgpack, unpack_map, with_origin
from telemetry_actors.event.ids import parse_uuid
from telemetry_actors.event.json_form import from_json, to_json
from telemetry_actors.event.ticket import Ticket

OLD = {"case": "app_created", "tenant_id": "t", "event_id": "e", "payload": {"app_id": "a"}}


def envelope(payload=None, fallback=None, metadata=None, **context):
    packed = None if payload is None else msgpack.packb(payload)
    head = msgpack.packb({"tenant_id": "t", **context})
    return Envelope(
        "app_created", "t", "e", 1_700_000_000_123_456_789, head, packed, fallback, metadata
    )


def ours(payload, **more):
    return to_json(with_origin((Ticket(7, 0, 0), envelope(payload, **more)), "uuid-1"))


def test_an_event_of_ours_comes_back_with_its_time_context_and_origin():
    read = from_json(ours({"app_id": "a", "none": None}, user_id="u"), "task")

    assert (read.case, read.event_id, read.emitted_at) == (
        "app_created",
        "e",
        1_700_000_000_123_456_789,
    )
    assert read.context == {"tenant_id": "t", "user_id": "u"}
    assert read.payload == {"app_id": "a", "none": None}
    assert read.metadata == {"origin": ["uuid-1", 7]}


def test_an_empty_payload_is_a_payload():
    assert from_json(ours({}), "task").payload == {}


def test_an_event_keeps_the_origin_that_it_came_with():
    item = (Ticket(7, 0, 0), envelope({}, metadata={"origin": ["first", 1]}))
    assert with_origin(item, "second").metadata == {"origin": ["first", 1]}


def test_what_json_cannot_carry_is_written_as_something_that_it_can():
    read = from_json(ours({"raw": b"\xff\xfe", "nan": float("nan"), "high": 2**64 - 1}), "task")
    assert base64.urlsafe_b64decode(read.payload["raw"]) == b"\xff\xfe"
    assert (read.payload["nan"], read.payload["high"]) == (None, 2**64 - 1)


def test_a_fallback_travels_as_base64_and_an_off_loaded_payload_as_a_key():
    text = ours(None, fallback=b"\x80\x05\xff", metadata={"payload_ref": "telemetry/t/e.json"})
    read = from_json(text, "task")

    assert json.loads(text)["payload_fallback"] == base64.b64encode(b"\x80\x05\xff").decode()
    assert (read.payload, read.fallback) == (None, b"\x80\x05\xff")
    assert read.metadata["payload_ref"] == "telemetry/t/e.json"


def test_an_era_m_worker_reads_ours_which_refuses_every_key_that_it_does_not_know():
    fields = json.loads(ours({"app_id": "a"}))
    assert set(fields) == {"case", "tenant_id", "event_id", "payload", "metadata"}


@pytest.mark.parametrize("more", [{"payload_fallback": None, "metadata": None}, {}, {"new": 1}])
def test_old_producers_are_read_and_their_tasks_id_is_the_claim(more):
    read = from_json(json.dumps(OLD | more), "task-1")
    assert read.metadata == {"origin": ["celery", "task-1"]}
    assert (read.emitted_at, read.context, read.payload) == (
        None,
        {"tenant_id": "t"},
        {"app_id": "a"},
    )


def test_an_era_s_fallback_that_is_no_base64_is_the_texts_own_bytes():
    read = from_json(json.dumps(OLD | {"payload": {}, "payload_fallback": '{"a": "é"}'}), "task")
    assert (read.payload, read.fallback) == (None, '{"a": "é"}'.encode())


@pytest.mark.parametrize(
    "form",
    [
        lambda data: base64.urlsafe_b64encode(data).decode(),
        lambda data: base64.encodebytes(data).decode(),
        lambda data: base64.b64encode(data).decode().rstrip("="),
        lambda data: "\r\n".join(
            textwrap.wrap(base64.urlsafe_b64encode(data).decode().rstrip("="), 7)
        ),
    ],
    ids=["url-safe", "with line ends", "unpadded", "all of it"],
)
def test_c7_a_fallback_is_read_from_base64_of_any_form(form):
    fallback = msgpack.packb({"app_id": "a?>~" * 20, "n": 2**40, "x": "ÿ"})
    assert "/" in base64.b64encode(fallback).decode()
    read = from_json(json.dumps(OLD | {"payload": {}, "payload_fallback": form(fallback)}), "task")

    assert read.fallback == fallback
    assert TelemetryEnvelope(**OLD, payload_fallback=form(fallback)).payload_fallback == fallback


@pytest.mark.parametrize("nothing", ["", None])
def test_c6_an_empty_event_id_is_none_and_gives_a_new_one(nothing):
    """The task's own, so that one that is delivered again has the same."""
    text = json.dumps(OLD | {"event_id": nothing})
    first, again, other = (from_json(text, task).event_id for task in ("t1", "t1", "t2"))
    unnamed = {from_json(text, "").event_id for _ in range(3)}

    assert first == again != other
    assert len(unnamed) == 3
    assert all(map(parse_uuid, (first, other, *unnamed)))


def test_b3_an_id_that_is_an_int_is_its_decimal_text():
    read = from_json(json.dumps(OLD | {"tenant_id": 42, "event_id": 7}), "task")
    assert (read.context["tenant_id"], read.event_id) == ("42", "7")


@pytest.mark.parametrize("wrong", [True, 1.5, [], {}])
def test_an_id_that_has_no_text_is_refused(wrong):
    for key in ("tenant_id", "event_id"):
        with pytest.raises(EnvelopeError, match=key):
            from_json(json.dumps(OLD | {key: wrong}), "task")


@pytest.mark.parametrize("kind", [str, str.encode])
def test_c8_half_a_surrogate_pair_is_replaced_as_by_emit(kind):
    payload = {"app_id": "x\ud800y", "mode": "\U0001f600\\ud800", "\udc00": 1}
    text = kind(json.dumps(OLD | {"payload": payload}))
    assert b"\\ud800" in (text if isinstance(text, bytes) else text.encode())

    assert from_json(text, "task").payload == {
        "app_id": "x\ufffdy",
        "mode": "\U0001f600\\ud800",
        "\ufffd": 1,
    }


def test_c8_so_is_one_that_is_there_as_it_is():
    assert from_json(json.dumps(OLD).replace('a"}', '\ud800"}'), "").payload == {"app_id": "\ufffd"}


def test_a_fallback_may_have_64_kb_and_no_more():
    for size in (65_536, 65_537):
        text = json.dumps(OLD | {"payload_fallback": base64.b64encode(b"x" * size).decode()})
        if size == 65_536:
            assert len(from_json(text, "").fallback) == size
        else:
            with pytest.raises(EnvelopeError, match="payload_fallback"):
                from_json(text, "")


@pytest.mark.parametrize("origin", [None, [], ["x"], ["x", "y"], [1, 2], ["x" * 2000, 1], {"a": 1}])
def test_an_origin_that_is_none_is_not_believed(origin):
    read = from_json(json.dumps(OLD | {"metadata": {"origin": origin}}), "task")
    assert read.metadata["origin"] == ["celery", "task"]


@pytest.mark.parametrize("time", [True, -1, 0, 2**63, 1.5, "1"])
def test_a_time_that_is_none_is_the_time_at_which_it_is_taken_in(time):
    assert from_json(json.dumps(OLD | {"metadata": {"emitted_at": time}}), "").emitted_at is None


HOSTILE = [
    None,
    7,
    {},
    "",
    "[]",
    "{",
    b"\xff",
    "[" * 100_000,
    '{"a":' * 100_000,
    "{}",
    json.dumps(OLD | {"case": None}),
    json.dumps(OLD | {"tenant_id": "x" * 70_000}),
    json.dumps(OLD | {"payload": []}),
    json.dumps(OLD | {"metadata": []}),
    '{"a":"\\ud800",' + '"a":[' * 100_000,
    '{"a":"\\ud800"',
    json.dumps(OLD) + " " * (64 * 1024 * 1024),  # but for its size it is one
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_g28_what_is_no_envelope_is_refused_in_one_line(text):
    with pytest.raises(EnvelopeError) as refused:
        from_json(text, "task")
    assert len(str(refused.value)) < 500


def test_g21_a_refusal_has_no_content_in_its_words():
    with pytest.raises(EnvelopeError) as refused:
        from_json(json.dumps(OLD | {"payload": "secret", "tenant_id": 5}), "task")
    assert "secret" not in str(refused.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from([*TelemetryEnvelope.model_fields, "x"]), JSON) | JSON)
def test_g28_whatever_comes_is_read_or_refused(value):
    try:
        read = from_json(json.dumps(value), "task")
    except EnvelopeError:
        return
    assert read.payload is None or type(read.payload) is dict


@given(st.binary() | st.text())
def test_g28_bytes_are_read_or_refused(data):
    with pytest.raises(EnvelopeError):
        from_json(data, "task")


def test_the_metadata_that_comes_with_an_event_does_not_pile_up():
    again = envelope({}, metadata=from_json(ours({}), "task").metadata)
    assert json.loads(to_json(again))["metadata"] == {
        "origin": ["uuid-1", 7],
        "emitted_at": again.emitted_at,
        "context": unpack_map(again.context),
    }
