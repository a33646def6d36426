"""Whoever has set a variable reads its name, whichever setting it is and whatever is wrong."""

import re

import pytest
from pydantic import BaseModel

from telemetry_actors import SettingsError, TelemetryGateway, TelemetrySettings
from telemetry_actors.settings.environment import tunable_names
from telemetry_actors.sinks import RecordingSink

FIELDS = TelemetrySettings.model_fields
NO_VALUE = {  # any text will do, or: what the words of two switches are is the platform's business
    "enterprise_telemetry_gateway_enabled",
    "enterprise_service_name",
    "otel_sdk_disabled",
    "otel_exporter_otlp",
    "config",
}
BAD = {
    "enterprise_otlp_headers": "Bearer x",
    "enterprise_otlp_api_key": "a\nb",
    "enterprise_otlp_endpoint": "collector:4318",
}


def annotation(path):
    model = TelemetrySettings
    for part in path[:-1]:
        model = model.model_fields[part].annotation
    return model.model_fields[path[-1]].annotation


def takes_any_text(path):
    kind = str(annotation(path))
    return path[0] in NO_VALUE or ((annotation(path) is str or "Path" in kind) and len(path) > 1)


OWN = {(n,): n.upper() for n in FIELDS if n.startswith(("enterprise_", "otel_"))}
TUNABLES = {path: name for name, path in tunable_names(TelemetrySettings).items()}
NAMES = {path: name for path, name in (OWN | TUNABLES).items() if not takes_any_text(path)}


def refusal(monkeypatch, given=None, **environ):
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    with pytest.raises(SettingsError) as caught:
        TelemetrySettings(**(given or {}))
    assert caught.value.__context__ is None  # it might hold secrets (g30)
    return str(caught.value)


@pytest.mark.parametrize("path", NAMES, ids=".".join)
def test_a_bad_value_is_told_with_the_name_of_its_variable(path, monkeypatch):
    said = refusal(monkeypatch, **{NAMES[path]: BAD.get(path[-1], "\x01no")})
    assert re.match(rf"{NAMES[path]}( = .*)?: ", said), said
    assert not re.search(rf"(?<![\w.]){re.escape('.'.join(path))}(?![\w.])", said)


def test_no_setting_is_left_out():
    for name, field in FIELDS.items():
        nested = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        assert nested or (name,) in OWN | TUNABLES


CELERY, PRESSURE = "TELEMETRY_ACTORS__CELERY__", "TELEMETRY_ACTORS__PRESSURE__"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {f"{PRESSURE}LOW_SHARE": "0.9", f"{PRESSURE}NORMAL_SHARE": "0.8"},
            rf"pressure: {PRESSURE}NORMAL_SHARE \(0.8\) must be at least {PRESSURE}LOW_SHARE.*",
        ),
        (
            {"TELEMETRY_ACTORS__TRANSPORT": "celery"},
            f"{CELERY}BROKER_URL: must be set where TELEMETRY_ACTORS__TRANSPORT=celery",
        ),
        (
            {"TELEMETRY_ACTORS__gateway__linger_s": "soon"},
            r"TELEMETRY_ACTORS__gateway__linger_s = 'soon': must be a number",
        ),
        (
            {"TELEMETRY_ACTORS__ENDPOINT": "collector:4318"},
            r"TELEMETRY_ACTORS__ENDPOINT = 'collector:4318': must be a URL such as .*",
        ),
    ],
)
def test_so_it_is_where_several_have_to_do_with_it(environ, expected, monkeypatch):
    assert re.fullmatch(expected, refusal(monkeypatch, **environ))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"transport": "celery"}, "celery.broker_url: must be set where transport=celery"),
        ({"gateway": {"linger_s": "soon"}}, "gateway.linger_s = 'soon': must be a number"),
        ({"enterprise_otlp_protocol": "udp"}, "enterprise_otlp_protocol = 'udp': must be http.*"),
        ({"gateway": {"batch_events": 3}}, r"TELEMETRY_ACTORS__GATEWAY__LINGER_S = 'no': .*"),
    ],
)
def test_what_is_given_in_code_goes_by_the_name_that_it_has_there(given, expected, monkeypatch):
    environ = {"ENTERPRISE_OTLP_PROTOCOL": "http"}
    unless = {"TELEMETRY_ACTORS__GATEWAY__LINGER_S": "0.1" if "soon" in expected else "no"}
    if "gateway" in given:
        environ |= unless
    assert re.fullmatch(expected, refusal(monkeypatch, given, **environ))


def test_a_configuration_file_is_told_with_its_variable_its_path_and_the_key(tmp_path, monkeypatch):
    file = tmp_path / "tree.toml"
    file.write_text("[children.stages]\nintensity = -1\n")
    monkeypatch.setenv("TELEMETRY_ACTORS__CONFIG", str(file))
    with pytest.raises(SettingsError) as caught:
        TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()]).start()
    begins = f"TELEMETRY_ACTORS__CONFIG = {file}: [children.stages] intensity = -1: "
    assert str(caught.value).startswith(begins)
