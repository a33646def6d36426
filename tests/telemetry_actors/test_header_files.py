"""Files of headers and key at the start: what can't be used is said with variable and path."""

import os
import traceback

import pytest

from telemetry_actors import (
    Admission,
    SettingsError,
    TelemetryGateway,
    TelemetrySettings,
    _process,
    emit,
    get_gateway,
    init,
)
from telemetry_actors._process import standing_gateway
from telemetry_actors.settings.header_files import HeaderFiles
from telemetry_actors.testing import RecordingSink

SECRET = "geheimer-Schluessel"


@pytest.fixture(autouse=True)
def _a_process_of_its_own(monkeypatch):
    made = {}
    monkeypatch.setattr(_process, "_PROCESS", made)
    yield
    for gateway in made.values():
        if not isinstance(gateway, SettingsError):
            gateway.stop(2)


def settings(**more):
    return TelemetrySettings.enabled(enterprise_otlp_endpoint="http://127.0.0.1:9", **more)


def refusal(call):
    with pytest.raises(SettingsError) as caught:
        call()
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def missing(path):
    pass


def empty(path):
    path.write_text(" \n")


def directory(path):
    path.mkdir()


def pipe(path):
    os.mkfifo(path)


def binary(path):
    path.write_bytes(b"\xff" + SECRET.encode())


def long(path):
    path.write_text(SECRET * 10_000)


def two_lines(path):
    path.write_text(f"{SECRET}\n{SECRET}")


@pytest.mark.parametrize("make", [TelemetryGateway, init])
@pytest.mark.parametrize(
    ("put", "problem"),
    [
        (missing, "can't be read: No such file or directory"),
        (empty, "is empty"),
        (directory, "can't be read: Is a directory"),
        (pipe, "is no file"),
        (binary, "must be text in UTF-8"),
        (long, "is longer than 65536 bytes"),
        (two_lines, "must be printable latin-1 text on one line"),
    ],
)
def test_an_unusable_key_file_is_an_error_of_whoever_makes_a_gateway(tmp_path, put, problem, make):
    file = tmp_path / "key"
    put(file)

    assert refusal(lambda: make(settings(enterprise_otlp_api_key_file=file))) == (
        f"ENTERPRISE_OTLP_API_KEY_FILE = {file}: {problem}"
    )
    assert _process._PROCESS == {}


def test_one_that_may_not_be_read(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("nothing is kept from root")
    file = tmp_path / "key"
    file.write_text(SECRET)
    file.chmod(0)

    assert refusal(lambda: TelemetryGateway(settings(enterprise_otlp_api_key_file=file))).endswith(
        "can't be read: Permission denied"
    )


def test_unusable_headers_are_an_error_without_a_word_of_them(tmp_path):
    file = tmp_path / "headers"
    file.write_text(SECRET)

    assert refusal(lambda: TelemetryGateway(settings(enterprise_otlp_headers_file=file))) == (
        f"ENTERPRISE_OTLP_HEADERS_FILE = {file}: must be key=value pairs with commas between them,"
        " percent-encoded"
    )


@pytest.mark.parametrize("name", ["api_key", "headers"])
def test_a_file_beside_a_text_is_a_contradiction(name):
    given = {f"enterprise_otlp_{name}": f"a={SECRET}", f"enterprise_otlp_{name}_file": "/k"}
    upper = f"ENTERPRISE_OTLP_{name.upper()}"

    assert refusal(lambda: settings(**given)) == (
        f"{upper}_FILE: can't be set beside {upper}: which one?"
    )


def test_the_key_itself_in_the_place_of_a_path_is_not_shown(monkeypatch):
    monkeypatch.setenv("ENTERPRISE_OTLP_API_KEY_FILE", SECRET)

    assert refusal(TelemetrySettings) == (
        "ENTERPRISE_OTLP_API_KEY_FILE: must be the absolute path of a file, such as"
        " /run/secrets/otlp"
    )


def test_get_gateway_raises_until_it_is_there_and_emit_reads_nothing(tmp_path, monkeypatch):
    file = tmp_path / "key"
    monkeypatch.setenv("ENTERPRISE_OTLP_API_KEY_FILE", str(file))
    monkeypatch.setenv("TELEMETRY_ACTORS__ENABLED", "true")
    monkeypatch.setenv("TELEMETRY_ACTORS__ENDPOINT", "http://127.0.0.1:9")
    with monkeypatch.context() as patch:
        patch.setattr(HeaderFiles, "read", None)
        patch.setattr("_thread.start_new_thread", lambda *_: None)
        assert emit("app_created", {"tenant_id": "t"}, {}) is Admission.ACCEPTED

    assert "No such file" in refusal(get_gateway)
    file.write_text(SECRET)
    assert get_gateway() is get_gateway()
    file.unlink()
    assert get_gateway()  # looked at once


def test_where_nothing_is_sent_by_it_nothing_is_read(tmp_path):
    file = tmp_path / "key"

    TelemetryGateway(settings(enterprise_otlp_api_key_file=file), sinks=[RecordingSink()])
    TelemetryGateway(TelemetrySettings(enterprise_otlp_api_key_file=file))


def test_the_hosts_own_headers_do_not_travel_beside_our_files(tmp_path, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=theirs")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:4318")
    target = TelemetrySettings.enabled(
        enterprise_otlp_api_key_file=tmp_path / "key"
    ).resolved_otlp()

    assert target.logs.headers == {}
    assert target.header_files is not None
    assert "theirs" not in repr(target)


def test_get_gateway_raises_nothing_of_a_file_that_goes_away_while_it_runs(tmp_path, monkeypatch):
    file = tmp_path / "key"
    file.write_text(SECRET)
    monkeypatch.setenv("ENTERPRISE_OTLP_API_KEY_FILE", str(file))
    monkeypatch.setenv("TELEMETRY_ACTORS__ENABLED", "true")
    monkeypatch.setenv("TELEMETRY_ACTORS__ENDPOINT", "http://127.0.0.1:9")
    with monkeypatch.context() as patch:
        patch.setattr("_thread.start_new_thread", lambda *_: None)
        assert emit("app_created", {"tenant_id": "t"}, {}) is Admission.ACCEPTED
    gateway = standing_gateway()
    gateway.start()
    file.unlink()
    try:
        assert get_gateway() is gateway
    finally:
        gateway.stop(0.0)
