"""The types of payload keys are strict, and never wider than what can be sent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from telemetry_actors.handlers._fields import PAYLOAD, Count, Index, Price, Seconds, Timestamp


@with_config(PAYLOAD)
class Sample(TypedDict, total=False):
    count: Count | None
    index: Index | None
    seconds: Seconds | None
    price: Price | None
    timestamp: Timestamp | None
    text: str | None


validate = TypeAdapter(Sample).validate_python


@pytest.mark.parametrize(
    ("key", "given", "kept"),
    [
        ("count", 0, 0),
        ("count", -5, -5),
        ("count", 2**53, 2**53),
        ("index", 2**63 - 1, 2**63 - 1),
        ("seconds", 2, 2.0),
        ("seconds", -0.5, -0.5),
        ("seconds", 9e9, 9e9),
        ("price", 3, 3.0),
        ("price", "0.00045", 0.00045),
        ("price", "4.5E-7", 4.5e-7),
        ("price", "-1", -1.0),
        ("price", ".5", 0.5),
        ("timestamp", "1970-01-01T00:00:01Z", 1_000_000_000),
        ("timestamp", 5, 5_000_000_000),
        ("timestamp", 1.5, 1_500_000_000),
        ("text", "", ""),
        *[(key, None, None) for key in Sample.__annotations__],
    ],
)
def test_right_values_pass(key, given, kept):
    value = dict(validate({key: given}))[key]

    assert value == kept
    assert type(value) is type(kept)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[
            (key, wrong)
            for key in Sample.__annotations__
            for wrong in (True, b"1", [], {}, object())
        ],
        ("count", 1.0),
        ("count", "1"),
        ("count", 2**53 + 1),
        ("count", -(2**53) - 1),
        ("index", 2**63),
        ("seconds", "1"),
        ("seconds", float("nan")),
        ("seconds", float("inf")),
        ("seconds", 9.1e9),
        ("seconds", 10**400),
        ("price", ""),
        ("price", "free"),
        ("price", "nan"),
        ("price", "1e999"),
        ("price", " 1"),
        ("price", "1_0"),
        ("price", "1" * 101),
        ("price", float("inf")),
        ("price", 10**400),
        ("timestamp", float("nan")),
        ("timestamp", "yesterday"),
        ("timestamp", 10**30),
        ("text", 1),
    ],
)
def test_wrong_values_do_not(key, value):
    with pytest.raises(ValidationError):
        validate({key: value})


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9))
def test_a_decimals_text_is_a_price(price):
    if len(str(price)) <= 100:
        assert validate({"price": str(price)})["price"] == float(Decimal(price))


def test_unknown_keys_are_ignored():
    assert validate({"more": 1, b"bytes": 2, 7: 3}) == {}
