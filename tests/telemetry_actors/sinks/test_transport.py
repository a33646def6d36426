"""The border to the network, where the answers of `test_otlp` don't reach."""

import enum

import pytest

from telemetry_actors.ports import Verdict
from telemetry_actors.signals import LogSignal, SignalKind
from telemetry_actors.sinks import OtlpSink, _resource
from telemetry_actors.sinks._encode import encode_log
from tests.receivers.faulty import FaultyReceiver, close, hang, raw

A_LOG = LogSignal("dify.app.created", "metric_only", ("k",), ("v",), b"", b"", 1, 2)


@pytest.fixture
def sink_to():
    """A sink for a receiver; its connections are closed when the test ends."""
    sinks = []

    def make(receiver):
        sinks.append(OtlpSink(receiver.endpoint))
        return sinks[-1]

    yield make
    for sink in sinks:
        sink.close()


def sent(sink):
    return sink.export(SignalKind.LOGS, [sink.encode(SignalKind.LOGS, A_LOG)], 0.3)


@pytest.mark.parametrize("then", [hang, close])
@pytest.mark.parametrize(("status", "verdict"), [(503, Verdict.RETRY), (403, Verdict.REFUSED)])
def test_a_no_counts_though_its_body_never_comes(sink_to, then, status, verdict):
    """The status has said what there is to say, and nothing of it was received."""
    head = b"HTTP/1.1 %d X\r\nContent-Length: 50\r\n\r\nhalf" % status

    def behave(connection, ended):
        raw(head)(connection, ended)
        return then(connection, ended)

    with FaultyReceiver(behave) as receiver:
        result = sent(sink_to(receiver))

    assert (result.verdict, result.unconfirmed) == (verdict, False)
    assert result.status_code == status


def test_values_that_are_kinds_of_numbers_go_as_numbers():
    class Level(enum.IntEnum):
        HIGH = 3

    class Share(float):
        pass

    plain = A_LOG._replace(keys=("i", "f"), values=(3, 0.5))

    assert encode_log(plain._replace(values=(Level.HIGH, Share(0.5)))) == encode_log(plain)


def test_where_nothing_is_installed_the_version_is_empty(monkeypatch):
    def not_found(name):
        raise _resource.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(_resource.metadata, "version", not_found)
    _resource.package_version.cache_clear()
    assert _resource.package_version() == ""
    _resource.package_version.cache_clear()
