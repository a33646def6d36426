"""The process-wide gateway: made once, from the environment, on first use."""

import os
import pickle
import subprocess
import sys
import threading

import pytest

import telemetry_actors
from supervisors.system.process import this_process
from telemetry_actors import (
    Admission,
    AlreadyRunning,
    SettingsError,
    TelemetryGateway,
    TelemetrySettings,
    _process,
    emit,
    get_gateway,
    init,
)
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.testing import RecordingSink
from tests.forks import as_in_a_child

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
        with pytest.raises(SettingsError, match=r"GATEWAY__LINGER_S"):
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
    assert get_gateway() is get_gateway()
    assert emit("message_run", TENANT, {}) is Admission.GATEWAY_OFF
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "ENTERPRISE_TELEMETRY_GATEWAY_ENABLED is not set, which is off" in caplog.text


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


# -- init, and another one after a stop ------------------------------------------------------


def test_init_makes_the_one_that_emit_uses():
    recording = RecordingSink()
    gateway = init(TelemetrySettings.enabled(), sinks=[recording])

    assert get_gateway() is gateway
    assert emit("app_created", TENANT, {"app_id": "a1", "mode": "chat"})
    assert gateway.flush(5)
    assert len(recording.logs) == 1


def test_init_starts_nothing_by_itself():
    assert init(TelemetrySettings.enabled(), sinks=[]).status().state == "new"


def test_overrides_win_over_settings_and_leave_the_rest():
    settings = TelemetrySettings.enabled(gateway={"linger_s": 0.5, "batch_events": 7})
    chosen = init(settings, sinks=[], gateway={"batch_events": 9}, redis_url="redis://h")._settings

    assert (chosen.gateway.linger_s, chosen.gateway.batch_events) == (0.5, 9)
    assert chosen.redis_url.get_secret_value() == "redis://h"
    assert chosen.telemetry_on


@pytest.mark.usefixtures("_on")
def test_overrides_alone_win_over_the_environment(monkeypatch):
    monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__BATCH_EVENTS", "7")
    chosen = init(sinks=[], gateway={"linger_s": 0.25})._settings

    assert (chosen.gateway.batch_events, chosen.gateway.linger_s) == (7, 0.25)
    assert chosen.telemetry_on


def test_a_setting_that_can_not_be_used_leaves_everything_as_it_was():
    with pytest.raises(SettingsError, match="linger_s"):
        init(gateway={"linger_s": "for ever"})
    assert init(TelemetrySettings.enabled(), sinks=[]) is get_gateway()


@pytest.mark.usefixtures("_on")
@pytest.mark.parametrize("first", [init, get_gateway, lambda: emit("app_created", TENANT, {})])
def test_init_while_one_runs_says_where_that_one_was_made(first):
    first()
    with pytest.raises(AlreadyRunning) as caught:
        init(sinks=[])

    assert caught.value.made_at.partition(":")[0] == __file__
    assert caught.value.made_at in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).made_at == caught.value.made_at


def test_init_takes_the_place_of_settings_that_can_not_be_used(monkeypatch):
    monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__LINGER_S", "for ever")
    assert emit("app_created", TENANT, {}) is Admission.GATEWAY_OFF
    monkeypatch.delenv("TELEMETRY_ACTORS__GATEWAY__LINGER_S")
    init(TelemetrySettings.enabled(), sinks=[RecordingSink()])

    assert emit("app_created", TENANT, {"app_id": "a1"})


@pytest.mark.usefixtures("_on")
@pytest.mark.parametrize("again", [init, get_gateway])
def test_after_a_stop_there_is_another_for_who_asks_and_none_for_emit(again):
    first = get_gateway()
    first.stop(2)

    assert emit("app_created", TENANT, {}) is Admission.STOPPING
    second = again()
    assert second is not first
    assert get_gateway() is second
    assert emit("app_created", TENANT, {})
    second.stop(2)
    assert first.ledger().refused == {"stopping": 1}


@pytest.mark.usefixtures("_on")
def test_of_many_who_ask_after_a_stop_all_get_the_same():
    get_gateway().stop(2)
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


def test_in_a_child_that_has_not_used_its_parents_init_makes_its_own():
    parents = init(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    with as_in_a_child():
        mine = init(TelemetrySettings.enabled(), sinks=[RecordingSink()])
        assert mine is not parents
        assert emit("app_created", TENANT, {"app_id": "a1"})
        with pytest.raises(AlreadyRunning):
            init(sinks=[])
        assert parents.ledger().emitted == 0
        mine.stop(2)


class Late(RecordingSink):
    """Something happens while a gateway with it is made."""

    happens = None

    @property
    def name(self):
        happens, Late.happens = Late.happens, None
        if happens is not None:
            happens()
        return "late"


@pytest.mark.usefixtures("_on")
def test_an_event_that_comes_while_init_makes_its_own_is_not_lost_from_sight():
    """The first event's gateway is there to stay, and has the event in its books."""
    admitted = []
    Late.happens = lambda: admitted.append(emit("app_created", TENANT, {"app_id": "a1"}))
    with pytest.raises(AlreadyRunning):
        init(sinks=[Late()])

    assert admitted == [Admission.ACCEPTED]
    assert get_gateway().ledger().accepted == 1


@pytest.mark.usefixtures("_on")
def test_a_signal_handler_that_asks_while_init_makes_its_own_does_not_wait_for_itself():
    init(sinks=[]).stop(2)
    found = []
    Late.happens = lambda: found.append(get_gateway())
    with pytest.raises(AlreadyRunning):
        init(sinks=[Late()])

    assert get_gateway() is found[0]


ENDING = """
import atexit, os
import telemetry_actors
from telemetry_actors import AlreadyRunning, TelemetrySettings, emit, get_gateway, init

def late():
    before = get_gateway()
    try:
        init(sinks=[])
    except AlreadyRunning as error:
        os.write(1, f"{emit('app_created', {}, {})} {before is get_gateway()} {error}".encode())

atexit.register(late)
if %r:
    init(TelemetrySettings.enabled(), sinks=[])
    emit("app_created", {}, {})
"""


@pytest.mark.parametrize("used", [True, False])
def test_once_the_interpreter_ends_nobody_gets_another(used):
    """Also where it was never used before: what would stop it is registered too late."""
    environment = {**os.environ, **ON}
    done = subprocess.run(
        [sys.executable, "-c", ENDING % used],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "stopping True this process is ending: no gateway is made any more"
    assert "Traceback" not in done.stderr


# -- a journal that has something in it ------------------------------------------------------


class Heard(RecordingSink):
    """Says when something has come."""

    def __init__(self):
        super().__init__()
        self.heard = threading.Event()

    def export(self, kind, encoded, timeout_s):
        result = super().export(kind, encoded, timeout_s)
        self.heard.set()
        return result


class Deaf(RecordingSink):
    def export(self, kind, encoded, timeout_s):
        return ExportResult(Verdict.RETRY)


def test_g08_what_an_earlier_process_left_is_delivered_though_no_event_ever_comes(tmp_path):
    settings = TelemetrySettings.enabled(journal={"directory": str(tmp_path)})
    with TelemetryGateway(settings, sinks=[Deaf()]) as earlier:
        assert earlier.emit("app_created", TENANT, {"app_id": "a1", "mode": "chat"})
        assert earlier.stop(0.5).kept == 1

    gateway = init(settings, sinks=[sink := Heard()])

    assert sink.heard.wait(10)
    assert gateway.flush(10)
    assert (len(sink.logs), gateway.ledger().sources) == (1, {"emit": 0, "journal": 1})


def test_g08_a_child_looks_into_the_journal_for_itself(tmp_path):
    """The thread of its parent's that would start the tree is not there."""
    (tmp_path / f"1-{'0' * 32}").mkdir()
    init(TelemetrySettings.enabled(journal={"directory": str(tmp_path)}), sinks=[RecordingSink()])
    with as_in_a_child():
        gateway = get_gateway()
        assert gateway._journal_seen_in is this_process()
        gateway.stop(2)


def test_an_empty_journal_and_a_bare_constructor_start_nothing(tmp_path):
    settings = TelemetrySettings.enabled(journal={"directory": str(tmp_path / "none")})
    gateway = init(settings, sinks=[])

    assert gateway._journal_seen_in is None
    assert TelemetryGateway(settings, sinks=[]).status().state == "new"


# -- a host whose kit is missing -------------------------------------------------------------------


@pytest.fixture
def heard(monkeypatch):
    """As in a host that loses events; what was said, and a token to wait for it."""
    from telemetry_actors import _process
    from telemetry_actors.lifecycle import missing_kit as _missing_kit

    said, token = [], threading.Event()
    monkeypatch.setattr(_missing_kit, "advice", lambda _modules: "a line is missing")
    monkeypatch.setattr(_process, "say_at_the_end", lambda line: (said.append(line), token.set()))
    return said, token


@pytest.mark.usefixtures("_on")
def test_where_an_event_starts_the_tree_the_line_that_is_missing_is_said_once(heard):
    said, token = heard
    for _ in range(3):
        telemetry_actors.emit("app_created", {}, {})
    assert token.wait(5)
    get_gateway().stop()
    assert said == ["a line is missing"]


@pytest.mark.usefixtures("_on")
@pytest.mark.parametrize("begin", [lambda: get_gateway().start(), init])
def test_who_has_begun_it_stops_it_and_hears_nothing(begin, heard):
    said, _token = heard
    begin()
    telemetry_actors.emit("app_created", {}, {})
    get_gateway().flush(5)
    get_gateway().stop()
    assert said == []


@pytest.mark.usefixtures("_on")
def test_what_the_parent_has_begun_nobody_stops_in_its_child(heard):
    said, token = heard
    gateway = init()
    with as_in_a_child():
        telemetry_actors.emit("app_created", {}, {})
        assert token.wait(5)
        gateway.stop()
    assert said == ["a line is missing"]
