"""g28: values are counted before one is made, and made in pieces."""

import json
import tracemalloc
from contextlib import contextmanager

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors.errors import EnvelopeError
from telemetry_actors.event.decoding import MAX_VALUES, TooLarge, check_json, decoded, has_too_many
from telemetry_actors.event.envelope import Envelope, is_of_later_version, unpack_map

PAD = "x" * MAX_VALUES
"""So that there are enough bytes for the values to be counted at all."""

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=40)
    | st.binary(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=5), inner, max_size=20)
    ),
    max_leaves=60,
)


@contextmanager
def limited(most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("telemetry_actors.event.decoding.MAX_VALUES", most)
        yield


def count_of(value):
    if isinstance(value, dict):
        return 1 + sum(1 + count_of(inner) for inner in value.values())
    return 1 + sum(map(count_of, value)) if isinstance(value, list) else 1


def many(count, of=b"\x80"):
    """A packed map whose one list makes it exactly *count* values, of a byte each."""
    rows = count - 3
    length = b"\xdd" + rows.to_bytes(4)
    return b"\x81\xa1x" + length + of * rows


def test_as_many_values_as_are_allowed_are_read_and_one_more_is_not():
    assert len(unpack_map(many(MAX_VALUES))["x"]) == MAX_VALUES - 3
    with pytest.raises(TooLarge, match="more than 1000000 values"):
        unpack_map(many(MAX_VALUES + 1))


@pytest.mark.parametrize(
    "data",
    [
        many(15_000_000),
        many(15_000_000, b"\xc0"),
        b"\xdd\x00\x00\x00\x0f" + (b"\xdd\x00\x0f\x42\x40" + b"\x80" * 1_000_000) * 15,
        b"\xdf\x00\x0f\x42\x40" + b"".join(b"\xce" + n.to_bytes(4) + b"\x80" for n in range(10**6)),
        b"\x81\xa1x\xdd\xff\xff\xff\xff" + b"\x80" * 2_000_000,
    ],
    ids=["maps", "nothing", "lists of maps", "keys that are no texts", "a lie"],
)
def test_g28_what_would_be_gigabytes_costs_nothing(data):
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            unpack_map(data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@given(VALUES, st.integers(-2, 2))
def test_values_are_counted_as_they_are(value, off):
    data, most = msgpack.packb(value), count_of(value) + off
    with limited(most):
        assert has_too_many(data) is (off < 0 and len(data) > most)


@pytest.mark.parametrize("code", range(256), ids="{:02x}".format)
def test_each_first_byte_is_passed_over_as_msgpack_does(code):
    """In a list, with small ones behind it that would be taken for something else."""
    for rest in (b"\x00" * 8, b"\x01" * 8):
        value = bytes((code,)) + rest
        unpacker = msgpack.Unpacker(ext_hook=lambda *_: None, strict_map_key=False)
        unpacker.feed(value + b"\x00" * 2**17)
        try:
            unpacker.skip()
        except (ValueError, msgpack.OutOfData):
            continue  # no such value, or one that would be longer than all this
        value = (value + b"\x00" * 2**17)[: unpacker.tell()]
        whole = b"\x96" + value + b"\x00" * 5
        with limited(count_after(value) + 6):
            assert not has_too_many(whole)
        with limited(count_after(value) + 5):
            assert has_too_many(whole) is (len(whole) > count_after(value) + 5)


def count_after(data):
    """Values in a packed one, itself included."""
    try:
        value = msgpack.unpackb(
            data,
            ext_hook=lambda *_: None,
            strict_map_key=False,
            object_pairs_hook=lambda pairs: [inner for pair in pairs for inner in pair],
            raw=True,
        )
    except Exception as error:
        raise AssertionError(data[:9]) from error
    return count_of(value)


def test_a_large_value_is_made_in_pieces_so_that_others_have_their_turn(monkeypatch):
    """The interpreter is let go between two calls into C, if another thread asks for it."""
    data, pieces = msgpack.packb({"x": [[{}] * 100] * 5000, "pad": "x" * 1_000_000}), []

    class Watched(msgpack.Unpacker):
        def feed(self, piece):
            pieces.append(len(piece))
            super().feed(piece)

    whole = msgpack.unpackb(data)
    monkeypatch.setattr("msgpack.Unpacker", Watched)
    monkeypatch.setattr("msgpack.unpackb", lambda *_, **__: pytest.fail("in one"))

    assert decoded(data) == whole
    assert sum(pieces) == len(data)
    assert max(pieces) <= 65_536


@pytest.mark.parametrize("size", [10, 65_536, 65_537, 1_000_000])
def test_what_is_behind_the_value_and_what_is_missing_is_refused_at_any_size(size):
    data = msgpack.packb({"x": "x" * size})

    assert decoded(data) == {"x": "x" * size}
    for spoilt in (data + b"\x00", data + data, data[:-1], data[:-size]):
        with pytest.raises(EnvelopeError):
            decoded(spoilt)


def test_the_version_of_an_envelope_is_read_without_the_rest():
    data = b"\x99\xdd\x00\x0f\x42\x40" + b"\x80" * 1_000_000
    tracemalloc.start()
    try:
        assert not is_of_later_version(data)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert is_of_later_version(b"\x99\xcf" + (2**40).to_bytes(8) + b"\x80" * 100)
    assert is_of_later_version(b"\xdc\x00\x20\x02" + b"\xc0" * 31)


def test_an_envelope_whose_context_has_keys_that_are_no_texts_is_read():
    envelope = Envelope("app_created", "t", "e", 1, msgpack.packb({1: 2}), b"\x80")
    assert unpack_map(Envelope.unpack(envelope.pack()).context) == {"1": 2}


# -- JSON -----------------------------------------------------------------------------------------


def test_json_of_as_many_values_as_are_allowed_passes_and_of_one_more_does_not():
    fits = json.dumps([0] * (MAX_VALUES - 2))
    check_json(fits)
    with pytest.raises(TooLarge):
        check_json(f"[{fits},[],0]")


def test_commas_in_texts_are_no_values():
    text = json.dumps({"x": ',:[{"\\' * MAX_VALUES})
    check_json(text)
    check_json(text.encode())
    check_json(text[:-2])  # torn, for the parser to say


@pytest.mark.parametrize(
    "text",
    [
        "[" * 2_000_000,
        "[" + "[],{}," * 500_000,
        '["' + ',,"' * 1_000_001,
        '"' * 4_000_000 + "," * 10**6,
        '{"a":' + "1," * 2_000_000,
    ],
    ids=["deep", "wide", "odd quotes", "quotes", "numbers"],
)
def test_g28_json_that_would_be_gigabytes_costs_nothing(text):
    for data in (text, text.encode()):
        with pytest.raises(TooLarge):
            check_json(data)


@given(VALUES)
def test_no_json_is_refused_that_has_few_values(value):
    try:
        text = json.dumps(value)
    except TypeError:
        return  # bytes
    with limited(2 * count_of(value)):  # the first value has its opening mark, too
        check_json(text)
        check_json(text.encode())
