"""What operations have in common: whose they were, where their logs lie, and what failed."""

import pytest

RUN = "f3c95789-ace1-4954-ac5d-6baed2eac902"
MESSAGE = "3f0c9931-918c-40bf-9670-c342c6cce996"
NODE = "f1260ebc-7d56-4b56-b714-dc919b27dbdf"
EXTERNAL = "4bf92f3577b34da6a3ce929d0e0e4736"
CONTEXT = {"user_id": "u", "app_id": "a", "app_name": "an", "workspace_name": "wn"}
REQUIRED = {
    "tool_execution": {"tool_name": "x"},
    "moderation_check": {"flagged": False, "action": "pass"},
    "suggested_question": {},
    "generate_name": {},
    "prompt_generation": {"operation_type": "rule_generate"},
    "dataset_retrieval": {},
}
ALL = pytest.mark.parametrize("case", REQUIRED)
BY_RESOLVED_ID = pytest.mark.parametrize("case", sorted(set(REQUIRED) - {"dataset_retrieval"}))


@ALL
def test_who_and_where_is_on_the_log(signals_of, case):
    (log,) = signals_of(case, REQUIRED[case], context=CONTEXT).logs

    assert log.signal == "metric_only"
    assert {
        "dify.tenant_id": "t",
        "dify.app_id": "a",
        "dify.app.name": "an",
        "dify.workspace.name": "wn",
        "gen_ai.user.id": "u",
    }.items() <= log.attributes.items()


@ALL
def test_who_and_where_is_in_the_labels(signals_of, measured, case):
    """Empty labels of tools, moderation, questions and names were a defect (signals.md 10.2)."""
    for found in measured(signals_of(case, REQUIRED[case], context=CONTEXT)).values():
        for labels, _ in found:
            assert (labels["tenant_id"], labels["app_id"]) == ("t", "a")


@ALL
def test_no_span(signals_of, case):
    signals = signals_of(
        case, {**REQUIRED[case], "workflow_run_id": RUN, "node_execution_id": NODE}
    )

    assert (signals.spans, signals.spans_sampled_out) == ((), 0)


@ALL
@pytest.mark.parametrize(
    ("payload", "trace"),
    [
        ({"trace_id": "mine", "workflow_run_id": RUN, "message_id": MESSAGE}, "mine"),
        ({"trace_id": "", "workflow_run_id": RUN, "message_id": MESSAGE}, RUN),
        ({"workflow_run_id": "", "message_id": MESSAGE}, MESSAGE),
        ({}, None),
    ],
)
def test_the_resolved_trace_id(signals_of, case, payload, trace):
    attributes = signals_of(case, {**REQUIRED[case], **payload}).logs[0].attributes

    assert attributes.get("dify.trace_id") == trace


@BY_RESOLVED_ID
@pytest.mark.parametrize(
    ("payload", "trace", "span"),
    [
        ({"trace_id": EXTERNAL, "workflow_run_id": RUN}, EXTERNAL, ""),
        ({"workflow_run_id": RUN, "message_id": MESSAGE}, RUN, ""),
        ({"message_id": MESSAGE, "node_execution_id": NODE}, MESSAGE, "b714dc919b27dbdf"),
        ({"trace_id": "no id", "workflow_run_id": RUN}, "", ""),
        ({"node_execution_id": "B714DC919B27DBDF"}, "", ""),
        (
            {"message_id": MESSAGE, "node_execution_id": "B714DC919B27DBDF"},
            MESSAGE,
            "b714dc919b27dbdf",
        ),
        ({"trace_id": "no id", "node_execution_id": NODE}, "", ""),
        ({"node_execution_id": "no id"}, "", ""),
        ({}, "", ""),
    ],
)
def test_ids_of_the_log(signals_of, case, payload, trace, span):
    (log,) = signals_of(case, {**REQUIRED[case], **payload}).logs

    assert (log.trace_id.hex(), log.span_id.hex()) == (trace.replace("-", ""), span)


@ALL
@pytest.mark.parametrize("node", ["", None])
def test_no_node_no_attribute(signals_of, case, node):
    (log,) = signals_of(case, {**REQUIRED[case], "node_execution_id": node}).logs
    (with_node,) = signals_of(case, {**REQUIRED[case], "node_execution_id": "n"}).logs

    assert "dify.node.execution_id" not in log.attributes
    assert with_node.attributes["dify.node.execution_id"] == "n"


@pytest.mark.parametrize("case", sorted(set(REQUIRED) - {"moderation_check"}))
@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [(None, "succeeded", None), ("", "succeeded", None), ("boom", "failed", "boom")],
)
def test_an_error_is_a_failure_and_no_error_is_null(signals_of, case, error, status, shown):
    attributes = signals_of(case, {**REQUIRED[case], "error": error}).logs[0].attributes
    (said,) = [value for key, value in attributes.items() if key.endswith(".status")]
    errors = [value for key, value in attributes.items() if key.endswith(".error")]

    assert said == status
    assert errors == ([shown] if shown else [])


@pytest.mark.parametrize(
    ("case", "counted"),
    [
        ("tool_execution", True),
        ("prompt_generation", True),
        ("suggested_question", False),
        ("dataset_retrieval", False),
        ("generate_name", False),
        ("moderation_check", False),
    ],
)
def test_only_tools_and_prompts_count_errors(signals_of, measured, case, counted):
    failed = measured(signals_of(case, {**REQUIRED[case], "error": "boom"}))
    well = measured(signals_of(case, {**REQUIRED[case], "error": ""}))

    assert ("dify.errors.total" in failed) is counted
    assert "dify.errors.total" not in well


@pytest.mark.parametrize(
    ("case", "attribute"),
    [
        ("suggested_question", "dify.suggested_question.duration"),
        ("dataset_retrieval", "dify.retrieval.duration"),
        ("generate_name", "dify.generate_name.duration"),
    ],
)
@pytest.mark.parametrize(
    ("start", "end", "duration_s"),
    [
        ("2026-11-20T08:15:30.5Z", 1_795_162_533_000_000_000, 2.5),
        (2, 1, 0.0),
        (1, None, None),
        (None, 1, None),
    ],
)
def test_a_duration_needs_both_ends(signals_of, case, attribute, start, end, duration_s):
    attributes = signals_of(case, {"start_time": start, "end_time": end}).logs[0].attributes

    assert attributes.get(attribute) == duration_s
