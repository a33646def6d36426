"""FEEDBACK_CREATED: somebody rated an answer. A log and a counter, no ids, no span.

What was written along with the rating is there with content on only; with content off
there is not even a reference, since nothing could be looked up by one.
"""

from __future__ import annotations

from typing import Final

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Emits, Metric
from telemetry_actors.event.instruments import FEEDBACK
from telemetry_actors.event.signals import Measurement, Signals
from telemetry_actors.handlers._correlation import UserFields, acting_user, owner
from telemetry_actors.handlers._fields import PAYLOAD
from telemetry_actors.handlers._records import METRIC_ONLY, log_record, log_type
from telemetry_actors.handlers._timestamps import rfc3339

_LOG: Final = log_type(
    "dify.feedback.created",
    METRIC_ONLY,
    "dify.message.id",
    "dify.tenant_id",
    "dify.event.id",
    "dify.app_id",
    "dify.conversation.id",
    "gen_ai.user.id",
    "dify.feedback.rating",
    "dify.feedback.from_source",
    "dify.feedback.created_at",
    gated=("dify.feedback.content",),
)
_LABELS: Final = ("tenant_id", "app_id", "rating")


@with_config(PAYLOAD)
class FeedbackCreatedPayload(UserFields, total=False):
    """The payload: docs/data-dictionary.md, "feedback_created".

    Nothing is required: an empty one is one.
    """

    message_id: str | None
    conversation_id: str | None
    from_end_user_id: str | None
    from_account_id: str | None
    rating: str | None
    from_source: str | None
    content: str | None


def _map(facts: EventFacts, feedback: FeedbackCreatedPayload, settings: MappingSettings) -> Signals:
    tenant_id, app_id = owner(facts, feedback)
    rating = feedback.get("rating")
    values = (
        feedback.get("message_id"),
        tenant_id,
        facts.event_id,
        app_id,
        feedback.get("conversation_id"),
        _user(facts, feedback),
        rating,
        feedback.get("from_source"),
        rfc3339(facts.emitted_at_ns),
        feedback.get("content") if settings.include_content else None,
    )
    counted = Measurement(FEEDBACK, _LABELS, (tenant_id, app_id, rating or ""), 1)
    return Signals((log_record(facts, _LOG, values),), (), (counted,))


def _user(facts: EventFacts, feedback: FeedbackCreatedPayload) -> str | None:
    """Who gave it; the acting user only if the payload names neither end user nor account."""
    originator = feedback.get("from_end_user_id") or feedback.get("from_account_id")
    return originator or acting_user(facts, feedback)


DEFINITION: Final = CaseDefinition(
    TelemetryCase.FEEDBACK_CREATED,
    FeedbackCreatedPayload,
    _map,
    Emits(_LOG, metrics=(Metric(FEEDBACK, _LABELS),)),
)
