"""NODE_EXECUTION, rule by rule (payloads.md 2.2)."""

import pytest

RUN = "f3c95789-ace1-4954-ac5d-6baed2eac902"
NODE = "f1260ebc-7d56-4b56-b714-dc919b27dbdf"
OUTER = "aaaaaaaa-0000-4000-8000-000000000001"
LOG_ONLY = {
    "dify.event.name",
    "dify.event.signal",
    "log.record.uid",
    "dify.app.name",
    "dify.workspace.name",
    "dify.invoke_from",
    "dify.node.total_price",
    "dify.node.currency",
    "gen_ai.tool.name",
    "dify.node.iteration_index",
    "dify.node.loop_index",
    "dify.plugin.name",
    "dify.credential.name",
    "dify.credential.id",
    "dify.dataset.ids",
    "dify.dataset.names",
    "dify.node.inputs",
    "dify.node.outputs",
    "dify.node.process_data",
}


@pytest.fixture(scope="session")
def node(signals_of):
    """Signals of a node with the required keys, and what is given."""

    def _node(payload=(), **how):
        required = {
            "workflow_id": "w",
            "workflow_run_id": RUN,
            "node_execution_id": NODE,
            "node_id": "n",
            "node_type": "llm",
            "status": "succeeded",
        }
        return signals_of("node_execution", {**required, **dict(payload)}, **how)

    return _node


def log_of(signals):
    return signals.logs[0].attributes


# --- attributes -----------------------------------------------------------------------


def test_defaults_of_what_is_not_given(node):
    signals = node()
    ref = f"ref:node_execution_id={NODE}"

    assert log_of(signals) == {
        "dify.event.name": "dify.node.execution",
        "dify.event.signal": "span_detail",
        "dify.trace_id": RUN,
        "dify.tenant_id": "t",
        "dify.app_id": "",
        "dify.workflow.id": "w",
        "dify.workflow.run_id": RUN,
        "dify.node.execution_id": NODE,
        "dify.node.id": "n",
        "dify.node.type": "llm",
        "dify.node.title": "",
        "dify.node.status": "succeeded",
        "dify.node.elapsed_time": 0.0,
        "dify.node.index": 0,
        "dify.node.invoked_by": "anonymous",
        "gen_ai.usage.total_tokens": 0,
        "dify.app.name": "",
        "dify.workspace.name": "",
        "dify.node.total_price": 0.0,
        "dify.node.inputs": ref,
        "dify.node.outputs": ref,
        "dify.node.process_data": ref,
        "log.record.uid": log_of(signals)["log.record.uid"],
    }


def test_log_only_keys_are_not_on_the_span(node):
    span, log = node().spans[0], node().logs[0]

    assert set(log.keys) - set(span.keys) == LOG_ONLY
    assert set(span.keys) <= set(log.keys)


def test_every_optional_key_shows_where_the_reference_says(node):
    given = {
        "title": "dify.node.title",
        "error": "dify.node.error",
        "predecessor_node_id": "dify.node.predecessor_node_id",
        "iteration_id": "dify.node.iteration_id",
        "loop_id": "dify.node.loop_id",
        "parallel_id": "dify.node.parallel_id",
        "model_provider": "gen_ai.provider.name",
        "model_name": "gen_ai.request.model",
        "currency": "dify.node.currency",
        "tool_name": "gen_ai.tool.name",
        "plugin_name": "dify.plugin.name",
        "credential_id": "dify.credential.id",
        "credential_name": "dify.credential.name",
        "invoke_from": "dify.invoke_from",
        "invoked_by": "dify.node.invoked_by",
        "conversation_id": "dify.conversation.id",
        "message_id": "dify.message.id",
        "trace_id": "dify.trace_id",
        "user_id": "gen_ai.user.id",
        "app_name": "dify.app.name",
        "workspace_name": "dify.workspace.name",
    }
    attributes = log_of(node({key: f"value of {key}" for key in given}))

    assert {attribute: attributes[attribute] for attribute in given.values()} == {
        attribute: f"value of {key}" for key, attribute in given.items()
    }


def test_numbers_show_where_the_reference_says(node):
    attributes = log_of(
        node(
            {
                "index": 3,
                "iteration_index": 0,
                "loop_index": 2,
                "prompt_tokens": 0,
                "completion_tokens": 5,
                "total_tokens": 6,
                "elapsed_time": 2,
            }
        )
    )

    assert attributes["dify.node.index"] == 3
    assert attributes["dify.node.iteration_index"] == 0
    assert attributes["dify.node.loop_index"] == 2
    assert attributes["gen_ai.usage.input_tokens"] == 0
    assert attributes["gen_ai.usage.output_tokens"] == 5
    assert attributes["gen_ai.usage.total_tokens"] == 6
    assert attributes["dify.node.elapsed_time"] == 2.0


@pytest.mark.parametrize("price", [0.00045, "0.00045", "4.5E-4"])
def test_a_price_is_a_number_never_text(node, price):
    assert log_of(node({"total_price": price}))["dify.node.total_price"] == 0.00045


@pytest.mark.parametrize("error", [None, ""])
def test_no_error_is_null(node, error):
    assert "dify.node.error" not in log_of(node({"error": error}))


def test_datasets_are_json_lists_and_null_when_not_given(node):
    attributes = log_of(node({"dataset_ids": ["d1", "é"], "dataset_names": []}))

    assert attributes["dify.dataset.ids"] == '["d1","é"]'
    assert attributes["dify.dataset.names"] == "[]"
    assert "dify.dataset.ids" not in log_of(node())


def test_with_content_on_process_data_is_json_text(node):
    attributes = log_of(node({"process_data": {"a": [1]}, "outputs": 7}, include_content=True))

    assert attributes["dify.node.process_data"] == '{"a":[1]}'
    assert attributes["dify.node.outputs"] == "7"


# --- ids and the span -----------------------------------------------------------------


def test_a_node_is_a_child_of_its_run(node):
    signals = node()
    span = signals.spans[0]

    assert (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()) == (
        "f3c95789ace14954ac5d6baed2eac902",
        "b714dc919b27dbdf",
        "ac5d6baed2eac902",
    )
    assert (signals.logs[0].trace_id, signals.logs[0].span_id) == (span.trace_id, span.span_id)


def test_a_node_of_a_nested_run_is_its_child_in_the_outer_trace(node):
    parent = {"parent_workflow_run_id": OUTER, "parent_node_execution_id": "ignored here"}
    span = node({"parent_trace_context": parent}).spans[0]

    assert span.trace_id.hex() == OUTER.replace("-", "")
    assert span.parent_span_id.hex() == "ac5d6baed2eac902"


def test_parent_keys_are_not_on_nodes(node):
    payload = {"parent_trace_context": {"parent_workflow_run_id": OUTER}}

    assert not [key for key in node(payload).logs[0].keys if key.startswith("dify.parent.")]


def test_all_spans_of_a_trace_are_kept_or_none(node):
    assert node(sampling_rate=0.9).spans_sampled_out == 1  # the run's id: 0xf3.. is 0.95
    assert node(sampling_rate=0.96).spans_sampled_out == 0


@pytest.mark.parametrize(
    ("status", "described"), [("failed", "boom"), ("exception", "boom"), ("succeeded", None)]
)
def test_failed_and_exception_are_errors(node, status, described):
    assert node({"status": status, "error": "boom"}).spans[0].error == described


# --- metrics --------------------------------------------------------------------------

BASE = {
    "tenant_id": "t",
    "app_id": "a",
    "node_type": "llm",
    "model_provider": "p",
    "model_name": "m",
}
MODEL = {"app_id": "a", "model_provider": "p", "model_name": "m"}


def test_counters_of_a_node(node, measured):
    payload = {
        **MODEL,
        "total_tokens": 3,
        "prompt_tokens": 2,
        "completion_tokens": 1,
        "elapsed_time": 1.5,
        "error": "boom",
    }
    tokens = {**BASE, "operation_type": "node_execution"}

    assert measured(node(payload)) == {
        "dify.tokens.total": [(tokens, 3)],
        "dify.tokens.input": [(tokens, 2)],
        "dify.tokens.output": [(tokens, 1)],
        "dify.requests.total": [({**BASE, "type": "node", "status": "succeeded"}, 1)],
        "dify.node.duration": [(BASE, 1.5)],
        "dify.errors.total": [({**BASE, "type": "node"}, 1)],
    }


@pytest.mark.parametrize("total", [0, None, -3])
def test_without_a_total_there_is_no_token_counter_at_all(node, measured, total):
    payload = {"total_tokens": total, "prompt_tokens": 5, "completion_tokens": 5}

    assert set(measured(node(payload))) == {"dify.requests.total", "dify.node.duration"}


def test_the_duration_is_always_the_elapsed_time(node, measured):
    found = measured(node({"elapsed_time": 1.5, "start_time": 0, "end_time": 9_000_000_000}))

    assert [value for _, value in found["dify.node.duration"]] == [1.5]


def test_a_negative_elapsed_time_counts_as_0(node, measured):
    signals = node({"elapsed_time": -1.5})

    assert log_of(signals)["dify.node.elapsed_time"] == -1.5
    assert [value for _, value in measured(signals)["dify.node.duration"]] == [0.0]


@pytest.mark.parametrize(
    ("node_type", "plugin", "labelled"),
    [
        ("tool", "x", True),
        ("knowledge-retrieval", "x", True),
        ("llm", "x", False),
        ("tool", "", False),
        ("tool", None, False),
    ],
)
def test_the_plugin_is_a_label_of_some_durations(node, measured, node_type, plugin, labelled):
    found = measured(node({"node_type": node_type, "plugin_name": plugin}))

    assert ("plugin_name" in found["dify.node.duration"][0][0]) is labelled
    assert "plugin_name" not in found["dify.requests.total"][0][0]
