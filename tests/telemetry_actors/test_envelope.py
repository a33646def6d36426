"""The wire form goes there and back; bytes that no one trusts are read, or refused at once."""

import base64
import json
import tracemalloc
import uuid

import msgpack
import pydantic
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telemetry_actors import TelemetryCase, TelemetryContext, TelemetryEnvelope
from telemetry_actors.errors import EnvelopeError
from telemetry_actors.event.envelope import (
    PAYLOAD_FALLBACK_MAX_BYTES,
    PAYLOAD_SIZE_THRESHOLD_BYTES,
    Envelope,
    claim_of,
    unpack_map,
)
from telemetry_actors.event.ticket import Ticket

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
MAPS = st.dictionaries(st.text(), VALUES, max_size=5)
ENVELOPES = st.builds(
    Envelope,
    case=st.sampled_from(TelemetryCase).map(str) | st.text(),
    tenant_id=st.text(),
    event_id=st.text(),
    emitted_at=st.integers(0, 2**63),
    context=MAPS.map(msgpack.packb),
    payload=st.none() | MAPS.map(msgpack.packb),
    payload_fallback=st.none() | st.binary(max_size=50),
    metadata=st.none() | MAPS,
)
AN_ENVELOPE = Envelope("app_created", "t", "e", 1, b"\x80", b"\x80", None, None)


def fields_of(**changed):
    """The nine fields of a good envelope as a list, with some exchanged by number."""
    fields = [1, "app_created", "t", "e", 1, {}, b"\x80", None, None]
    for number, value in changed.items():
        fields[int(number.removeprefix("f"))] = value
    return fields


# -- there and back -------------------------------------------------------------------------------


@given(ENVELOPES)
def test_an_envelope_comes_back_as_it_was_packed(envelope):
    assert Envelope.unpack(envelope.pack()) == envelope


@given(ENVELOPES)
def test_the_wire_form_is_one_array_with_the_version_first(envelope):
    fields = msgpack.unpackb(envelope.pack())

    assert fields[:5] == [1, envelope.case, envelope.tenant_id, envelope.event_id, fields[4]]
    assert fields[5] == msgpack.unpackb(envelope.context)
    assert fields[6:] == [envelope.payload, envelope.payload_fallback, envelope.metadata]


@given(MAPS)
def test_a_map_comes_back_as_it_was_packed(value):
    assert unpack_map(msgpack.packb(value)) == value


def test_keys_that_are_no_texts_come_back_as_texts_at_every_level():
    packed = msgpack.packb({1: {None: [{2.5: "x"}]}, "a": 1})

    assert unpack_map(packed) == {"1": {"None": [{"2.5": "x"}]}, "a": 1}


# -- bytes that no one trusts ---------------------------------------------------------------------


def read(data):
    """What reading *data* gives; only a short `EnvelopeError` may come instead."""
    found = []
    for reader in (Envelope.unpack, unpack_map):
        try:
            found.append(reader(data))
        except EnvelopeError as error:
            found.append(len(str(error)) < 200 or error)
    return [value for value in found if value is not True]


@given(st.binary(max_size=200))
@example(b"")
@example(b"\xc1")
@example(b"\x99\x01")
def test_random_bytes_are_read_or_refused(data):
    assert not [found for found in read(data) if isinstance(found, EnvelopeError)]


@given(ENVELOPES, st.data())
def test_damaged_envelopes_are_read_or_refused(envelope, data):
    packed = bytearray(envelope.pack())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(packed) - 1))
        how = data.draw(st.sampled_from(["set", "cut", "insert", "remove"]))
        if how == "set":
            packed[at] = data.draw(st.integers(0, 255))
        elif how == "insert":
            packed[at:at] = data.draw(st.binary(max_size=5))
        else:
            del packed[at : len(packed) if how == "cut" else at + 1]
        if not packed:
            break

    for found in read(bytes(packed)):
        if isinstance(found, Envelope):
            assert Envelope.unpack(found.pack()).pack() == found.pack()


@given(st.sampled_from(range(9)), VALUES | MAPS)
def test_a_field_of_a_wrong_type_is_refused(number, value):
    allowed = [(1,), str, str, str, int, dict, bytes, bytes, dict][number]
    good = value in allowed if isinstance(allowed, tuple) else isinstance(value, allowed)
    if isinstance(value, bool):
        good = False
    if value is None:
        good = number > 5
    packed = msgpack.packb(fields_of(**{f"f{number}": value}))

    if good:
        Envelope.unpack(packed)
    else:
        with pytest.raises(EnvelopeError):
            Envelope.unpack(packed)


@pytest.mark.parametrize(
    "fields",
    [
        fields_of(f0=2),
        fields_of(f0=True),
        fields_of(f0=1.0),
        fields_of()[:8],
        [*fields_of(), None],
        dict(enumerate(fields_of())),
        "text",
        None,
    ],
    ids=str,
)
def test_another_version_or_another_shape_is_refused(fields):
    with pytest.raises(EnvelopeError):
        Envelope.unpack(msgpack.packb(fields))


def test_bytes_behind_the_envelope_are_refused():
    with pytest.raises(EnvelopeError):
        Envelope.unpack(AN_ENVELOPE.pack() + b"\x00")


@pytest.mark.parametrize("code", [5, 127, -1, -128])
@pytest.mark.parametrize("size", [0, 1, 4, 8, 12, 16, 300])
def test_an_extension_type_is_refused_wherever_it_stands(code, size):
    """No type of another library's, no timestamp, and no code of ours to make one."""
    extension = msgpack.ExtType(code, bytes(size)) if code >= 0 else raw_extension(code, size)
    for value in (extension, [extension], {"k": [extension]}):
        packed = pack_with(value)
        with pytest.raises(EnvelopeError):
            unpack_map(b"\x81\xa1k" + packed)
        with pytest.raises(EnvelopeError):
            Envelope.unpack(b"\x99\x01\xa1c\xa0\xa0\x01\x81\xa1k" + packed + b"\xc0\xc0\xc0")


class Raw:
    def __init__(self, data):
        self.data = data


def raw_extension(code, size):
    return Raw(
        b"\xc8" + size.to_bytes(2, "big") + code.to_bytes(1, "big", signed=True) + bytes(size)
    )


def pack_with(value):
    if isinstance(value, Raw):
        return value.data
    if isinstance(value, list):
        return b"\x91" + pack_with(value[0])
    if isinstance(value, dict):
        return b"\x81\xa1k" + pack_with(value["k"])
    return msgpack.packb(value)


BOMBS = {
    "a text of 4 GB": b"\x81\xa1a\xdb\xff\xff\xff\xff",
    "bytes of 4 GB": b"\x81\xa1a\xc6\xff\xff\xff\xff",
    "an array of 4 G": b"\x81\xa1a\xdd\xff\xff\xff\xff",
    "a map of 4 G": b"\xdf\xff\xff\xff\xff",
    "arrays in arrays": b"\x81\xa1a" + b"\x91" * 100_000,
    "maps in maps": b"\x81\xa1a" * 100_000,
    "keys in keys": b"\x81" * 100_000,
    "an extension of 4 GB": b"\x81\xa1a\xc9\xff\xff\xff\xff\x05",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_claim_to_be_large_costs_nothing(name):
    tracemalloc.start()
    try:
        assert read(BOMBS[name]) == []
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 10_000_000


def test_more_bytes_than_any_event_may_have_are_not_even_looked_at():
    with pytest.raises(EnvelopeError, match=f"at most {64 * 1024 * 1024}"):
        unpack_map(bytes(64 * 1024 * 1024 + 1))


@pytest.mark.parametrize("data", [b"\x90", b"\xc0", b"\x01", b"\xa1a"])
def test_what_is_no_map_is_no_payload(data):
    with pytest.raises(EnvelopeError, match="not a map"):
        unpack_map(data)


# -- the JSON form: signals.md 9.1, eras S and M --------------------------------------------------

MINIMAL = {"case": "app_created", "tenant_id": "t", "event_id": "e", "payload": {}}


def test_a_minimal_envelope_has_neither_fallback_nor_metadata():
    envelope = TelemetryEnvelope.model_validate(MINIMAL)

    assert (envelope.payload_fallback, envelope.metadata) == (None, None)
    assert envelope.case is not None
    assert envelope.case == TelemetryCase.APP_CREATED


def test_a_full_envelope_round_trips_all_fields():
    envelope = TelemetryEnvelope(
        case="workflow_run",
        tenant_id="t",
        event_id="e",
        payload={"a": [1, None, {"b": "ü"}]},
        payload_fallback=b"\x80\xff",
        metadata={"payload_ref": "telemetry/t/e.json"},
    )

    assert TelemetryEnvelope.model_validate_json(envelope.model_dump_json()) == envelope
    assert TelemetryEnvelope.model_validate(envelope.model_dump()) == envelope


@pytest.mark.parametrize("missing", MINIMAL)
def test_a_required_field_that_is_missing_is_refused(missing):
    with pytest.raises(pydantic.ValidationError, match=missing):
        TelemetryEnvelope.model_validate({k: v for k, v in MINIMAL.items() if k != missing})


def test_a_fallback_of_65536_bytes_is_accepted_and_one_more_is_refused():
    assert PAYLOAD_FALLBACK_MAX_BYTES == 65_536
    accepted = TelemetryEnvelope(**MINIMAL, payload_fallback=bytes(65_536))
    assert len(accepted.payload_fallback) == 65_536

    with pytest.raises(pydantic.ValidationError, match="64KB"):
        TelemetryEnvelope(**MINIMAL, payload_fallback=bytes(65_537))
    with pytest.raises(EnvelopeError, match="64KB"):
        Envelope.unpack(AN_ENVELOPE._replace(payload_fallback=bytes(65_537)).pack())
    fits = AN_ENVELOPE._replace(payload_fallback=bytes(65_536))
    assert Envelope.unpack(fits.pack()) == fits


def test_the_limit_of_the_fallback_counts_bytes_and_not_base64():
    text = base64.b64encode(bytes(65_536)).decode()
    accepted = TelemetryEnvelope.model_validate_json(
        json.dumps({**MINIMAL, "payload_fallback": text})
    )
    assert accepted.payload_fallback == bytes(65_536)

    too_much = base64.b64encode(bytes(65_537)).decode()
    with pytest.raises(pydantic.ValidationError, match="64KB"):
        TelemetryEnvelope.model_validate_json(json.dumps({**MINIMAL, "payload_fallback": too_much}))


@given(st.binary(max_size=300))
def test_any_bytes_travel_through_json(fallback):
    """Upstream meant raw bytes there, which JSON can't hold."""
    envelope = TelemetryEnvelope(**MINIMAL, payload_fallback=fallback)
    shown = json.loads(envelope.model_dump_json())

    assert base64.b64decode(shown["payload_fallback"]) == fallback
    assert TelemetryEnvelope.model_validate(shown) == envelope


def test_a_fallback_that_is_no_base64_is_refused():
    with pytest.raises(pydantic.ValidationError, match="base64"):
        TelemetryEnvelope.model_validate({**MINIMAL, "payload_fallback": "no base64!"})


@pytest.mark.parametrize(
    "era",
    [
        {**MINIMAL, "payload_fallback": None, "metadata": None},
        {**MINIMAL, "metadata": {"payload_ref": "telemetry/t/e.json"}},
        MINIMAL,
    ],
    ids=["S", "M", "M without metadata"],
)
def test_envelopes_of_both_eras_are_read(era):
    assert TelemetryEnvelope.model_validate_json(json.dumps(era)).tenant_id == "t"


def test_an_unknown_field_is_refused():
    with pytest.raises(pydantic.ValidationError):
        TelemetryEnvelope.model_validate({**MINIMAL, "more": 1})


def test_the_threshold_for_off_loading_is_one_mebibyte():
    assert PAYLOAD_SIZE_THRESHOLD_BYTES == 1_048_576


# -- the context ----------------------------------------------------------------------------------


def test_a_context_takes_more_than_it_names_and_never_changes():
    context = TelemetryContext(tenant_id="t", trace_id="x")  # type: ignore[call-arg]

    assert context.model_dump()["trace_id"] == "x"
    assert TelemetryContext().tenant_id == ""
    with pytest.raises(pydantic.ValidationError):
        context.tenant_id = "other"  # type: ignore[misc]


# -- whose an event's id is -----------------------------------------------------------------------


def an_item(metadata=None):
    return Ticket(7, 0, 100), Envelope("c", "t", "e", 1, b"\x80", b"\x80", None, metadata)


def test_g09_the_holder_of_a_claim_is_the_admission():
    assert claim_of(an_item()) == ("t", "e", 7)
    assert claim_of(an_item({"payload_ref": "x"})) == ("t", "e", 7)


@pytest.mark.parametrize(
    ("origin", "holder"), [(["0b5e", 17], "0b5e:17"), ("task-id", "task-id"), ([None], "None")]
)
def test_g09_who_comes_from_outside_brings_its_holder_along(origin, holder):
    assert claim_of(an_item({"origin": origin})) == ("t", "e", holder)


def test_a_key_of_bytes_is_its_text_however_deep_it_lies():
    """Msgpack takes it for a key of its own beside the text."""
    packed = msgpack.packb({"a": [{b"k": 1, "k": 2}], b"b": {b"c": b"\xff"}, "é": "Łódź ą Ɔ"})

    assert unpack_map(packed) == {
        "a": [{"k": 1, "k (2)": 2}],
        "b": {"c": b"\xff"},
        "é": "Łódź ą Ɔ",
    }


@pytest.mark.parametrize("value", [42, uuid.UUID(int=42), b"42"])
def test_a_context_object_takes_what_has_a_text(value):
    assert TelemetryContext(tenant_id=value).tenant_id in ("42", str(uuid.UUID(int=42)))


@pytest.mark.parametrize("value", [True, 1.5, [], object()])
def test_a_context_object_refuses_what_has_none(value):
    with pytest.raises(pydantic.ValidationError, match="tenant_id"):
        TelemetryContext(tenant_id=value)
