"""The process-wide gateway: made once, from the environment, on first use."""

import threading

import pytest

import telemetry_actors
from telemetry_actors import Admission, SettingsError, _process, emit, get_gateway

TENANT = {"tenant_id": "acme"}
ON = {
    "ENTERPRISE_ENABLED": "true",
    "ENTERPRISE_TELEMETRY_ENABLED": "true",
    "ENTERPRISE_TELEMETRY_GATEWAY_ENABLED": "true",
}


@pytest.fixture(autouse=True)
def _a_process_of_its_own(monkeypatch):
    """As if the process were new; what the test made is stopped at its end."""
    made = {}
    monkeypatch.setattr(_process, "_PROCESS", made)
    yield
    for gateway in made.values():
        if not isinstance(gateway, SettingsError):
            gateway.stop(2)


@pytest.fixture
def _on(monkeypatch):
    for name, value in ON.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_on")
def test_emit_and_get_gateway_mean_the_same_one():
    gateway = get_gateway()

    assert get_gateway() is gateway
    assert emit("app_created", TENANT, {}) is Admission.ACCEPTED
    assert gateway.flush(5)
    assert gateway.ledger().dropped == {"no_sink": 1}


@pytest.mark.usefixtures("_on")
def test_of_many_first_calls_one_makes_it():
    start, found = threading.Barrier(8), []

    def work():
        start.wait(5)
        found.append(get_gateway())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({id(gateway) for gateway in found}) == 1


def test_unusable_settings_are_said_each_time_and_emit_is_quiet(monkeypatch):
    monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__LINGER_S", "for ever")

    for _ in range(2):
        with pytest.raises(SettingsError, match=r"gateway\.linger_s"):
            get_gateway()
    assert emit("app_created", TENANT, {}) is Admission.GATEWAY_OFF


def test_unusable_settings_that_are_asked_for_often_keep_no_frames(monkeypatch):
    monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__LINGER_S", "for ever")
    lengths = set()
    for _ in range(5):
        with pytest.raises(SettingsError) as caught:
            get_gateway()
        lengths.add(len(caught.traceback))

    assert len(lengths) == 1


def test_whatever_goes_wrong_in_the_making_is_no_exception_of_emit(monkeypatch):
    def out_of_memory():
        raise MemoryError

    monkeypatch.setattr(_process, "_ProcessGateway", out_of_memory)

    assert emit("app_created", TENANT, {}) is Admission.GATEWAY_OFF


def test_what_is_off_is_said_by_the_tree_and_not_by_the_first_emit(monkeypatch, caplog):
    monkeypatch.setenv("ENTERPRISE_TELEMETRY_GATEWAY_ENABLED", "true")
    with monkeypatch.context() as patch:
        patch.setattr("_thread.start_new_thread", lambda *_: None)
        assert emit("message_run", TENANT, {"message_id": "m", "status": "succeeded"})
        assert emit("app_created", TENANT, {}) is Admission.NOT_ELIGIBLE
    assert caplog.records == []
    _process._PROCESS["gateway"]._build_patiently()  # what the thread would have done
    assert said(caplog) == 1
    assert get_gateway()
    assert said(caplog) == 1


def test_what_is_off_is_said_once_to_who_asks_for_the_gateway(caplog):
    """With everything off no event ever starts the tree's thread, which would say it."""
    assert emit("message_run", TENANT, {}) is Admission.GATEWAY_OFF
    assert caplog.records == []
    assert get_gateway() is get_gateway()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "ENTERPRISE_TELEMETRY_GATEWAY_ENABLED is off" in caplog.text


def said(caplog):
    return sum("enterprise telemetry is off" in record.message for record in caplog.records)


@pytest.mark.parametrize(
    ("value", "enabled"),
    [
        *(("true", True), ("True", True), ("TRUE", True), ("1", True), ("yes", True)),
        *(("YES", True), ("false", False), ("False", False), ("0", False), ("no", False)),
        *(("", False), ("on", False), (None, False)),
    ],
)
def test_the_flag_is_read_as_upstream_reads_it(monkeypatch, value, enabled):
    if value is not None:
        monkeypatch.setenv("ENTERPRISE_TELEMETRY_GATEWAY_ENABLED", value)

    assert telemetry_actors.is_gateway_enabled() is enabled
