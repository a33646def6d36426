"""`emit()` for one case each, typed: ``emit_message_run(context, payload)``.

In front of the door, for those who want their editor to complete a payload's keys and their type
checker to refuse wrong ones. At run time each is one more call around `emit()`, which itself
stays as it is: nothing here is on its way.

>>> from telemetry_actors.typed import emit_app_created
>>> emit_app_created
<emit app_created>
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from telemetry_actors._process import emit
from telemetry_actors.books.ledger import Admission
from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.envelope import TelemetryContext
from telemetry_actors.gateway import TelemetryGateway

if TYPE_CHECKING:  # the payload classes bring their validators; a producer needs none
    from telemetry_actors import payloads

__all__ = [
    "Emit",
    "emit_app_created",
    "emit_app_deleted",
    "emit_app_updated",
    "emit_dataset_retrieval",
    "emit_draft_node_execution",
    "emit_feedback_created",
    "emit_generate_name",
    "emit_message_run",
    "emit_moderation_check",
    "emit_node_execution",
    "emit_prompt_generation",
    "emit_suggested_question",
    "emit_tool_execution",
    "emit_workflow_run",
]

P_contra = TypeVar("P_contra", bound=Mapping[str, Any], contravariant=True)


class Emit(Generic[P_contra]):
    """`emit()` of one case. For a case of your own: ``Emit[OrderShipped]("order_shipped")``.

    Args:
        case: what has happened when this is called.
    """

    __slots__ = ("_case",)

    def __init__(self, case: TelemetryCase | str) -> None:
        self._case = case

    def __call__(
        self,
        context: TelemetryContext | Mapping[str, Any],
        payload: P_contra,
        trace_manager: Any = None,
        *,
        event_id: str | None = None,
        gateway: TelemetryGateway | None = None,
    ) -> Admission:
        """Hand in one event; see `TelemetryGateway.emit`. Never raises, never waits.

        Args:
            context: who and where.
            payload: the case's keys.
            trace_manager: the host's, for trace cases.
            event_id: idempotency key.
            gateway: to emit to; the process-wide one by default.
        """
        if gateway is None:
            return emit(self._case, context, payload, trace_manager, event_id=event_id)
        return gateway.emit(self._case, context, payload, trace_manager, event_id=event_id)

    def __repr__(self) -> str:
        return f"<emit {self._case}>"


emit_workflow_run: Final[Emit[payloads.WorkflowRunPayload]] = Emit(TelemetryCase.WORKFLOW_RUN)
emit_message_run: Final[Emit[payloads.MessageRunPayload]] = Emit(TelemetryCase.MESSAGE_RUN)
emit_node_execution: Final[Emit[payloads.NodeExecutionPayload]] = Emit(TelemetryCase.NODE_EXECUTION)
emit_draft_node_execution: Final[Emit[payloads.DraftNodeExecutionPayload]] = Emit(
    TelemetryCase.DRAFT_NODE_EXECUTION
)
emit_prompt_generation: Final[Emit[payloads.PromptGenerationPayload]] = Emit(
    TelemetryCase.PROMPT_GENERATION
)
emit_tool_execution: Final[Emit[payloads.ToolExecutionPayload]] = Emit(TelemetryCase.TOOL_EXECUTION)
emit_moderation_check: Final[Emit[payloads.ModerationCheckPayload]] = Emit(
    TelemetryCase.MODERATION_CHECK
)
emit_suggested_question: Final[Emit[payloads.SuggestedQuestionPayload]] = Emit(
    TelemetryCase.SUGGESTED_QUESTION
)
emit_dataset_retrieval: Final[Emit[payloads.DatasetRetrievalPayload]] = Emit(
    TelemetryCase.DATASET_RETRIEVAL
)
emit_generate_name: Final[Emit[payloads.GenerateNamePayload]] = Emit(TelemetryCase.GENERATE_NAME)
emit_app_created: Final[Emit[payloads.AppCreatedPayload]] = Emit(TelemetryCase.APP_CREATED)
emit_app_updated: Final[Emit[payloads.AppUpdatedPayload]] = Emit(TelemetryCase.APP_UPDATED)
emit_app_deleted: Final[Emit[payloads.AppDeletedPayload]] = Emit(TelemetryCase.APP_DELETED)
emit_feedback_created: Final[Emit[payloads.FeedbackCreatedPayload]] = Emit(
    TelemetryCase.FEEDBACK_CREATED
)
