"""Losses that are the host's mistake: one line per case and reason, and a count a minute."""

import json
from types import SimpleNamespace

import pytest

from supervisors.testing import FakeClock
from telemetry_actors import Admission, TelemetryGateway, TelemetrySettings
from telemetry_actors.books.ledger import Reason
from telemetry_actors.books.mistakes import Losses
from telemetry_actors.testing import RecordingSink
from tests.said import forget_what_was_said

TENANT = {"tenant_id": "acme"}


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def at_once(monkeypatch):
    """A thread of ours comes at once."""
    monkeypatch.setattr("_thread.start_new_thread", lambda run, arguments: run(*arguments))


@pytest.fixture
def losses(clock, at_once):
    return Losses(["app_created", "app_updated"], clock.now_s)


@pytest.fixture
def lines(caplog):
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.fixture
def gateway():
    made = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    yield made
    made.stop()


def letter(case, reason=Reason.INVALID_PAYLOAD):
    envelope = SimpleNamespace(case=case)
    return SimpleNamespace(envelope=envelope, reason=reason, error="app_id: missing")


def test_while_it_lasts_it_is_counted_once_a_minute(losses, clock, lines):
    for _ in range(3):
        for _ in range(100):
            losses.refused("app_created", Admission.INVALID, {}, [])
            losses.dropped([letter("app_updated")])
        clock.advance(61)
        forget_what_was_said()  # its time is real time
    first, second, *sums = lines()

    assert first.startswith("case app_created: events are refused (invalid): the payload is no ")
    assert second.startswith("case app_updated: events are dropped (invalid_payload): app_id: mis")
    assert sums == [
        f"events are still lost; so far {n + 1} (invalid: {n + 1} of case app_created);"
        f" {n} (invalid_payload: {n} of case app_updated)"
        for n in (100, 200)
    ]


def test_what_has_ended_is_not_counted_again(losses, clock, lines):
    losses.refused("app_created", Admission.INVALID, {}, [])
    losses.refused("app_created", Admission.TOO_LARGE)
    for _ in range(2):
        clock.advance(61)
        forget_what_was_said()
        losses.refused("app_created", Admission.TOO_LARGE)

    assert lines()[-1] == "events are still lost; so far 3 (too_large: 3 of case app_created)"


def test_at_the_end_it_is_summed_up_once_what_has_no_line(losses, lines):
    losses.refused("app_created", Admission.INVALID, {}, [])
    for n in range(60):
        losses.refused(f"of_nobody_{n}", Admission.UNKNOWN_CASE)
    *said, summary = (losses.sum_up_at_the_end(), losses.sum_up_at_the_end(), *lines())[2:]

    assert len(said) == 4
    assert summary == (
        "events were lost; in all 60 (unknown_case: 1 of case of_nobody_0, 1 of case of_nobody_1,"
        " 1 of case of_nobody_2, 57 of others)"
    )


def test_a_stop_sums_up(gateway, lines):
    for n in range(60):
        gateway.emit(f"of_nobody_{n}", TENANT, {})
    gateway.stop()

    assert sum(line.startswith("events were lost; in all 60 (unkn") for line in lines()) == 1


def test_names_that_were_left_out_are_counted(losses, clock, lines):
    for _ in range(2):
        for n in range(1000):
            losses.refused(f"of_nobody_{n}", Admission.UNKNOWN_CASE)
    clock.advance(61)
    forget_what_was_said()
    losses.refused("of_nobody_0", Admission.UNKNOWN_CASE)

    assert len(lines()) == 4  # three are named at once
    assert lines()[-1] == (
        "events are still lost; so far 2001 (unknown_case: 3 of case of_nobody_0,"
        " 2 of case of_nobody_1, 2 of case of_nobody_2, 1994 of others)"
    )
    assert len(losses._counts[Admission.UNKNOWN_CASE]) <= 21


def test_what_is_refused_otherwise_is_not_told(losses, lines):
    for verdict in set(Admission) - {
        Admission.INVALID,
        Admission.TOO_LARGE,
        Admission.UNKNOWN_CASE,
        Admission.STOPPING,
    }:
        losses.refused("app_created", verdict, {}, [])
    losses.dropped([letter("app_created", Reason.REJECTED)])
    assert lines() == []


def test_a_replayed_event_that_is_refused_is_heard(gateway, at_once, lines):
    gateway.start()
    gateway.emit("moderation_check", TENANT, {})
    assert gateway.flush()
    (found,) = gateway.dead_letters()
    gateway.replay(found._replace(envelope=found.envelope._replace(case="of_nobody")))
    gateway.stop()
    gateway.replay(found)

    dropped, unknown, stopped = [line for line in lines() if "started in" not in line]
    assert dropped.startswith("case moderation_check: events are dropped (invalid_payload): ")
    assert unknown.startswith("case 'of_nobody' is unknown")
    assert stopped.startswith("events are refused (stopping), the first one of case moderation_")


def test_what_a_broker_brings_is_heard(lines, caplog):
    pytest.importorskip("celery")
    from telemetry_actors.base.told_later import tell_now
    from telemetry_actors.bridges.celery import CeleryBridge

    bridge = CeleryBridge(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    event = {"tenant_id": "t", "event_id": "e", "payload": {"flagged": True}}
    assert bridge.take(json.dumps(event | {"case": "moderation_check"}))
    assert not bridge.take(json.dumps(event | {"case": "moderation_chek"}))
    bridge.stop()
    assert not bridge.take(json.dumps(event | {"case": "moderation_check"}))  # the broker keeps it
    tell_now()

    dropped, unknown = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "moderation_check: events are dropped (invalid_payload): action: missing" in dropped
    assert "did you mean moderation_check?" in unknown


def test_in_the_child_of_a_fork_it_is_said_anew(gateway, monkeypatch, lines):
    from tests.forks import as_in_a_child

    monkeypatch.setattr("_thread.start_new_thread", lambda run, arguments: None)  # never comes
    gateway.emit("app_created", TENANT, [])
    with as_in_a_child():
        monkeypatch.setattr("_thread.start_new_thread", lambda run, arguments: run(*arguments))
        gateway.emit("app_created", TENANT, [])
        assert len(lines()) == 1
        gateway.stop()
    monkeypatch.undo()
