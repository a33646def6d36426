"""Ids, parent, times and status of spans."""

import pytest
from pydantic import TypeAdapter, ValidationError

from telemetry_actors.event.ids import own_span_id, span_id_of, substitute_ids, trace_id_of
from telemetry_actors.handlers._timestamps import INT64_MAX
from telemetry_actors.handlers.spans import (
    Parent,
    TimeFields,
    outermost_run,
    span_error,
    span_ids,
    span_times,
    starting_point,
)

RUN = "f3c95789-ace1-4954-ac5d-6baed2eac902"
NODE = "f1260ebc-7d56-4b56-b714-dc919b27dbdf"
NIL = "00000000-0000-0000-0000-000000000000"
S = 1_000_000_000

read_parent = TypeAdapter(Parent).validate_python


# --- ids ------------------------------------------------------------------------------


def test_ids_come_from_what_the_span_its_trace_and_its_parent_are_about():
    assert span_ids("e", trace=RUN, own=NODE, parent=RUN) == (
        trace_id_of(RUN),
        span_id_of(NODE),
        span_id_of(RUN),
    )


def test_an_own_id_that_is_no_uuid_keeps_trace_and_parent():
    assert span_ids("e", trace=RUN, own="exec-17", parent=RUN) == (
        trace_id_of(RUN),
        own_span_id("exec-17"),
        span_id_of(RUN),
    )


def test_a_run_and_its_nodes_are_in_one_trace_whatever_their_ids_look_like():
    run = span_ids("e1", trace="run-17", own="run-17", parent=None)
    node = span_ids("e2", trace="run-17", own="node-1", parent="run-17")
    other = span_ids("e3", trace="run-17", own="node-2", parent="run-17")

    assert run[0] == node[0] == other[0]
    assert run[1] == node[2] == other[2]
    assert len({run[1], node[1], other[1]}) == 3
    assert run[2] == b""


def test_two_runs_that_are_nil_are_two_traces():
    ids = [span_ids(event, trace=NIL, own=NIL, parent=None) for event in ("e1", "e2")]

    assert ids[0][0] != ids[1][0]
    assert ids[0][1] != ids[1][1]


@pytest.mark.parametrize("trace", ["", NIL])
def test_a_trace_that_is_no_id_leaves_the_span_without_a_parent(trace):
    assert span_ids("e", trace=trace, own=NODE, parent=RUN) == (
        substitute_ids("e")[0],
        span_id_of(NODE),
        b"",
    )


@pytest.mark.parametrize("parent", [None, "", NIL])
def test_a_parent_that_cannot_be_derived_is_none(parent):
    assert span_ids("e", trace=RUN, own=NODE, parent=parent)[2] == b""


def test_a_span_is_never_its_own_parent():
    assert span_ids("e", trace=RUN, own=RUN, parent=RUN)[2] == b""


# --- nesting --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"parent_workflow_run_id": None},
        {"parent_workflow_run_id": "", "parent_node_execution_id": 7},
        {"parent_workflow_run_id": NIL},
    ],
)
def test_without_a_parent_run_the_whole_map_is_ignored(value):
    assert read_parent(value) is None


@pytest.mark.parametrize(
    "value",
    [
        [],
        "run",
        {"parent_workflow_run_id": 0},
        {"parent_workflow_run_id": RUN, "root_workflow_run_id": 1},
    ],
)
def test_wrong_types_are_not_ignored(value):
    with pytest.raises(ValidationError):
        read_parent(value)


@pytest.mark.parametrize(("root", "outermost"), [("r", "r"), ("", "p"), (None, "p"), (NIL, "p")])
def test_the_outermost_run_is_the_root_or_else_the_parent(root, outermost):
    assert outermost_run({"parent_workflow_run_id": "p", "root_workflow_run_id": root}) == outermost


@pytest.mark.parametrize(("node", "point"), [("n", "n"), ("", "p"), (None, "p"), (NIL, "p")])
def test_a_nested_run_is_below_the_node_that_started_it_or_else_its_run(node, point):
    said = {"parent_workflow_run_id": "p", "parent_node_execution_id": node}

    assert starting_point(said) == point


# --- times ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "elapsed", "times"),
    [
        (3 * S, 5 * S, 9.0, (3 * S, 5 * S)),
        (3 * S, None, 1.5, (3 * S, 4_500_000_000)),
        (None, 5 * S, 1.5, (3_500_000_000, 5 * S)),
        (None, None, 1.5, (98_500_000_000, 100 * S)),
        (None, None, None, (100 * S, 100 * S)),
        (3 * S, None, None, (3 * S, 3 * S)),
        (0, 0, None, (0, 0)),
    ],
)
def test_what_is_missing_comes_from_the_rest(start, end, elapsed, times):
    payload = TimeFields(start_time=start, end_time=end, elapsed_time=elapsed)

    assert span_times(payload, 100 * S) == times


@pytest.mark.parametrize(
    ("start", "end", "elapsed", "times"),
    [
        (5 * S, 3 * S, None, (5 * S, 5 * S)),
        (5 * S, None, -1.0, (5 * S, 5 * S)),
        (None, 5 * S, -1.0, (5 * S, 5 * S)),
    ],
)
def test_an_end_before_the_start_counts_as_the_start(start, end, elapsed, times):
    payload = TimeFields(start_time=start, end_time=end, elapsed_time=elapsed)

    assert span_times(payload, 100 * S) == times


def test_times_that_otlp_cannot_carry_are_clipped():
    assert span_times({"start_time": -S, "end_time": INT64_MAX * 3}, 0) == (0, INT64_MAX)
    assert span_times({"end_time": S, "elapsed_time": 9e9}, 0) == (0, S)


# --- status ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "described"),
    [
        ("failed", "boom", "boom"),
        ("failed", "", "failed"),
        ("failed", None, "failed"),
        ("exception", "boom", None),
        ("succeeded", "boom", None),
    ],
)
def test_only_the_named_failures_are_errors(status, error, described):
    assert span_error(status, error, "failed") == described
