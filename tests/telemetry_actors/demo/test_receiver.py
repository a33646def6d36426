"""The demo's receiver counts what is distinct, in a process of its own."""

import gzip
import http.client
import os
import signal
import subprocess
import sys
from contextlib import closing

import pytest

from telemetry_actors.demo.receiver import ReceiverProcess
from telemetry_actors.event.signals import Instrument, LogSignal, SignalKind, SpanSignal
from telemetry_actors.ports import MetricPoint
from telemetry_actors.sinks import OtlpSink

LOGS, SPANS = SignalKind.LOGS, SignalKind.SPANS
COUNTER = Instrument("dify.requests.total", "counter", "{request}")

pytestmark = pytest.mark.timeout(60)  # a process of its own, on a machine that may be busy


@pytest.fixture(scope="module")
def process():
    """One receiver for the tests that only need differences."""
    with ReceiverProcess() as process:
        yield process


@pytest.fixture
def receiver():
    """A receiver that has got nothing yet."""
    with ReceiverProcess() as receiver:
        yield receiver


@pytest.fixture
def sink(receiver):
    """A sink that sends to it."""
    with closing(OtlpSink(receiver.endpoint)) as sink:
        yield sink


def a_log(uid, event_name="dify.app.created", keys=("a", "log.record.uid")):
    values = tuple(uid if key == "log.record.uid" else "v" for key in keys)
    return LogSignal(event_name, "metric_only", keys, values, b"", b"", 1, 2)


def a_span(number):
    return SpanSignal("run", b"t" * 16, number.to_bytes(8, "big"), b"", 1, 2, (), (), None)


def send(sink, kind, *records):
    return sink.export(kind, [sink.encode(kind, record) for record in records], 10.0)


def post(endpoint, path, body, **headers):
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=10.0)
    with closing(connection):
        connection.request("POST", path, body, headers)
        return connection.getresponse().status


def test_counts_distinct_logs_by_event_and_repeats(receiver, sink):
    """A record is its ``log.record.uid``, at whatever place among the attributes."""
    send(sink, LOGS, a_log("1"), a_log("2", "dify.app.deleted"), a_log("1"))
    send(sink, LOGS, a_log("2"), a_log("3", keys=("log.record.uid", "b", "c")))

    stats = receiver.stats()

    assert (stats["logs"], stats["repeated_logs"], stats["requests"]) == (3, 2, 2)
    assert stats["by_event"] == {"dify.app.created": 2, "dify.app.deleted": 1}


def test_records_without_an_id_are_all_distinct(receiver, sink):
    """They can't repeat one another."""
    send(sink, LOGS, *[a_log("", keys=("a",))] * 3, a_log("", keys=()))

    assert receiver.stats()["logs"] == 4


def test_counts_distinct_spans_and_series(receiver, sink):
    """A span is its ids; a series is its name and labels, with its latest value."""
    send(sink, SPANS, a_span(1), a_span(2), a_span(1))
    for value in (1, 2):
        sink.export_metrics(
            [MetricPoint(COUNTER, ("t",), (label,), 1, 2, value) for label in "ab"], 10.0
        )

    stats = receiver.stats()

    assert (stats["spans"], stats["repeated_spans"], stats["points"]) == (2, 1, 2)


def test_takes_gzip(receiver):
    """Packed requests are unpacked, up to the limit."""
    with closing(OtlpSink(receiver.endpoint, compression="gzip")) as sink:
        assert send(sink, LOGS, a_log("1")).verdict == "accepted"

    assert receiver.stats()["logs"] == 1


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v1/logs", b"\xff\xff", {}, 400),
        ("/v1/logs", b"no gzip", {"Content-Encoding": "gzip"}, 400),
        (
            "/v1/logs",
            gzip.compress(b"x" * 70_000_000, 1, mtime=0),
            {"Content-Encoding": "gzip"},
            413,
        ),
        ("/v1/logs", b"", {"Content-Length": "100000000"}, 413),
        ("/v1/logs", b"", {"Content-Length": "-1"}, 411),
        ("/v1/else", b"", {}, 404),
    ],
    ids=["no OTLP", "no gzip", "bomb", "too large", "no length", "no path"],
)
def test_refuses_what_it_should(process, path, body, headers, status):
    """And goes on."""
    before = process.stats()

    assert post(process.endpoint, path, body, **headers) == status
    assert process.stats() == before


def test_ends_with_its_parent():
    """A parent that is killed leaves nothing behind: its end of the pipe is closed."""
    script = (
        "import sys; from telemetry_actors.demo.receiver import ReceiverProcess\n"
        "receiver = ReceiverProcess(); receiver.start()\n"
        "print(receiver._process.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.stdin.close()
    fd = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(fd, 0)  # may be there still, but not for long
        import select

        assert select.select([fd], [], [], 10.0)[0], "the receiver outlived its parent"
    except ProcessLookupError:
        pass
    finally:
        os.close(fd)


def test_says_so_when_it_can_not_start(process):
    """A port that is taken, here."""
    with pytest.raises(RuntimeError, match="did not start"):
        ReceiverProcess(port=process.port).start()


def test_runs_as_a_module():
    """As the documentation says."""
    with subprocess.Popen(
        [sys.executable, "-m", "telemetry_actors.demo.receiver", "--port", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as server:
        assert server.stdout.readline().startswith(b'{"port": ')
        server.stdin.close()
        assert server.wait(10.0) == 0
