"""TLS with a private authority and a client's certificate, as the settings name them."""

import ssl

import pytest
import trustme

from telemetry_actors.errors import SettingsError
from telemetry_actors.event.signals import LogSignal, SignalKind
from telemetry_actors.ports import Verdict
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.sinks import OtlpSink
from tests.receivers.faulty import FaultyReceiver, answer

LOG = LogSignal("dify.app.created", "metric_only", ("k",), ("v",), b"", b"", 1, 2)
OTEL = "OTEL_EXPORTER_OTLP_"
OURS = "TELEMETRY_ACTORS__OTLP__"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority, tmp_path_factory):
    """Names of PEM files: the authority, and a client's certificate and key."""
    folder = tmp_path_factory.mktemp("tls")
    client = authority.issue_cert("client@example.org")
    found = {name: str(folder / f"{name}.pem") for name in ("ca", "certificate", "key", "both")}
    authority.cert_pem.write_to_path(found["ca"])
    client.cert_chain_pems[0].write_to_path(found["certificate"])
    client.private_key_pem.write_to_path(found["key"])
    client.private_key_and_cert_chain_pem.write_to_path(found["both"])
    return found


@pytest.fixture
def receiver_with(authority):
    def _receiver_with(host="127.0.0.1", *, asks=True):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(host).configure_cert(context)
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
        return FaultyReceiver(answer(200), tls=context)

    return _receiver_with


def send():
    """One record by a sink that is made from the environment's settings."""
    target = TelemetrySettings.enabled().resolved_otlp()
    assert target is not None
    sink = OtlpSink.from_target(target, service_name="dify")
    try:
        return sink.export(SignalKind.LOGS, [sink.encode(SignalKind.LOGS, LOG)], 5.0)
    finally:
        sink.close()


@pytest.mark.parametrize("whose", ["ours", "the host's"])
@pytest.mark.parametrize("files_of_client", ["two", "one"])
def test_a_private_authority_and_a_clients_certificate(
    receiver_with, files, monkeypatch, whose, files_of_client
):
    """With headers and API key: all of it by the environment, as a deployment has it."""
    names = (
        ("ENTERPRISE_OTLP_ENDPOINT", f"{OURS}CA_FILE", f"{OURS}CLIENT_CERTIFICATE_FILE")
        if whose == "ours"
        else (f"{OTEL}ENDPOINT", f"{OTEL}CERTIFICATE", f"{OTEL}CLIENT_CERTIFICATE")
    )
    key = f"{OURS}CLIENT_KEY_FILE" if whose == "ours" else f"{OTEL}CLIENT_KEY"
    with receiver_with() as receiver:
        client = files["both"] if files_of_client == "one" else files["certificate"]
        for name, value in zip(names, (receiver.endpoint, files["ca"], client), strict=True):
            monkeypatch.setenv(name, value)
        if files_of_client == "two":
            monkeypatch.setenv(key, files["key"])
        monkeypatch.setenv("ENTERPRISE_OTLP_HEADERS", "authorization=Basic%20x,x-scope=a%3Db")
        monkeypatch.setenv("ENTERPRISE_OTLP_API_KEY", "k/+=~")
        result = send()

    assert result.verdict is Verdict.ACCEPTED, result.message
    (request,) = receiver.requests
    assert request.path == "/v1/logs"
    assert request.headers["authorization"] == "Bearer k/+=~"
    assert request.headers["x-scope"] == "a=b"


def test_a_certificate_of_an_authority_that_nobody_named_is_no_delivery(receiver_with, monkeypatch):
    with receiver_with(asks=False) as receiver:
        monkeypatch.setenv("ENTERPRISE_OTLP_ENDPOINT", receiver.endpoint)
        result = send()

    assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)
    assert "certificate verify failed" in result.message
    assert receiver.requests == []


def test_a_certificate_for_another_host_is_no_delivery(receiver_with, files, monkeypatch):
    with receiver_with("example.org", asks=False) as receiver:
        monkeypatch.setenv("ENTERPRISE_OTLP_ENDPOINT", receiver.endpoint)
        monkeypatch.setenv(f"{OURS}CA_FILE", files["ca"])
        result = send()

    assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)
    assert receiver.requests == []


def test_a_receiver_that_asks_for_a_certificate_takes_nothing_without(
    receiver_with, files, monkeypatch
):
    with receiver_with() as receiver:
        monkeypatch.setenv("ENTERPRISE_OTLP_ENDPOINT", receiver.endpoint)
        monkeypatch.setenv(f"{OURS}CA_FILE", files["ca"])
        result = send()

    assert result.verdict is Verdict.RETRY
    assert receiver.requests == []


def test_a_file_that_is_missing_is_said_and_tried_again(receiver_with, tmp_path, monkeypatch):
    """It may come: a secret that is mounted late, say."""
    with receiver_with(asks=False) as receiver:
        monkeypatch.setenv("ENTERPRISE_OTLP_ENDPOINT", receiver.endpoint)
        monkeypatch.setenv(f"{OURS}CA_FILE", str(tmp_path / "ca.pem"))
        result = send()

    assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)
    assert "ca.pem" in result.message


def test_the_hosts_certificates_go_to_the_hosts_endpoint_alone(files, monkeypatch):
    """And a key goes with its own certificate."""
    monkeypatch.setenv("ENTERPRISE_OTLP_ENDPOINT", "https://ours")
    monkeypatch.setenv(f"{OTEL}ENDPOINT", "https://hosts")
    for name, file in (
        ("CERTIFICATE", "ca"),
        ("CLIENT_CERTIFICATE", "both"),
        ("CLIENT_KEY", "key"),
    ):
        monkeypatch.setenv(f"{OTEL}{name}", files[file])
    ours = TelemetrySettings.enabled().resolved_otlp()
    monkeypatch.delenv("ENTERPRISE_OTLP_ENDPOINT")
    monkeypatch.setenv(f"{OURS}CLIENT_CERTIFICATE_FILE", files["certificate"])
    hosts = TelemetrySettings.enabled().resolved_otlp()

    assert ours is not None
    assert (ours.logs.ca_file, ours.logs.client_certificate_file, ours.logs.client_key_file) == (
        None,
    ) * 3
    assert hosts is not None
    assert (hosts.logs.ca_file, hosts.logs.client_key_file) == (files["ca"], None)
    assert hosts.logs.client_certificate_file == files["certificate"]


def test_a_key_without_a_certificate_is_refused():
    with pytest.raises(SettingsError, match="client_key_file is of no use"):
        TelemetrySettings.enabled(otlp={"client_key_file": "key.pem"})
