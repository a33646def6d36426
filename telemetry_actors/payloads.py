"""The payload of each case as a type: an editor completes the keys, a type checker refuses others.

In front of the door: what a producer hands to `emit()`. These are the same `TypedDict` classes
that the handlers validate by, so they can't say anything else. Use one as a constructor
(``WorkflowRunPayload(workflow_id="w", ...)``, a plain dict), as an annotation, or through the typed
functions of `telemetry_actors.typed`.

They say what keys there are and of which type; what each means is in the data dictionary. A
timestamp is RFC 3339 text, or a number since the epoch whose size tells its unit
(docs/values.md); a duration is in seconds. A payload may always be a plain dict, and may have
more keys: they are ignored.

Importing this makes the validators (tens of milliseconds). Under ``if TYPE_CHECKING:`` it costs
nothing.
"""

from __future__ import annotations

from telemetry_actors.handlers.app_created import AppCreatedPayload
from telemetry_actors.handlers.app_deleted import AppDeletedPayload
from telemetry_actors.handlers.app_updated import AppUpdatedPayload
from telemetry_actors.handlers.dataset_retrieval import DatasetRetrievalPayload
from telemetry_actors.handlers.draft_node_execution import DraftNodeExecutionPayload
from telemetry_actors.handlers.feedback_created import FeedbackCreatedPayload
from telemetry_actors.handlers.generate_name import GenerateNamePayload
from telemetry_actors.handlers.message_run import MessageRunPayload
from telemetry_actors.handlers.moderation_check import ModerationCheckPayload
from telemetry_actors.handlers.node_execution import NodeExecutionPayload
from telemetry_actors.handlers.prompt_generation import PromptGenerationPayload
from telemetry_actors.handlers.spans import ParentTraceContext
from telemetry_actors.handlers.suggested_question import SuggestedQuestionPayload
from telemetry_actors.handlers.tool_execution import ToolExecutionPayload
from telemetry_actors.handlers.workflow_run import WorkflowRunPayload

__all__ = [
    "AppCreatedPayload",
    "AppDeletedPayload",
    "AppUpdatedPayload",
    "DatasetRetrievalPayload",
    "DraftNodeExecutionPayload",
    "FeedbackCreatedPayload",
    "GenerateNamePayload",
    "MessageRunPayload",
    "ModerationCheckPayload",
    "NodeExecutionPayload",
    "ParentTraceContext",
    "PromptGenerationPayload",
    "SuggestedQuestionPayload",
    "ToolExecutionPayload",
    "WorkflowRunPayload",
]
