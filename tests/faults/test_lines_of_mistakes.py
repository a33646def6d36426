"""100,000 events with a mistake in them: few lines, and the books as they should be."""

import logging

import pytest

from telemetry_actors import Admission, TelemetryGateway, TelemetrySettings
from telemetry_actors.testing import RecordingSink
from tests.faults.dedup import until

EVENTS = 100_000
TENANT = {"tenant_id": "acme"}
APP = {"app_id": "a1"}


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.DEBUG, logger="telemetry_actors")
    return lambda: [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


@pytest.fixture
def gateway():
    with TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()]) as gateway:
        yield gateway


@pytest.mark.timeout(90)
def test_of_a_case_that_nobody_knows_one(gateway, lines):
    for _ in range(EVENTS):
        gateway.emit("feedback_craeted", TENANT, APP)

    assert until(lines)
    assert gateway.ledger().refused == {"unknown_case": EVENTS}
    (line,) = lines()
    assert line.startswith("case 'feedback_craeted' is unknown (refused as unknown_case); did you ")


@pytest.mark.timeout(90)
def test_of_cases_that_are_all_different_three(gateway, lines):
    for n in range(EVENTS):
        gateway.emit(f"of_nobody_{n}\n\x1b[2J" + "x" * 200, TENANT, APP)

    assert until(lambda: len(lines()) == 3)
    assert gateway.stop().drained
    assert len(lines()) == 3
    assert all(line.isprintable() and len(line) < 250 for line in lines())


@pytest.mark.timeout(90)
def test_of_events_without_a_tenant_one(gateway, lines):
    accepted = sum(
        gateway.emit("app_created", {}, APP) is Admission.ACCEPTED for _ in range(EVENTS)
    )
    assert gateway.flush(60)

    assert gateway.ledger().exported == accepted
    (line,) = [line for line in lines() if "tenant" in line]
    assert line.startswith("events without a tenant arrive, the first one of case app_created: ")
    assert len(lines()) <= 3


def test_of_a_case_that_is_no_text_its_type(gateway, lines):
    gateway.emit(None, {"tenant_id": "acme"}, {})

    assert until(lines)
    (line,) = lines()
    assert line == (
        "a case of type NoneType is unknown (refused as unknown_case); a case is a TelemetryCase or"
        " a text"
    )
