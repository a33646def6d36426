"""OtlpGrpcSink over TLS: a private authority, a client's certificate, and files that are wrong."""

import subprocess
import sys

import grpc  # type: ignore[import-untyped]
import pytest
import trustme  # type: ignore[import-not-found]

from telemetry_actors.event.signals import LogSignal, SignalKind
from telemetry_actors.ports import Verdict
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.sinks import OtlpGrpcSink
from tests.receivers.faulty import FaultyReceiver, raw
from tests.receivers.grpc_receiver import GrpcReceiver, yes

LOG = LogSignal("dify.app.created", "metric_only", ("k",), ("v",), b"", b"", 1, 2)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority, tmp_path_factory):
    """Names of PEM files: the authority, and a client's certificate and key."""
    folder = tmp_path_factory.mktemp("tls")
    client = authority.issue_cert("client@example.org")
    names = ("ca", "certificate", "key", "both", "empty", "nonsense")
    found = {name: str(folder / f"{name}.pem") for name in names}
    authority.cert_pem.write_to_path(found["ca"])
    client.cert_chain_pems[0].write_to_path(found["certificate"])
    client.private_key_pem.write_to_path(found["key"])
    client.private_key_and_cert_chain_pem.write_to_path(found["both"])
    (folder / "empty.pem").write_bytes(b"")
    (folder / "nonsense.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nx\n")
    return found


@pytest.fixture
def receiver_with(authority):
    def _receiver_with(host="localhost", *, asks=True):
        issued = authority.issue_cert(host)
        pair = (issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes())
        trusted = authority.cert_pem.bytes() if asks else None
        credentials = grpc.ssl_server_credentials([pair], trusted, require_client_auth=asks)
        return GrpcReceiver(yes(), credentials=credentials)

    return _receiver_with


def send(endpoint, **tls):
    sink = OtlpGrpcSink(endpoint, tls=tls)
    try:
        return sink.export(SignalKind.LOGS, [sink.encode(SignalKind.LOGS, LOG)], 5.0)
    finally:
        sink.close()


@pytest.mark.parametrize("client", [("certificate", "key"), ("both", None)], ids=["two", "one"])
def test_a_private_authority_and_a_clients_certificate(receiver_with, files, client):
    certificate, key = client
    with receiver_with() as receiver:
        result = send(
            receiver.endpoint,
            ca_file=files["ca"],
            client_certificate_file=files[certificate],
            client_key_file=key and files[key],
        )

    assert result.verdict is Verdict.ACCEPTED, result.message
    assert len(receiver.requests) == 1


def test_the_hosts_certificates_by_the_hosts_settings(receiver_with, files, monkeypatch):
    with receiver_with() as receiver:
        otel = "OTEL_EXPORTER_OTLP_"
        monkeypatch.setenv(f"{otel}PROTOCOL", "grpc")
        monkeypatch.setenv(f"{otel}ENDPOINT", receiver.endpoint)
        monkeypatch.setenv(f"{otel}CERTIFICATE", files["ca"])
        monkeypatch.setenv(f"{otel}CLIENT_CERTIFICATE", files["certificate"])
        monkeypatch.setenv(f"{otel}CLIENT_KEY", files["key"])
        target = TelemetrySettings.enabled().resolved_otlp()
        assert target is not None
        sink = OtlpGrpcSink.from_target(target, service_name="dify")
        result = sink.export(SignalKind.LOGS, [sink.encode(SignalKind.LOGS, LOG)], 5.0)
        sink.close()

    assert result.verdict is Verdict.ACCEPTED, result.message


def test_a_certificate_of_an_authority_that_nobody_named_is_no_delivery(receiver_with):
    with receiver_with(asks=False) as receiver:
        result = send(receiver.endpoint)

    assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)
    assert "CERTIFICATE_VERIFY_FAILED" in result.message
    assert receiver.requests == []


def test_a_certificate_for_another_host_is_no_delivery(receiver_with, files):
    with receiver_with("example.org", asks=False) as receiver:
        result = send(receiver.endpoint, ca_file=files["ca"])

    assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)
    assert receiver.requests == []


def test_a_receiver_that_asks_for_a_certificate_takes_nothing_without(receiver_with, files):
    with receiver_with() as receiver:
        result = send(receiver.endpoint, ca_file=files["ca"])

    assert result.verdict is Verdict.RETRY
    assert receiver.requests == []


def test_no_tls_on_the_other_side_is_no_delivery():
    with FaultyReceiver(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), reads=False) as receiver:
        result = send(receiver.endpoint.replace("http:", "https:"))

    assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)


def test_a_handshake_that_fails_is_not_said_on_stderr():
    """Core would, try after try. In a process where nobody else has imported gRPC."""
    code = """
import os, sys
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.sinks import OtlpGrpcSink
result = OtlpGrpcSink(sys.argv[1]).export(SignalKind.LOGS, [], 5.0)
print("Tls handshake failed" in result.message, os.environ.get("GRPC_VERBOSITY"))
"""
    with FaultyReceiver(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), reads=False) as receiver:
        url = receiver.endpoint.replace("http:", "https:")
        ended = subprocess.run(
            [sys.executable, "-c", code, url], capture_output=True, text=True, check=False
        )

    assert (ended.stdout, ended.stderr) == ("True None\n", "")


@pytest.mark.parametrize("wrong", ["missing", "empty", "nonsense"])
@pytest.mark.parametrize("which", ["ca_file", "client_certificate_file", "client_key_file"])
def test_a_file_that_is_wrong_is_said_and_tried_again(files, which, wrong, capfd):
    """It may come right: a secret that is mounted late, say. gRPC itself would abort on some."""
    good = {
        "ca_file": files["ca"],
        "client_certificate_file": files["certificate"],
        "client_key_file": files["key"],
    }
    result = send("https://localhost:1", **{**good, which: files.get(wrong, f"{wrong}.pem")})

    assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)
    assert result.message.startswith("gRPC UNAVAILABLE failed to connect: ")
    assert capfd.readouterr().err == ""


def test_a_key_without_a_certificate_is_not_used(receiver_with, files):
    with receiver_with(asks=False) as receiver:
        result = send(receiver.endpoint, ca_file=files["ca"], client_key_file=files["key"])

    assert result.verdict is Verdict.ACCEPTED
