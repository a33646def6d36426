"""MESSAGE_RUN, rule by rule (payloads.md 2.4)."""

import pytest

MESSAGE = "3f0c9931-918c-40bf-9670-c342c6cce996"
RUN = "f3c95789-ace1-4954-ac5d-6baed2eac902"
NODE = "f1260ebc-7d56-4b56-b714-dc919b27dbdf"


@pytest.fixture(scope="session")
def message(signals_of):
    """Signals of a message with the required keys, and what is given."""

    def _message(payload=(), **how):
        required = {"message_id": MESSAGE, "status": "normal"}
        return signals_of("message_run", {**required, **dict(payload)}, **how)

    return _message


def log_of(signals):
    return signals.logs[0].attributes


# --- attributes -----------------------------------------------------------------------


def test_defaults_of_what_is_not_given(message):
    signals = message()
    ref = f"ref:message_id={MESSAGE}"

    assert log_of(signals) == {
        "dify.event.name": "dify.message.run",
        "dify.event.signal": "metric_only",
        "dify.trace_id": MESSAGE,
        "dify.tenant_id": "t",
        "dify.app_id": "",
        "dify.app.name": "",
        "dify.workspace.name": "",
        "dify.message.id": MESSAGE,
        "dify.conversation.mode": "",
        "gen_ai.usage.input_tokens": 0,
        "gen_ai.usage.output_tokens": 0,
        "gen_ai.usage.total_tokens": 0,
        "dify.message.status": "normal",
        "dify.message.error": "",
        "dify.streaming": False,
        "dify.message.inputs": ref,
        "dify.message.outputs": ref,
        "log.record.uid": log_of(signals)["log.record.uid"],
    }


def test_every_optional_key_shows_where_the_reference_says(message):
    given = {
        "conversation_id": ["dify.conversation.id"],
        "conversation_mode": ["dify.conversation.mode"],
        "from_source": ["dify.invoke_from", "dify.message.from_source"],
        "from_end_user_id": ["dify.message.from_end_user_id"],
        "from_account_id": ["dify.message.from_account_id"],
        "model_provider": ["gen_ai.provider.name"],
        "model_name": ["gen_ai.request.model"],
        "error": ["dify.message.error"],
        "workflow_run_id": ["dify.workflow.run_id"],
        "node_execution_id": ["dify.node.execution_id"],
        "trace_id": ["dify.trace_id"],
        "user_id": ["gen_ai.user.id"],
        "app_name": ["dify.app.name"],
        "workspace_name": ["dify.workspace.name"],
    }
    attributes = log_of(message({key: f"value of {key}" for key in given}))

    for key, names in given.items():
        assert [attributes[name] for name in names] == [f"value of {key}"] * len(names)


@pytest.mark.parametrize("node", [None, ""])
def test_the_node_is_absent_when_there_is_none(message, node):
    assert "dify.node.execution_id" not in log_of(message({"node_execution_id": node}))


@pytest.mark.parametrize(
    ("tokens", "total"),
    [
        ({"prompt_tokens": 2, "completion_tokens": 1}, 3),
        ({"prompt_tokens": 2, "total_tokens": None}, 2),
        ({"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 7}, 7),
        ({"prompt_tokens": 2, "total_tokens": 0}, 0),
    ],
)
def test_the_total_is_the_sum_of_the_two_unless_it_is_given(message, measured, tokens, total):
    signals = message(tokens)

    assert log_of(signals)["gen_ai.usage.total_tokens"] == total
    assert [value for _, value in measured(signals)["dify.tokens.total"]] == [total]


@pytest.mark.parametrize(("first_token_s", "streaming"), [(0.0, True), (0.25, True), (None, False)])
def test_a_message_streams_iff_the_first_token_was_timed(
    message, measured, first_token_s, streaming
):
    signals = message({"time_to_first_token": first_token_s, "streaming_duration": 2})

    assert log_of(signals)["dify.streaming"] is streaming
    assert log_of(signals).get("dify.message.time_to_first_token") == first_token_s
    assert log_of(signals)["dify.message.streaming_duration"] == 2.0
    assert ("dify.message.time_to_first_token" in measured(signals)) is streaming


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        ({"start_time": 0, "end_time": 2.5}, 2.5),
        ({"start_time": 5, "end_time": 4}, 0.0),
        ({"start_time": 5}, None),
        ({"end_time": 5}, None),
    ],
)
def test_the_duration_needs_both_times(message, measured, times, seconds):
    signals = message(times)

    assert log_of(signals).get("dify.message.duration") == seconds
    assert [v for _, v in measured(signals).get("dify.message.duration", [])] == (
        [] if seconds is None else [seconds]
    )


def test_with_content_on_outputs_of_other_types_are_null_and_inputs_are_not(message):
    attributes = log_of(message({"inputs": 7, "outputs": 7}, include_content=True))

    assert attributes["dify.message.inputs"] == "7"
    assert "dify.message.outputs" not in attributes


# --- ids ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "trace_id", "span_id"),
    [
        ({}, "3f0c9931918c40bf9670c342c6cce996", ""),
        ({"workflow_run_id": ""}, "3f0c9931918c40bf9670c342c6cce996", ""),
        ({"workflow_run_id": RUN}, "f3c95789ace14954ac5d6baed2eac902", ""),
        ({"workflow_run_id": "run-x"}, "", ""),
        ({"trace_id": RUN}, "3f0c9931918c40bf9670c342c6cce996", ""),
        ({"node_execution_id": NODE}, "3f0c9931918c40bf9670c342c6cce996", "b714dc919b27dbdf"),
        (
            {"node_execution_id": "B714DC919B27DBDF"},
            "3f0c9931918c40bf9670c342c6cce996",
            "b714dc919b27dbdf",
        ),
        ({"node_execution_id": "exec-17"}, "3f0c9931918c40bf9670c342c6cce996", ""),
    ],
)
def test_ids_come_from_the_run_or_else_the_message_and_from_the_node(
    message, payload, trace_id, span_id
):
    log = message(payload).logs[0]

    assert (log.trace_id.hex(), log.span_id.hex()) == (trace_id, span_id)


def test_there_is_no_span_and_none_is_sampled_out(message):
    signals = message(sampling_rate=0.0)

    assert (signals.spans, signals.spans_sampled_out) == ((), 0)


# --- metrics --------------------------------------------------------------------------


def test_counters_of_a_message(message, measured):
    payload = {
        "app_id": "a",
        "model_provider": "p",
        "model_name": "m",
        "from_source": "api",
        "prompt_tokens": 2,
        "completion_tokens": 1,
        "time_to_first_token": 0.5,
        "start_time": 0,
        "end_time": 1,
        "error": "boom",
    }
    base = {"tenant_id": "t", "app_id": "a", "model_provider": "p", "model_name": "m"}
    tokens = {**base, "operation_type": "message", "node_type": ""}
    request = {**base, "type": "message", "status": "normal", "invoke_from": "api"}

    assert measured(message(payload)) == {
        "dify.tokens.total": [(tokens, 3)],
        "dify.tokens.input": [(tokens, 2)],
        "dify.tokens.output": [(tokens, 1)],
        "dify.requests.total": [(request, 1)],
        "dify.message.duration": [(base, 1.0)],
        "dify.message.time_to_first_token": [(base, 0.5)],
        "dify.errors.total": [({**base, "type": "message"}, 1)],
    }


def test_a_first_token_before_the_start_counts_as_0(message, measured):
    signals = message({"time_to_first_token": -0.5})

    assert log_of(signals)["dify.message.time_to_first_token"] == -0.5
    assert [v for _, v in measured(signals)["dify.message.time_to_first_token"]] == [0.0]


def test_labels_of_what_is_null_are_empty_text(message, measured):
    found = measured(message())

    assert set(found) == {"dify.tokens.total", "dify.requests.total"}
    assert found["dify.requests.total"][0][0]["invoke_from"] == ""
