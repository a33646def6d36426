"""An error text in a letter says what went wrong, and nothing that the payload says (g21)."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors.stores.letters._redaction import without_values

SECRET = "my grandmother's recipe for Käsekuchen"


def packed(**payload):
    return msgpack.packb(payload)


@pytest.mark.parametrize(
    "error",
    [
        ValueError(SECRET),
        KeyError(SECRET),
        ValueError(f"could not convert {SECRET[:20]!r}..."),
        ValueError("line 1: " + SECRET[10:30]),
        RuntimeError({"a": SECRET}),
    ],
    ids=str,
)
def test_g18_no_letter_quotes_the_payload(error):
    text = without_values(f"{type(error).__name__}: {error}", packed(inputs={"deep": [SECRET]}))

    assert text.startswith(type(error).__name__)
    assert "[value]" in text
    assert not any(word in text for word in ("grandmother", "recipe", "Käse"))


def test_short_values_go_where_they_are_words():
    text = without_values("ValueError: chat, chatty, 123 and 1234", packed(mode="chat", n=123))

    assert text == "ValueError: [value], chatty, [value] and 1234"


def test_what_is_not_in_the_payload_stays():
    assert without_values("KeyError: 'status'", packed(mode="chat")) == "KeyError: 'status'"
    assert without_values("HTTP 403", None) == "HTTP 403"
    assert without_values("", packed(a="b")) == ""


@pytest.mark.parametrize(
    "payload",
    [b"\xc1", packed(a="x" * 1_048_577), packed(a=list(range(100, 30_000)))],
    ids=["unreadable", "large", "many"],
)
def test_where_it_can_not_be_told_the_kind_is_all(payload):
    assert without_values("ValueError: x", payload) == "ValueError"
    assert without_values("<odd>: x", payload) == "[value]"


@given(value=st.text(min_size=8, max_size=60), before=st.text(max_size=10), cut=st.integers(8, 60))
def test_no_long_piece_of_a_value_is_left(value, before, cut):
    text = without_values(before + value[:cut], packed(v=value))

    assert not any(value[i : i + 8] in text.replace("[value]", "\0") for i in range(len(value) - 7))
    assert len(text) <= 300
