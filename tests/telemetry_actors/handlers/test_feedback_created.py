"""FEEDBACK_CREATED, rule by rule (payloads.md 2.14)."""

import pytest

FEEDBACK = {
    "message_id": "m",
    "conversation_id": "c",
    "app_id": "a",
    "from_end_user_id": "eu",
    "from_account_id": "ac",
    "rating": "like",
    "from_source": "user",
    "content": "thanks",
}


def attributes_of(signals_of, payload, **how):
    return signals_of("feedback_created", payload, **how).logs[0].attributes


def test_one_log_with_exactly_these_attributes(signals_of):
    assert attributes_of(signals_of, FEEDBACK, event_id="e") == {
        "dify.event.name": "dify.feedback.created",
        "dify.event.signal": "metric_only",
        "dify.message.id": "m",
        "dify.tenant_id": "t",
        "dify.event.id": "e",
        "dify.app_id": "a",
        "dify.conversation.id": "c",
        "gen_ai.user.id": "eu",
        "dify.feedback.rating": "like",
        "dify.feedback.from_source": "user",
        "dify.feedback.created_at": "2026-11-20T08:15:40.000001Z",
        "log.record.uid": "e",
    }


@pytest.mark.parametrize("content", ["thanks", "", None])
def test_with_content_off_there_is_not_even_a_reference(signals_of, content):
    payload = {**FEEDBACK, "content": content}
    on = attributes_of(signals_of, payload, include_content=True)

    assert "dify.feedback.content" not in attributes_of(signals_of, payload)
    assert on.get("dify.feedback.content") == content


@pytest.mark.parametrize(
    ("payload", "user"),
    [
        ({"from_end_user_id": "eu", "from_account_id": "ac", "user_id": "u"}, "eu"),
        ({"from_end_user_id": "", "from_account_id": "ac", "user_id": "u"}, "ac"),
        ({"user_id": "u"}, "u"),
        ({}, "context-u"),
    ],
)
def test_the_user_is_who_gave_it(signals_of, payload, user):
    context = {"user_id": "context-u"}

    assert attributes_of(signals_of, payload, context=context)["gen_ai.user.id"] == user


def test_no_user_is_null(signals_of):
    assert "gen_ai.user.id" not in attributes_of(signals_of, {})


@pytest.mark.parametrize(("rating", "label"), [("dislike", "dislike"), (None, "")])
def test_a_rating_is_a_label_and_none_is_empty(signals_of, measured, rating, label):
    signals = signals_of("feedback_created", {"app_id": "a", "rating": rating})

    assert measured(signals) == {
        "dify.feedback.total": [({"tenant_id": "t", "app_id": "a", "rating": label}, 1)]
    }


def test_no_ids_no_span(signals_of):
    signals = signals_of("feedback_created", {**FEEDBACK, "trace_id": "4bf92f3577b34da6" * 2})

    assert (signals.logs[0].trace_id, signals.logs[0].span_id) == (b"", b"")
    assert signals.spans == ()


@pytest.mark.parametrize("unused", [{"app_name": 7}, {"workspace_name": []}, {"trace_id": 7}])
def test_what_is_not_used_is_not_looked_at(signals_of, unused):
    assert signals_of("feedback_created", unused).logs
