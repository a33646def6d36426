"""Our log lines: one line each."""

import logging

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors._say import say, say_at_the_end, warn
from telemetry_actors.ports import ExportResult, Verdict
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


def test_g29_nor_does_the_last_word_where_nobody_listens(capsys, monkeypatch):
    monkeypatch.setattr("telemetry_actors._say._somebody_listens", lambda: False)
    say_at_the_end(FORGED)

    assert capsys.readouterr().err.count("\n") == 1


def test_what_is_printable_is_said_as_it_is(caplog):
    warn("%s", "größer → 日本")

    assert caplog.messages == ["größer → 日本"]


def test_who_can_not_say_what_it_is_is_named_by_its_type(caplog):
    class Mute(Exception):
        def __str__(self):
            raise ValueError

    warn("%s", Mute())

    assert caplog.messages == ["Mute"]
