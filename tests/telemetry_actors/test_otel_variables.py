"""Of the host's ``OTEL_...`` each variable is used, or the warning at the start names it."""

import logging
from dataclasses import replace

import pytest
from opentelemetry.sdk import environment_variables as of_the_sdk

import telemetry_actors
from telemetry_actors import Admission, TelemetryCase, TelemetryGateway
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.settings._otel_variables import FAMILY, PREFIX, SIGNALS, names_of, not_used
from telemetry_actors.testing import RecordingSink
from tests.receivers.faulty import FaultyReceiver, answer

BASE = "http://hosts:4318"
SPECIFIED = sorted({name for name in vars(of_the_sdk) if name.startswith(PREFIX)})
KNOWN = sorted(f"{PREFIX}{name.upper()}" for variable in FAMILY for name in names_of(variable))
VALUES = {
    "ENDPOINT": "http://others:4318",
    "HEADERS": "x-tenant=acme",
    "COMPRESSION": "gzip",
    "CERTIFICATE": "/hosts/ca.pem",
    "CLIENT_CERTIFICATE": "/hosts/own.pem",
    "CLIENT_KEY": "/hosts/key.pem",
    "TIMEOUT": "7",
    "PROTOCOL": "grpc",
    "INSECURE": "false",
    "METRICS_TEMPORALITY_PREFERENCE": "delta",
    "METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram",
}
SAID = ("TIMEOUT", "METRICS_TEMPORALITY_PREFERENCE", "METRICS_DEFAULT_HISTOGRAM_AGGREGATION")
CTX = {"tenant_id": "acme"}
APP = {"app_id": "a1", "mode": "chat"}


def parted(name):
    """Signal ("" = all) and the rest of a variable's name."""
    rest = name.removeprefix(PREFIX)
    for signal in SIGNALS:
        own = rest.removeprefix(f"{signal.upper()}_")
        if own != rest and own in VALUES:
            return signal, own
    return "", rest


def target_of(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(f"{PREFIX}{name}", value)
    target = TelemetrySettings.enabled().resolved_otlp()
    assert target is not None
    return target


def route(target, signal):
    return getattr(target, signal)


def test_every_variable_of_the_specification_is_in_the_table():
    """By the SDK's own list of names."""
    assert KNOWN == SPECIFIED


@pytest.mark.parametrize("name", KNOWN)
def test_each_is_used_or_the_one_warning_names_it(monkeypatch, name):
    """Used: for its signal, and no other."""
    signal, rest = parted(name)
    base = "hosts:4317" if rest == "INSECURE" else BASE
    protocol = {"PROTOCOL": "grpc"} if rest == "INSECURE" else {}
    if rest == "PROTOCOL" and signal:  # all three must come to the same
        protocol = {f"{other.upper()}_PROTOCOL": "grpc" for other in SIGNALS}
    before = target_of(
        monkeypatch, **{"ENDPOINT": base, **({} if rest == "PROTOCOL" else protocol)}
    )
    after = target_of(monkeypatch, **{**protocol, name.removeprefix(PREFIX): VALUES[rest]})

    if rest in SAID:
        (line,) = after.warnings
        assert line.startswith("not used: ") and name in line
        return
    assert after.warnings == ()
    if rest == "PROTOCOL":
        assert (before.protocol, after.protocol) == ("http", "grpc")
        return
    changed = {s for s in SIGNALS if route(before, s) != route(after, s)}
    assert changed == ({signal} if signal else set(SIGNALS))


@pytest.mark.parametrize("rest", ["HEADERS", "COMPRESSION", "CERTIFICATE", "CLIENT_CERTIFICATE"])
def test_that_of_a_signal_goes_over_the_general_one(monkeypatch, rest):
    """Headers are not merged, as in the SDK."""
    theirs = {"HEADERS": "a=1", "COMPRESSION": "gzip"}.get(rest, "/general.pem")
    own = {"HEADERS": "b=2", "COMPRESSION": "none"}.get(rest, "/logs.pem")
    target = target_of(monkeypatch, ENDPOINT=BASE, **{rest: theirs, f"LOGS_{rest}": own})

    alone = target_of(monkeypatch, **{rest: own})
    assert target.logs.plain_headers() == alone.logs.plain_headers()
    assert target.logs.compression == alone.logs.compression
    assert target.logs.tls() == alone.logs.tls()
    assert target.traces != alone.traces or rest == "COMPRESSION"


def test_all_that_is_not_used_is_one_line(monkeypatch, caplog):
    """Unknown ones, too; no value is in it."""
    monkeypatch.setenv("ENTERPRISE_ENABLED", "true")
    for name, value in {
        "ENDPOINT": "http://127.0.0.1:9",
        "TIMEOUT": "5",
        "LOGS_TIMEOUT": "6",
        "COMPRESSION": "zstd-9",
        "METRICS_TEMPORALITY_PREFERENCE": "delta",
        "SPAN_INSECURE": "true",
        "LOGS_COMPRESSION": "none",
    }.items():
        monkeypatch.setenv(f"{PREFIX}{name}", value)
    with caplog.at_level(logging.WARNING, "telemetry_actors"):
        gateway = TelemetryGateway(TelemetrySettings.enabled())
        gateway.start()
        gateway.stop(1)

    (line,) = [r.getMessage() for r in caplog.records if "not used" in r.getMessage()]
    assert line == (
        "not used: OTEL_EXPORTER_OTLP_COMPRESSION (none and gzip are known),"
        " OTEL_EXPORTER_OTLP_LOGS_TIMEOUT (otlp.attempt_timeout_s is the setting),"
        " OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE (sums are cumulative),"
        " OTEL_EXPORTER_OTLP_SPAN_INSECURE (no such variable is known),"
        " OTEL_EXPORTER_OTLP_TIMEOUT (otlp.attempt_timeout_s is the setting)"
    )


def test_what_is_the_case_anyway_is_not_said():
    same = {
        "metrics_temporality_preference": "CUMULATIVE",
        "metrics_default_histogram_aggregation": "explicit_bucket_histogram",
        "compression": "none",
    }
    assert list(not_used(same)) == []


def test_our_own_endpoint_leaves_the_whole_family_alone(monkeypatch):
    """Own settings win: nothing of it is used, and one line names each, without its value."""
    for name in KNOWN:
        monkeypatch.setenv(name, VALUES[parted(name)[1]])

    settings = TelemetrySettings.enabled(enterprise_otlp_endpoint="http://ours:4318")
    target = settings.resolved_otlp()
    for name in KNOWN:
        monkeypatch.delenv(name)
    alone = TelemetrySettings.enabled(enterprise_otlp_endpoint="http://ours:4318").resolved_otlp()

    assert target is not None and alone is not None
    assert (replace(target, warnings=()), alone.warnings) == (alone, ())
    (line,) = target.warnings
    assert line == (
        f"not used: {', '.join(KNOWN)} (our own endpoint is set, for which otlp.*,"
        " ENTERPRISE_OTLP_HEADERS and _PROTOCOL count)"
    )
    assert settings.half_named_otlp() == ""


def test_an_endpoint_for_some_signals_only_is_said(monkeypatch, caplog):
    """With what is missing, where we say that there is no sink."""
    monkeypatch.setenv(f"{PREFIX}TRACES_ENDPOINT", "http://traces:4318/v1/traces")
    with caplog.at_level(logging.WARNING, "telemetry_actors"):
        gateway = TelemetryGateway(TelemetrySettings.enabled())
        gateway.start()
        gateway.stop(1)

    (line,) = [r.getMessage() for r in caplog.records if "no sink" in r.getMessage()]
    alone = "(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT alone: there is no endpoint for logs and metrics)"
    assert alone in line
    monkeypatch.delenv(f"{PREFIX}TRACES_ENDPOINT")
    assert TelemetrySettings.enabled().half_named_otlp() == ""


def test_what_a_signal_has_of_its_own_travels_with_it(monkeypatch):
    """To a real receiver: headers and compression of the logs, and the general ones of metrics."""
    with FaultyReceiver(answer(200)) as receiver:
        monkeypatch.setenv(f"{PREFIX}ENDPOINT", receiver.endpoint)
        monkeypatch.setenv(f"{PREFIX}HEADERS", "x-key=general")
        monkeypatch.setenv(f"{PREFIX}LOGS_HEADERS", "x-key=of-logs")
        monkeypatch.setenv(f"{PREFIX}LOGS_COMPRESSION", "gzip")
        monkeypatch.setenv(f"{PREFIX}LOGS_ENDPOINT", f"{receiver.endpoint}/exact/logs/?tenant=t")
        with TelemetryGateway(TelemetrySettings.enabled()) as gateway:
            gateway.emit(TelemetryCase.APP_CREATED, CTX, APP)
            assert gateway.flush(10)
        sent = {
            request.path: (request.headers["x-key"], request.headers.get("content-encoding"))
            for request in receiver.requests
        }

    assert sent["/exact/logs/?tenant=t"] == ("of-logs", "gzip")
    assert sent["/v1/metrics"] == ("general", None)


class TestEndpoints:
    @pytest.mark.parametrize("name", ["ENDPOINT", "LOGS_ENDPOINT"])
    @pytest.mark.parametrize(
        ("endpoint", "insecure", "url"),
        [
            ("otel-collector:4317", "", "http://otel-collector:4317"),
            ("otel-collector:4317", "true", "http://otel-collector:4317"),
            ("otel-collector:4317", "False", "https://otel-collector:4317"),
            ("dns:///otel-collector:4317", "", "http://otel-collector:4317"),
            ("dns:///otel-collector:4317", "false", "https://otel-collector:4317"),
            ("http://otel-collector:4317", "false", "http://otel-collector:4317"),
            ("https://otel-collector:4317", "true", "https://otel-collector:4317"),
        ],
    )
    def test_grpc_takes_what_our_own_setting_takes(
        self, monkeypatch, name, endpoint, insecure, url
    ):
        """And ``INSECURE`` counts where no scheme says it."""
        target = target_of(
            monkeypatch,
            **{"ENDPOINT": BASE, "PROTOCOL": "grpc", "INSECURE": insecure, name: endpoint},
        )
        assert target.logs.url.removesuffix("/v1/logs") == url
        if not insecure:
            ours = TelemetrySettings.enabled(
                enterprise_otlp_endpoint=endpoint, enterprise_otlp_protocol="grpc"
            ).resolved_otlp()
            assert ours is not None
            assert ours.logs.url.removesuffix("/v1/logs") == url

    @pytest.mark.parametrize(
        "url", ["http://h/v1/logs/", "http://h/v1/logs?tenant=a&x=%2F", "http://h", "http://h/"]
    )
    def test_an_exact_one_is_used_as_it_is(self, monkeypatch, url):
        target = target_of(monkeypatch, ENDPOINT=BASE, LOGS_ENDPOINT=url)

        assert target.logs.url == url
        assert target.traces.url == f"{BASE}/v1/traces"

    def test_a_query_is_not_shown_to_people(self, monkeypatch):
        """It may be a key."""
        exact = {f"{signal.upper()}_ENDPOINT": "http://h/v1/?key=geheim" for signal in SIGNALS}
        target = target_of(monkeypatch, **exact)

        assert target.endpoint == "http://h/v1"


class TestOfAll:
    """What holds whatever the endpoint is."""

    @pytest.mark.parametrize("value", ["true", "TRUE", " True "])
    def test_a_disabled_sdk_is_a_gateway_that_is_off_and_says_so_once(
        self, monkeypatch, caplog, value
    ):
        monkeypatch.setenv("OTEL_SDK_DISABLED", value)
        settings = TelemetrySettings.enabled(enterprise_otlp_endpoint="http://127.0.0.1:9")
        with caplog.at_level(logging.DEBUG, "telemetry_actors"):
            gateway = TelemetryGateway(settings, sinks=[RecordingSink()])
            answers = {gateway.emit(case, CTX, APP) for case in TelemetryCase}
            gateway.stop(1)

        assert answers == {Admission.GATEWAY_OFF}
        assert gateway.ledger().balanced()
        (line,) = [record.getMessage() for record in caplog.records]
        assert line.startswith("OTEL_SDK_DISABLED is true: every case is refused (gateway_off)")
        assert settings.resolved_otlp() is None

    def test_the_module_level_door_knows_it_too(self, monkeypatch):
        monkeypatch.setenv("ENTERPRISE_TELEMETRY_GATEWAY_ENABLED", "true")
        assert telemetry_actors.is_gateway_enabled()
        monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
        assert not telemetry_actors.is_gateway_enabled()

    @pytest.mark.parametrize("value", ["false", "1", "yes", ""])
    def test_any_other_word_disables_nothing(self, monkeypatch, value):
        """As the specification has it."""
        monkeypatch.setenv("OTEL_SDK_DISABLED", value)
        assert TelemetrySettings.enabled().gateway_on

    def test_an_argument_goes_over_it(self, monkeypatch):
        monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
        assert not TelemetrySettings.enabled().gateway_on
        assert TelemetrySettings.enabled(otel_sdk_disabled=False).gateway_on

    @pytest.mark.parametrize(
        ("variables", "name"),
        [
            ({}, "dify"),
            ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs"}, "theirs"),
            (
                {"OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs", "OTEL_SERVICE_NAME": "shop"},
                "shop",
            ),
            ({"OTEL_SERVICE_NAME": "shop", "ENTERPRISE_SERVICE_NAME": "ours"}, "ours"),
            ({"OTEL_SERVICE_NAME": "shop", "ENTERPRISE_SERVICE_NAME": "dify"}, "dify"),
        ],
    )
    def test_whose_service_name(self, monkeypatch, variables, name):
        """Ours where somebody set it, then the host's, then the default: as a receiver sees it."""
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        with FaultyReceiver(answer(200)) as receiver:
            settings = TelemetrySettings.enabled(enterprise_otlp_endpoint=receiver.endpoint)
            with TelemetryGateway(settings) as gateway:
                gateway.emit("app_created", CTX, APP)
                assert gateway.flush(10)
            body = next(r.body for r in receiver.requests if r.path == "/v1/logs")

        wanted = b"\x0a\x0cservice.name\x12" + bytes((len(name) + 2, 10, len(name)))
        assert wanted + name.encode() in body


def test_the_page_says_of_each_what_the_code_does():
    """docs/configuration.md: ``Used`` or **Not used** for every name, as the code has it."""
    from tests.docs.configuration import PAGE

    rows = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{PREFIX}")]
    found = {}
    for row in rows:
        names, _, meaning = row.strip("| ").partition(" | ")
        found |= {name.strip("` "): meaning for name in names.split(",")}

    assert sorted(found) == KNOWN
    for name, meaning in found.items():
        _, rest = parted(name)
        assert ("not used" in meaning.lower()) is (rest in SAID), name
