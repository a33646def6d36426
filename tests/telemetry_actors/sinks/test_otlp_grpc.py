"""OtlpGrpcSink against receivers that misbehave: what each end of a call means (g19)."""

import os
import socket
import struct
import subprocess
import sys
import threading

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from telemetry_actors.errors import SettingsError
from telemetry_actors.ports import Sink, Verdict
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.sinks import OtlpGrpcSink, OtlpSink
from tests.receivers.faulty import FaultyReceiver, raw
from tests.receivers.faulty import hang as silence
from tests.receivers.grpc_receiver import GrpcReceiver, hang, no, yes
from tests.telemetry_actors.sinks.one_record import (
    KEY,
    LOGS,
    LONG_S,
    SHORT_S,
    SPAN,
    SPANS,
    send,
    sinks_of,
)


@pytest.fixture
def sink_to():
    """Make sinks that are closed when the test ends."""
    with sinks_of(OtlpGrpcSink) as make:
        yield make


def after(*behaviours, sink_to, timeout_s=LONG_S):
    """The result of one log record sent to a receiver that behaves so."""
    with GrpcReceiver(*behaviours) as receiver:
        return send(sink_to(receiver), timeout_s=timeout_s)


def http2(*frames):
    """A raw peer: its settings, and *frames* once the first bytes have come."""

    def behave(connection, ended):
        connection.sendall(struct.pack(">I", 0)[1:] + b"\x04\x00" + bytes(4))
        connection.recv(65_536)
        for frame in frames:
            connection.sendall(frame)
        ended.wait(0.2)
        return False

    return behave


class TestRequest:
    def test_it_is_a_sink(self, sink_to):
        """With one name for both protocols: where records go is what counts."""
        sink = sink_to("http://localhost:4317")

        assert isinstance(sink, Sink)
        assert sink.name == OtlpSink("http://localhost:4318").name
        assert repr(sink) == "<OtlpGrpcSink http://localhost:4317>"

    def test_goes_to_the_service_of_its_kind(self, sink_to):
        with GrpcReceiver(yes()) as receiver:
            sink = sink_to(receiver.endpoint + "/path/that/is/not/used")
            send(sink)
            sink.export(SPANS, [sink.encode(SPANS, SPAN)], LONG_S)

        assert [request.method for request in receiver.requests] == [
            "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        ]

    def test_carries_the_same_bytes_as_http_and_the_headers_as_metadata(self, sink_to):
        with GrpcReceiver(yes()) as receiver:
            send(sink_to(receiver, headers={"Authorization": f"Bearer {KEY}"}), count=3)

        (request,) = receiver.requests
        assert request.metadata["authorization"] == f"Bearer {KEY}"
        assert request.metadata["user-agent"].startswith("telemetry-actors")
        (logs,) = ExportLogsServiceRequest.FromString(request.body).resource_logs
        assert len(logs.scope_logs[0].log_records) == 3

    def test_no_python_thread_is_started(self, sink_to):
        """The call blocks its own thread."""
        with GrpcReceiver(yes()) as receiver:
            receiver_threads = set(sys._current_frames())
            sink = sink_to(receiver)
            send(sink)
            ours = {thread.name for thread in threading.enumerate()}
            assert not any("channel" in name for name in ours), receiver_threads

    def test_is_not_imported_unless_asked_for(self):
        """Nor by making the sink: with the first request."""
        code = (
            "import sys\n"
            "import telemetry_actors.gateway, telemetry_actors.life.building\n"
            "from telemetry_actors.sinks import OtlpGrpcSink\n"
            "sink = OtlpGrpcSink('http://127.0.0.1:1')\n"
            "assert 'grpc' not in sys.modules\n"
            "from telemetry_actors.event.signals import SignalKind\n"
            "result = sink.export(SignalKind.LOGS, [b''], 1.0)\n"
            "assert 'grpc' in sys.modules\n"
            "import os; assert 'GRPC_VERBOSITY' not in os.environ\n"
            "print(result.verdict)"
        )
        ended = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )

        assert (ended.stdout, ended.stderr, ended.returncode) == ("retry\n", "", 0)


class TestAnswer:
    def test_partial_success_is_read(self, sink_to):
        result = after(yes(2, "no room"), sink_to=sink_to)
        assert (result.verdict, result.rejected, result.message) == ("accepted", 1, "no room")

    @pytest.mark.parametrize(
        ("code", "verdict"),
        [
            ("CANCELLED", "retry"),
            ("UNKNOWN", "refused"),
            ("INVALID_ARGUMENT", "split"),
            ("DEADLINE_EXCEEDED", "retry"),
            ("NOT_FOUND", "refused"),
            ("ALREADY_EXISTS", "refused"),
            ("PERMISSION_DENIED", "refused"),
            ("RESOURCE_EXHAUSTED", "refused"),
            ("FAILED_PRECONDITION", "refused"),
            ("ABORTED", "retry"),
            ("OUT_OF_RANGE", "retry"),
            ("UNIMPLEMENTED", "refused"),
            ("INTERNAL", "refused"),
            ("UNAVAILABLE", "retry"),
            ("DATA_LOSS", "retry"),
            ("UNAUTHENTICATED", "refused"),
        ],
    )
    def test_g19_each_status_means_what_otlp_says(self, sink_to, code, verdict):
        result = after(no(code, "why not"), sink_to=sink_to)

        assert (result.verdict, result.message) == (verdict, f"gRPC {code} why not")
        assert (result.status_code, result.retry_after_s) == (None, None)

    @pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
    def test_retry_info_is_passed_on_and_makes_an_exhausted_one_recover(self, sink_to, code):
        result = after(no(code, retry_s=7.5), sink_to=sink_to)

        assert (result.verdict, result.retry_after_s) == (Verdict.RETRY, 7.5)
        assert result.unconfirmed is False

    def test_a_message_over_its_limit_is_to_be_split(self, sink_to):
        with GrpcReceiver(yes(), options=[("grpc.max_receive_message_length", 50)]) as receiver:
            result = send(sink_to(receiver))

        assert result.verdict is Verdict.SPLIT
        assert "larger than max" in result.message

    def test_an_answer_that_is_too_long_is_no_answer(self, sink_to):
        """4 MiB is what gRPC takes; what it said is not known then, and not split over."""
        result = after(yes(0, "x" * 5_000_000), sink_to=sink_to)

        assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, True)


class TestTransport:
    def test_a_refused_connection_is_no_delivery(self, sink_to):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        result = send(sink_to(f"http://127.0.0.1:{port}"))

        assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)
        assert "Connection refused" in result.message

    def test_an_unknown_host_is_no_delivery(self, sink_to):
        result = send(sink_to("http://nobody.invalid"))

        assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)

    def test_a_peer_that_speaks_http_1_is_no_delivery(self, sink_to):
        with FaultyReceiver(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), reads=False) as receiver:
            result = send(sink_to(receiver.endpoint))

        assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)

    def test_an_answer_that_never_comes_ends_at_the_deadline(self, sink_to):
        result = after(hang, sink_to=sink_to, timeout_s=SHORT_S)

        assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, True)
        assert result.message.startswith("gRPC DEADLINE_EXCEEDED")

    def test_so_does_a_peer_that_never_says_a_word(self, sink_to):
        """It can't be told from one that has the request: the careful word is unconfirmed."""
        with FaultyReceiver(silence, reads=False) as receiver:
            result = send(sink_to(receiver.endpoint), timeout_s=SHORT_S)

        assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, True)

    @pytest.mark.parametrize(
        "frame",
        [
            b"\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x02",
            b"\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08",
            b"\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00",
        ],
        ids=["internal error", "cancel", "go away"],
    )
    def test_a_stream_that_breaks_is_unconfirmed(self, sink_to, frame):
        with FaultyReceiver(http2(b"", frame), reads=False) as receiver:
            result = send(sink_to(receiver.endpoint), timeout_s=1.0)

        assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, True)

    def test_it_heals_at_once_when_the_receiver_comes(self, sink_to):
        """The back-off of gRPC between connections (1 s, later 2 min) is out of the way."""
        with socket.create_server(("localhost", 0)) as server:
            port = server.getsockname()[1]
        sink = sink_to(f"http://localhost:{port}")
        refused = [send(sink).verdict for _ in range(5)]
        with GrpcReceiver(yes(), port=port):
            healed = send(sink, timeout_s=1.0)

        assert refused == ["retry"] * 5
        assert healed.verdict is Verdict.ACCEPTED

    def test_kinds_do_not_wait_for_each_other(self, sink_to):
        with GrpcReceiver(hang, yes()) as receiver:
            sink = sink_to(receiver)
            hanging = threading.Thread(target=send, args=(sink, 1, 1.5))
            hanging.start()
            receiver.until_asked()
            result = sink.export(SPANS, [sink.encode(SPANS, SPAN)], LONG_S)
            still = hanging.is_alive()
            hanging.join()

        assert (result.verdict, still) == (Verdict.ACCEPTED, True)

    def test_close_ends_what_is_on_its_way(self, sink_to):
        """And may have been received."""
        results = []
        with GrpcReceiver(hang) as receiver:
            sink = sink_to(receiver)
            hanging = threading.Thread(target=lambda: results.append(send(sink, 1, 8.0)))
            hanging.start()
            receiver.until_asked()
            sink.close()
            hanging.join(2.0)
            assert not hanging.is_alive()

        (result,) = results
        assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, True)
        assert result.message.startswith("gRPC CANCELLED")

    def test_the_process_ends_though_a_call_hangs(self):
        """On a daemon thread, as a sink actor's is."""
        code = (
            "import threading\n"
            "from telemetry_actors.event.signals import SignalKind\n"
            "from telemetry_actors.sinks import OtlpGrpcSink\n"
            "import socket; server = socket.create_server(('127.0.0.1', 0))\n"
            "sink = OtlpGrpcSink('http://127.0.0.1:%d' % server.getsockname()[1])\n"
            "args = (SignalKind.LOGS, [b''], 60.0)\n"
            "threading.Thread(target=sink.export, args=args, daemon=True).start()\n"
            "server.accept()"
        )
        ended = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=9
        )

        assert (ended.returncode, ended.stderr) == (0, "")


class TestSecrets:
    def test_g30_a_header_is_in_no_text(self, sink_to):
        """Not in the repr, and not when the receiver says it back to us."""
        sink = sink_to("http://h:1", headers={"authorization": f"Bearer {KEY}"})
        with GrpcReceiver(no("UNAUTHENTICATED", f"unknown key {KEY}")) as receiver:
            result = send(sink_to(receiver, headers={"authorization": f"Bearer {KEY}"}))

        assert result.message == "gRPC UNAUTHENTICATED unknown key ***"
        assert KEY not in repr(sink) + str(vars(sink))

    @pytest.mark.parametrize(
        "options",
        [
            {"headers": {"a": f"{KEY}\r\nb: c"}},
            {"headers": {"a": f"{KEY}\u00e4"}},
            {"headers": {"a!b": KEY}},
            {"headers": {"a-bin": KEY}},
            {"headers": {"GRPC-timeout": KEY}},
            {"headers": {"Content-Type": KEY}},
            {"endpoint": f"http://me:{KEY}@host"},
            {"compression": "zip"},
        ],
    )
    def test_g30_what_can_not_be_used_is_said_without_them(self, options):
        with pytest.raises(SettingsError) as caught:
            OtlpGrpcSink(**{"endpoint": "http://host:4317", **options})

        assert KEY not in str(caught.value) + repr(caught.value.__context__)


@pytest.mark.parametrize("place", ["localhost:4317", "dns:///localhost:4317"])
def test_an_endpoint_as_grpc_writes_it(sink_to, place):
    """One rule for the settings and for whoever makes a sink."""
    assert sink_to(place).endpoint_of(LOGS) == "http://localhost:4317"


def test_a_url_of_one_kind_that_is_none_is_refused(sink_to):
    """As over HTTP, when the sink is made."""
    with pytest.raises(SettingsError, match="must be a URL"):
        sink_to("http://localhost:1", urls={LOGS: "ftp://x"})


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # 3.12 on: threads
def test_a_fork_does_not_wait_while_nothing_is_sent(sink_to):
    """The child of a parent with an idle channel uses its own, and leaves the parent's alone."""
    read_fd, write_fd = os.pipe()
    sink = sink_to("http://127.0.0.1:1")
    send(sink)
    child = os.fork()
    if child == 0:
        try:
            os.write(write_fd, send(sink).verdict.encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write_fd)
    with os.fdopen(read_fd) as pipe:
        assert pipe.read() == "retry"


def test_it_is_made_from_settings(sink_to):
    """The receiver that the settings name, bare as gRPC's users write it."""
    with GrpcReceiver(yes()) as receiver:
        target = TelemetrySettings.enabled(
            enterprise_otlp_endpoint=f"localhost:{receiver.port}",
            enterprise_otlp_protocol="gRPC",
            enterprise_otlp_api_key=KEY,
            otlp={"compression": "gzip"},
        ).resolved_otlp()
        assert target is not None and target.protocol == "grpc"
        sink = OtlpGrpcSink.from_target(target, service_name="mine")
        send(sink)
        sink.close()

    (request,) = receiver.requests
    assert request.metadata["authorization"] == f"Bearer {KEY}"
    (logs,) = ExportLogsServiceRequest.FromString(request.body).resource_logs
    assert "mine" in [a.value.string_value for a in logs.resource.attributes]
