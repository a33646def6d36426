"""DATASET_RETRIEVAL: documents were looked up in datasets. A log and its counters.

Each dataset that was hit is counted with the models it was embedded with. Of a document
only ids and its score are ever sent; what it says is not, whatever the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, with_config
from typing_extensions import TypedDict

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Metric
from telemetry_actors.event.ids import log_ids
from telemetry_actors.event.instruments import DATASET_RETRIEVALS
from telemetry_actors.event.signals import Measurement, Signals
from telemetry_actors.handlers._columns import METRIC_ONLY, Column, Columns, Row
from telemetry_actors.handlers._content import json_text, text_list_or_map
from telemetry_actors.handlers._fields import PAYLOAD, Timestamp
from telemetry_actors.handlers._operations import (
    NODE,
    WHOSE,
    OperationFields,
    operation_row,
    request,
    request_metric,
    status,
)
from telemetry_actors.handlers._timestamps import duration_s

_TYPE: Final = "dataset_retrieval"
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


def _models(retrieval: Row) -> Mapping[str, EmbeddingModel]:
    return {
        dataset_id: model
        for dataset_id, model in (retrieval.get("embedding_models") or {}).items()
        if model is not None
    }


def _dataset_names(row: Row) -> str:
    return json_text(_distinct(document.get("dataset_name") for document in row["documents"]))


def _embedded_with(key: str) -> Callable[[Row], str | None]:
    def found(row: Row) -> str | None:
        models: Mapping[str, Any] = _models(row)
        return json_text(_distinct(m.get(key) for m in models.values())) if models else None

    return found


def _rerank(retrieval: Row) -> tuple[str | None, str | None]:
    """Both or neither."""
    provider, model = retrieval.get("rerank_model_provider"), retrieval.get("rerank_model")
    return (provider or "", model or "") if provider or model else (None, None)


def _shown(row: Row) -> list[dict[str, object]]:
    """Of each document what is never content."""
    keys = ("dataset_id", "document_id", "segment_id", "score")
    return [{key: document.get(key) for key in keys} for document in row["documents"]]


_LOG: Final = Columns(
    "dify.dataset.retrieval",
    METRIC_ONLY,
    *WHOSE,
    Column("dify.message.id", "message_id"),
    Column("dify.retrieval.error", "error", empty=None),
    Column("dify.retrieval.status", status),
    Column("dify.retrieval.duration", duration_s),
    Column("dify.workflow.run_id", "workflow_run_id"),
    NODE,
    Column("dify.dataset.id", lambda row: json_text(row["dataset_ids"])),
    Column("dify.dataset.name", _dataset_names),
    Column("dify.retrieval.document_count", lambda row: len(row["documents"])),
    Column("dify.dataset.embedding_providers", _embedded_with("embedding_model_provider")),
    Column("dify.dataset.embedding_models", _embedded_with("embedding_model")),
    Column("dify.retrieval.rerank_provider", lambda row: _rerank(row)[0]),
    Column("dify.retrieval.rerank_model", lambda row: _rerank(row)[1]),
    Column("dify.retrieval.query", text_list_or_map("query"), content=True),
    Column("dify.dataset.documents", _shown, content=True),
    reference="message_id",
)


def _map(
    facts: EventFacts, retrieval: DatasetRetrievalPayload, settings: MappingSettings
) -> Signals:
    documents = retrieval.get("documents") or []
    row = operation_row(facts, retrieval)
    row["documents"] = documents
    row["dataset_ids"] = _distinct(document.get("dataset_id") for document in documents)
    log = _LOG.record(facts, row, settings, _ids(retrieval))
    return Signals((log,), (), (request(row, _TYPE), *_hits(row)))


def _hits(row: Row) -> Iterable[Measurement]:
    models, none = _models(row), EmbeddingModel()
    provider, reranked = _rerank(row)
    for dataset_id in row["dataset_ids"]:
        model = models.get(dataset_id, none)
        labels = (
            row["tenant_id"],
            row["app_id"],
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
    _LOG.emits(
        request_metric(_TYPE),
        Metric(DATASET_RETRIEVALS, _LABELS, when="once per distinct `dataset_id`"),
    ),
)
