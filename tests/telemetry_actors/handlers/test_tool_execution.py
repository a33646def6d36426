"""TOOL_EXECUTION, rule by rule (payloads.md 2.5); what operations share: `test_operations`."""

import pytest

TOOL = {"tool_name": "clock", "message_id": "m"}
LABELS = {"tenant_id": "t", "app_id": "", "tool_name": "clock"}


def test_defaults_of_what_is_not_given(signals_of):
    (log,) = signals_of("tool_execution", TOOL, event_id="e").logs
    ref = "ref:message_id=m"

    assert log.attributes == {
        "dify.event.name": "dify.tool.execution",
        "dify.event.signal": "metric_only",
        "dify.trace_id": "m",
        "dify.tenant_id": "t",
        "dify.app_id": "",
        "dify.app.name": "",
        "dify.workspace.name": "",
        "dify.message.id": "m",
        "dify.tool.name": "clock",
        "dify.tool.duration": 0.0,
        "dify.tool.status": "succeeded",
        "dify.tool.inputs": ref,
        "dify.tool.outputs": ref,
        "dify.tool.parameters": ref,
        "dify.tool.config": ref,
        "log.record.uid": "e",
    }


def test_without_a_message_the_reference_says_none(signals_of):
    (log,) = signals_of("tool_execution", {"tool_name": "x"}).logs

    assert log.attributes["dify.tool.inputs"] == "ref:message_id=None"


def test_with_content_on_outputs_may_be_of_any_type(signals_of):
    payload = {**TOOL, "inputs": {"tz": 1}, "outputs": 7, "parameters": "p", "config": None}
    attributes = signals_of("tool_execution", payload, include_content=True).logs[0].attributes

    assert attributes["dify.tool.inputs"] == '{"tz":1}'
    assert attributes["dify.tool.outputs"] == "7"
    assert attributes["dify.tool.parameters"] == "p"
    assert "dify.tool.config" not in attributes


def test_a_tool_that_ran_well(signals_of, measured):
    signals = signals_of("tool_execution", {**TOOL, "elapsed_time": 1.5})

    assert signals.logs[0].attributes["dify.tool.duration"] == 1.5
    assert measured(signals) == {
        "dify.requests.total": [({**LABELS, "type": "tool"}, 1)],
        "dify.tool.duration": [(LABELS, 1.5)],
    }


def test_a_tool_that_failed_counts_an_error_too(signals_of, measured):
    found = measured(signals_of("tool_execution", {**TOOL, "error": "boom"}))

    assert found["dify.errors.total"] == [({**LABELS, "type": "tool"}, 1)]
    assert found["dify.requests.total"] == [({**LABELS, "type": "tool"}, 1)]


@pytest.mark.parametrize("elapsed", [None, 0, -1.5])
def test_the_duration_is_always_measured_and_never_negative(signals_of, measured, elapsed):
    found = measured(signals_of("tool_execution", {**TOOL, "elapsed_time": elapsed}))

    assert found["dify.tool.duration"] == [(LABELS, 0.0)]
