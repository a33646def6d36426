"""What is left of a payload that its model has refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from telemetry_actors import CaseDefinition, Signals
from telemetry_actors.event.forms import InvalidPayload
from telemetry_actors.handlers import DEFINITIONS
from telemetry_actors.handlers.forms import PayloadReader
from tests.properties.payloads import anything, cases
from tests.telemetry_actors.handlers.required import REQUIRED

SECRET = "TOPSECRET"
READERS = {case: PayloadReader(definition) for case, definition in DEFINITIONS.items()}


def read(case, **more):
    return READERS[case].read({**REQUIRED[case], **more})


@pytest.mark.parametrize(
    ("key", "given", "kept"),
    [
        ("total_tokens", 12.0, 12),
        ("total_tokens", "12", 12),
        ("elapsed_time", "1.5", 1.5),
        ("total_price", 3, 3.0),
        ("user_id", 5, "5"),
        ("title", b"t", "t"),
        ("index", 3.0, 3),
        ("start_time", "1970-01-01T00:00:01Z", 10**9),
        ("dataset_ids", [1, "b"], ["1", "b"]),
        ("node_id", 7, "7"),
    ],
)
def test_b6_a_value_in_another_form_is_read(key, given, kept):
    payload, lost = read("node_execution", **{key: given})

    assert (payload[key], lost) == (kept, ())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("total_tokens", 1.5),
        ("total_tokens", True),
        ("total_tokens", float("nan")),
        ("elapsed_time", "soon"),
        ("start_time", ""),
        ("start_time", "2026-11-20"),
        ("start_time", float("inf")),
        ("user_id", ["u"]),
        ("title", 1.5),
        ("title", 7),
        ("dataset_ids", ["a", None]),
        ("dataset_ids", "a"),
        ("total_price", "free"),
        ("parent_trace_context", "run"),
        ("parent_trace_context", {"parent_workflow_run_id": []}),
    ],
)
def test_b6_an_optional_key_that_cannot_be_read_costs_that_key(key, value):
    payload, lost = read("node_execution", **{key: value}, currency="USD")

    assert key not in payload
    assert (payload["currency"], lost) == ("USD", (key,))


def test_a_key_within_a_map_costs_itself_alone():
    parent = {"parent_workflow_run_id": 5, "root_workflow_run_id": [], "parent_app_id": "a"}
    payload, lost = read("workflow_run", parent_trace_context=parent)

    assert payload["parent_trace_context"] == {"parent_workflow_run_id": "5", "parent_app_id": "a"}
    assert lost == ("parent_trace_context.root_workflow_run_id",)


def test_names_have_no_number_and_no_key_of_a_payload_in_them():
    documents = [{"dataset_id": "d", "score": "x"}, 7, {"dataset_id": [], "score": []}]
    models = {"d": {"embedding_model": 1.5}, SECRET: [], "e": {"embedding_model": "m"}}
    payload, lost = read("dataset_retrieval", documents=documents, embedding_models=models)

    assert payload["documents"] == [{"dataset_id": "d"}, {}]
    assert payload["embedding_models"] == {"d": {}, "e": {"embedding_model": "m"}}
    assert lost == (
        "documents.score",
        "documents.dataset_id",
        "embedding_models.embedding_model",
        "embedding_models",
    )


def test_b6_a_required_key_costs_the_event_and_the_words_say_what_is_right():
    with pytest.raises(InvalidPayload) as caught:
        READERS["moderation_check"].read({"flagged": SECRET, "query": SECRET, "categories": 7})

    assert str(caught.value) == (
        "flagged: unreadable, must be a bool; action: missing, must be a text"
    )


def test_a_required_id_may_be_an_int_and_no_other_text():
    with pytest.raises(InvalidPayload) as caught:
        READERS["workflow_run"].read({"workflow_id": 7, "workflow_run_id": 1.5, "status": 7})

    assert str(caught.value) == (
        "workflow_run_id: unreadable, must be a text or an int; status: unreadable, must be a text"
    )


def test_a_model_of_the_users_own_says_itself_what_it_takes():
    class Order(BaseModel):
        note: str | None = None

    reader = PayloadReader(CaseDefinition("order_made", Order, lambda _f, _p, _s: Signals()))

    assert reader.read({"note": "x"}) == (Order(note="x"), ())
    with pytest.raises(InvalidPayload, match="note: must be a text"):
        reader.read({"note": 5})


def test_a_map_with_a_key_that_is_no_text_costs_its_key_alone():
    payload, lost = read("dataset_retrieval", embedding_models={0: None})

    assert lost == ("embedding_models",)
    assert "embedding_models" not in payload


@pytest.mark.timeout(60)
@given(data=st.data(), case=cases)
def test_whatever_an_optional_key_holds_the_event_is_good(data, case):
    definition = DEFINITIONS[case]
    optional = sorted(definition.model.__annotations__.keys() - REQUIRED[case].keys())
    more = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(optional, anything)))

    payload, lost = read(case, **more)

    assert REQUIRED[case].keys() <= payload.keys()
    assert {name.partition(".")[0] for name in lost} <= more.keys()
