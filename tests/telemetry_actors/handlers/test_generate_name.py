"""GENERATE_NAME, rule by rule (payloads.md 2.9); what operations share: `test_operations`."""

import pytest


def test_an_empty_payload_is_a_payload(signals_of, measured):
    signals = signals_of("generate_name", {}, event_id="e")

    assert signals.logs[0].attributes == {
        "dify.event.name": "dify.generate_name.execution",
        "dify.event.signal": "metric_only",
        "dify.tenant_id": "t",
        "dify.app_id": "",
        "dify.app.name": "",
        "dify.workspace.name": "",
        "dify.generate_name.status": "succeeded",
        "dify.generate_name.inputs": "ref:conversation_id=None",
        "dify.generate_name.outputs": "ref:conversation_id=None",
        "log.record.uid": "e",
    }
    assert measured(signals) == {
        "dify.requests.total": [({"tenant_id": "t", "app_id": "", "type": "generate_name"}, 1)]
    }


def test_the_reference_is_the_conversation(signals_of):
    payload = {"conversation_id": "c", "message_id": "m", "workflow_run_id": "w"}
    (log,) = signals_of("generate_name", payload).logs

    assert log.attributes["dify.generate_name.inputs"] == "ref:conversation_id=c"
    assert log.attributes["dify.conversation.id"] == "c"
    assert log.attributes["dify.message.id"] == "m"
    assert "dify.workflow.run_id" not in log.keys


@pytest.mark.parametrize(
    ("value", "inputs", "outputs"),
    [
        ("text", "text", "text"),
        ({"a": 1}, '{"a":1}', '{"a":1}'),
        (7, "7", None),
        (None, None, None),
    ],
)
def test_outputs_are_text_list_or_map_and_else_null(signals_of, value, inputs, outputs):
    payload = {"inputs": value, "outputs": value}
    attributes = signals_of("generate_name", payload, include_content=True).logs[0].attributes

    assert attributes.get("dify.generate_name.inputs") == inputs
    assert attributes.get("dify.generate_name.outputs") == outputs
