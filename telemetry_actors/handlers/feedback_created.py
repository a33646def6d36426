"""FEEDBACK_CREATED: somebody rated an answer. A log and a counter, no ids, no span.

What was written along with the rating is there with content on only; with content off
there is not even a reference, since nothing could be looked up by one.
"""

from __future__ import annotations

from typing import Final

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Metric
from telemetry_actors.event.instruments import FEEDBACK
from telemetry_actors.event.signals import Measurement, Signals
from telemetry_actors.handlers._columns import METRIC_ONLY, Column, Columns, NewRow
from telemetry_actors.handlers._correlation import UserFields, acting_user, owner
from telemetry_actors.handlers._fields import PAYLOAD
from telemetry_actors.handlers._timestamps import rfc3339

_LOG: Final = Columns(
    "dify.feedback.created",
    METRIC_ONLY,
    Column("dify.message.id", "message_id"),
    Column("dify.tenant_id", "tenant_id"),
    Column("dify.event.id", "event_id"),
    Column("dify.app_id", "app_id"),
    Column("dify.conversation.id", "conversation_id"),
    Column("gen_ai.user.id", "user_id"),
    Column("dify.feedback.rating", "rating"),
    Column("dify.feedback.from_source", "from_source"),
    Column("dify.feedback.created_at", "created_at"),
    Column("dify.feedback.content", "content", content=True),
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
    row: NewRow = {**feedback}
    row["tenant_id"], row["app_id"] = tenant_id, app_id
    row["user_id"] = _user(facts, feedback)
    row["event_id"] = facts.event_id
    row["created_at"] = rfc3339(facts.emitted_at_ns)
    labels = (tenant_id, app_id, feedback.get("rating") or "")
    counted = Measurement(FEEDBACK, _LABELS, labels, 1)
    return Signals((_LOG.record(facts, row, settings),), (), (counted,))


def _user(facts: EventFacts, feedback: FeedbackCreatedPayload) -> str | None:
    """Who gave it; the acting user only if the payload names neither end user nor account."""
    originator = feedback.get("from_end_user_id") or feedback.get("from_account_id")
    return originator or acting_user(facts, feedback)


DEFINITION: Final = CaseDefinition(
    TelemetryCase.FEEDBACK_CREATED,
    FeedbackCreatedPayload,
    _map,
    _LOG.emits(Metric(FEEDBACK, _LABELS)),
)
