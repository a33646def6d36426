"""The forms of one value: which texts, numbers and instants there are, and whose an event is."""

import enum
import uuid
from decimal import Decimal

import pytest
from hypothesis import given

from telemetry_actors.event.forms import (
    CONTEXT_KEYS,
    Unreadable,
    count_of,
    flag_of,
    id_of,
    id_of_any,
    index_of,
    is_id_key,
    number_of,
    read_context,
    seconds_of,
    tenant_of,
    text_of,
)
from telemetry_actors.event.sanitise import sanitise
from tests.properties.payloads import anything
from tests.telemetry_actors.promises.hostile import values


class Mode(enum.Enum):
    CHAT = "chat"


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), ("", ""), (42, "42"), (-1, "-1"), (b"a", "a"), ("<a>", "<a>")],
)
def test_an_id(value, text):
    assert id_of(value) == text


@pytest.mark.parametrize("value", [True, 1.5, None, [], {}, ["a"], b"\xff"])
def test_what_is_no_id(value):
    with pytest.raises(Unreadable):
        id_of(value)


def test_an_int_is_an_id_and_no_other_text():
    assert text_of("a") == text_of(b"a") == "a"
    with pytest.raises(Unreadable):
        text_of(42)


def test_an_id_is_told_by_the_name_of_its_key():
    assert all(map(is_id_key, ("user_id", "dataset_ids", "parent_workflow_run_id")))
    assert not any(map(is_id_key, ("status", "idea", "id_card", "app_name")))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Mode.CHAT, "chat"),
        (Decimal(5), "5"),
        (2**70, str(2**70)),
        ("x\ud800", "x\ud800"),
        (None, None),
        (True, None),
        (object(), None),
        (ValueError("no"), None),
        ({}, None),
    ],
)
def test_the_id_that_a_host_has(value, text):
    assert id_of_any(value) == text


@pytest.mark.parametrize("thing", values().values(), ids=values())
def test_g01_whatever_it_is_asked_for_it_raises_nothing(thing):
    assert isinstance(id_of_any(thing), str | None)
    assert isinstance(tenant_of(thing, thing), str)


@given(anything)
def test_one_value_has_one_text_at_the_door_and_behind_it(value):
    """So the two never disagree about whose event it is."""
    behind = sanitise(value)
    try:
        text = id_of(behind)
    except Unreadable:
        text = None

    assert id_of_any(value) in (text, None if text is None or text[:1] == "<" else value)


@pytest.mark.parametrize(
    ("payload", "context", "tenant"),
    [
        ("p", "c", "p"),
        (None, "c", "c"),
        ("", "c", "c"),
        ([], "c", "c"),
        (True, "c", "c"),
        (7, "c", "7"),
        (None, 42, "42"),
        (None, None, ""),
        (None, ["x"], ""),
        (b"p", None, "p"),
        (uuid.UUID(int=1), None, str(uuid.UUID(int=1))),
    ],
)
def test_b1_whose_event_it_is(payload, context, tenant):
    assert tenant_of(payload, context) == tenant


@pytest.mark.parametrize(
    ("read", "value", "found"),
    [
        (count_of, 12.0, 12),
        (count_of, "12", 12),
        (count_of, "12.0", 12),
        (count_of, 2**53, 2**53),
        (index_of, str(2**63 - 1), 2**63 - 1),
        (index_of, -(2**63), -(2**63)),
        (seconds_of, "1.5", 1.5),
        (seconds_of, 2, 2.0),
        (number_of, "1e-3", 0.001),
        (flag_of, False, False),
    ],
)
def test_a_number(read, value, found):
    assert read(value) == found
    assert type(read(value)) is type(found)


@pytest.mark.parametrize(
    ("read", "value"),
    [
        *[
            (read, value)
            for read in (count_of, index_of, seconds_of, number_of)
            for value in (
                True,
                "",
                "x",
                " 1",
                "1_0",
                "nan",
                float("nan"),
                float("inf"),
                [],
                {},
                b"1",
            )
        ],
        (count_of, 1.5),
        (count_of, "1.5"),
        (count_of, 2**53 + 1),
        (index_of, 2**63),
        (index_of, "1" * 101),
        (seconds_of, 9.1e9),
        (number_of, 10**400),
        (number_of, "1e999"),
        (flag_of, 1),
        (flag_of, "true"),
    ],
)
def test_what_is_no_number(read, value):
    with pytest.raises(Unreadable):
        read(value)


def test_a_context_of_texts_is_not_even_copied():
    context = dict.fromkeys(CONTEXT_KEYS, "x") | {"user_id": None, "more": [1]}

    assert read_context(context)[0] is context


def test_a_name_in_a_context_is_no_id():
    assert read_context({"app_name": 7, "workspace_name": b"w"}) == (
        {"workspace_name": "w"},
        ("context.app_name",),
    )


def test_what_a_context_says_of_an_app_or_a_user_is_read_as_in_a_payload():
    found, lost = read_context({"tenant_id": 42, "app_id": b"a", "user_id": [5], "more": 1.5})

    assert found == {"tenant_id": "42", "app_id": "a", "more": 1.5}
    assert lost == ("context.user_id",)
