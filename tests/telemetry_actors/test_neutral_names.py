"""Names for any platform, beside the platform's own: who wins, and what is said."""

import pytest

from telemetry_actors import (
    SettingsError,
    TelemetryGateway,
    TelemetrySettings,
    _process,
    init,
    is_gateway_enabled,
)
from telemetry_actors.settings.neutral_names import ENABLED, ENDPOINT, NEUTRAL_NAMES, SERVICE_NAME
from telemetry_actors.sinks import OtlpSink

SWITCHES = NEUTRAL_NAMES[ENABLED]
GATEWAY = "ENTERPRISE_TELEMETRY_GATEWAY_ENABLED"


def switches(settings):
    return [getattr(settings, name) for name in SWITCHES]


@pytest.mark.parametrize(
    ("text", "on"),
    [("true", True), ("1", True), ("ON", True), ("yes", True), ("false", False), ("off", False)],
)
def test_one_name_turns_all_three_switches(monkeypatch, text, on):
    monkeypatch.setenv(ENABLED, text)

    assert switches(TelemetrySettings()) == [on] * 3
    assert is_gateway_enabled() is on


def test_what_says_neither_is_an_error_of_that_name(monkeypatch):
    monkeypatch.setenv(ENABLED, "enabled")
    with pytest.raises(SettingsError) as caught:
        TelemetrySettings()

    assert str(caught.value) == (
        f"{ENABLED} = 'enabled': must be true or false (1, yes, on and 0, no, off do, too)"
    )
    assert not is_gateway_enabled()
    assert TelemetrySettings.enabled().gateway_on  # what is given in code needs none of it


@pytest.mark.parametrize("theirs", ["true", "1", "yes", "on", "false", "0", "", " true", "TRUE"])
@pytest.mark.parametrize("ours", ["true", "on", "no", ""])
@pytest.mark.parametrize("sdk", ["", "true", "1"])
def test_is_gateway_enabled_agrees_with_the_settings(monkeypatch, theirs, ours, sdk):
    for name, text in ((GATEWAY, theirs), (ENABLED, ours), ("OTEL_SDK_DISABLED", sdk)):
        monkeypatch.setenv(name, text)

    assert is_gateway_enabled() is TelemetrySettings().gateway_on


def test_the_platforms_name_wins_and_the_difference_is_said_once(monkeypatch, caplog):
    monkeypatch.setenv(ENABLED, "true")
    monkeypatch.setenv(GATEWAY, "on")  # which is off, as the platform has it
    monkeypatch.setenv("ENTERPRISE_ENABLED", "1")
    monkeypatch.setenv(SERVICE_NAME, "shop")
    monkeypatch.setenv("ENTERPRISE_SERVICE_NAME", "shop")
    settings = TelemetrySettings()
    TelemetryGateway(settings)

    assert switches(settings) == [True, True, False]
    differences = [text for text in caplog.messages if ", but " in text]
    assert differences == [f"{ENABLED} is 'true', but {GATEWAY} is 'on', which wins"]


def test_of_two_endpoints_no_more_is_shown_than_where_they_lead_to(monkeypatch, caplog):
    monkeypatch.setenv(ENDPOINT, "http://user:geheim-1@a:4318/geheim-2?k=geheim-3")
    monkeypatch.setenv("ENTERPRISE_OTLP_ENDPOINT", "http://b:4318/in")
    settings = TelemetrySettings.enabled()
    TelemetryGateway(settings)

    assert settings.resolved_otlp().endpoint == "http://b:4318/in"
    (line,) = [text for text in caplog.messages if ", but " in text]
    assert line == (
        f"{ENDPOINT} is http://a:4318, but ENTERPRISE_OTLP_ENDPOINT is http://b:4318, which wins"
    )


def test_the_same_said_twice_is_no_difference(monkeypatch, caplog):
    monkeypatch.setenv(ENDPOINT, "http://a:4318/")
    monkeypatch.setenv("ENTERPRISE_OTLP_ENDPOINT", "http://a:4318")
    monkeypatch.setenv(ENABLED, "on")
    for name in SWITCHES:
        monkeypatch.setenv(name.upper(), "true")
    TelemetryGateway()

    assert caplog.messages == []


def test_an_endpoint_by_our_name_is_ours(monkeypatch):
    """The old route of trace cases may use it, and it goes over the host's."""
    monkeypatch.setenv(ENDPOINT, "http://ours:4318")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://hosts:4318")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=theirs")
    settings = TelemetrySettings()

    assert settings.legacy_tree
    assert settings.resolved_otlp().logs.url == "http://ours:4318/v1/logs"
    assert settings.resolved_otlp().logs.headers == {}


def test_arguments_win_over_all(monkeypatch, caplog):
    monkeypatch.setenv(ENABLED, "false")
    monkeypatch.setenv(ENDPOINT, "not a URL")
    monkeypatch.setenv(SERVICE_NAME, "env")
    settings = TelemetrySettings.enabled(
        enterprise_otlp_endpoint="http://a:4318", enterprise_service_name="code"
    )
    TelemetryGateway(settings)

    assert switches(settings) == [True] * 3
    assert settings.resolved_otlp().endpoint == "http://a:4318"
    assert settings.service_name == "code"
    assert caplog.messages == []


def test_an_unusable_endpoint_is_an_error_of_the_name_that_was_set(monkeypatch):
    monkeypatch.setenv(ENDPOINT, "ftp://a")
    with pytest.raises(SettingsError, match=f"^{ENDPOINT} = 'ftp://a': must be a URL"):
        TelemetrySettings()


def test_a_slip_in_such_a_name_is_an_error_that_names_it(monkeypatch):
    monkeypatch.setenv("TELEMETRY_ACTORS__ENDPIONT", "http://a")
    with pytest.raises(SettingsError, match="did you mean TELEMETRY_ACTORS__ENDPOINT"):
        TelemetrySettings()


NAMES = {
    "ENTERPRISE_SERVICE_NAME": "platform",
    SERVICE_NAME: "neutral",
    "OTEL_SERVICE_NAME": "otel",
    "OTEL_RESOURCE_ATTRIBUTES": "service.name=resource",
}


@pytest.mark.parametrize("count", range(5))
def test_the_first_of_five_names_the_service(monkeypatch, count):
    left = dict(list(NAMES.items())[count:])
    for name, text in left.items():
        monkeypatch.setenv(name, text)
    settings = TelemetrySettings.enabled(enterprise_otlp_endpoint="http://a:4318")
    sink = OtlpSink.from_target(settings.resolved_otlp(), service_name=settings.service_name)
    named = ["platform", "neutral", "otel", "resource", "dify"]

    assert f"{named[count]}".encode() in sink._new_frame().request([])
    assert not any(n.encode() in sink._new_frame().request([]) for n in named[count + 1 : 4])


def test_a_sink_of_ones_own_has_our_name_for_it_too(monkeypatch):
    monkeypatch.setenv(SERVICE_NAME, "neutral")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "otel")

    assert b"neutral" in OtlpSink("http://a:4318")._new_frame().request([])


def test_overrides_of_init_set_what_they_name_and_nothing_else(monkeypatch):
    """The defaults of the rest once counted as set, and went over the host's names."""
    monkeypatch.setattr(_process, "_PROCESS", {})
    given = TelemetrySettings.enabled(otlp={"give_up_s": 70.0})
    chosen = init(given, sinks=[], otlp={"backoff_min_s": 0.5})._settings

    assert chosen.service_name is None
    assert chosen.otlp.model_fields_set == {"give_up_s", "backoff_min_s"}
    assert chosen.otlp.give_up_s == 70.0
