"""SUGGESTED_QUESTION, rule by rule (payloads.md 2.7); what operations share: `test_operations`."""

import pytest
from pydantic import ValidationError


def test_an_empty_payload_is_a_payload(signals_of):
    (log,) = signals_of("suggested_question", {}, event_id="e").logs

    assert log.attributes == {
        "dify.event.name": "dify.suggested_question.generation",
        "dify.event.signal": "metric_only",
        "dify.tenant_id": "t",
        "dify.app_id": "",
        "dify.app.name": "",
        "dify.workspace.name": "",
        "gen_ai.usage.total_tokens": 0,
        "dify.suggested_question.count": 0,
        "dify.suggested_question.status": "succeeded",
        "dify.suggested_question.questions": "ref:message_id=None",
        "log.record.uid": "e",
    }


@pytest.mark.parametrize("include_content", [True, False])
def test_questions_are_counted_with_content_on_and_off(signals_of, include_content):
    payload = {"questions": ["a?", "b?"], "message_id": "m"}
    signals = signals_of("suggested_question", payload, include_content=include_content)
    attributes = signals.logs[0].attributes

    assert attributes["dify.suggested_question.count"] == 2
    shown = '["a?","b?"]' if include_content else "ref:message_id=m"
    assert attributes["dify.suggested_question.questions"] == shown


def test_with_content_on_no_questions_are_an_empty_list(signals_of):
    (log,) = signals_of("suggested_question", {}, include_content=True).logs

    assert log.attributes["dify.suggested_question.questions"] == "[]"


@pytest.mark.parametrize("questions", ["a?", {"a": 1}, 7])
@pytest.mark.parametrize("include_content", [True, False])
def test_questions_that_cannot_be_counted_are_invalid(signals_of, questions, include_content):
    with pytest.raises(ValidationError):
        signals_of("suggested_question", {"questions": questions}, include_content=include_content)


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({"status": "partial"}, "partial"),
        ({"status": None}, "succeeded"),
        ({"status": "partial", "error": "boom"}, "failed"),
    ],
)
def test_an_error_overrules_the_status(signals_of, payload, status):
    (log,) = signals_of("suggested_question", payload).logs

    assert log.attributes["dify.suggested_question.status"] == status


def test_tokens_are_an_attribute_and_in_no_counter(signals_of, measured):
    payload = {"total_tokens": 52, "model_provider": "p", "model_name": "m"}
    signals = signals_of("suggested_question", payload)
    labels = {"tenant_id": "t", "app_id": "", "model_provider": "p", "model_name": "m"}

    assert signals.logs[0].attributes["gen_ai.usage.total_tokens"] == 52
    assert signals.logs[0].attributes["gen_ai.provider.name"] == "p"
    assert signals.logs[0].attributes["gen_ai.request.model"] == "m"
    assert measured(signals) == {
        "dify.requests.total": [({**labels, "type": "suggested_question"}, 1)]
    }
