"""One event of each case with all that a payload may hold, and what must be told apart.

Every value is another one, so that a value in the wrong place shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["CONTEXT", "FULL", "every_event"]

CONTEXT = {
    "tenant_id": "a tenant",
    "user_id": "a user",
    "app_id": "an app",
    "app_name": "an app's name",
    "workspace_name": "a workspace's name",
}
_TIMES = {"start_time": "2026-11-20T08:15:30Z", "end_time": "2026-11-20T08:15:32.5Z"}
_MODEL = {"model_provider": "a provider", "model_name": "a model"}
_TOKENS = {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11}
_ORIGIN = {"from_end_user_id": "an end user", "from_account_id": "an account"}
_IDS = {
    "trace_id": "an external trace",
    "message_id": "3f0c9931-918c-40bf-9670-c342c6cce996",
    "workflow_run_id": "f3c95789-ace1-4954-ac5d-6baed2eac902",
    "node_execution_id": "f1260ebc-7d56-4b56-b714-dc919b27dbdf",
}
_CONVERSATION = {"conversation_id": "004498f4-b987-47c1-8c9c-26a813678d7a"}
_PARENT = {
    "parent_workflow_run_id": "aaaaaaaa-0000-4000-8000-000000000001",
    "parent_node_execution_id": "bbbbbbbb-0000-4000-8000-000000000002",
    "root_workflow_run_id": "cccccccc-0000-4000-8000-000000000003",
    "trace_id": "the outer trace",
    "parent_app_id": "the outer app",
}
_NODE = {
    **_IDS,
    **_CONVERSATION,
    **_TIMES,
    **_MODEL,
    **_TOKENS,
    **_ORIGIN,
    "workflow_id": "a workflow",
    "node_id": "a node",
    "node_type": "tool",
    "title": "a title",
    "status": "failed",
    "error": "an error",
    "elapsed_time": 2.25,
    "index": 3,
    "predecessor_node_id": "a predecessor",
    "iteration_id": "an iteration",
    "loop_id": "a loop",
    "parallel_id": "a parallel",
    "iteration_index": 1,
    "loop_index": 2,
    "total_price": "0.00045",
    "currency": "EUR",
    "tool_name": "a tool",
    "plugin_name": "a plugin",
    "credential_id": "a credential",
    "credential_name": "a credential's name",
    "dataset_ids": ["a dataset"],
    "dataset_names": ["a dataset's name"],
    "invoke_from": "a debugger",
    "inputs": {"in": "CONTENT 1"},
    "outputs": ["CONTENT 2"],
    "process_data": "CONTENT 3",
}

FULL: dict[str, dict[str, Any]] = {
    "workflow_run": {
        **_IDS,
        **_CONVERSATION,
        **_TIMES,
        **_TOKENS,
        **_ORIGIN,
        "workflow_id": "a workflow",
        "version": "a version",
        "status": "failed",
        "error": "an error",
        "elapsed_time": 2.25,
        "triggered_from": "a trigger",
        "parent_trace_context": _PARENT,
        "inputs": {"in": "CONTENT 1"},
        "outputs": ["CONTENT 2"],
        "query": "CONTENT 3",
    },
    "node_execution": {**_NODE, "parent_trace_context": _PARENT},
    "draft_node_execution": _NODE,
    "message_run": {
        **_IDS,
        **_CONVERSATION,
        **_TIMES,
        **_MODEL,
        **_TOKENS,
        **_ORIGIN,
        "status": "a status",
        "conversation_mode": "a mode",
        "from_source": "a source",
        "error": "an error",
        "time_to_first_token": 0.25,
        "streaming_duration": 1.25,
        "inputs": {"in": "CONTENT 1"},
        "outputs": ["CONTENT 2"],
    },
    "tool_execution": {
        **_IDS,
        "tool_name": "a tool",
        "elapsed_time": 2.25,
        "error": "an error",
        "inputs": {"in": "CONTENT 1"},
        "outputs": ["CONTENT 2"],
        "parameters": "CONTENT 3",
        "config": {"CONTENT 4": 1},
    },
    "moderation_check": {
        **_IDS,
        "flagged": True,
        "action": "an action",
        "moderation_type": "output",
        "categories": ["a category"],
        "preset_response": "CONTENT 1",
        "query": "CONTENT 2",
    },
    "suggested_question": {
        **_IDS,
        **_TIMES,
        **_MODEL,
        "questions": ["CONTENT 1", "CONTENT 2"],
        "total_tokens": 11,
        "status": "a status",
        "error": "an error",
    },
    "dataset_retrieval": {
        **_IDS,
        **_TIMES,
        "query": "CONTENT 1",
        "documents": [
            {
                "dataset_id": "a dataset",
                "dataset_name": "a dataset's name",
                "document_id": "CONTENT 2",
                "segment_id": "CONTENT 3",
                "score": 0.5,
                "page_content": "NEVER",
            }
        ],
        "embedding_models": {
            "a dataset": {"embedding_model_provider": "e provider", "embedding_model": "e model"}
        },
        "rerank_model_provider": "r provider",
        "rerank_model": "r model",
        "error": "an error",
    },
    "generate_name": {
        **_IDS,
        **_CONVERSATION,
        **_TIMES,
        "error": "an error",
        "inputs": {"in": "CONTENT 1"},
        "outputs": "CONTENT 2",
    },
    "prompt_generation": {
        **_IDS,
        **_MODEL,
        **_TOKENS,
        "operation_type": "rule_generate",
        "elapsed_time": 2.25,
        "total_price": 0.5,
        "currency": "EUR",
        "error": "an error",
        "instruction": "CONTENT 1",
        "output": {"out": "CONTENT 2"},
    },
    "app_created": {"app_id": "an app of its own", "mode": "chat"},
    "app_updated": {"app_id": "an app of its own"},
    "app_deleted": {"app_id": "an app of its own"},
    "feedback_created": {
        **_CONVERSATION,
        **_ORIGIN,
        "message_id": _IDS["message_id"],
        "rating": "like",
        "from_source": "a source",
        "content": "CONTENT 1",
    },
}
"""By case."""


def every_event() -> Iterator[tuple[str, dict[str, Any]]]:
    """Case and payload of events that together make all names there are."""
    yield from FULL.items()
    for case in ("node_execution", "draft_node_execution"):
        yield case, {**FULL[case], "plugin_name": None}  # the duration without its sixth label
