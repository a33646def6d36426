"""What is left of an off-loaded payload: cut down by rule, and read back from any bytes (g28)."""

import datetime
import pickle
import tracemalloc

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telemetry_actors.event.envelope import PAYLOAD_FALLBACK_MAX_BYTES, unpack_map
from telemetry_actors.event.fallback import CutRule, cut_down, read_fallback

RULE = CutRule(required=frozenset({"id", "status"}), gated=frozenset({"inputs", "query"}))
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
VALUES = st.recursive(
    SCALARS | st.text(max_size=20),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=5), below),
    max_leaves=20,
)
PAYLOADS = st.dictionaries(st.text(max_size=8), VALUES, max_size=8)


def read(data, *, allow_pickle=False):
    return read_fallback(data, allow_pickle=allow_pickle)


# -- cutting --------------------------------------------------------------------------------------


@given(PAYLOADS, st.integers(0, 300))
@example({}, 0)
def test_g11_a_fallback_fits_and_has_whole_values_in_their_order(payload, most):
    cut = cut_down(payload, RULE, most)
    if cut is None:
        assert payload
        return
    assert len(cut) <= max(most, 1)
    kept = unpack_map(cut)
    assert [(k, payload[k]) for k in payload if k in kept] == list(kept.items())


@given(PAYLOADS)
def test_what_fits_is_not_cut(payload):
    assert unpack_map(cut_down(payload, RULE)) == payload


def test_the_bound_is_inclusive():
    room = PAYLOAD_FALLBACK_MAX_BYTES - len(msgpack.packb({"a": "x" * 60_000})) - 4 + 60_000
    exact = cut_down({"a": "x" * room}, RULE)

    assert len(exact) <= PAYLOAD_FALLBACK_MAX_BYTES
    assert PAYLOAD_FALLBACK_MAX_BYTES - len(exact) <= 4  # the longest header is reckoned with
    assert cut_down({"a": "x" * (room + 1)}, RULE) is None


def test_g11_required_keys_first_then_scalars_then_what_is_nested_then_content_and_long_texts():
    payload = {
        "inputs": "i" * 300,
        "note": "n" * 1_100,
        "nested": {"k": "v" * 200},
        "number": 12345,
        "short": "s" * 100,
        "id": "d" * 400,
        "status": "ok",
    }
    order = []
    for most in range(2_500):
        kept = unpack_map(cut_down(payload, RULE, most) or b"\x80")
        order += [key for key in kept if key not in order]

    sizes = {key: len(msgpack.packb(value)) for key, value in payload.items()}
    roomy = cut_down(payload, RULE, sizes["id"] + sizes["status"] + 30)
    assert set(unpack_map(roomy)) >= {"id", "status"}
    assert "inputs" not in unpack_map(cut_down(payload, RULE, 900))
    assert {"id", "status", "number", "short", "nested"} == set(
        unpack_map(cut_down(payload, RULE, 850))
    )
    assert set(order) == set(payload)


# -- reading --------------------------------------------------------------------------------------


@given(PAYLOADS)
def test_a_packed_map_is_read_as_it_is(payload):
    packed = msgpack.packb(payload)
    assert read(packed) == packed


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        msgpack.packb([1]),
        msgpack.packb("text"),
        msgpack.packb({"a": 1}) + b"\xc0",
        msgpack.packb({"a": 1})[:-1],
        msgpack.packb({1: 2}),
        msgpack.packb({b"a": 2}),
        msgpack.packb({"a": msgpack.ExtType(5, b"x")}),
        msgpack.packb({"a": msgpack.Timestamp(1)}),
        msgpack.packb({"a": "x" * PAYLOAD_FALLBACK_MAX_BYTES}),
        b"\x81\xa1a" + b"\x91" * 5_000 + b"\xc0",
        b"\x81\xa1a" + b"\xdd\x7f\xff\xff\xff" * 10_000,
    ],
    ids=lambda data: repr(data)[:24],
)
def test_g28_what_is_no_map_of_plain_data_is_nothing(data):
    assert read(data) is None
    assert read(data, allow_pickle=True) is None


@given(st.binary(max_size=400) | st.binary(max_size=200).map(lambda b: b"\x80\x04" + b))
@example(b"\x80\x04r\xff\xff\xff\x7f.")
@example(b"\x80\x02" + b"(" * 300)
def test_g28_any_bytes_give_a_packed_map_or_nothing(data):
    for allow_pickle in (False, True):
        found = read(data, allow_pickle=allow_pickle)
        assert found is None or isinstance(unpack_map(found), dict)


def a_deep_claim():
    """Lists that say they have 2**31 values, within one another, as far as there is room."""
    return b"\x81\xa1a" + b"\xdd\x7f\xff\xff\xff" * 13_000


def a_memo_claim(opcode):
    return b"\x80\x04}" + opcode + b"\xff\xff\xff\x7f."


def said_many_times():
    """A long text, referred to 20,000 times."""
    text = b"X\x00\x80\x00\x00" + b"x" * 0x8000 + b"q\x00"
    return b"\x80\x02}X\x01\x00\x00\x00a]" + b"(" + text + b"h\x00" * 15_000 + b"es."


def doubled_many_times():
    """A list of the list before it, twice: two to the power of thirty values."""
    value: list = [0]
    for _ in range(30):
        value = [value, value]
    return pickle.dumps({"a": value}, 4)


def test_the_bomb_is_one():
    """Else the next test would prove nothing by it."""
    said = pickle.loads(said_many_times())["a"]
    assert sum(map(len, said)) > 400_000_000


BOMBS = {
    "deep claim": a_deep_claim(),
    "memo": a_memo_claim(b"r"),
    "said many times": said_many_times(),
    "doubled": doubled_many_times(),
    "bytes that are not there": b"\x80\x04}X\x01\x00\x00\x00aB\xff\xff\xff\x7fx",
    "bytearray": b"\x80\x05}\x8c\x01a\x96\xff\xff\xff\xff\xff\x00\x00\x00s.",
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_g28_hostile_bytes_cost_little_memory(data):
    assert len(data) <= PAYLOAD_FALLBACK_MAX_BYTES
    tracemalloc.start()
    try:
        assert read(data, allow_pickle=True) is None
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


PLAIN = {
    "text": "ä",
    "list": [1, 2.5, None, True, -(2**40), 2**64 - 1],
    "map": {"k": {"k": []}},
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_g28_a_pickle_of_plain_data_is_read_only_if_the_settings_say_so(protocol):
    data = pickle.dumps(PLAIN, protocol)

    assert read(data) is None
    assert unpack_map(read(data, allow_pickle=True)) == PLAIN


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_bytes_tuples_and_sets_of_a_pickle_take_the_form_that_they_have_at_the_door(protocol):
    data = pickle.dumps({"t": (1, (2,)), "b": b"raw"}, protocol)

    assert unpack_map(read(data, allow_pickle=True))["t"] == [1, [2]]
    assert isinstance(unpack_map(read(data, allow_pickle=True))["b"], str)
    assert unpack_map(read(pickle.dumps({"s": {1}}, 4), allow_pickle=True)) == {"s": [1]}


class Evil:
    def __reduce__(self):
        return (exec, ("raise AssertionError('a pickle was run')",))


@pytest.mark.parametrize(
    "value",
    [Evil(), datetime.date(2026, 1, 1), Evil, len, complex(1, 2), bytearray(b"x"), 1 + 0j],
    ids=lambda value: repr(value).partition(" at 0x")[0],
)
@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_g28_no_name_is_ever_looked_up(value, protocol):
    assert read(pickle.dumps({"a": value}, protocol), allow_pickle=True) is None


def test_a_pickle_of_an_old_protocol_or_with_something_behind_it_is_nothing():
    assert read(pickle.dumps({"a": 1}, 0), allow_pickle=True) is None
    assert read(pickle.dumps({"a": 1}, 4) + b"x", allow_pickle=True) is None
    assert read(pickle.dumps([1], 4), allow_pickle=True) is None


def test_an_int_of_any_length_is_a_mark():
    data = pickle.dumps({"a": 1 << 400_000}, 4)
    assert unpack_map(read(data, allow_pickle=True)) == {"a": "<int of 400001 bits>"}


def test_a_ring_is_nothing():
    ring = {}
    ring["a"] = ring
    assert read(pickle.dumps(ring, 4), allow_pickle=True) is None
