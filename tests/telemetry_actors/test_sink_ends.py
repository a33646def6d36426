"""A stop's last words to the sinks: one that never comes back from them holds up nobody (g22)."""

import threading

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.testing import RecordingSink
from tests.stopwatch import Stopwatch

APP, TENANT = {"app_id": "a1"}, {"tenant_id": "acme"}
AT_ONCE = {"gateway": {"linger_s": 0}, "sink": {"linger_s": 0}}
WAIT_S = 5


class Polite(RecordingSink):
    """Nobody answers it, until it is interrupted; it says what it was told."""

    def __init__(self, name):
        super().__init__()
        self.name = name
        self.told = []
        self.asked, self.over = threading.Event(), threading.Event()

    def export(self, kind, encoded, timeout_s):
        self.asked.set()
        self.over.wait(timeout_s)
        return ExportResult(Verdict.RETRY, unconfirmed=True)

    def interrupt(self):
        self.told.append("interrupt")
        self.over.set()

    def close(self):
        self.told.append("close")


class Stubborn(Polite):
    """Does not come back from one word, or raises whatever it likes."""

    def __init__(self, word, does):
        super().__init__("stubborn")
        self._word, self._does = word, does
        self.threads = []

    def interrupt(self):
        super().interrupt()
        self._on("interrupt")

    def close(self):
        super().close()
        self._on("close")

    def _on(self, word):
        self.threads.append(threading.get_ident())
        if word == self._word:
            self._does()


def stopped(*sinks):
    """The gateway, what it said and how long it took, of a stop with a request on its way."""
    gateway = TelemetryGateway(TelemetrySettings.enabled(**AT_ONCE), sinks=sinks).start()
    assert gateway.emit("app_created", TENANT, APP)
    for sink in sinks:
        assert sink.asked.wait(WAIT_S)
    watch = Stopwatch()
    report = gateway.stop(1.0)
    return gateway, report, watch.took_s()


@pytest.fixture
def release():
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.timed
@pytest.mark.parametrize("word", ["interrupt", "close"])
def test_g22_a_sink_that_never_comes_back_from_its_end_holds_up_nobody(word, release, caplog):
    stubborn, polite = Stubborn(word, lambda: release.wait(20)), Polite("polite")
    gateway, report, took_s = stopped(stubborn, polite)

    assert took_s < 1.0 + 0.2
    assert report.threads_left == 1
    assert gateway.status().state == "stopped"
    assert sum(gateway.ledger().dropped.values()) == 1
    assert gateway.ledger().balanced()
    assert polite.told == stubborn.told == ["interrupt", "close"]
    assert f"sink stubborn: {word}() does not come back; its thread is left" in caplog.messages


@pytest.mark.timed
@pytest.mark.parametrize("word", ["interrupt", "close"])
@pytest.mark.parametrize("error", [ValueError("no"), SystemExit("no")], ids=["error", "exit"])
def test_one_that_raises_costs_a_line_in_the_log(word, error, caplog):
    def fails():
        raise error

    stubborn, polite = Stubborn(word, fails), Polite("polite")
    gateway, report, _ = stopped(stubborn, polite)

    assert report.threads_left == 0
    assert gateway.status().state == "stopped"
    assert polite.told == ["interrupt", "close"]
    [line] = [line for line in caplog.messages if line.startswith("sink stubborn: ")]
    assert line.startswith(f"sink stubborn: {word}() raised {type(error).__name__} at {__file__}:")


def test_where_no_thread_can_be_started_they_are_told_on_the_stops_own(monkeypatch):
    """As at the end of CPython 3.12."""
    import _thread

    def none(*_args, **_kwargs):
        raise RuntimeError("can't start new thread")

    stubborn = Stubborn("close", lambda: None)
    gateway = TelemetryGateway(TelemetrySettings.enabled(**AT_ONCE), sinks=[stubborn]).start()
    assert gateway.emit("app_created", TENANT, APP)
    assert stubborn.asked.wait(WAIT_S)
    monkeypatch.setattr(_thread, "start_new_thread", none)
    gateway.stop(1.0)

    assert stubborn.told == ["interrupt", "close"]
    assert set(stubborn.threads) == {threading.get_ident()}
