"""The text of an object, and back: the same bytes, or unfit (g11, g28)."""

import json
import tracemalloc

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telemetry_actors.event.envelope import unpack_map
from telemetry_actors.ports import Unfit
from telemetry_actors.stages._payload_text import packed_of, text_of
from tests.telemetry_actors.stages.test_fallback import PAYLOADS


@given(PAYLOADS)
@example({"nan": float("inf"), "zero": -0.0, "tiny": 5e-324, "": {"": []}})
@example({"\u2028": "\x00\x7f\U0001f600", "a": -(2**63), "b": 2**64 - 1})
def test_g11_what_comes_back_is_what_went_away_to_the_byte(payload):
    packed = msgpack.packb(payload)
    assert packed_of(text_of(unpack_map(packed))) == packed


@pytest.mark.parametrize("value", [b"raw", {b"k": 1}, "\ud800"], ids=repr)
def test_what_json_can_not_carry_is_unfit(value):
    with pytest.raises(Unfit):
        text_of({"a": value})


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return {"a": value}


def test_what_is_nested_as_deep_as_the_door_lets_in_is_fit_and_deeper_is_not():
    assert packed_of(text_of(nested(100))) == msgpack.packb(nested(100))
    with pytest.raises(Unfit):
        text_of(nested(400))


HOSTILE = {
    "nothing": b"",
    "a list": b"[1]",
    "cut short": b'{"a": [1, 2',
    "too deep": b'{"a":' + b"[" * 2_000_000,
    "deep and whole": b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
    "an int of many digits": b'{"a":' + b"9" * 100_000 + b"}",
    "an int over 64 bits": b'{"a":18446744073709551616}',
    "no UTF-8": b'{"a":"\xff"}',
    "two": b"{}{}",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_g28_a_text_that_is_no_payload_is_unfit_and_costs_little(text):
    tracemalloc.start()
    try:
        with pytest.raises(Unfit):
            packed_of(text)
        assert tracemalloc.get_traced_memory()[1] < 40 * len(text) + 1_000_000
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
@example(b'{"a": NaN}')
@example(b'\xef\xbb\xbf{"a": 1}')
def test_g28_any_bytes_are_a_payload_or_unfit(data):
    try:
        packed = packed_of(data)
    except Unfit:
        return
    assert unpack_map(packed).keys() == json.loads(data).keys()


def test_half_a_surrogate_pair_of_another_writers_is_replaced_as_by_emit():
    assert unpack_map(packed_of(b'{"a":"x\\ud800","b":1}')) == {"a": "x\ufffd", "b": 1}
