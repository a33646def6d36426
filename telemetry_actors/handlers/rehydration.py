"""The one record that the product makes about an event it could not read back.

Made by the case's handler when the recall lane could read neither the object of an off-loaded
payload nor its fallback; then the event makes nothing else. Counted as
``signals.logs.diagnostic``, no signal of the event itself, and so with a ``log.record.uid`` of its
own.
"""

from __future__ import annotations

from typing import Final

from telemetry_actors.event.definition import EventFacts
from telemetry_actors.event.ids import derived_id
from telemetry_actors.event.signals import LogSignal
from telemetry_actors.handlers._records import METRIC_ONLY, log_record, log_type

_NAME: Final = "dify.telemetry.rehydration_failed"
_LOG: Final = log_type(
    _NAME,
    METRIC_ONLY,
    "tenant_id",
    "dify.telemetry.error",
    "dify.telemetry.payload_type",
    "dify.telemetry.correlation_id",
)


def rehydration_failed(facts: EventFacts, case: str) -> LogSignal:
    """The diagnostic log of an event whose payload is lost. No trace or span id.

    Args:
        facts: of the event; its id is the ``correlation_id``.
        case: of the event, as the envelope has it.
    """
    error = f"Payload rehydration failed for event_id={facts.event_id}"
    return log_record(
        facts,
        _LOG,
        (facts.tenant_id, error, str(case), facts.event_id),
        record_id=derived_id(facts.event_id, _NAME),
    )
