"""100,000 events with a mistake in them: few lines, and the books as they should be."""

import logging

import pytest

from telemetry_actors import Admission, TelemetryCase, TelemetryGateway, TelemetrySettings
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
    *_, last = lines()
    assert len(lines()) == 3 + 1
    assert f"{EVENTS - 3} of others" in last
    assert all(line.isprintable() and len(line) < 400 for line in lines())


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


BAD = {
    "invalid": ("app_created", TENANT, [APP]),
    "too_large": ("app_created", TENANT, {"app_id": "x" * 3000}),
    "invalid_payload": ("moderation_check", TENANT, {"flagged": True}),
}


@pytest.mark.timeout(90)
@pytest.mark.parametrize("word", BAD)
def test_of_events_that_end_so_one(word, lines):
    settings = TelemetrySettings.enabled(gateway={"max_event_bytes": 2000})
    with TelemetryGateway(settings, sinks=[RecordingSink()]) as gateway:
        for _ in range(EVENTS):
            gateway.emit(*BAD[word])
        assert gateway.flush(60)
    ledger = gateway.ledger()

    assert until(lines)
    assert len(lines()) == 1
    assert f"({word})" in lines()[0]
    assert ledger.exported == 0
    assert ledger.balanced()
    assert (ledger.refused | ledger.dropped)[word] > EVENTS / 10  # the rest found no room


@pytest.mark.timeout(90)
def test_of_events_that_have_no_sink_one(lines):
    with TelemetryGateway(TelemetrySettings.enabled(), sinks=[]) as gateway:
        for _ in range(EVENTS):
            gateway.emit("app_created", TENANT, APP)
        assert gateway.flush(60)

    (line,) = lines()
    assert line.startswith("events are dropped (no_sink), the first one of case app_created: ")


@pytest.mark.timeout(90)
def test_of_events_that_come_after_a_stop_one(gateway, lines):
    gateway.stop()
    for _ in range(EVENTS):
        gateway.emit("app_created", TENANT, APP)

    assert until(lines)
    assert gateway.ledger().refused == {"stopping": EVENTS}
    (line,) = lines()
    assert line.startswith("events are refused (stopping), the first one of case app_created: ")


@pytest.mark.timeout(90)
def test_of_mistakes_of_all_kinds_in_all_cases_a_bounded_number(gateway, lines):
    for n in range(EVENTS):
        gateway.emit(list(TelemetryCase)[n % 14], TENANT, [n])
        gateway.emit(f"of_nobody_{n}", TENANT, [n])

    assert until(lambda: len(lines()) == 14 + 3)
    assert gateway.stop().drained
    assert len(lines()) == 14 + 3 + 1  # the names that no line has named are summed up


def test_of_a_case_that_is_no_text_its_type(gateway, lines):
    gateway.emit(None, {"tenant_id": "acme"}, {})

    assert until(lines)
    (line,) = lines()
    assert line == (
        "a case of type NoneType is unknown (refused as unknown_case); a case is a TelemetryCase or"
        " a text"
    )
