"""Users of the process-wide gateway: it starts with the first and stops with the last."""

import _thread
import threading

import pytest

from supervisors.system.process import this_process
from telemetry_actors import (
    SettingsError,
    TelemetryGateway,
    TelemetrySettings,
    _process,
    emit,
    get_gateway,
    init,
)
from telemetry_actors.hosts import _users
from telemetry_actors.hosts._users import User
from telemetry_actors.life import starting
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.testing import RecordingSink, running_gateway, use_gateway
from tests.forks import as_in_a_child

TENANT = {"tenant_id": "acme"}


@pytest.fixture(autouse=True)
def _a_process_of_its_own(monkeypatch):
    """As if the process were new; what the test made is stopped at its end."""
    made = {}
    monkeypatch.setattr(_process, "_PROCESS", made)
    monkeypatch.setitem(this_process().own, _users._Users, _users._Users())
    yield
    for gateway in made.values():
        if not isinstance(gateway, SettingsError):
            gateway.stop(2)


@pytest.fixture
def recording():
    return RecordingSink()


@pytest.fixture
def gateway(recording):
    return init(TelemetrySettings.enabled(), sinks=[recording])


def came(user=None):
    user = user or User()
    user.come()
    return user


def emit_one():
    return emit("app_created", TENANT, {"app_id": "a"})


def test_it_runs_from_come_to_leave(gateway, recording):
    user = came()
    assert gateway.status().state == "running"
    assert emit_one()

    user.leave()

    assert gateway.is_stopped()
    assert len(recording.logs) == 1


def test_the_last_one_stops_it(gateway):
    first, second = came(), came()

    first.leave()
    first.leave()
    assert not gateway.is_stopped()

    second.leave()
    assert gateway.is_stopped()


def test_who_comes_later_gets_another(gateway, monkeypatch):
    came().leave()
    for name in ("ENABLED", "TELEMETRY_ENABLED", "TELEMETRY_GATEWAY_ENABLED"):
        monkeypatch.setenv(f"ENTERPRISE_{name}", "true")

    user = came()

    assert get_gateway() is not gateway
    assert emit_one()
    user.leave()


def test_who_comes_in_the_middle_of_a_stop_waits_for_it_and_gets_another():
    entered, opened = threading.Event(), threading.Event()

    class Gate(RecordingSink):
        def export(self, kind, encoded, timeout_s):
            entered.set()
            opened.wait(timeout_s)
            return super().export(kind, encoded, timeout_s)

    gateway = init(TelemetrySettings.enabled(), sinks=[Gate()])
    first, second = came(), User()
    emit_one()
    leaving = threading.Thread(target=first.leave)
    leaving.start()
    entered.wait(5)
    coming = threading.Thread(target=second.come)
    coming.start()
    opened.set()
    leaving.join()
    coming.join()

    assert not get_gateway().is_stopped()
    assert get_gateway() is not gateway
    second.leave()


def test_one_that_somebody_has_stopped_is_left_alone(gateway):
    user = came()
    report = gateway.stop()

    user.leave()

    assert gateway.stop() is report


def test_who_has_left_before_it_came_holds_nothing_up(gateway):
    late, other = User(), came()
    late.leave()
    assert not gateway.is_stopped()

    late.come()
    other.leave()

    assert gateway.is_stopped()


def test_one_of_a_test_is_waited_for_and_left_to_the_test():
    with running_gateway() as (gateway, recording), use_gateway(gateway):
        user = came()
        emit_one()
        user.leave()

        assert len(recording.logs) == 1
        assert not gateway.is_stopped()


def test_one_that_is_off_has_no_thread():
    before = threading.active_count()
    user = came()

    assert get_gateway().status().state == "new"
    assert threading.active_count() == before
    user.leave()


def test_a_setting_that_can_not_be_used_is_said_and_the_host_goes_on(monkeypatch, caplog):
    monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__LINGER_S", "for ever")

    came().leave()

    (said,) = caplog.messages
    assert "TELEMETRY_ACTORS__GATEWAY__LINGER_S" in said


@pytest.mark.parametrize("failure", [ValueError, SystemExit])
def test_a_tree_that_can_not_start_is_said_and_the_host_goes_on(
    failure, gateway, monkeypatch, caplog
):
    def fail(_life):
        raise failure("what a customer wrote")

    with monkeypatch.context() as patch:
        patch.setattr("telemetry_actors.life.starting._build", fail)
        user = came()
    (said,) = caplog.messages
    assert said.startswith(f"the tree can't be started: {failure.__name__} at {__file__}:")
    assert said.endswith("; the first event tries again")
    assert "customer" not in said

    assert emit_one()
    user.leave()
    assert gateway.ledger().exported == 1


def test_a_tree_that_does_not_come_up_is_not_waited_for_for_ever(gateway, monkeypatch):
    opened, build = threading.Event(), starting._build
    monkeypatch.setattr(_users, "_LONGEST_START_S", 0.05)
    monkeypatch.setattr(starting, "_build", lambda life: (opened.wait(8), build(life)))

    user = came()

    assert gateway.status().state == "new"
    opened.set()
    user.leave()


def test_what_was_lost_is_said_in_one_line(caplog):
    class Dead(RecordingSink):
        def export(self, kind, encoded, timeout_s):
            return ExportResult(Verdict.RETRY)

    settings = TelemetrySettings.enabled(lifecycle={"exit_timeout_s": 0.3})
    init(settings, sinks=[Dead()])
    user = came()
    emit_one()

    user.leave()

    said = [message for message in caplog.messages if "1 events were not delivered" in message]
    assert len(said) == 1


def test_the_child_of_a_fork_begins_with_nobody():
    user = came()
    with as_in_a_child():
        came().leave()
        assert _process.standing_gateway().is_stopped()
    user.leave()


def test_a_tree_whose_thread_never_comes_holds_up_no_host(monkeypatch):
    """It was started, and found no memory for its first step; the first event tries again."""
    monkeypatch.setattr(_users, "_LONGEST_START_S", 3600.0)
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", lambda _run, _args: 1)
        _users._start(gateway)

    assert gateway.status().state == "new"
    gateway.stop(1)
