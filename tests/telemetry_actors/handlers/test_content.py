"""C(ref): the text of a value, or a reference to it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors.event.definition import JsonLimits
from telemetry_actors.handlers._content import json_text, text_list_or_map

finite_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


class Unprintable:
    def __str__(self):
        raise RuntimeError


@given(finite_json)
def test_json_text_reads_back_as_the_value(value):
    assert json.loads(json_text(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), '"NaN"'),
        ([float("-inf")], '["-Infinity"]'),
        (b"abc", '"abc"'),
        ({1: 2}, '{"1":2}'),
        ({"a": b"\xff", "b": b"abc"}, '{"a":"<1 bytes>","b":"abc"}'),
        ({b"\xff": 1}, '{"<1 bytes>":1}'),
        ("\ud800", '"\ufffd"'),
        ({"a": "\ud83d\ude00 \udc00"}, '{"a":"\U0001f600 \ufffd"}'),
        (
            ["\ud800", Unprintable(), 2.5, None, 2**70],
            f'["\ufffd","<unreadable Unprintable: RuntimeError>",2.5,null,{2**70}]',
        ),
    ],
)
def test_what_json_cannot_hold_becomes_its_text(value, text):
    assert json_text(value) == text


@pytest.mark.parametrize("innermost", [1, b"\xff"])
def test_what_is_nested_too_deep_is_cut_off(innermost):
    value = [innermost]
    for _ in range(5_000):
        value = [value]

    assert json_text(value) == "[" * 64 + '"<cut: nested too deep>"' + "]" * 64


def test_what_is_nested_as_deep_as_the_limit_is_whole():
    value = {"k": b"\xff"}
    for _ in range(63):
        value = {"k": value}

    assert json_text(value) == '{"k":' * 64 + '"<1 bytes>"' + "}" * 64


def test_lists_and_maps_with_too_many_values_are_cut_and_say_how_many_are_missing():
    limits = JsonLimits(items=3)

    assert json_text([[1, 2, 3], [1, 2, 3, 4, 5]], limits) == '[[1,2,3],[1,2,3,"<cut: 2 more>"]]'
    assert json_text(dict.fromkeys("abcd", 1), limits) == '{"a":1,"b":1,"c":1,"<cut: 1 more>":null}'


@given(finite_json, st.integers(0, 4), st.integers(1, 4))
def test_json_text_keeps_to_its_limits_and_is_the_value_where_it_is_within_them(
    value, levels, items
):
    read = json.loads(json_text(value, JsonLimits(levels, items)))

    assert depth_of(read) <= levels
    assert longest_in(read) <= items + 1
    if depth_of(value) <= levels and longest_in(value) <= items:
        assert read == value
    else:
        assert "<cut: " in json.dumps(read)


def inside(value):
    """Values of a list or map; None for any other."""
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else None


def depth_of(value):
    inner = inside(value)
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


def longest_in(value):
    inner = inside(value)
    return 0 if inner is None else max(len(inner), *map(longest_in, inner), 0)


@pytest.mark.parametrize(("value", "kept"), [("", True), ([], True), ({}, True), (7, False)])
def test_types_that_cannot_be_content_become_null_where_a_case_says_so(value, kept):
    assert text_list_or_map("k")({"k": value}) == (value if kept else None)
