"""Who sends: the resource of this process."""

import json
import logging
import os
import platform
import socket
import sys
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk.resources import OTELResourceDetector

from telemetry_actors import TelemetryGateway
from telemetry_actors.errors import SettingsError
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.sinks import OtlpGrpcSink, OtlpJsonFileSink, OtlpSink
from telemetry_actors.sinks.resource import environment_attributes, instance_id, resource_attributes
from tests.forks import as_in_a_child
from tests.receivers.faulty import FaultyReceiver, answer
from tests.telemetry_actors.sinks.one_record import LOG, LOGS


def test_says_which_process_sends():
    """Service, machine, process and interpreter: what OpenTelemetry has in the resource."""
    attributes = resource_attributes("dify", environ={})

    assert set(attributes) == {
        "service.name", "host.name", "service.instance.id", "process.pid",
        "process.runtime.name", "process.runtime.version",
    }  # fmt: skip
    assert attributes["process.runtime.name"] == sys.implementation.name
    assert attributes["process.runtime.version"] == platform.python_version()
    assert attributes["service.name"] == "dify"
    assert attributes["host.name"] == socket.gethostname()
    assert attributes["process.pid"] == os.getpid()
    assert uuid.UUID(str(attributes["service.instance.id"])).version == 4


def test_the_environment_adds_to_it():
    """Its own attributes, and its name of the host; who we are stays ours."""
    text = "deployment.environment=prod%20eu,host.name=pod-7,service.name=x,process.pid=1"
    attributes = resource_attributes("dify", environ={"OTEL_RESOURCE_ATTRIBUTES": text})

    assert attributes["deployment.environment"] == "prod eu"
    assert attributes["host.name"] == "pod-7"
    assert (attributes["service.name"], attributes["process.pid"]) == ("dify", os.getpid())


def test_the_caller_has_the_last_word():
    """None takes an attribute away."""
    attributes = resource_attributes(
        "dify", environ={}, extra={"host.name": None, "service.name": "mine", "build": 7}
    )

    assert "host.name" not in attributes
    assert (attributes["service.name"], attributes["build"]) == ("mine", 7)


@pytest.mark.parametrize(
    ("service_name", "environ", "expected"),
    [
        (None, {}, "dify"),
        (None, {"OTEL_RESOURCE_ATTRIBUTES": "service.name=x"}, "x"),
        (None, {"OTEL_RESOURCE_ATTRIBUTES": "service.name=x", "OTEL_SERVICE_NAME": " y "}, "y"),
        (None, {"OTEL_RESOURCE_ATTRIBUTES": "service.name=x", "OTEL_SERVICE_NAME": "\udcff"}, "x"),
        ("mine", {"OTEL_SERVICE_NAME": "y"}, "mine"),
    ],
)
def test_whose_name_the_service_has(service_name, environ, expected):
    """Ours where it was set, then OTEL_SERVICE_NAME, as in the SDK; then the default."""
    assert resource_attributes(service_name, environ=environ)["service.name"] == expected


@pytest.mark.parametrize("make", [OtlpSink, OtlpGrpcSink])
def test_what_the_environment_has_and_otlp_cannot_carry_costs_itself(monkeypatch, caplog, make):
    """Found when the sink is made, and said in one line; all else travels."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=a\udcff,region=eu,\udcfe=x,ok=%ff")
    with caplog.at_level(logging.WARNING, "telemetry_actors"):
        sink = make("http://localhost:4318")
        frame = sink._new_frame()
        sink.close()

    (line,) = [record.getMessage() for record in caplog.records]
    assert line == (
        "left out of the resource (host, OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME,"
        " TELEMETRY_ACTORS__SERVICE_NAME):"
        " 'team' must be UTF-8, '\\udcfe' must have a name of UTF-8 text"
    )
    found = read(frame.request([]))
    assert (found["region"], found["ok"]) == ("eu", "\ufffd")
    assert "team" not in found


VALUES = {
    "tags": ["a", "b"],
    "tuple": (1, 2),
    "flags": [True, False],
    "shares": [0.5, 2.0],
    "none": [],
    "n": 2**63 - 1,
}


def test_lists_are_values_of_a_resource(tmp_path):
    """Over the wire and in a file."""
    sink = OtlpSink("http://localhost:4318", resource=VALUES)
    found = read(sink._new_frame().request([]))
    sink.close()
    file = OtlpJsonFileSink(tmp_path / "f.jsonl", resource={"tags": ["a", "b"]})
    file.export(LOGS, [file.encode(LOGS, LOG)], 1.0)
    file.close()

    assert {key: found[key] for key in VALUES} == {**VALUES, "tuple": [1, 2]}
    (line,) = (tmp_path / "f.jsonl").read_text().splitlines()
    attributes = json.loads(line)["resourceLogs"][0]["resource"]["attributes"]
    tags = {"arrayValue": {"values": [{"stringValue": "a"}, {"stringValue": "b"}]}}
    assert {"key": "tags", "value": tags} in attributes


@pytest.mark.parametrize(
    ("resource", "line"),
    [
        ({"n": 2**70}, "resource['n']: must be an integer of 64 bits"),
        ({"n": [1, -(2**70)]}, "resource['n']: must be an integer of 64 bits"),
        ({"t": "\udcff"}, "resource['t']: must be UTF-8"),
        ({"t": ["\udcff"]}, "resource['t']: must be UTF-8"),
        ({"\udcff": 1}, "resource['\\udcff']: must have a name of UTF-8 text"),
        ({7: 1}, "resource[7]: must have a name of UTF-8 text"),
        ({"m": {"a": 1}}, "resource['m']: must be a text, a number, a boolean, or a list of them"),
        ({"m": b"x"}, "resource['m']: must be a text, a number, a boolean, or a list of them"),
        ({"m": [["x"]]}, "resource['m']: must be a list of texts, numbers or booleans"),
        ({"m": [None]}, "resource['m']: must be a list of texts, numbers or booleans"),
        ({"service.name": "\udcff"}, "resource['service.name']: must be UTF-8"),
    ],
)
def test_what_the_caller_gives_and_otlp_cannot_carry_is_an_error_at_once(resource, line, tmp_path):
    """Never on a sink's thread, where it would cost every event."""
    for make in (
        lambda: OtlpSink("http://localhost:4318", resource=resource),
        lambda: OtlpGrpcSink("http://localhost:4317", resource=resource),
        lambda: OtlpJsonFileSink(tmp_path / "f", resource=resource),
    ):
        with pytest.raises(SettingsError) as caught:
            make()
        assert str(caught.value) == line
    with pytest.raises(SettingsError, match="must be UTF-8"):
        OtlpSink("http://localhost:4318", service_name="\udcff")


def test_a_name_of_ours_that_is_no_utf8_is_a_settings_error(monkeypatch):
    monkeypatch.setenv("ENTERPRISE_SERVICE_NAME", "sh\udcffop")
    with pytest.raises(SettingsError, match=r"ENTERPRISE_SERVICE_NAME = .*unicode"):
        TelemetrySettings()


def test_events_arrive_beside_such_an_environment(monkeypatch):
    """All of them, at the first try."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=a\udcff,region=eu")
    with FaultyReceiver(answer(200)) as receiver:
        settings = TelemetrySettings.enabled(enterprise_otlp_endpoint=receiver.endpoint)
        with TelemetryGateway(settings) as gateway:
            gateway.emit("app_created", {"tenant_id": "acme"}, {"app_id": "a"})
            assert gateway.flush(10)
            ledger = gateway.ledger()

    assert (ledger.exported, ledger.dropped) == (1, {})
    assert b"region" in receiver.requests[0].body


def read(request):
    """Resource attributes of an encoded request."""
    message = ExportLogsServiceRequest.FromString(request).resource_logs[0].resource
    return {pair.key: _value(pair.value) for pair in message.attributes}


def _value(value):
    kind = value.WhichOneof("value")
    found = getattr(value, kind)
    return [_value(item) for item in found.values] if kind == "array_value" else found


def test_the_instance_id_is_the_process_s():
    """One for all sinks of a process, another for another process."""
    mine = instance_id()
    with as_in_a_child():
        assert instance_id() == instance_id() != mine


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@given(st.text("ab%2C3=, \t.é", max_size=30).filter(lambda text: "\0" not in text))
def test_the_environment_is_read_as_opentelemetry_reads_it(text):
    """Compared with the SDK's own detector."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_RESOURCE_ATTRIBUTES", text)
        expected = dict(OTELResourceDetector().detect().attributes)

    assert environment_attributes(text) == {k: v for k, v in expected.items() if k}
