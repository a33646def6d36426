"""Which events the settings let in, and what becomes of a trace manager that is handed in."""

import threading

import pytest

from telemetry_actors import (
    CASE_ROUTING,
    Admission,
    SignalType,
    TelemetryCase,
    TelemetryGateway,
    TelemetrySettings,
)
from telemetry_actors.testing import RecordingSink

TENANT = {"tenant_id": "acme"}
MESSAGE = {"message_id": "m", "status": "succeeded"}
TRACE = [c for c, r in CASE_ROUTING.items() if r.signal_type is SignalType.TRACE]
METRIC_LOG = [c for c in CASE_ROUTING if c not in TRACE]
COMMUNITY = [TelemetryCase.WORKFLOW_RUN, TelemetryCase.MESSAGE_RUN]


class Manager:
    """A host's trace manager."""

    def __init__(self, error=None):
        self.tasks, self.threads, self._error = [], [], error
        self.called = threading.Event()

    def add_trace_task(self, task_name, payload, context):
        self.tasks.append((task_name, payload, context))
        self.threads.append(threading.current_thread().name)
        self.called.set()
        if self._error is not None:
            raise self._error


def a_gateway(sinks=(), **settings):
    return TelemetryGateway(TelemetrySettings.enabled(**settings), sinks=list(sinks))


def admitted(gateway):
    return {case for case in TelemetryCase if gateway.emit(case, TENANT, MESSAGE)}


def test_all_on_admits_all_fourteen():
    with a_gateway([RecordingSink()]) as gateway:
        assert admitted(gateway) == set(TelemetryCase)


@pytest.mark.parametrize(
    "edition", [{"enterprise_enabled": False}, {"enterprise_telemetry_enabled": False}]
)
def test_without_enterprise_telemetry_only_runs_and_messages_are_eligible(edition):
    with a_gateway([RecordingSink()], **edition) as gateway:
        assert admitted(gateway) == set(COMMUNITY)
        assert gateway.ledger().refused == {"not_eligible": 12}


def test_the_flag_is_looked_at_before_the_edition():
    off = {"enterprise_telemetry_gateway_enabled": False, "enterprise_enabled": False}
    with a_gateway([RecordingSink()], **off) as gateway:
        returned = {case: gateway.emit(case, TENANT, MESSAGE) for case in TelemetryCase}

    assert {c for c, a in returned.items() if a is Admission.GATEWAY_OFF} == set(METRIC_LOG)
    assert {c for c, a in returned.items() if a is Admission.NOT_ELIGIBLE} == set(TRACE) - set(
        COMMUNITY
    )
    assert {c for c, a in returned.items() if a} == set(COMMUNITY)


def test_the_legacy_route_goes_through_the_tree_only_with_a_sink_or_an_endpoint_of_ours():
    off = {"enterprise_telemetry_gateway_enabled": False}
    with a_gateway([], **off) as gateway:
        assert admitted(gateway) == set()
        assert gateway.ledger().refused == {"gateway_off": 14}
    with a_gateway([RecordingSink()], **off) as gateway:
        assert admitted(gateway) == set(TRACE)
    with_endpoint = TelemetryGateway(
        TelemetrySettings.enabled(enterprise_otlp_endpoint="http://127.0.0.1:9", **off)
    )
    assert with_endpoint.emit("message_run", TENANT, MESSAGE)
    with_endpoint.stop(0.5)


def test_an_endpoint_that_only_otel_names_is_the_hosts_own(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    gateway = TelemetryGateway(
        TelemetrySettings.enabled(enterprise_telemetry_gateway_enabled=False)
    )
    assert gateway.emit("message_run", TENANT, MESSAGE) is Admission.GATEWAY_OFF
    gateway.stop(0.5)


def test_a_trace_manager_is_called_on_a_thread_of_its_own_and_counted():
    manager = Manager()
    with a_gateway([RecordingSink()]) as gateway:
        gateway.emit("message_run", TENANT, {**MESSAGE, "inputs": "secret"}, manager)
        gateway.emit("app_created", TENANT, {"app_id": "a"}, manager)  # no trace case
        assert gateway.flush(5)
        assert manager.called.wait(5)

    assert manager.tasks == [("message", {**MESSAGE, "inputs": "[gated]"}, TENANT)]
    assert manager.threads == ["root/sinks/providers"]
    assert gateway.ledger().signals.providers.model_dump() == {
        "given": 1,
        "called": 1,
        "raised": 0,
        "hung": 0,
        "full": 0,
        "absent": 0,
    }


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(1)])
def test_a_trace_manager_that_raises_changes_nothing_of_the_event(error):
    manager = Manager(error)
    with a_gateway([RecordingSink()]) as gateway:
        gateway.emit("message_run", TENANT, MESSAGE, manager)
        assert gateway.flush(5)
        assert manager.called.wait(5)

    ledger = gateway.ledger()
    assert ledger.exported == 1
    assert (ledger.signals.providers.given, ledger.signals.providers.raised) == (1, 1)


def test_a_thing_that_is_no_trace_manager_is_absent():
    with a_gateway([RecordingSink()]) as gateway:
        gateway.emit("message_run", TENANT, MESSAGE, 42)
        assert gateway.flush(5)

    assert gateway.ledger().signals.providers.absent == 1
    assert gateway.ledger().exported == 1


def test_a_plain_function_does_as_a_trace_manager():
    got = []
    with a_gateway([RecordingSink()]) as gateway:
        gateway.emit("workflow_run", TENANT, {}, lambda *task: got.append(task))
        gateway.flush(5)

    assert got == [("workflow", {}, TENANT)]


def test_with_the_flag_off_and_no_sink_a_trace_manager_still_gets_its_call():
    manager = Manager()
    with a_gateway([], enterprise_telemetry_gateway_enabled=False) as gateway:
        assert gateway.emit("message_run", TENANT, MESSAGE, manager) is Admission.GATEWAY_OFF
        assert manager.called.wait(5)

    ledger = gateway.ledger()
    assert [task[0] for task in manager.tasks] == ["message"]
    assert (ledger.accepted, ledger.signals.providers.given) == (0, 1)
    assert ledger.signals.providers.called == 1
    assert ledger.balanced()


def test_a_repeat_reaches_the_trace_manager_too_since_dedup_comes_later():
    manager = Manager()
    with a_gateway([RecordingSink()]) as gateway:
        for _ in range(2):
            gateway.emit("message_run", TENANT, MESSAGE, manager, event_id="same")
        gateway.flush(5)

    assert len(manager.tasks) == 2
    assert gateway.ledger().duplicate == 1


def test_a_full_providers_mailbox_is_counted():
    blocked, calls = threading.Event(), []

    def slow(*task):
        calls.append(task)
        blocked.wait(5)

    with a_gateway([RecordingSink()], providers={"mailbox_calls": 2}) as gateway:
        for _ in range(20):
            gateway.emit("message_run", TENANT, MESSAGE, slow)
        assert gateway.flush(5)
        assert gateway.ledger().exported == 20
        blocked.set()

    providers = gateway.ledger().signals.providers
    assert providers.given == 20
    assert providers.full >= 10
    assert providers.called + providers.full == 20


def test_what_is_switched_off_is_said_once_by_the_constructor(caplog):
    TelemetryGateway(TelemetrySettings())
    TelemetryGateway(TelemetrySettings.enabled(enterprise_enabled=False))

    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "ENTERPRISE_TELEMETRY_GATEWAY_ENABLED" in caplog.records[0].message
    assert "ENTERPRISE_ENABLED" in caplog.records[1].message
