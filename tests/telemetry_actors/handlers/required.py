"""Payloads with nothing but the keys that each case requires (payloads.md, section 2)."""

NODE = dict.fromkeys(("workflow_id", "node_execution_id", "node_id", "node_type", "status"), "x")
REQUIRED = {
    "workflow_run": dict.fromkeys(("workflow_id", "workflow_run_id", "status"), "x"),
    "message_run": dict.fromkeys(("message_id", "status"), "x"),
    "node_execution": NODE | {"workflow_run_id": "x"},
    "draft_node_execution": NODE,
    "prompt_generation": {"operation_type": "x"},
    "tool_execution": {"tool_name": "x"},
    "moderation_check": {"flagged": True, "action": "x"},
    "suggested_question": {},
    "dataset_retrieval": {},
    "generate_name": {},
    "app_created": {},
    "app_updated": {},
    "app_deleted": {},
    "feedback_created": {},
}
