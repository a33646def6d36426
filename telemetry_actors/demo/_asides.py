"""What happens around a turn of the simulated application: checks, look-ups, ratings, authors.

The turn itself, its run and its nodes, are in ``demo/application.py``. Each function makes the
payload of one case out of what it is told; who and when is the application's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from telemetry_actors.event.cases import TelemetryCase

Aside = tuple[TelemetryCase, "Callable[[Mapping[str, Any]], dict[str, Any]]"]
"""A case, and its payload: made of what a turn or an author is about."""


def _moderation(of: Mapping[str, Any]) -> dict[str, object]:
    return {
        **of["ids"],
        "flagged": of["fails"],
        "action": "direct_output" if of["fails"] else "pass",
        "categories": ["harassment"] if of["fails"] else [],
        "preset_response": "I can't help with that.",
        "query": of["question"],
    }


def _retrieval(of: Mapping[str, Any]) -> dict[str, object]:
    start_ns, end_ns = of["took"]
    return {
        **of["ids"],
        "query": of["question"],
        "documents": [
            {
                "dataset_id": dataset,
                "dataset_name": "Handbook",
                "document_id": dataset[::-1],
                "segment_id": f"s{number}",
                "score": 0.9 - number / 10,
                "page_content": of["answer"],
            }
            for number, dataset in enumerate(of["datasets"])
        ],
        "embedding_models": {
            dataset: {"embedding_model_provider": "openai", "embedding_model": "embedding-3-small"}
            for dataset in of["datasets"]
        },
        "rerank_model_provider": "cohere",
        "rerank_model": "rerank-v3",
        "start_time": start_ns,
        "end_time": end_ns,
    }


def _tool(of: Mapping[str, Any]) -> dict[str, Any]:
    start_ns, end_ns = of["took"]
    return {
        **of["ids"],
        "tool_name": "order_search",
        "inputs": {"query": of["question"]},
        "outputs": of["answer"],
        "parameters": {"limit": 5},
        "config": {"region": "eu"},
        "elapsed_time": (end_ns - start_ns) / 1e9,
        "error": "the shop does not answer" if of["fails"] else None,
    }


def _questions(of: Mapping[str, Any]) -> dict[str, object]:
    return {
        "message_id": of["ids"]["message_id"],
        "questions": [of["question"], "And what does it cost?", "Can you show me an example?"],
        "total_tokens": of["tokens"],
        **of["model"],
        "start_time": of["took"][0],
        "end_time": of["took"][1],
    }


def _name(of: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "conversation_id": of["conversation_id"],
        "message_id": of["ids"]["message_id"],
        "inputs": {"query": of["question"]},
        "outputs": of["question"][:20],
        "start_time": of["took"][0],
        "end_time": of["took"][1],
    }


def _feedback(of: Mapping[str, Any]) -> dict[str, object]:
    return {
        "message_id": of["ids"]["message_id"],
        "conversation_id": of["conversation_id"],
        "from_end_user_id": of["user_id"],
        "from_source": "user",
        "rating": "dislike" if of["fails"] else "like",
        "content": "That was not what I asked." if of["fails"] else "Thank you!",
    }


def _draft(of: Mapping[str, Any]) -> dict[str, object]:
    start_ns, end_ns = of["took"]
    return {
        "workflow_id": of["workflow_id"],
        "node_execution_id": of["ids"]["node_execution_id"],
        "node_id": "llm",
        "node_type": "llm",
        "title": "LLM",
        "status": "succeeded",
        "elapsed_time": (end_ns - start_ns) / 1e9,
        "start_time": start_ns,
        "end_time": end_ns,
        "total_tokens": of["tokens"],
        "prompt_tokens": of["tokens"],
        "inputs": {"query": of["question"]},
        "outputs": {"text": of["answer"]},
        **of["model"],
    }


def _prompt(of: Mapping[str, Any]) -> dict[str, object]:
    return {
        "operation_type": "rule_generate",
        "instruction": "A polite assistant for a shop.",
        "output": of["answer"],
        "prompt_tokens": of["tokens"],
        "completion_tokens": of["tokens"] // 2,
        "elapsed_time": (of["took"][1] - of["took"][0]) / 1e9,
        "total_price": round(of["tokens"] * 2.5e-6, 8),
        "currency": "USD",
        **of["model"],
    }


TURN: tuple[tuple[int, Aside], ...] = (
    (3, (TelemetryCase.MODERATION_CHECK, _moderation)),
    (4, (TelemetryCase.DATASET_RETRIEVAL, _retrieval)),
    (5, (TelemetryCase.TOOL_EXECUTION, _tool)),
    (6, (TelemetryCase.SUGGESTED_QUESTION, _questions)),
    (6, (TelemetryCase.GENERATE_NAME, _name)),
    (8, (TelemetryCase.FEEDBACK_CREATED, _feedback)),
)
"""What may come with a turn, and in one of how many turns it does."""

AUTHOR: tuple[Aside, ...] = (
    (TelemetryCase.PROMPT_GENERATION, _prompt),
    (TelemetryCase.DRAFT_NODE_EXECUTION, _draft),
)
"""What comes with the work on an app."""
