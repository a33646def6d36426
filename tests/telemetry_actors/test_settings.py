"""Settings are checked at the start, in one line, and never tell a secret."""

import json
import pickle
import traceback
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from telemetry_actors.errors import SettingsError, TelemetryError
from telemetry_actors.redaction.redaction import without_secrets
from telemetry_actors.settings import (
    DedupSettings,
    GatewaySettings,
    OtlpSettings,
    SinkSettings,
    SupervisionSettings,
    TelemetrySettings,
)

SECRET = "s3cr3t-do-not-tell"


def refusal(**values):
    """The one line with which the settings refuse *values*."""
    with pytest.raises(SettingsError) as caught:
        TelemetrySettings(**values)
    text = str(caught.value)
    assert "\n" not in text
    assert caught.value.__context__ is None, "the pydantic error, which holds values, came along"
    return text


class TestDefaults:
    """The table of architecture.md, "Flags and defaults"."""

    def test_all_flags_are_off(self):
        settings = TelemetrySettings()

        assert not settings.enterprise_enabled
        assert not settings.enterprise_telemetry_enabled
        assert not settings.enterprise_telemetry_gateway_enabled
        assert not settings.enterprise_include_content
        assert not settings.telemetry_on
        assert not settings.legacy_tree
        assert settings.redis_url is None
        assert settings.resolved_otlp() is None

    def test_the_tunables(self):
        dump = TelemetrySettings().model_dump()

        assert dump["gateway"] == {
            "linger_s": 0.1,
            "batch_events": 512,
            "batch_bytes": 1024**2,
            "mailbox_events": 10_000,
            "mailbox_bytes": 64 * 1024**2,
            "max_event_bytes": 16 * 1024**2,
            "max_context_bytes": 65_536,
            "total_events": 131_072,
            "total_bytes": 256 * 1024**2,
        }
        assert dump["stages"] == {"mailbox_batches": 64}
        assert dump["dedup"] == {
            "ttl_s": 3600,
            "lease_s": 60.0,
            "max_ids": 1_000_000,
            "timeout_s": 0.5,
            "breaker_failures": 3,
            "breaker_open_s": 1.0,
            "breaker_max_s": 5.0,
        }
        assert dump["sink"] == {
            "linger_s": 1,
            "batch_records": 512,
            "batch_bytes": 4 * 1024**2,
            "mailbox_records": 32_768,
            "mailbox_bytes": 64 * 1024**2,
        }
        assert dump["otlp"] == {
            "attempt_timeout_s": 10,
            "give_up_s": 60,
            "backoff_min_s": 0.2,
            "backoff_max_s": 5,
            "max_retry_after_s": 60,
            "breaker_failures": 5,
            "breaker_open_s": 1,
            "compression": "none",
            "ca_file": None,
            "client_certificate_file": None,
            "client_key_file": None,
        }
        assert dump["lifecycle"] == {"stop_timeout_s": 10, "exit_timeout_s": 5}
        assert dump["supervision"]["intensity"] == 5
        assert dump["supervision"]["period_s"] == 10
        assert dump["enterprise_otel_sampling_rate"] == 1

    def test_enabled_turns_the_three_flags_on(self):
        settings = TelemetrySettings.enabled(enterprise_service_name="shop")

        assert settings.telemetry_on
        assert settings.enterprise_telemetry_gateway_enabled
        assert settings.enterprise_service_name == "shop"

    def test_settings_are_frozen(self):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(TelemetrySettings(), "enterprise_enabled", True)  # noqa: B010 -- mypy knows
        with pytest.raises(ValidationError, match="frozen"):
            setattr(TelemetrySettings().gateway, "linger_s", 1.0)  # noqa: B010

    def test_every_quantity_has_its_unit(self):
        """style.md 12: a suffix from the list, or a noun that counts."""
        units = ("_s", "_bytes", "_count", "_events", "_records", "_batches", "_calls", "_ids")
        units += ("_failures", "_files", "_items", "_levels", "_share")
        for part in TelemetrySettings.model_fields.values():
            if isinstance(part.annotation, type) and issubclass(part.annotation, BaseModel):
                for name, field in part.annotation.model_fields.items():
                    if field.annotation in (int, float) and name not in (
                        "intensity",  # OTP's word
                        "cardinality_limit",
                    ):
                        assert name.endswith(units), name


class TestEnvironment:
    """Names in upper case; tunables by a double underscore; unknown ones are errors."""

    def test_platform_names_are_the_fields_in_upper_case(self, monkeypatch):
        monkeypatch.setenv("ENTERPRISE_ENABLED", "true")
        monkeypatch.setenv("ENTERPRISE_TELEMETRY_ENABLED", "1")
        monkeypatch.setenv("ENTERPRISE_OTLP_ENDPOINT", "http://collector:4318")
        monkeypatch.setenv("ENTERPRISE_OTEL_SAMPLING_RATE", "0.25")

        settings = TelemetrySettings()

        assert settings.telemetry_on
        assert settings.enterprise_otlp_endpoint == "http://collector:4318"
        assert settings.enterprise_otel_sampling_rate == 0.25
        assert settings.legacy_tree

    @pytest.mark.parametrize("text", ["true", "True", "TRUE", "1", "yes", "YES"])
    def test_the_gateway_flag_is_true_for(self, monkeypatch, text):
        monkeypatch.setenv("ENTERPRISE_TELEMETRY_GATEWAY_ENABLED", text)

        assert TelemetrySettings().enterprise_telemetry_gateway_enabled

    @pytest.mark.parametrize("text", ["", "false", "0", "no", "on", "enabled", "2", " true"])
    def test_the_gateway_flag_is_false_for_everything_else(self, monkeypatch, text):
        monkeypatch.setenv("ENTERPRISE_TELEMETRY_GATEWAY_ENABLED", text)

        assert not TelemetrySettings().enterprise_telemetry_gateway_enabled

    def test_a_tunable(self, monkeypatch):
        monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__LINGER_S", "0.5")
        monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__BATCH_EVENTS", "7")

        gateway = TelemetrySettings().gateway

        assert (gateway.linger_s, gateway.batch_events) == (0.5, 7)

    def test_an_argument_wins_and_leaves_the_rest_of_its_part(self, monkeypatch):
        monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__LINGER_S", "0.5")
        monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__BATCH_EVENTS", "7")

        gateway = TelemetrySettings(gateway={"linger_s": 0.0}).gateway

        assert (gateway.linger_s, gateway.batch_events) == (0.0, 7)

    def test_an_unknown_tunable_names_the_nearest(self, monkeypatch):
        monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__LINGR_S", SECRET)

        text = refusal()

        assert text == (
            "TELEMETRY_ACTORS__GATEWAY__LINGR_S: no such setting; "
            "did you mean TELEMETRY_ACTORS__GATEWAY__LINGER_S?"
        )

    @pytest.mark.parametrize(
        "name", ["TELEMETRY_ACTORS__GATEWAY", "TELEMETRY_ACTORS__", "TELEMETRY_ACTORS__X__Y__Z"]
    )
    def test_a_name_that_is_no_tunable_is_an_error(self, monkeypatch, name):
        monkeypatch.setenv(name, "1")

        assert refusal().startswith(f"{name}: no such setting")

    def test_a_bad_tunable_is_named_like_its_variable(self, monkeypatch):
        monkeypatch.setenv("TELEMETRY_ACTORS__DEDUP__TTL_S", "soon")

        assert refusal() == "TELEMETRY_ACTORS__DEDUP__TTL_S = 'soon': must be a number"

    def test_the_hosts_own_names_are_not_ours(self, monkeypatch):
        monkeypatch.setenv("REDIS_URL", "redis://host")
        monkeypatch.setenv("GATEWAY", "nginx")
        monkeypatch.setenv("METRICS", "on")

        settings = TelemetrySettings()

        assert settings.redis_url is None
        assert settings.gateway == GatewaySettings()

    def test_redis_comes_from_its_own_name(self, monkeypatch):
        monkeypatch.setenv("TELEMETRY_ACTORS__REDIS_URL", "redis://:pw@localhost/3")

        redis_url = TelemetrySettings().redis_url

        assert redis_url is not None
        assert redis_url.get_secret_value() == "redis://:pw@localhost/3"

    def test_an_empty_variable_counts_as_unset(self, monkeypatch):
        monkeypatch.setenv("ENTERPRISE_ENABLED", "")
        monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__LINGER_S", "")

        assert TelemetrySettings() == TelemetrySettings.model_validate({})

    def test_no_file_is_read(self, monkeypatch, tmp_path):
        (tmp_path / ".env").write_text("ENTERPRISE_ENABLED=true\n")
        monkeypatch.chdir(tmp_path)

        assert not TelemetrySettings().enterprise_enabled


class TestRefusals:
    """One line: the setting, its value, what is allowed."""

    @pytest.mark.parametrize(
        ("values", "line"),
        [
            (
                {"gateway": {"linger_s": -1}},
                "gateway.linger_s = -1: must be greater than or equal to 0",
            ),
            ({"gateway": {"linger_s": float("nan")}}, "gateway.linger_s = nan: must be a finite"),
            ({"sink": {"linger_s": float("inf")}}, "sink.linger_s = inf: must be"),
            (
                {"dedup": {"max_ids": 0}},
                "dedup.max_ids = 0: must be greater than or equal to 1",
            ),
            ({"dedup": {"max_ids": "many"}}, "dedup.max_ids = 'many': must be a whole number"),
            ({"dedup": {"max_ids": 1.5}}, "dedup.max_ids = 1.5: must be a whole number"),
            (
                {"otlp": {"compression": "zip"}},
                "otlp.compression = 'zip': must be 'none' or 'gzip'",
            ),
            (
                {"enterprise_otel_sampling_rate": 2},
                "enterprise_otel_sampling_rate = 2: must be less than or equal to 1",
            ),
            (
                {"enterprise_enabled": "maybe"},
                "enterprise_enabled = 'maybe': must be true or false",
            ),
            ({"enterprise_service_name": ""}, "enterprise_service_name = ''"),
            ({"gateway": "big"}, "gateway: must be a group of settings"),
            (
                {"gateway": {"linger": 1}},
                "gateway.linger: no such setting; did you mean linger_s?",
            ),
            (
                {"enterprise_otlp_endpont": "x"},
                "enterprise_otlp_endpont: no such setting; did you mean enterprise_otlp_endpoint?",
            ),
            (
                {"enterprise_otlp_endpoint": "collector:4318"},
                "enterprise_otlp_endpoint = 'collector:4318': must be a URL such as",
            ),
            (
                {"enterprise_otlp_endpoint": "http://h:99999"},
                "enterprise_otlp_endpoint = 'http://h:99999': ",
            ),
            (
                {"enterprise_otlp_protocol": "pigeon"},
                "enterprise_otlp_protocol = 'pigeon': must be http or grpc",
            ),
        ],
    )
    def test_says(self, values, line):
        assert refusal(**values).startswith(line)

    @pytest.mark.parametrize(
        ("values", "line"),
        [
            (
                {"otlp": {"give_up_s": 5}},
                "otlp: give_up_s (5) must be at least attempt_timeout_s (10)",
            ),
            (
                {"otlp": {"backoff_max_s": 0.1}},
                "otlp: backoff_max_s (0.1) must be at least backoff_min_s (0.2)",
            ),
            (
                {"supervision": {"park_probe_max_s": 0.5}},
                "supervision: park_probe_max_s (0.5) must be at least park_probe_min_s (1)",
            ),
            (
                {"gateway": {"mailbox_bytes": 10, "max_event_bytes": 20}},
                "gateway: mailbox_bytes (10) must be at least max_event_bytes (20)",
            ),
            (
                {"gateway": {"mailbox_bytes": 10, "total_bytes": 5}},
                "gateway: total_bytes (5) must be at least mailbox_bytes (10)",
            ),
        ],
    )
    def test_two_settings_that_contradict_are_both_named(self, values, line):
        assert refusal(**values) == line

    def test_a_part_made_alone_refuses_too(self):
        with pytest.raises(SettingsError, match=r"^otlp: give_up_s \(5\) must be at least"):
            OtlpSettings(give_up_s=5)
        with pytest.raises(SettingsError, match=r"^sink\.batch_records = 0: must be"):
            SinkSettings(batch_records=0)
        with pytest.raises(SettingsError, match=r"^supervision\.intensity = -1: must be"):
            SupervisionSettings(intensity=-1)

    def test_the_error_carries_its_facts(self):
        with pytest.raises(TelemetryError) as caught:
            TelemetrySettings(dedup={"ttl_s": 0})
        error = caught.value

        assert isinstance(error, SettingsError)
        assert (error.code, error.setting, error.value) == ("settings", "dedup.ttl_s", "0")
        assert error.allowed == "must be greater than 0"
        assert str(pickle.loads(pickle.dumps(error))) == str(error)

    def test_a_long_value_is_cut(self):
        assert len(refusal(dedup={"max_ids": "9x" * 1000})) < 150

    @given(st.one_of(st.floats(), st.integers(), st.text(), st.none(), st.binary()))
    def test_whatever_it_is_given_it_is_good_or_refused(self, value):
        """Never another exception, and never an unusable number."""
        try:
            ttl_s = DedupSettings(ttl_s=value).ttl_s
        except SettingsError:
            return

        assert 0 < ttl_s < float("inf")


class TestReceiver:
    """`resolved_otlp`: who is sent to, and with which headers."""

    def test_the_three_urls_of_a_base(self):
        target = TelemetrySettings.enabled(
            enterprise_otlp_endpoint="http://h:4318/"
        ).resolved_otlp()

        assert target is not None
        assert target.endpoint == "http://h:4318"
        assert target.logs.url == "http://h:4318/v1/logs"
        assert target.traces.url == "http://h:4318/v1/traces"
        assert target.metrics.url == "http://h:4318/v1/metrics"
        assert target.logs.plain_headers() == {}

    def test_g27_without_an_endpoint_localhost_is_never_guessed(self):
        assert TelemetrySettings.enabled().resolved_otlp() is None

    def test_headers_follow_w3c_baggage_and_the_api_key_wins(self):
        target = TelemetrySettings.enabled(
            enterprise_otlp_endpoint="http://h:4318",
            enterprise_otlp_headers="Authorization=Basic%20abc, x-scope-id = a=b%2Cc",
            enterprise_otlp_api_key="k/+=~",
        ).resolved_otlp()

        assert target is not None
        assert target.logs.plain_headers() == {
            "authorization": "Bearer k/+=~",
            "x-scope-id": "a=b,c",
        }
        assert target.warnings == (
            "enterprise_otlp_api_key replaces authorization of enterprise_otlp_headers",
        )

    def test_the_tunables_come_along(self):
        target = TelemetrySettings.enabled(
            enterprise_otlp_endpoint="http://h:4318",
            otlp={"attempt_timeout_s": 1, "give_up_s": 2, "compression": "gzip"},
        ).resolved_otlp()

        assert target is not None
        assert (target.attempt_timeout_s, target.give_up_s, target.logs.compression) == (
            1,
            2,
            "gzip",
        )

    def test_the_enterprise_endpoint_wins_and_gets_none_of_the_hosts_secrets(self, monkeypatch):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://hosts:4318")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-key={SECRET}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/hosts/ca.pem")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")

        target = TelemetrySettings.enabled(enterprise_otlp_endpoint="http://ours").resolved_otlp()

        assert target is not None
        assert target.endpoint == "http://ours"
        assert target.logs.plain_headers() == {}
        assert target.logs.ca_file is None

    def test_the_hosts_endpoint_is_used_with_the_hosts_means(self, monkeypatch):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://hosts:4318")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=k")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/hosts/ca.pem")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces/exact")

        target = TelemetrySettings.enabled().resolved_otlp()

        assert target is not None
        assert target.logs.url == "http://hosts:4318/v1/logs"
        assert target.traces.url == "http://traces/exact"
        assert target.logs.plain_headers() == {"x-key": "k"}
        assert (target.logs.compression, target.logs.ca_file) == ("gzip", "/hosts/ca.pem")

    def test_our_own_headers_replace_the_hosts(self, monkeypatch):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://hosts:4318")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=k")

        target = TelemetrySettings.enabled(enterprise_otlp_api_key="a").resolved_otlp()

        assert target is not None
        assert target.logs.plain_headers() == {"authorization": "Bearer a"}

    def test_a_compression_that_was_asked_for_beats_the_hosts(self, monkeypatch):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://hosts:4318")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")

        target = TelemetrySettings.enabled(otlp={"compression": "none"}).resolved_otlp()

        assert target is not None
        assert target.logs.compression == "none"

    def test_one_signals_endpoint_alone_names_no_receiver(self, monkeypatch):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces")

        assert TelemetrySettings.enabled().resolved_otlp() is None

    def test_with_the_gateway_off_the_hosts_endpoint_is_left_alone(self, monkeypatch):
        """Not even a protocol that we can't speak matters then."""
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://hosts:4318")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")

        assert TelemetrySettings().resolved_otlp() is None

    @pytest.mark.parametrize(
        ("endpoint", "url"),
        [
            ("collector:4317", "http://collector:4317"),
            ("http://collector:4317", "http://collector:4317"),
            ("https://collector:4317/", "https://collector:4317"),
        ],
    )
    def test_grpc_by_our_own_setting(self, endpoint, url):
        """A bare ``host:port`` is without TLS."""
        target = TelemetrySettings.enabled(
            enterprise_otlp_endpoint=endpoint, enterprise_otlp_protocol="GRPC"
        ).resolved_otlp()

        assert target is not None
        assert (target.protocol, target.endpoint) == ("grpc", url)

    @pytest.mark.parametrize(
        ("protocols", "protocol"),
        [
            ({}, "http"),
            ({"": "http/protobuf"}, "http"),
            ({"": "grpc"}, "grpc"),
            ({"": "http/protobuf", "LOGS_": "grpc", "TRACES_": "grpc", "METRICS_": "grpc"}, "grpc"),
            ({"": "grpc", "LOGS_": "grpc"}, "grpc"),
        ],
    )
    def test_a_host_may_speak_grpc(self, monkeypatch, protocols, protocol):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://hosts:4317")
        for signal, value in protocols.items():
            monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{signal}PROTOCOL", value)

        target = TelemetrySettings.enabled().resolved_otlp()

        assert target is not None
        assert target.protocol == protocol

    def test_our_protocol_beats_the_hosts_and_theirs_does_not_reach_our_endpoint(self, monkeypatch):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://hosts:4317")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")

        theirs = TelemetrySettings.enabled(enterprise_otlp_protocol="http").resolved_otlp()
        ours = TelemetrySettings.enabled(enterprise_otlp_endpoint="http://ours").resolved_otlp()

        assert theirs is not None and ours is not None
        assert (theirs.protocol, ours.protocol) == ("http", "http")

    @pytest.mark.parametrize(
        ("protocols", "line"),
        [
            (
                {"": "http/json"},
                "OTEL_EXPORTER_OTLP_PROTOCOL = 'http/json': must be http/protobuf or grpc",
            ),
            ({"LOGS_": "x"}, "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL = 'x': must be http/protobuf"),
            (
                {"": "grpc", "LOGS_": "http/protobuf"},
                "OTEL_EXPORTER_OTLP_*: must be one protocol, and not LOGS_PROTOCOL=http/protobuf,",
            ),
        ],
    )
    def test_a_protocol_that_can_not_be_spoken_is_refused(self, monkeypatch, protocols, line):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://hosts:4317")
        for signal, value in protocols.items():
            monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{signal}PROTOCOL", value)

        assert refusal(enterprise_telemetry_gateway_enabled=True).startswith(line)

    @pytest.mark.parametrize("text", ["no-equals", "bad name=x", "a=b%0d%0ac: d", "=x"])
    def test_headers_that_http_cannot_carry_are_refused(self, text):
        assert refusal(enterprise_otlp_headers=text).startswith("enterprise_otlp_headers: must be")


class TestSecrets:
    """g30: keys, headers and passwords appear nowhere."""

    def everything_secret(self):
        return TelemetrySettings.enabled(
            enterprise_otlp_endpoint="http://h:4318",
            enterprise_otlp_headers=f"x-key={SECRET}",
            enterprise_otlp_api_key=SECRET,
            redis_url=f"redis://:{SECRET}@localhost",
            otel_exporter_otlp={"headers": f"x={SECRET}"},
        )

    def test_g30_no_secret_in_any_rendering(self):
        settings = self.everything_secret()
        target = settings.resolved_otlp()

        for text in (
            repr(settings),
            str(settings),
            settings.model_dump_json(),
            str(settings.model_dump()),
            json.dumps(settings.model_dump(mode="json")),
            repr(target),
            str(target),
        ):
            assert SECRET not in text

    @pytest.mark.parametrize(
        "values",
        [
            {"redis_url": f"http://:{SECRET}@host"},
            {"redis_url": [SECRET]},
            {"redis_uri": f"redis://{SECRET}"},
            {"enterprise_otlp_headers": SECRET},
            {"enterprise_otlp_api_key": f"{SECRET}\n"},
            {"enterprise_otlp_api_key": f"{SECRET}\u20ac"},
            {"enterprise_otlp_endpoint": f"http://user:{SECRET}@host"},
            {"enterprise_otlp_endpoint": f"http://host?token={SECRET}"},
            {"otel_exporter_otlp": SECRET},
            {"otel_exporter_otlp": {"headers": [SECRET]}},
            {"gateway": {"password": SECRET}},
            {"gateway": SECRET},
        ],
    )
    def test_g30_no_secret_in_an_error(self, values):
        with pytest.raises(SettingsError) as caught:
            TelemetrySettings.enabled(**values)

        error = caught.value
        assert SECRET not in "".join(traceback.format_exception_only(error))
        assert SECRET not in repr(error.__dict__)
        assert error.__context__ is None

    @pytest.mark.parametrize("extra", [{}, {"enterprise_otel_sampling_rate": 7}])
    def test_g30_what_they_hold_is_known_from_then_on(self, extra):
        """To whoever makes a text, also where the settings turn out to be unusable."""
        values = {
            "enterprise_otlp_headers": "x-key=key-of-header",
            "enterprise_otlp_api_key": "key-of-ours",
            "redis_url": "redis://:key-of-redis@h",
            "celery": {"broker_url": "redis://:key-of-broker@h"},
            "otel_exporter_otlp": {"logs_headers": "a=key-of-hosts"},
        }
        with suppress(SettingsError):
            TelemetrySettings.enabled(**values, **extra)

        text = "key-of-header key-of-ours key-of-redis key-of-broker key-of-hosts"
        assert without_secrets(text) == "*** *** *** *** ***"

    def test_g30_no_secret_from_the_hosts_url(self, monkeypatch):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://u:{SECRET}@host")

        with pytest.raises(SettingsError) as caught:
            TelemetrySettings.enabled()

        assert SECRET not in str(caught.value)
