"""WORKFLOW_RUN, rule by rule (payloads.md 2.1)."""

import pytest

RUN = "f3c95789-ace1-4954-ac5d-6baed2eac902"
OUTER = "aaaaaaaa-0000-4000-8000-000000000001"
OUTER_NODE = "bbbbbbbb-0000-4000-8000-000000000002"
OUTERMOST = "cccccccc-0000-4000-8000-000000000003"
PARENT_KEYS = {
    "dify.parent.trace_id",
    "dify.parent.node.execution_id",
    "dify.parent.workflow.run_id",
    "dify.parent.app.id",
}
LOG_ONLY = {
    "dify.event.name",
    "dify.event.signal",
    "log.record.uid",
    "dify.app.name",
    "dify.workspace.name",
    "dify.workflow.version",
    "dify.workflow.inputs",
    "dify.workflow.outputs",
    "dify.workflow.query",
}


@pytest.fixture(scope="session")
def run(signals_of):
    """Signals of a run with the required keys, and what is given."""

    def _run(payload=(), **how):
        required = {"workflow_id": "w", "workflow_run_id": RUN, "status": "succeeded"}
        return signals_of("workflow_run", {**required, **dict(payload)}, **how)

    return _run


def log_of(signals):
    return signals.logs[0].attributes


# --- attributes -----------------------------------------------------------------------


def test_defaults_of_what_is_not_given(run):
    signals = run()
    ref = f"ref:workflow_run_id={RUN}"

    assert log_of(signals) == {
        "dify.event.name": "dify.workflow.run",
        "dify.event.signal": "span_detail",
        "dify.trace_id": RUN,
        "dify.tenant_id": "t",
        "dify.app_id": "",
        "dify.workflow.id": "w",
        "dify.workflow.run_id": RUN,
        "dify.workflow.status": "succeeded",
        "dify.workflow.error": "",
        "dify.workflow.elapsed_time": 0.0,
        "dify.invoked_by": "anonymous",
        "gen_ai.usage.total_tokens": 0,
        "dify.app.name": "",
        "dify.workspace.name": "",
        "dify.workflow.version": "",
        "dify.workflow.inputs": ref,
        "dify.workflow.outputs": ref,
        "dify.workflow.query": ref,
        "log.record.uid": signals.logs[0].attributes["log.record.uid"],
    }


def test_the_span_has_what_the_log_has_but_the_details(run):
    signals = run({"triggered_from": "api", "message_id": "m", "conversation_id": "c"})
    span = signals.spans[0].attributes

    assert set(log_of(signals)) - set(span) == LOG_ONLY
    assert span.items() <= log_of(signals).items()


def test_a_number_of_seconds_without_a_fraction_is_a_float(run):
    assert type(log_of(run({"elapsed_time": 3}))["dify.workflow.elapsed_time"]) is float


def test_token_parts_are_no_attributes(run):
    assert not {"gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"} & set(
        log_of(run({"prompt_tokens": 1, "completion_tokens": 2}))
    )


def test_an_external_trace_id_changes_the_attribute_and_no_id(run):
    signals = run({"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"})

    assert log_of(signals)["dify.trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert signals.logs[0].trace_id.hex() == RUN.replace("-", "")


def test_with_content_on_texts_stay_and_the_rest_is_json(run):
    attributes = log_of(run({"inputs": {"q": 1}, "query": "what?"}, include_content=True))

    assert attributes["dify.workflow.inputs"] == '{"q":1}'
    assert attributes["dify.workflow.query"] == "what?"
    assert "dify.workflow.outputs" not in attributes


# --- ids and the span -----------------------------------------------------------------


def test_a_run_is_the_root_of_its_trace(run):
    span = run().spans[0]

    assert (span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id) == (
        "dify.workflow.run",
        "f3c95789ace14954ac5d6baed2eac902",
        "ac5d6baed2eac902",
        b"",
    )


@pytest.mark.parametrize("run_id", [RUN, "run-x", "00000000-0000-0000-0000-000000000000", ""])
def test_the_log_carries_the_ids_of_its_span(run, run_id):
    signals = run({"workflow_run_id": run_id})

    assert signals.logs[0].trace_id == signals.spans[0].trace_id != b""
    assert signals.logs[0].span_id == signals.spans[0].span_id != b""


def test_ids_that_stand_in_are_the_same_when_the_event_is_mapped_again(run):
    once, again, other = (
        run({"workflow_run_id": ""}, event_id=event_id).logs[0].trace_id
        for event_id in ("e1", "e1", "e2")
    )

    assert once == again != other


@pytest.mark.parametrize(
    ("status", "error", "described"),
    [
        ("failed", "boom", "boom"),
        ("failed", None, "failed"),
        ("exception", "boom", None),
        ("stopped", "by user", None),
        ("succeeded", None, None),
    ],
)
def test_only_a_failed_run_has_an_error_status(run, status, error, described):
    assert run({"status": status, "error": error}).spans[0].error == described


def test_times_are_those_given_to_the_microsecond(run):
    span = run(
        {"start_time": "2026-11-20T08:15:30.123457Z", "end_time": 1_795_162_533_999_999_000}
    ).spans[0]

    assert (span.start_ns, span.end_ns) == (1_795_162_530_123_457_000, 1_795_162_533_999_999_000)


def test_without_times_it_ended_when_it_was_emitted(run):
    signals = run({"elapsed_time": 3.9})
    span, log = signals.spans[0], signals.logs[0]

    assert (span.start_ns, span.end_ns) == (log.time_ns - 3_900_000_000, log.time_ns)


@pytest.mark.parametrize(("rate", "spans", "left_out"), [(0.0, 0, 1), (1.0, 1, 0)])
def test_sampling_leaves_out_the_span_alone_and_the_log_keeps_its_ids(run, rate, spans, left_out):
    signals = run(sampling_rate=rate)

    assert (len(signals.spans), signals.spans_sampled_out) == (spans, left_out)
    assert signals.logs[0].trace_id.hex() == "f3c95789ace14954ac5d6baed2eac902"
    assert signals.measurements == run().measurements


# --- nesting --------------------------------------------------------------------------


def nested(**more):
    return {"parent_trace_context": {"parent_workflow_run_id": OUTER, **more}}


def test_a_nested_run_lies_in_the_outer_trace_below_the_node_that_started_it(run):
    signals = run(nested(parent_node_execution_id=OUTER_NODE))
    span = signals.spans[0]

    assert span.trace_id.hex() == signals.logs[0].trace_id.hex() == OUTER.replace("-", "")
    assert span.span_id.hex() == "ac5d6baed2eac902"
    assert span.parent_span_id.hex() == "8000000000000002"


def test_without_a_node_it_lies_below_the_outer_run(run):
    assert run(nested()).spans[0].parent_span_id.hex() == "8000000000000001"


def test_at_depth_three_the_trace_is_the_outermost_runs(run):
    span = run(nested(root_workflow_run_id=OUTERMOST)).spans[0]

    assert span.trace_id.hex() == OUTERMOST.replace("-", "")
    assert span.parent_span_id.hex() == "8000000000000001"


def test_an_outer_run_that_is_no_uuid_is_the_parent_all_the_same(run):
    payload = {"parent_trace_context": {"parent_workflow_run_id": "x", "root_workflow_run_id": ""}}
    inner, outer = run(payload).spans[0], run({"workflow_run_id": "x"}).spans[0]

    assert (inner.trace_id, inner.parent_span_id) == (outer.trace_id, outer.span_id)


def test_sampling_of_a_nested_run_goes_by_the_outer_trace(run):
    assert run(nested(), sampling_rate=0.6).spans_sampled_out == 1  # 0xaa.. is 0.66
    assert run(sampling_rate=0.6).spans_sampled_out == 1  # 0xf3.. is 0.95
    assert run(nested(), sampling_rate=0.7).spans_sampled_out == 0


@pytest.mark.parametrize(
    ("more", "trace_id"),
    [
        ({"trace_id": "x", "root_workflow_run_id": OUTERMOST}, "x"),
        ({"root_workflow_run_id": OUTERMOST}, OUTERMOST),
        ({}, OUTER),
    ],
)
def test_the_parents_trace_id_is_the_first_that_is_said(run, more, trace_id):
    assert log_of(run(nested(**more)))["dify.parent.trace_id"] == trace_id


def test_parent_keys_are_on_log_and_span_and_only_when_nested(run):
    signals = run(nested(parent_node_execution_id=OUTER_NODE, parent_app_id="a"))

    assert set(signals.spans[0].attributes) >= PARENT_KEYS
    assert set(log_of(signals)) >= PARENT_KEYS
    assert log_of(signals)["dify.trace_id"] == RUN
    assert not PARENT_KEYS & set(log_of(run({"parent_trace_context": {}})))


# --- metrics --------------------------------------------------------------------------


def test_counters_of_a_run(run, measured):
    payload = {
        "app_id": "a",
        "total_tokens": 3,
        "prompt_tokens": 2,
        "completion_tokens": 1,
        "triggered_from": "api",
        "error": "boom",
    }
    tokens = {
        "tenant_id": "t",
        "app_id": "a",
        "operation_type": "workflow",
        "model_provider": "",
        "model_name": "",
        "node_type": "",
    }
    owner = {"tenant_id": "t", "app_id": "a"}

    assert measured(run(payload)) == {
        "dify.tokens.total": [(tokens, 3)],
        "dify.tokens.input": [(tokens, 2)],
        "dify.tokens.output": [(tokens, 1)],
        "dify.requests.total": [
            ({**owner, "type": "workflow", "status": "succeeded", "invoke_from": "api"}, 1)
        ],
        "dify.workflow.duration": [({**owner, "status": "succeeded"}, 0.0)],
        "dify.errors.total": [({**owner, "type": "workflow"}, 1)],
    }


def test_the_total_counts_also_when_it_is_0(run, measured):
    assert set(measured(run())) == {
        "dify.tokens.total",
        "dify.requests.total",
        "dify.workflow.duration",
    }


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        ({"start_time": 0, "end_time": 2.5}, 2.5),
        ({"start_time": 0}, 9.0),
        ({"end_time": 0}, 9.0),
        ({"start_time": 5, "end_time": 4}, 0.0),
        ({"elapsed_time": -1.0}, 0.0),
    ],
)
def test_the_duration_is_end_minus_start_or_else_the_elapsed_time(run, measured, times, seconds):
    found = measured(run({"elapsed_time": 9.0, **times}))["dify.workflow.duration"]

    assert [value for _, value in found] == [seconds]


def test_an_error_counts_by_its_text_and_not_by_the_status(run, measured):
    assert "dify.errors.total" in measured(run({"status": "stopped", "error": "by user"}))
    assert "dify.errors.total" not in measured(run({"status": "failed", "error": ""}))
