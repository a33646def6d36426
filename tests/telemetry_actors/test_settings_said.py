"""What is off is said with the name and the value that was read, and with the rule."""

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings, _process, init
from telemetry_actors.life.settings_said import is_off_by_mistake

GATEWAY = "ENTERPRISE_TELEMETRY_GATEWAY_ENABLED"
REFUSED = (
    "metric_log cases are refused (gateway_off), so are trace cases, since there is neither a"
    " sink nor ENTERPRISE_OTLP_ENDPOINT (trace managers and providers still get them)"
)
ONLY_SOME = (
    "only workflow_run, message_run are eligible, every other case is refused (not_eligible)"
)


@pytest.fixture(autouse=True)
def _edition(monkeypatch):
    monkeypatch.setenv("ENTERPRISE_ENABLED", "true")
    monkeypatch.setenv("ENTERPRISE_TELEMETRY_ENABLED", "true")
    monkeypatch.setattr(_process, "_PROCESS", {})


@pytest.mark.parametrize("value", ["on", "ON", "t", "enabled", " true", "false"])
def test_the_gateways_switch_and_its_rule(monkeypatch, caplog, value):
    monkeypatch.setenv(GATEWAY, value)
    TelemetryGateway()

    rule = "which is off: true, 1 or yes turn it on"
    assert caplog.messages == [f"{GATEWAY} is {value!r}, {rule}; {REFUSED}"]


def test_what_is_not_set_is_said_to_be_that_and_what_turns_it_on(monkeypatch, caplog):
    monkeypatch.delenv("ENTERPRISE_ENABLED")
    monkeypatch.delenv("ENTERPRISE_TELEMETRY_ENABLED")
    TelemetryGateway()

    assert caplog.messages == [
        (
            f"{GATEWAY} is not set, which is off: true, 1 or yes turn it on; {REFUSED}."
            " enterprise telemetry is off (ENTERPRISE_ENABLED is not set,"
            f" ENTERPRISE_TELEMETRY_ENABLED is not set): {ONLY_SOME}."
            " TELEMETRY_ACTORS__ENABLED=true turns on all of that which is not set"
        )
    ]


def test_the_name_is_the_one_that_was_set(monkeypatch, caplog):
    monkeypatch.delenv("ENTERPRISE_TELEMETRY_ENABLED")
    monkeypatch.setenv("TELEMETRY_ACTORS__ENABLED", "no")
    monkeypatch.setenv(GATEWAY, "1")
    TelemetryGateway()

    assert caplog.messages[0] == (
        f"enterprise telemetry is off (TELEMETRY_ACTORS__ENABLED is 'no'): {ONLY_SOME}"
    )


@pytest.mark.parametrize("make", [TelemetryGateway, init])
def test_what_code_has_turned_off_is_said_of_the_code(monkeypatch, caplog, make):
    monkeypatch.setenv(GATEWAY, "true")
    make(TelemetrySettings(enterprise_enabled=False))

    assert caplog.messages == [
        f"enterprise telemetry is off (ENTERPRISE_ENABLED is False by an argument): {ONLY_SOME}"
    ]


def test_an_override_of_init_is_code_too(monkeypatch, caplog):
    monkeypatch.setenv(GATEWAY, "true")
    monkeypatch.setenv("TELEMETRY_ACTORS_REDIS_URL", "redis://h")
    init(TelemetrySettings(), sinks=[], enterprise_enabled=False)

    assert caplog.messages == [
        f"enterprise telemetry is off (ENTERPRISE_ENABLED is False by an argument): {ONLY_SOME}",
        "TELEMETRY_ACTORS_REDIS_URL is not read: did you mean TELEMETRY_ACTORS__REDIS_URL?",
    ]


@pytest.mark.parametrize("value", ["1", "yes", "True!", "on"])
def test_otel_sdk_disabled_has_a_rule_of_its_own(monkeypatch, caplog, value):
    monkeypatch.setenv(GATEWAY, "true")
    monkeypatch.setenv("OTEL_SDK_DISABLED", value)
    TelemetryGateway()

    assert caplog.messages == [
        f"OTEL_SDK_DISABLED is {value!r}, which turns nothing off: true alone does"
    ]


@pytest.mark.parametrize("value", ["false", "0", "no", "", "true"])
def test_and_says_nothing_where_nobody_can_have_meant_otherwise(monkeypatch, caplog, value):
    monkeypatch.setenv(GATEWAY, "true")
    monkeypatch.setenv("OTEL_SDK_DISABLED", value)
    TelemetryGateway()

    assert not any("turns nothing off" in text for text in caplog.messages)


def test_where_a_settings_come_from_has_no_part_in_what_they_are(monkeypatch):
    monkeypatch.setenv(GATEWAY, "true")

    assert TelemetrySettings() == TelemetrySettings.enabled()


@pytest.mark.parametrize(
    ("value", "mistake"),
    [("on", True), (None, True), ("false", False), ("0", False), ("true", False)],
)
def test_off_by_mistake_is_what_nobody_has_turned_off_in_so_many_words(monkeypatch, value, mistake):
    if value is not None:
        monkeypatch.setenv(GATEWAY, value)

    assert is_off_by_mistake(TelemetrySettings()) is mistake
