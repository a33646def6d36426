"""PROMPT_GENERATION, rule by rule (payloads.md 2.10); what operations share: `test_operations`."""

import pytest

MADE = {"operation_type": "rule_generate"}
LABELS = {
    "tenant_id": "t",
    "app_id": "",
    "operation_type": "rule_generate",
    "model_provider": "",
    "model_name": "",
}
REQUEST = {**LABELS, "type": "prompt_generation", "status": "succeeded"}


def attributes_of(signals_of, payload=(), **how):
    return signals_of("prompt_generation", {**MADE, **dict(payload)}, **how).logs[0].attributes


def test_defaults_of_what_is_not_given(signals_of):
    assert attributes_of(signals_of, event_id="e") == {
        "dify.event.name": "dify.prompt_generation.execution",
        "dify.event.signal": "metric_only",
        "dify.tenant_id": "t",
        "dify.app_id": "",
        "dify.app.name": "",
        "dify.workspace.name": "",
        "dify.prompt_generation.operation_type": "rule_generate",
        "gen_ai.usage.input_tokens": 0,
        "gen_ai.usage.output_tokens": 0,
        "gen_ai.usage.total_tokens": 0,
        "dify.prompt_generation.duration": 0.0,
        "dify.prompt_generation.status": "succeeded",
        "dify.prompt_generation.instruction": "ref:trace_id=None",
        "dify.prompt_generation.output": "ref:trace_id=None",
        "log.record.uid": "e",
    }


def test_the_reference_is_the_external_trace_id_only(signals_of):
    attributes = attributes_of(signals_of, {"trace_id": "mine", "message_id": "m"})
    internal = attributes_of(signals_of, {"workflow_run_id": "w", "message_id": "m"})

    assert attributes["dify.prompt_generation.output"] == "ref:trace_id=mine"
    assert internal["dify.prompt_generation.output"] == "ref:trace_id=None"
    assert internal["dify.trace_id"] == "w"
    assert not {"dify.message.id", "dify.workflow.run_id"} & set(internal)


@pytest.mark.parametrize(("value", "shown"), [("text", "text"), (["a"], '["a"]'), (7, None)])
def test_with_content_on_other_types_are_null(signals_of, value, shown):
    payload = {"instruction": value, "output": value}
    attributes = attributes_of(signals_of, payload, include_content=True)

    assert attributes.get("dify.prompt_generation.instruction") == shown
    assert attributes.get("dify.prompt_generation.output") == shown


@pytest.mark.parametrize(
    ("price", "currency", "shown"),
    [
        (0, "USD", (0.0, "USD")),
        (0.5, None, (0.5, None)),
        ("0.00045", "EUR", (0.00045, "EUR")),
        (None, "USD", (None, None)),
    ],
)
def test_a_currency_is_there_only_with_a_price(signals_of, price, currency, shown):
    attributes = attributes_of(signals_of, {"total_price": price, "currency": currency})
    keys = ("dify.prompt_generation.total_price", "dify.prompt_generation.currency")

    assert tuple(attributes.get(key) for key in keys) == shown
    assert not isinstance(attributes.get(keys[0]), str)


@pytest.mark.parametrize(("total", "shown"), [(None, 7), (0, 0), (5, 5)])
def test_the_total_is_the_sum_only_if_it_is_not_given(signals_of, measured, total, shown):
    payload = {**MADE, "prompt_tokens": 3, "completion_tokens": 4, "total_tokens": total}
    signals = signals_of("prompt_generation", payload)
    labels = {**LABELS, "node_type": ""}

    assert signals.logs[0].attributes["gen_ai.usage.total_tokens"] == shown
    found = measured(signals)
    assert found["dify.tokens.total"] == [(labels, shown)]
    assert found["dify.tokens.input"] == [(labels, 3)]
    assert found["dify.tokens.output"] == [(labels, 4)]


def test_counters_of_nothing_but_what_is_required(signals_of, measured):
    assert measured(signals_of("prompt_generation", MADE)) == {
        "dify.tokens.total": [({**LABELS, "node_type": ""}, 0)],
        "dify.requests.total": [(REQUEST, 1)],
        "dify.prompt_generation.duration": [(LABELS, 0.0)],
    }


def test_a_failure_is_a_label_and_an_error(signals_of, measured):
    payload = {**MADE, "error": "boom", "elapsed_time": 2, "model_provider": "p", "model_name": "m"}
    found = measured(signals_of("prompt_generation", payload))
    labels = {**LABELS, "model_provider": "p", "model_name": "m"}

    assert found["dify.requests.total"] == [
        ({**labels, "type": "prompt_generation", "status": "failed"}, 1)
    ]
    assert found["dify.errors.total"] == [({**labels, "type": "prompt_generation"}, 1)]
    assert found["dify.prompt_generation.duration"] == [(labels, 2.0)]


def test_a_negative_elapsed_time_counts_as_0(signals_of, measured):
    signals = signals_of("prompt_generation", {**MADE, "elapsed_time": -1.5})

    assert signals.logs[0].attributes["dify.prompt_generation.duration"] == -1.5
    assert measured(signals)["dify.prompt_generation.duration"] == [(LABELS, 0.0)]
