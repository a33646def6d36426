"""The demo's accidents come at even distances, and a restart that doesn't show is said."""

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.demo import faults as _faults
from telemetry_actors.demo.event import MadeEvent
from telemetry_actors.demo.faults import Accidents
from telemetry_actors.sinks import RecordingSink

EVENTS = [MadeEvent("app_created", {"tenant_id": "acme"}, {}) for _ in range(9)]


@pytest.fixture
def gateway():
    settings = TelemetrySettings.enabled()
    with TelemetryGateway(settings, sinks=[RecordingSink()]) as running:
        yield running


def test_each_actor_ends_once_between_two_events(gateway):
    notes, seen = [], []
    accidents = Accidents(gateway, ("handlers/app_created", "sinks/logs"), notes.append)

    for event in accidents.within(EVENTS, len(EVENTS)):
        seen.append(gateway.status().restarts)
        gateway.emit(event.case, event.context, event.payload)

    assert seen == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert accidents.came_back == {"handlers/app_created": True, "sinks/logs": True}
    assert notes == [
        "handlers/app_created: ended by force; its supervisor has restarted it",
        "sinks/logs: ended by force; its supervisor has restarted it",
    ]
    assert gateway.flush(5.0)
    assert gateway.ledger().exported == len(EVENTS), "an end between two events costs none"


def test_a_restart_that_does_not_show_is_said(gateway, monkeypatch):
    monkeypatch.setattr(_faults, "crash", lambda ref, error: None)
    monkeypatch.setattr(_faults, "_RESTART_WITHIN_S", 0.05)
    notes = []
    accidents = Accidents(gateway, ("sinks/logs",), notes.append)

    assert list(accidents.within(EVENTS, len(EVENTS))) == EVENTS
    assert accidents.came_back == {"sinks/logs": False}
    assert notes == ["sinks/logs: ended by force, and NOT back after 0.05 s"]
