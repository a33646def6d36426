"""Our log lines: one line each."""

import io
import logging
import random
import sys

import pytest

from supervisors.testing import FakeClock
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.base import log as _say
from telemetry_actors.base.log import error, say, say_at_the_end, warn
from telemetry_actors.base.outage import Outage
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.sinks.health import Endpoint, SinkHealth
from telemetry_actors.testing import RecordingSink

FORGED = "x\n2026-11-24 CRITICAL root: all is lost\r\x1b[2J\u2028\x85\ud800"


@pytest.mark.parametrize("said", [say, warn])
def test_g29_a_log_line_is_one_line_whatever_is_in_it(said, caplog):
    with caplog.at_level(logging.INFO, "telemetry_actors"):
        said("%s fails (%s), %d times", "a part", ValueError(FORGED), 3)
    (line,) = caplog.messages

    assert line.isprintable()
    assert line.startswith(r"a part fails (x\n2026-11-24 CRITICAL")
    assert line.endswith(r"\r\x1b[2J\u2028\x85\ud800), 3 times")


def test_g29_a_receivers_words_make_no_second_line(caplog):
    class Rude(RecordingSink):
        def export(self, kind, encoded, timeout_s):
            return ExportResult(Verdict.REFUSED, message=FORGED, status_code=403)

    with TelemetryGateway(TelemetrySettings.enabled(), sinks=[Rude()]) as gateway:
        gateway.emit("app_created", {"tenant_id": "t\n"}, {"app_id": "a1"})
        assert gateway.flush(5)

    assert any("all is lost" in message for message in caplog.messages)
    assert all(message.isprintable() for message in caplog.messages)


@pytest.fixture
def nobody_listens(monkeypatch):
    """To be called in the test's body: before it, pytest adds handlers wherever one is missing."""
    logger = logging.getLogger("telemetry_actors")

    def cut():
        monkeypatch.setattr(logger, "propagate", False)
        monkeypatch.setattr(logger, "handlers", [])

    return cut


@pytest.mark.parametrize("said", [say_at_the_end, warn, error])
def test_g29_nor_where_nobody_listens(capsys, nobody_listens, said):
    nobody_listens()
    said(*([FORGED] if said is say_at_the_end else ["%s", FORGED]))

    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith("telemetry_actors: ")


def test_what_is_no_warning_is_not_heard_where_nobody_listens(capsys, nobody_listens):
    """As with any library's lines."""
    nobody_listens()
    say("started")

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("quiet", ["a handler that keeps it", "a level", "no last resort"])
def test_who_wants_silence_has_it(capsys, nobody_listens, monkeypatch, quiet):
    nobody_listens()
    logger = logging.getLogger("telemetry_actors")
    if quiet == "a handler that keeps it":
        monkeypatch.setattr(logger, "handlers", [logging.NullHandler()])
    elif quiet == "a level":
        monkeypatch.setattr(logger, "level", logging.CRITICAL)
        logger.manager._clear_cache()
    else:
        monkeypatch.setattr(logging, "lastResort", None)
    try:
        error("%s", "all is lost")
    finally:
        logger.manager._clear_cache()

    assert capsys.readouterr().err == ""


def test_a_stderr_that_is_closed_hurts_nobody(nobody_listens, monkeypatch):
    """A service that has cut all its ties."""
    nobody_listens()
    gone = io.StringIO()
    gone.close()
    for stream in (gone, None):
        monkeypatch.setattr(sys, "stderr", stream)
        assert warn("%s", "well?")


def test_what_is_printable_is_said_as_it_is(caplog):
    warn("%s", "größer → 日本")

    assert caplog.messages == ["größer → 日本"]


def test_who_can_not_say_what_it_is_is_named_by_its_type(caplog):
    class Mute(Exception):
        def __str__(self):
            raise ValueError

    warn("%s", Mute())

    assert caplog.messages == ["Mute"]


# -- bounds, and a host's logging that raises ------------------------------------------------------


def test_lines_of_one_kind_are_bounded_and_say_how_many_were_left_out(caplog, monkeypatch):
    """A10: a receiver that flaps made 370 lines in 6 s."""
    clock = FakeClock()
    monkeypatch.setattr(_say, "_now_s", clock.now_s)
    for n in range(1000):
        warn("task %s is refused", f"id-{n}")  # what it is of is no kind: each would have its own
        clock.advance(0.01)
    assert len(caplog.messages) == 3
    assert warn("%s fails", "this", of="another one")
    clock.advance(60.0)
    assert warn("task %s is refused", "id-1000")

    assert caplog.messages[-1].endswith("refused (997 more lines of this kind were left out)")
    clock.advance(600.0)
    assert [warn("task %s is refused", n) for n in range(5)] == [True] * 3 + [False] * 2


def test_what_was_left_out_is_said_when_there_is_room_again(caplog, monkeypatch):
    """The last line of a sink that flapped must not be that it fails, when it is well."""
    clock = FakeClock()
    monkeypatch.setattr(_say, "_now_s", clock.now_s)
    endpoint = Endpoint("http://far", random.Random(), "a")
    health = SinkHealth("sink a/logs", SignalKind.LOGS, endpoint)
    for _ in range(10):
        health.note(1, ExportResult(Verdict.RETRY, message="busy"))
        health.note(1, ExportResult(Verdict.ACCEPTED))
    assert caplog.messages[-1].startswith("sink a accepts again")
    assert len(caplog.messages) == 2
    clock.advance(60.0)
    health.note(1, ExportResult(Verdict.RETRY, message="busy"))
    assert caplog.messages[-1].startswith("sink a/logs fails (retry: busy) at http://far (9 more")
    health.note(1, ExportResult(Verdict.ACCEPTED))

    assert caplog.messages[-1].startswith("sink a accepts again")
    assert len(caplog.messages) == 4


def test_of_a_store_that_flapped_the_last_line_is_not_that_it_fails(caplog, monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr(_say, "_now_s", clock.now_s)
    outage = Outage("the store")
    for n in range(20):
        outage.failed(clock.now_s(), "it fails (%s)", n)
        outage.over("it works again")
    assert len(caplog.messages) == 6
    clock.advance(30.0)
    outage.failed(clock.now_s(), "it fails (%s)", 20)  # left out
    clock.advance(31.0)
    outage.over("it works again")
    outage.failed(clock.now_s(), "it fails (%s)", 21)
    outage.over("it works again")

    assert caplog.messages[-1].startswith("it works again")


class Raising(logging.Filter):
    """A host's filter that wants a request, and is called on a thread without one."""

    def filter(self, record):
        raise LookupError("no request")


@pytest.fixture
def raising():
    logger, filter_ = logging.getLogger("telemetry_actors"), Raising()
    logger.addFilter(filter_)
    yield
    logger.removeFilter(filter_)


def test_a_hosts_filter_that_raises_changes_nothing(raising):
    """A4: delivered, and booked as a crash; constructor and start() raised."""
    answers = [ExportResult(Verdict.RETRY, message="HTTP 503")] * 3

    class Flapping(RecordingSink):
        def export(self, kind, encoded, timeout_s):
            return answers.pop() if answers else super().export(kind, encoded, timeout_s)

    settings = TelemetrySettings.enabled(otlp={"backoff_min_s": 0.001}, gateway={"linger_s": 0.0})
    with TelemetryGateway(settings, sinks=[Flapping()]) as gateway:
        for _ in range(20):
            gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": "a1"})
        assert gateway.flush(8)
        assert (gateway.ledger().exported, gateway.status().restarts) == (20, 0)
    assert gateway.stop().drained
