"""MODERATION_CHECK, rule by rule (payloads.md 2.6); what operations share: `test_operations`."""

import pytest
from pydantic import ValidationError

CHECK = {"flagged": True, "action": "direct_output", "message_id": "m", "workflow_run_id": "w"}


def test_defaults_of_what_is_not_given(signals_of):
    (log,) = signals_of("moderation_check", CHECK, event_id="e").logs

    assert log.attributes == {
        "dify.event.name": "dify.moderation.check",
        "dify.event.signal": "metric_only",
        "dify.trace_id": "w",
        "dify.tenant_id": "t",
        "dify.app_id": "",
        "dify.app.name": "",
        "dify.workspace.name": "",
        "dify.message.id": "m",
        "dify.moderation.flagged": True,
        "dify.moderation.action": "direct_output",
        "dify.moderation.type": "input",
        "dify.moderation.categories": "[]",
        "dify.workflow.run_id": "w",
        "dify.moderation.preset_response": "ref:message_id=m",
        "dify.moderation.query": "ref:message_id=m",
        "log.record.uid": "e",
    }


def test_categories_are_json_text(signals_of):
    payload = {**CHECK, "categories": ["hate", "é"], "moderation_type": "output"}
    attributes = signals_of("moderation_check", payload).logs[0].attributes

    assert attributes["dify.moderation.categories"] == '["hate","é"]'
    assert attributes["dify.moderation.type"] == "output"


def test_a_preset_response_is_content(signals_of):
    """Upstream sent it whatever the settings."""
    payload = {**CHECK, "preset_response": "I can't say", "query": "q"}
    on = signals_of("moderation_check", payload, include_content=True).logs[0].attributes
    off = signals_of("moderation_check", payload).logs[0].attributes

    assert on["dify.moderation.preset_response"] == "I can't say"
    assert on["dify.moderation.query"] == "q"
    assert off["dify.moderation.preset_response"] == "ref:message_id=m"


def test_with_content_on_null_stays_null(signals_of):
    attributes = signals_of("moderation_check", CHECK, include_content=True).logs[0].attributes

    assert "dify.moderation.query" not in attributes
    assert "dify.moderation.preset_response" not in attributes


@pytest.mark.parametrize("flagged", [0, 1, "true", None])
def test_flagged_is_a_bool(signals_of, flagged):
    with pytest.raises(ValidationError):
        signals_of("moderation_check", {**CHECK, "flagged": flagged})


def test_one_request(signals_of, measured):
    assert measured(signals_of("moderation_check", CHECK)) == {
        "dify.requests.total": [({"tenant_id": "t", "app_id": "", "type": "moderation"}, 1)]
    }
