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
from telemetry_actors.handlers._columns import METRIC_ONLY

_NAME: Final = "dify.telemetry.rehydration_failed"


def rehydration_failed(facts: EventFacts, case: str) -> LogSignal:
    """The diagnostic log of an event whose payload is lost. No trace or span id.

    Args:
        facts: of the event; its id is the ``correlation_id``.
        case: of the event, as the envelope has it.
    """
    error = f"Payload rehydration failed for event_id={facts.event_id}"
    attributes = {
        "dify.event.name": _NAME,
        "dify.event.signal": METRIC_ONLY,
        "tenant_id": facts.tenant_id,
        "dify.telemetry.error": error,
        "dify.telemetry.payload_type": str(case),
        "dify.telemetry.correlation_id": facts.event_id,
    }
    return facts.log(_NAME, attributes, record_id=derived_id(facts.event_id, _NAME))
