"""DATASET_RETRIEVAL: documents were looked up in datasets. A log and its counters.

Each dataset that was hit is counted with the models it was embedded with. Of a document
only ids and its score are ever sent; what it says is not, whatever the settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Final

from pydantic import BeforeValidator, with_config
from typing_extensions import TypedDict

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Emits, Metric
from telemetry_actors.event.ids import log_ids
from telemetry_actors.event.instruments import DATASET_RETRIEVALS
from telemetry_actors.event.signals import AttributeValue, Measurement, Signals
from telemetry_actors.handlers._content import contents, json_text, reference, text_list_or_map
from telemetry_actors.handlers._fields import PAYLOAD, Timestamp
from telemetry_actors.handlers._operations import (
    COMMON_KEYS,
    Common,
    OperationFields,
    common,
    request,
    request_metric,
    status_of,
)
from telemetry_actors.handlers._records import METRIC_ONLY, log_record, log_type
from telemetry_actors.handlers._timestamps import between_s

_TYPE: Final = "dataset_retrieval"
_LOG: Final = log_type(
    "dify.dataset.retrieval",
    METRIC_ONLY,
    *COMMON_KEYS,
    "dify.message.id",
    "dify.retrieval.error",
    "dify.retrieval.status",
    "dify.retrieval.duration",
    "dify.workflow.run_id",
    "dify.node.execution_id",
    "dify.dataset.id",
    "dify.dataset.name",
    "dify.retrieval.document_count",
    "dify.dataset.embedding_providers",
    "dify.dataset.embedding_models",
    "dify.retrieval.rerank_provider",
    "dify.retrieval.rerank_model",
    gated=("dify.retrieval.query", "dify.dataset.documents"),
    reference="message_id",
)
_LABELS: Final = (
    "tenant_id",
    "app_id",
    "dataset_id",
    "embedding_model_provider",
    "embedding_model",
    "rerank_model_provider",
    "rerank_model",
)


@with_config(PAYLOAD)
class Document(TypedDict, total=False):
    """One that was found."""

    dataset_id: str | None
    dataset_name: str | None
    document_id: str | None
    segment_id: str | None
    score: float | None


@with_config(PAYLOAD)
class EmbeddingModel(TypedDict, total=False):
    """What a dataset was embedded with."""

    embedding_model_provider: str | None
    embedding_model: str | None


def _only_maps(value: object) -> object:
    # Entries that are no maps are skipped, whatever they are; a list it must be.
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else value


Documents = Annotated[list[Document] | None, BeforeValidator(_only_maps)]
"""``documents``, without what is no document."""


@with_config(PAYLOAD)
class DatasetRetrievalPayload(OperationFields, total=False):
    """The payload: docs/data-dictionary.md, "dataset_retrieval".

    Nothing is required: an empty one is one.
    """

    documents: Documents
    embedding_models: dict[str, EmbeddingModel | None] | None
    rerank_model_provider: str | None
    rerank_model: str | None
    start_time: Timestamp | None
    end_time: Timestamp | None
    query: object


def _map(
    facts: EventFacts, retrieval: DatasetRetrievalPayload, settings: MappingSettings
) -> Signals:
    whose = common(facts, retrieval)
    documents = retrieval.get("documents") or []
    dataset_ids = _distinct(document.get("dataset_id") for document in documents)
    values = (
        *whose.values,
        *_values(retrieval),
        json_text(dataset_ids),
        json_text(_distinct(document.get("dataset_name") for document in documents)),
        len(documents),
        *_embeddings(_models(retrieval)),
        *_rerank(retrieval),
        *_contents(retrieval, documents, settings),
    )
    log = log_record(facts, _LOG, values, _ids(retrieval))
    hits = _hits(whose, retrieval, dataset_ids)
    return Signals((log,), (), (request(whose, _TYPE), *hits))


def _ids(retrieval: DatasetRetrievalPayload) -> tuple[bytes, bytes]:
    """Of its own: a retrieval outside of a workflow is the span of its message."""
    message_id = retrieval.get("message_id")
    return log_ids(
        retrieval.get("workflow_run_id") or message_id,
        retrieval.get("node_execution_id") or message_id,
    )


def _distinct(texts: Iterable[str | None]) -> list[str]:
    """The non-empty ones, in the order in which they are first seen."""
    return list(dict.fromkeys(text for text in texts if text))


def _values(retrieval: DatasetRetrievalPayload) -> tuple[AttributeValue, ...]:
    error = retrieval.get("error")
    return (
        retrieval.get("message_id"),
        error or None,
        status_of(error),
        between_s(retrieval.get("start_time"), retrieval.get("end_time")),
        retrieval.get("workflow_run_id"),
        retrieval.get("node_execution_id") or None,
    )


def _models(retrieval: DatasetRetrievalPayload) -> Mapping[str, EmbeddingModel]:
    return {
        dataset_id: model
        for dataset_id, model in (retrieval.get("embedding_models") or {}).items()
        if model is not None
    }


def _embeddings(models: Mapping[str, EmbeddingModel]) -> tuple[str | None, str | None]:
    if not models:
        return None, None
    providers = _distinct(model.get("embedding_model_provider") for model in models.values())
    names = _distinct(model.get("embedding_model") for model in models.values())
    return json_text(providers), json_text(names)


def _rerank(retrieval: DatasetRetrievalPayload) -> tuple[str | None, str | None]:
    """Both or neither."""
    provider, model = retrieval.get("rerank_model_provider"), retrieval.get("rerank_model")
    return (provider or "", model or "") if provider or model else (None, None)


def _contents(
    retrieval: DatasetRetrievalPayload, documents: list[Document], settings: MappingSettings
) -> tuple[str | None, ...]:
    shown = [
        {
            "dataset_id": document.get("dataset_id"),
            "document_id": document.get("document_id"),
            "segment_id": document.get("segment_id"),
            "score": document.get("score"),
        }
        for document in documents
    ]
    query = text_list_or_map(retrieval.get("query"))
    return contents(settings, reference(_LOG, retrieval), query, shown)


def _hits(
    whose: Common, retrieval: DatasetRetrievalPayload, dataset_ids: list[str]
) -> Iterable[Measurement]:
    models, none = _models(retrieval), EmbeddingModel()
    provider, reranked = _rerank(retrieval)
    for dataset_id in dataset_ids:
        model = models.get(dataset_id, none)
        labels = (
            whose.tenant_id,
            whose.app_id,
            dataset_id,
            model.get("embedding_model_provider") or "",
            model.get("embedding_model") or "",
            provider or "",
            reranked or "",
        )
        yield Measurement(DATASET_RETRIEVALS, _LABELS, labels, 1)


DEFINITION: Final = CaseDefinition(
    TelemetryCase.DATASET_RETRIEVAL,
    DatasetRetrievalPayload,
    _map,
    Emits(
        _LOG,
        metrics=(
            request_metric(_TYPE),
            Metric(DATASET_RETRIEVALS, _LABELS, when="once per distinct `dataset_id`"),
        ),
    ),
)
