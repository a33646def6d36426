"""A gateway before, during and after its tree: built once, counted all the time."""

import threading

import pytest

from supervisors.errors import ChildStartError
from telemetry_actors import Admission, TelemetryGateway, TelemetrySettings
from telemetry_actors.sinks.metrics_actor import MetricSinkActor
from telemetry_actors.testing import RecordingSink, running_gateway

TENANT = {"tenant_id": "acme"}
MESSAGE = {"message_id": "m", "status": "succeeded"}


def test_what_waits_before_there_is_a_tree_is_in_flight():
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    gateway._life.door.enqueuer.asleep = False  # as if the thread that builds it were slow
    gateway.emit("app_created", TENANT, {})
    gateway.emit("message_run", TENANT, MESSAGE)
    ledger = gateway.ledger()

    assert (ledger.accepted, ledger.in_flight) == (2, 2)
    assert ledger.by_case["message_run"].in_flight == 1
    assert ledger.balanced()
    assert repr(gateway) == "<TelemetryGateway new>"
    assert gateway.flush(5)
    assert gateway.ledger().exported == 2
    gateway.stop(1)


def test_a_part_that_does_not_start_is_said_and_the_start_can_be_tried_again(monkeypatch):
    def broken(_self):
        raise OSError("not yet")

    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    with monkeypatch.context() as patch:
        patch.setattr(MetricSinkActor, "on_start", broken)
        with pytest.raises(ChildStartError):
            gateway.start()
    assert gateway.ledger().balanced()
    with gateway:
        assert gateway.emit("app_created", TENANT, {})
        assert gateway.flush(5)

    assert gateway.ledger().exported == 1


def test_it_is_started_once_and_never_after_its_stop():
    with running_gateway() as (gateway, _):
        root = gateway._life.running.root
        assert gateway.start() is gateway
        assert gateway._life.running.root is root
    gateway.start()

    assert gateway.status().state == "stopped"
    assert repr(gateway) == "<TelemetryGateway stopped>"


def test_what_the_settings_override_is_said_without_the_secret(caplog):
    settings = TelemetrySettings.enabled(
        enterprise_otlp_endpoint="http://127.0.0.1:9",
        enterprise_otlp_api_key="TOPSECRET",
        enterprise_otlp_headers="authorization=OTHERSECRET",
    )
    with TelemetryGateway(settings) as gateway:
        assert gateway.emit("no such case", TENANT, {}) is Admission.UNKNOWN_CASE

    said = [r.message for r in caplog.records if "replaces" in r.message]
    assert len(said) == 1
    assert "SECRET" not in caplog.text


def test_a_patient_producer_is_told_when_there_is_room():
    with running_gateway(gateway={"mailbox_events": 2, "linger_s": 3000.0}) as (gateway, _):
        assert gateway.has_room()
        for _ in range(2):
            assert gateway.emit("app_created", TENANT, {})
        assert not gateway.has_room()
        assert gateway.flush(5)
        assert gateway.has_room()


def test_g02_a_trace_manager_whose_mailbox_is_full_costs_no_lock_either():
    """On the legacy route `emit()` hands it over by itself; in a signal handler this would hang."""
    settings = TelemetrySettings.enabled(
        enterprise_telemetry_gateway_enabled=False, providers={"mailbox_calls": 1}
    )
    gateway = TelemetryGateway(settings, sinks=[])
    gateway._life.door.enqueuer.asleep = False  # nobody takes the calls away
    returned = []

    def emit():
        returned.append(gateway.emit("message_run", TENANT, MESSAGE, print))

    emit()
    thread = threading.Thread(target=emit)
    with gateway._life.books._lock:  # as in the middle of ledger()
        thread.start()
        thread.join(0.5)
        stuck = thread.is_alive()
    thread.join()

    assert returned == [Admission.GATEWAY_OFF] * 2
    assert not stuck
    assert gateway.ledger().signals.providers.full == 1
