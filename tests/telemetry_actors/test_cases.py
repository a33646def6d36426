"""Routes of the fourteen cases, and the content gate at the door."""

from collections import OrderedDict, UserDict
from typing import Any
from uuid import UUID

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors.event.cases import (
    CASE_ROUTING,
    CASE_TO_TRACE_TASK_NAME,
    GATED,
    CaseRoute,
    Reduction,
    SignalType,
    TelemetryCase,
    gate,
)

GATED_KEYS = {
    "workflow_run": {"inputs", "outputs", "query"},
    "node_execution": {"inputs", "outputs", "process_data"},
    "draft_node_execution": {"inputs", "outputs", "process_data"},
    "message_run": {"inputs", "outputs"},
    "tool_execution": {"inputs", "outputs", "parameters", "config"},
    "moderation_check": {"preset_response", "query"},
    "suggested_question": {"questions"},
    "dataset_retrieval": {"query", "documents"},
    "generate_name": {"inputs", "outputs"},
    "prompt_generation": {"instruction", "output"},
    "app_created": set(),
    "app_updated": set(),
    "app_deleted": set(),
    "feedback_created": {"content"},
}
"""The C marks of payloads.md, sections 2.1 to 2.14, copied by hand."""

QUESTIONS = CASE_ROUTING[TelemetryCase.SUGGESTED_QUESTION]
DOCUMENTS = CASE_ROUTING[TelemetryCase.DATASET_RETRIEVAL]
MESSAGE = CASE_ROUTING[TelemetryCase.MESSAGE_RUN]


# --- routes ---------------------------------------------------------------------------


def test_there_are_fourteen_cases_each_with_a_route_of_its_own():
    assert len(TelemetryCase) == 14
    assert set(CASE_ROUTING) == set(TelemetryCase)
    assert all(route.case is case for case, route in CASE_ROUTING.items())


def test_five_cases_are_trace_and_nine_are_metric_log():
    kinds = [route.signal_type for route in CASE_ROUTING.values()]

    assert (kinds.count(SignalType.TRACE), kinds.count(SignalType.METRIC_LOG)) == (5, 9)


def test_only_runs_and_messages_are_eligible_in_the_community_edition():
    eligible = {case for case, route in CASE_ROUTING.items() if route.ce_eligible}

    assert eligible == {TelemetryCase.WORKFLOW_RUN, TelemetryCase.MESSAGE_RUN}


def test_trace_cases_and_no_others_have_a_task_name():
    assert CASE_TO_TRACE_TASK_NAME == {
        "workflow_run": "workflow",
        "message_run": "message",
        "node_execution": "node_execution",
        "draft_node_execution": "draft_node_execution",
        "prompt_generation": "prompt_generation",
    }


def test_gated_keys_are_the_c_marks_of_the_payload_tables():
    assert {case.value: set(route.gated) for case, route in CASE_ROUTING.items()} == GATED_KEYS


def test_the_tables_and_a_route_cannot_be_changed():
    with pytest.raises(TypeError):
        CASE_ROUTING[TelemetryCase.WORKFLOW_RUN] = MESSAGE  # type: ignore[index]
    with pytest.raises(TypeError):
        QUESTIONS.reduced["questions"] = Reduction.DATASETS  # type: ignore[index]
    with pytest.raises(AttributeError):
        MESSAGE.gated = ()  # type: ignore[misc]


def test_a_route_is_found_by_plain_text_too():
    assert CASE_ROUTING.get("message_run") is MESSAGE  # type: ignore[call-overload]


# --- the gate: what it replaces -------------------------------------------------------


def test_a_gated_value_becomes_the_marker_and_all_else_stays():
    payload = {"message_id": "m", "inputs": {"q": "SECRET"}, "outputs": "SECRET", "status": "ok"}

    assert gate(MESSAGE, payload) == {
        "message_id": "m",
        "inputs": GATED,
        "outputs": GATED,
        "status": "ok",
    }


def test_the_producers_payload_is_left_alone():
    payload = {"inputs": {"q": "SECRET"}}

    assert gate(MESSAGE, payload) is not payload
    assert payload == {"inputs": {"q": "SECRET"}}


@pytest.mark.parametrize("value", ["", 0, False, [], {}])
def test_a_falsy_value_is_content_all_the_same(value):
    assert gate(MESSAGE, {"inputs": value}) == {"inputs": GATED}


def test_null_means_absent_and_stays_null():
    assert gate(MESSAGE, {"inputs": None}) == {"inputs": None}


def test_a_key_that_is_absent_is_not_added():
    assert gate(MESSAGE, {"message_id": "m"}) == {"message_id": "m"}


def test_the_same_key_is_no_content_in_a_case_that_does_not_gate_it():
    assert gate(MESSAGE, {"query": "q"}) == {"query": "q"}


def test_a_custom_case_may_have_gated_keys():
    route = CaseRoute("refund", SignalType.METRIC_LOG, gated=("reason",))

    assert gate(route, {"reason": "SECRET"}) == {"reason": GATED}


# --- the gate: what survives of questions and documents -------------------------------


@pytest.mark.parametrize("questions", [["a", "b", "c"], ("a", "b", "c")])
def test_questions_become_as_many_markers(questions):
    assert gate(QUESTIONS, {"questions": questions}) == {"questions": [GATED] * 3}


def test_a_question_that_is_no_text_is_nothing_that_a_model_takes_for_one():
    questions = [1, None, {"a": "SECRET"}, "SECRET"]

    assert gate(QUESTIONS, {"questions": questions}) == {"questions": [[], None, [], GATED]}


@pytest.mark.parametrize("value", [7, True, 0.5, ["SECRET"], {"a": "SECRET"}])
def test_a_text_that_is_none_is_nothing_that_a_model_takes_for_one(value):
    route = CASE_ROUTING[TelemetryCase.MODERATION_CHECK]

    assert gate(route, {"query": value}) == {"query": []}
    assert gate(route, {"query": "SECRET"}) == {"query": GATED}
    assert gate(route, {"query": None}) == {"query": None}


def test_no_questions_are_no_markers():
    assert gate(QUESTIONS, {"questions": []}) == {"questions": []}


@pytest.mark.parametrize("value", ["SECRET", 7, {"a": 1}, iter(["SECRET"]), {"SECRET"}])
@pytest.mark.parametrize(("route", "key"), [(QUESTIONS, "questions"), (DOCUMENTS, "documents")])
def test_what_is_no_list_becomes_the_marker_as_a_whole(route, key, value):
    assert gate(route, {key: value}) == {key: GATED}


def test_a_generator_of_questions_is_not_consumed():
    questions = iter(["a"])
    gate(QUESTIONS, {"questions": questions})

    assert next(questions) == "a"


def test_documents_keep_the_id_and_name_of_their_dataset_alone():
    documents = [
        {"dataset_id": "d", "dataset_name": "n", "document_id": "SECRET", "score": 0.5},
        {"dataset_id": None, "page_content": "SECRET"},
    ]

    assert gate(DOCUMENTS, {"documents": documents})["documents"] == [
        {"dataset_id": "d", "dataset_name": "n"},
        {"dataset_id": None, "dataset_name": None},
    ]


def test_documents_that_are_no_maps_become_the_marker_so_that_maps_can_be_counted():
    documents: list[object] = ["SECRET", None, {}, UserDict(page_content="SECRET")]

    assert gate(DOCUMENTS, {"documents": documents})["documents"] == [
        GATED,
        GATED,
        {"dataset_id": None, "dataset_name": None},
        GATED,
    ]


@pytest.mark.parametrize("value", [{"a": "SECRET"}, ["SECRET"], 0.5, True])
def test_a_dataset_id_that_is_no_text_is_nothing_that_a_model_takes_for_one(value):
    documents = gate(DOCUMENTS, {"documents": [{"dataset_id": value}]})["documents"]

    assert documents == [{"dataset_id": [], "dataset_name": None}]


@pytest.mark.parametrize(
    ("key", "value"), [("document_id", 0.5), ("segment_id", []), ("score", "x")]
)
def test_what_is_wrong_with_a_document_is_wrong_with_what_is_left_of_it(key, value):
    (document,) = gate(DOCUMENTS, {"documents": [{key: value}]})["documents"]

    assert document[key] == []


def test_an_id_of_another_form_is_its_text_and_a_score_may_be_one():
    document = {"dataset_id": 7, "dataset_name": UUID(int=1), "document_id": 8, "score": "0.5"}

    assert gate(DOCUMENTS, {"documents": [document]})["documents"] == [
        {"dataset_id": "7", "dataset_name": str(UUID(int=1))}
    ]


# --- the gate: what it survives -------------------------------------------------------


class RaisingList(list):
    """A list whose every overridden method raises."""

    def __iter__(self):
        raise RuntimeError

    def __len__(self):
        raise RuntimeError


class RaisingDict(dict):
    """A dict whose every overridden method raises."""

    def __iter__(self):
        raise RuntimeError

    def __getitem__(self, key):
        raise RuntimeError

    def get(self, key, default=None):
        raise RuntimeError

    keys = items = copy = __iter__


class Liar:
    """Says that it is a list, and raises when asked for more."""

    @property  # type: ignore[misc]
    def __class__(self):
        return list

    def __len__(self):
        raise RuntimeError


class TwinOfInputs:
    """A key with the hash of "inputs" that can't be compared with it."""

    def __hash__(self):
        return hash("inputs")

    def __eq__(self, other):
        raise RuntimeError


def test_overridden_methods_of_a_list_are_not_called():
    assert gate(QUESTIONS, {"questions": RaisingList("ab")}) == {"questions": [GATED, GATED]}


def test_overridden_methods_of_a_dict_are_not_called():
    documents = [RaisingDict(dataset_id="d")]
    payload = RaisingDict(documents=documents)

    assert gate(DOCUMENTS, payload) == {"documents": [{"dataset_id": "d", "dataset_name": None}]}


def test_an_object_that_lies_about_its_class_is_content_as_a_whole():
    assert gate(QUESTIONS, {"questions": Liar()}) == {"questions": GATED}


def test_a_key_that_cannot_be_compared_costs_only_itself():
    payload: dict[Any, str] = {TwinOfInputs(): "SECRET", "message_id": "m"}

    assert gate(MESSAGE, payload) == {"message_id": "m"}


@pytest.mark.parametrize("kind", [OrderedDict, UserDict])
def test_any_mapping_will_do(kind):
    gated = gate(MESSAGE, kind(message_id="m", inputs="SECRET"))

    assert type(gated) is dict
    assert gated == {"message_id": "m", "inputs": GATED}


def test_a_home_made_mapping_may_raise_and_the_caller_gets_to_know():
    class Broken(UserDict):
        def __getitem__(self, key):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        gate(MESSAGE, Broken(inputs="SECRET"))


# --- the gate: nothing gets through ---------------------------------------------------

leaves = st.builds("SECRET{}".format, st.text(max_size=5))
contents = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(leaves, inner, max_size=3),
    max_leaves=8,
)
documents = st.lists(
    contents
    | st.fixed_dictionaries(
        {}, optional={"dataset_id": st.just("d"), "page_content": contents, "score": contents}
    )
)


@given(data=st.data(), case=st.sampled_from(TelemetryCase))
def test_g21_no_leaf_of_a_gated_value_is_left_after_the_gate(data, case):
    """Mutant: gate() returns its copy unchanged."""
    route = CASE_ROUTING[case]
    payload = {key: data.draw(documents if key == "documents" else contents) for key in route.gated}

    gated = gate(route, {**payload, "message_id": "m"})

    assert set(gated) == {*route.gated, "message_id"}
    assert "SECRET" not in repr(gated)
    assert b"SECRET" not in msgpack.packb(gated)
