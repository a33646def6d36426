"""DRAFT_NODE_EXECUTION: what tells it from a node (payloads.md 2.3); the rest is a node's."""

import pytest
from pydantic import ValidationError

RUN = "f3c95789-ace1-4954-ac5d-6baed2eac902"
NODE = "f1260ebc-7d56-4b56-b714-dc919b27dbdf"
DRAFT = {
    "workflow_id": "w",
    "node_execution_id": NODE,
    "node_id": "n",
    "node_type": "llm",
    "status": "succeeded",
}


@pytest.fixture(scope="session")
def draft(signals_of):
    """Signals of a draft with the required keys, and what is given."""
    return lambda payload=(), **how: signals_of(
        "draft_node_execution", {**DRAFT, **dict(payload)}, **how
    )


def test_it_says_what_a_node_says(draft, signals_of):
    more = {"workflow_run_id": RUN, "total_tokens": 5, "error": "boom", "outputs": {"a": 1}}
    node = signals_of("node_execution", {**DRAFT, **more}).logs[0]
    log = draft(more).logs[0]
    changed = {"dify.event.name": "dify.node.execution.draft"}

    assert log.keys == node.keys
    assert log.attributes == {**node.attributes, **changed}


@pytest.mark.parametrize("run", [None, ""])
def test_without_a_run_it_is_a_run_of_its_own(draft, run):
    signals = draft({"workflow_run_id": run})
    attributes, span = signals.logs[0].attributes, signals.spans[0]

    assert attributes["dify.workflow.run_id"] == attributes["dify.trace_id"] == NODE
    assert (span.trace_id.hex(), span.span_id.hex()) == (NODE.replace("-", ""), "b714dc919b27dbdf")


def test_its_span_is_a_root_in_the_trace_of_its_run(draft):
    signals = draft({"workflow_run_id": RUN})
    (span,), (log,) = signals.spans, signals.logs

    assert span.name == "dify.node.execution.draft"
    assert (span.trace_id.hex(), span.parent_span_id) == (RUN.replace("-", ""), b"")
    assert (log.trace_id, log.span_id) == (span.trace_id, span.span_id)


@pytest.mark.parametrize("parent", [{"parent_workflow_run_id": RUN}, 7, "junk"])
def test_a_parent_has_no_effect(draft, parent):
    """Not even a wrong type of it: a key that is not used is not looked at."""
    signals = draft({"parent_trace_context": parent})

    assert signals.spans[0].trace_id.hex() == NODE.replace("-", "")


def test_ids_that_are_none_are_replaced_and_the_log_has_the_same(draft):
    signals = draft({"node_execution_id": "no id"})
    (span,), (log,) = signals.spans, signals.logs

    assert any(span.trace_id)
    assert any(span.span_id)
    assert (log.trace_id, log.span_id) == (span.trace_id, span.span_id)


def test_its_type_is_a_label_of_requests_and_errors_but_not_of_tokens(draft, measured):
    found = measured(draft({"error": "boom", "total_tokens": 1}))

    assert found["dify.requests.total"][0][0]["type"] == "draft_node"
    assert found["dify.errors.total"][0][0]["type"] == "draft_node"
    assert found["dify.tokens.total"][0][0]["operation_type"] == "node_execution"


def test_a_run_that_is_no_text_is_invalid(draft):
    with pytest.raises(ValidationError):
        draft({"workflow_run_id": 7})
