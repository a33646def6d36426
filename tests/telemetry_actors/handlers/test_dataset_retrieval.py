"""DATASET_RETRIEVAL, rule by rule (payloads.md 2.8); what operations share: `test_operations`."""

import json

import pytest
from pydantic import ValidationError

RUN = "f3c95789-ace1-4954-ac5d-6baed2eac902"
MESSAGE = "3f0c9931-918c-40bf-9670-c342c6cce996"
NODE = "f1260ebc-7d56-4b56-b714-dc919b27dbdf"
NO_MODELS = {
    "embedding_model_provider": "",
    "embedding_model": "",
    "rerank_model_provider": "",
    "rerank_model": "",
}
DOCUMENTS = [
    {"dataset_id": "b", "dataset_name": "B", "document_id": "1", "segment_id": "s", "score": 0.5},
    {"dataset_id": "a", "dataset_name": "A", "page_content": "NEVER"},
    {"dataset_id": "b", "dataset_name": "renamed", "score": None},
]


def attributes_of(signals_of, payload, **how):
    return signals_of("dataset_retrieval", payload, **how).logs[0].attributes


def hits(found):
    return [
        {key: value for key, value in labels.items() if key not in ("tenant_id", "app_id")}
        for labels, value in found.get("dify.dataset.retrievals.total", [])
        if value == 1
    ]


def test_an_empty_payload_is_a_payload(signals_of, measured):
    signals = signals_of("dataset_retrieval", {}, event_id="e")

    assert signals.logs[0].attributes == {
        "dify.event.name": "dify.dataset.retrieval",
        "dify.event.signal": "metric_only",
        "dify.tenant_id": "t",
        "dify.app_id": "",
        "dify.app.name": "",
        "dify.workspace.name": "",
        "dify.retrieval.status": "succeeded",
        "dify.dataset.id": "[]",
        "dify.dataset.name": "[]",
        "dify.retrieval.document_count": 0,
        "dify.retrieval.query": "ref:message_id=None",
        "dify.dataset.documents": "ref:message_id=None",
        "log.record.uid": "e",
    }
    assert measured(signals) == {
        "dify.requests.total": [({"tenant_id": "t", "app_id": "", "type": "dataset_retrieval"}, 1)]
    }


@pytest.mark.parametrize("include_content", [True, False])
def test_datasets_are_listed_once_as_first_seen(signals_of, include_content):
    """With content off the gate has kept just this of each document."""
    attributes = attributes_of(
        signals_of, {"documents": DOCUMENTS}, include_content=include_content
    )

    assert attributes["dify.dataset.id"] == '["b","a"]'
    assert attributes["dify.dataset.name"] == '["B","A","renamed"]'
    assert attributes["dify.retrieval.document_count"] == 3


@pytest.mark.parametrize("include_content", [True, False])
def test_what_is_no_map_is_skipped(signals_of, include_content):
    documents = ["junk", None, 7, [], {"document_id": "d"}, {"dataset_id": ""}]
    attributes = attributes_of(
        signals_of, {"documents": documents}, include_content=include_content
    )

    assert attributes["dify.retrieval.document_count"] == 2
    assert attributes["dify.dataset.id"] == "[]"


def test_with_content_on_a_document_is_its_four_keys_and_never_its_text(signals_of):
    attributes = attributes_of(signals_of, {"documents": DOCUMENTS}, include_content=True)

    assert json.loads(attributes["dify.dataset.documents"]) == [
        {"dataset_id": "b", "document_id": "1", "segment_id": "s", "score": 0.5},
        {"dataset_id": "a", "document_id": None, "segment_id": None, "score": None},
        {"dataset_id": "b", "document_id": None, "segment_id": None, "score": None},
    ]
    assert "NEVER" not in repr(attributes)


@pytest.mark.parametrize(
    ("query", "shown"),
    [("q", "q"), (["q"], '["q"]'), ({"q": 1}, '{"q":1}'), (7, None), (None, None)],
)
def test_a_query_is_text_list_or_map_and_else_null(signals_of, query, shown):
    attributes = attributes_of(signals_of, {"query": query}, include_content=True)

    assert attributes.get("dify.retrieval.query") == shown


@pytest.mark.parametrize(
    "documents",
    [
        {},
        "junk",
        7,
        [{"dataset_id": 7}],
        [{"dataset_name": []}],
        [{"score": "0.5"}],
        [{"score": True}],
    ],
)
def test_wrong_types_are_invalid(signals_of, documents):
    with pytest.raises(ValidationError):
        signals_of("dataset_retrieval", {"documents": documents}, include_content=True)


# --- models ---------------------------------------------------------------------------


def test_each_dataset_is_counted_once_with_its_own_models(signals_of, measured):
    payload = {
        "documents": DOCUMENTS,
        "embedding_models": {
            "a": {"embedding_model_provider": "pa", "embedding_model": "ma"},
            "b": {"embedding_model_provider": "pb"},
            "unused": {"embedding_model_provider": "pa", "embedding_model": ""},
        },
        "rerank_model": "r",
    }
    signals = signals_of("dataset_retrieval", payload)
    attributes = signals.logs[0].attributes
    rerank = {"rerank_model_provider": "", "rerank_model": "r"}

    assert hits(measured(signals)) == [
        {"dataset_id": "b", "embedding_model_provider": "pb", "embedding_model": "", **rerank},
        {"dataset_id": "a", "embedding_model_provider": "pa", "embedding_model": "ma", **rerank},
    ]
    assert attributes["dify.dataset.embedding_providers"] == '["pa","pb"]'
    assert attributes["dify.dataset.embedding_models"] == '["ma"]'


@pytest.mark.parametrize("models", [None, {}, {"a": None}])
def test_without_models_their_attributes_are_absent_and_labels_empty(signals_of, measured, models):
    signals = signals_of(
        "dataset_retrieval", {"documents": DOCUMENTS[1:2], "embedding_models": models}
    )

    assert not [key for key in signals.logs[0].attributes if "embedding" in key]
    assert hits(measured(signals)) == [{"dataset_id": "a", **NO_MODELS}]


def test_models_without_names_are_empty_lists(signals_of):
    attributes = attributes_of(signals_of, {"embedding_models": {"a": {}}})

    assert attributes["dify.dataset.embedding_providers"] == "[]"
    assert attributes["dify.dataset.embedding_models"] == "[]"


@pytest.mark.parametrize(
    ("provider", "model", "shown"),
    [
        ("p", "m", ("p", "m")),
        ("p", None, ("p", "")),
        (None, "m", ("", "m")),
        ("", "", (None, None)),
        (None, None, (None, None)),
    ],
)
def test_rerank_is_both_or_neither(signals_of, provider, model, shown):
    payload = {"rerank_model_provider": provider, "rerank_model": model}
    attributes = attributes_of(signals_of, payload)
    keys = ("dify.retrieval.rerank_provider", "dify.retrieval.rerank_model")

    assert tuple(attributes.get(key) for key in keys) == shown


# --- ids ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "trace", "span"),
    [
        ({"message_id": MESSAGE}, MESSAGE, "9670c342c6cce996"),
        ({"message_id": MESSAGE, "workflow_run_id": RUN}, RUN, "9670c342c6cce996"),
        ({"message_id": MESSAGE, "node_execution_id": NODE}, MESSAGE, "b714dc919b27dbdf"),
        ({"workflow_run_id": RUN, "node_execution_id": NODE}, RUN, "b714dc919b27dbdf"),
        ({"workflow_run_id": "no id", "message_id": MESSAGE}, "", ""),
        ({"message_id": MESSAGE, "trace_id": NODE}, MESSAGE, "9670c342c6cce996"),
        ({}, "", ""),
    ],
)
def test_ids_come_from_the_run_and_the_node_or_else_from_the_message(
    signals_of, payload, trace, span
):
    (log,) = signals_of("dataset_retrieval", payload).logs

    assert (log.trace_id.hex(), log.span_id.hex()) == (trace.replace("-", ""), span)
