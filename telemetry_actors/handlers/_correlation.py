"""Whose event it is, and who set it off: one rule for all cases.

What is found here goes into attributes and metric labels alike.
The payload's word counts before the context's; "" counts as nothing said.
"""

from __future__ import annotations

from typing_extensions import TypedDict

from telemetry_actors.event.definition import EventFacts
from telemetry_actors.handlers._columns import NewRow, Row


class OwnerFields(TypedDict, total=False):
    """Keys that any payload may have."""

    tenant_id: str | None
    app_id: str | None


class UserFields(OwnerFields, total=False):
    """Keys that any payload but an app event's may have."""

    user_id: str | None


class IdentityFields(UserFields, total=False):
    """Keys that any payload but an app's or a feedback's may have."""

    app_name: str | None
    workspace_name: str | None


class OriginFields(TypedDict, total=False):
    """Who may have set an operation off."""

    invoked_by: str | None
    from_end_user_id: str | None
    from_account_id: str | None


def owner(facts: EventFacts, payload: OwnerFields) -> tuple[str, str]:
    """Tenant and app; "" when unknown.

    The tenant was decided at the door (`tenant_of`), so the payload's counts only where that said
    nothing: in what an older version has kept.
    """
    return (
        facts.tenant_id or payload.get("tenant_id") or facts.said("tenant_id"),
        payload.get("app_id") or facts.said("app_id"),
    )


def acting_user(facts: EventFacts, payload: UserFields) -> str | None:
    """Who acted; null when unknown."""
    return payload.get("user_id") or facts.said("user_id") or None


def identified(facts: EventFacts, payload: IdentityFields) -> NewRow:
    """The payload as a row, with whose it is: "" where that is unknown, null for the user."""
    row: NewRow = {**payload}
    row["tenant_id"], row["app_id"] = owner(facts, payload)
    row["user_id"] = acting_user(facts, payload)
    row["app_name"] = payload.get("app_name") or facts.said("app_name")
    row["workspace_name"] = payload.get("workspace_name") or facts.said("workspace_name")
    return row


def resolved_trace_id(row: Row) -> str | None:
    """The value of ``dify.trace_id``: the first that says something. Spans don't go by it."""
    return row.get("trace_id") or row.get("workflow_run_id") or row.get("message_id") or None


def invoked_by(row: Row) -> str:
    """``end_user:<id>``, ``account:<id>``, ``user:<id>`` or ``anonymous``, or as the payload says.

    >>> invoked_by({"from_account_id": "a", "user_id": "u"}), invoked_by({"user_id": None})
    ('account:a', 'anonymous')
    """
    if said := row.get("invoked_by"):
        return str(said)
    if end_user := row.get("from_end_user_id"):
        return f"end_user:{end_user}"
    if account := row.get("from_account_id"):
        return f"account:{account}"
    user_id = row["user_id"]
    return f"user:{user_id}" if user_id else "anonymous"
