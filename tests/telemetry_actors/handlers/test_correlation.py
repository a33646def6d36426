"""Whose event it is: payload before context, "" counts as nothing said."""

import pytest

from telemetry_actors.handlers import EventFacts
from telemetry_actors.handlers._correlation import (
    IdentityFields,
    identified,
    invoked_by,
    owner,
    resolved_trace_id,
)

CONTEXT = {
    "tenant_id": "context-t",
    "user_id": "context-u",
    "app_id": "context-a",
    "app_name": "context-an",
    "workspace_name": "context-wn",
}
PAYLOAD = IdentityFields(
    tenant_id="payload-t",
    app_id="payload-a",
    user_id="payload-u",
    app_name="payload-an",
    workspace_name="payload-wn",
)


def identity(facts, payload):
    return tuple(identified(facts, payload)[key] for key in PAYLOAD)


def facts(tenant_id="", context=CONTEXT):
    return EventFacts("e", tenant_id, 0, 0, context)


def test_the_payload_counts_first_but_for_the_tenant_which_was_decided_at_the_door():
    assert identity(facts("t"), PAYLOAD) == (
        "t",
        "payload-a",
        "payload-u",
        "payload-an",
        "payload-wn",
    )


@pytest.mark.parametrize("nothing", [{}, dict.fromkeys(CONTEXT), dict.fromkeys(CONTEXT, "")])
def test_then_the_envelope_and_the_context(nothing):
    assert identity(facts("t"), nothing) == (
        "t",
        "context-a",
        "context-u",
        "context-an",
        "context-wn",
    )
    assert owner(facts(), nothing) == ("context-t", "context-a")


def test_unknown_is_empty_text_and_for_the_user_null():
    assert identity(facts(context={}), {}) == ("", "", None, "", "")
    assert identity(facts(context={"user_id": ""}), {}) == ("", "", None, "", "")


@pytest.mark.parametrize("value", [None, ["a"], {"a": 1}, b"\xff", True, 1.5])
def test_what_is_no_text_in_the_context_counts_as_missing(value):
    assert identity(facts(context=dict.fromkeys(CONTEXT, value)), {}) == ("", "", None, "", "")


def test_what_an_older_version_has_kept_says_whose_it_is_in_its_payload():
    assert owner(facts(), PAYLOAD)[0] == "payload-t"


def test_an_id_in_the_context_that_is_an_int_is_its_decimal_text():
    assert identity(facts(context=dict.fromkeys(CONTEXT, 42)), {}) == ("42", "42", "42", "", "")


@pytest.mark.parametrize(
    ("payload", "user_id", "said"),
    [
        ({"invoked_by": "robot", "from_end_user_id": "e"}, "u", "robot"),
        ({"from_end_user_id": "e", "from_account_id": "a"}, "u", "end_user:e"),
        ({"invoked_by": "", "from_end_user_id": "", "from_account_id": "a"}, "u", "account:a"),
        ({"from_account_id": None}, "u", "user:u"),
        ({}, None, "anonymous"),
    ],
)
def test_who_set_it_off(payload, user_id, said):
    assert invoked_by({**payload, "user_id": user_id}) == said


@pytest.mark.parametrize(
    ("sources", "resolved"),
    [
        (("x", "r", "m"), "x"),
        (("", "r", "m"), "r"),
        ((None, "", "m"), "m"),
        ((None, None, ""), None),
    ],
)
def test_the_resolved_trace_id_is_the_first_that_says_something(sources, resolved):
    keys = ("trace_id", "workflow_run_id", "message_id")

    assert resolved_trace_id(dict(zip(keys, sources, strict=True))) == resolved


def test_what_the_payload_says_beside_stays_and_the_payload_is_not_changed():
    payload = {"x": 1}

    assert identified(facts("t"), payload)["x"] == 1
    assert payload == {"x": 1}
