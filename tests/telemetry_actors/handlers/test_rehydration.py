"""The diagnostic log of a payload that is lost (signals.md 3.15, era M)."""

from uuid import UUID

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.handlers import EventFacts, rehydration_failed

FACTS = EventFacts("event-1", "t", 5, 9, {"user_id": "u"})


def test_its_attributes():
    log = rehydration_failed(FACTS, TelemetryCase.MESSAGE_RUN)

    assert log.attributes == {
        "dify.event.name": "dify.telemetry.rehydration_failed",
        "dify.event.signal": "metric_only",
        "tenant_id": "t",
        "dify.telemetry.error": "Payload rehydration failed for event_id=event-1",
        "dify.telemetry.payload_type": "message_run",
        "dify.telemetry.correlation_id": "event-1",
        "log.record.uid": log.attributes["log.record.uid"],
    }
    assert type(log.attributes["dify.telemetry.payload_type"]) is str


def test_its_record_id_is_its_own_and_the_same_each_time():
    first, again = (rehydration_failed(FACTS, "custom").attributes["log.record.uid"] for _ in "ab")

    assert first == again != "event-1"
    assert UUID(str(first))


def test_it_carries_no_ids():
    log = rehydration_failed(FACTS, "custom")

    assert (log.trace_id, log.span_id) == (b"", b"")
