"""Names that are nearly ours are said once; a platform's own and Kubernetes' are let be."""

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.settings.environment import known_names
from telemetry_actors.settings.near_misses import is_suspect, near_misses

KNOWN = known_names(TelemetrySettings)


def said_of(*names):
    return near_misses([name for name in names if is_suspect(name)], KNOWN)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TELEMETRY_ACTORS_REDIS_URL", "TELEMETRY_ACTORS__REDIS_URL"),
        ("TELEMETRY_ACTORS_ENABLED", "TELEMETRY_ACTORS__ENABLED"),
        ("TELEMETRY_ACTORS_SERVICE_NAME", "TELEMETRY_ACTORS__SERVICE_NAME"),
        ("TELEMETRY_ACTORS_GATEWAY_LINGER_S", "TELEMETRY_ACTORS__GATEWAY__LINGER_S"),
        ("TELEMETRY_ACTORS_GATEWAY__LINGERS", "TELEMETRY_ACTORS__GATEWAY__LINGER_S"),
        ("TELEMETRY_ACTOR__ENDPOINT", "TELEMETRY_ACTORS__ENDPOINT"),
        ("telemetry_actors__redis_url", "TELEMETRY_ACTORS__REDIS_URL"),
        ("Telemetry_Actors__Endpoint", "TELEMETRY_ACTORS__ENDPOINT"),
        ("enterprise_otlp_endpoint", "ENTERPRISE_OTLP_ENDPOINT"),
        ("ENTERPRISE_OTLP_ENDPIONT", "ENTERPRISE_OTLP_ENDPOINT"),
        ("ENTERPRISE_OTEL_ENDPOINT", "ENTERPRISE_OTLP_ENDPOINT"),
        ("ENTERPRISE_OTLP_APIKEY", "ENTERPRISE_OTLP_API_KEY"),
        ("ENTERPRISE_OTLP_HEADER", "ENTERPRISE_OTLP_HEADERS"),
        ("ENTERPRISE_ENABLE", "ENTERPRISE_ENABLED"),
        ("ENTERPRISE_TELEMETRY_GATEWAY_ENABLE", "ENTERPRISE_TELEMETRY_GATEWAY_ENABLED"),
        ("otel_exporter_otlp_headers", "OTEL_EXPORTER_OTLP_HEADERS"),
        ("otel_sdk_disabled", "OTEL_SDK_DISABLED"),
    ],
)
def test_a_near_miss_names_what_was_meant(name, meant):
    assert said_of(name) == f"{name} is not read: did you mean {meant}?"


def test_one_underscore_and_nothing_near_is_told_the_rule():
    assert said_of("TELEMETRY_ACTORS_COLOUR") == (
        "TELEMETRY_ACTORS_COLOUR is not read: our names begin with TELEMETRY_ACTORS__"
    )


@pytest.mark.parametrize(
    "name",
    [
        *KNOWN,
        *("ENTERPRISE_API_URL", "ENTERPRISE_API_SECRET_KEY", "ENTERPRISE_REQUEST_TIMEOUT"),
        *("ENTERPRISE_OTEL_LOGS_ENABLED", "ENTERPRISE_OTLP_LOGS_ENDPOINT", "ENTERPRISE_EDITION"),
        *("ENTERPRISE_SERVICE_HOST", "ENTERPRISE_SERVICE_PORT", "ENTERPRISE_LICENSE_KEY"),
        *("TELEMETRY_ACTORS_SERVICE_HOST", "TELEMETRY_ACTORS_SERVICE_PORT_HTTP"),
        *("TELEMETRY_ACTORS_PORT", "TELEMETRY_ACTORS_PORT_4318_TCP_ADDR"),
        "TELEMETRY_ACTORS_COLLECTOR_SERVICE_HOST",
        *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_Headers", "OTEL_SERVICE_NAME"),
        *("TELEMETRY_ACTORS__redis_url", "TELEMETRYDECK_KEY", "REDIS_URL", "PATH"),
    ],
)
def test_nobody_is_accused_of_a_name_that_is_read_or_not_meant_for_us(name):
    assert said_of(name) == ""


def test_a_hundred_of_them_are_one_line_of_readable_length():
    said = said_of(*(f"TELEMETRY_ACTORS_X{n}" for n in range(100)))

    assert said.count("is not read") == 8
    assert said.endswith("and 92 more")


def test_a_gateway_says_it_once_and_no_value(monkeypatch, caplog):
    monkeypatch.setenv("TELEMETRY_ACTORS_REDIS_URL", "redis://u:geheim@h")
    monkeypatch.setenv("ENTERPRISE_OTLP_APIKEY", "geheim")
    TelemetryGateway(TelemetrySettings.enabled())

    assert caplog.messages == [
        (
            "ENTERPRISE_OTLP_APIKEY is not read: did you mean ENTERPRISE_OTLP_API_KEY?"
            " TELEMETRY_ACTORS_REDIS_URL is not read: did you mean TELEMETRY_ACTORS__REDIS_URL?"
        )
    ]


@pytest.mark.parametrize(
    "how",
    [
        str.lower,
        str.title,
        lambda name: name.replace("__", "_"),
        lambda name: name.replace("_", "-"),
        lambda name: f"{name[:-3]}{name[-2]}{name[-3]}{name[-1]}",
    ],
    ids=["lower", "title", "single", "dash", "swapped"],
)
def test_each_name_of_each_family_is_known_by_a_slip(how):
    otel = [f"OTEL_EXPORTER_OTLP_{name}" for name in ("ENDPOINT", "HEADERS", "LOGS_PROTOCOL")]
    for name in [*KNOWN, *otel]:
        slip = how(name)
        if slip == name or slip.startswith("TELEMETRY_ACTORS__"):
            continue  # it is right, or an error that names the nearest
        assert said_of(slip) == f"{slip} is not read: did you mean {name}?"
