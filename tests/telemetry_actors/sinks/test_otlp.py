"""OtlpSink against a receiver that misbehaves: what each fault means (g19), on real sockets."""

import gzip
import os
import socket
import threading

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from telemetry_actors.errors import SettingsError
from telemetry_actors.event.signals import Instrument
from telemetry_actors.ports import MetricPoint, Sink, Verdict
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.sinks import OtlpSink
from tests.receivers.faulty import FaultyReceiver, answer, close, drip, hang, raw, reset
from tests.telemetry_actors.sinks.one_record import (
    KEY,
    LOG,
    LOGS,
    LONG_S,
    SHORT_S,
    SPAN,
    SPANS,
    send,
    sinks_of,
)

COUNTER = Instrument("dify.requests.total", "counter", "{request}")


def a_point(value=1, label="acme"):
    return MetricPoint(COUNTER, ("tenant_id",), (label,), 1, 2, value)


@pytest.fixture
def sink_to():
    """Make sinks that are closed when the test ends."""
    with sinks_of(OtlpSink) as make:
        yield make


def after(*behaviours, sink_to, timeout_s=LONG_S, reads=True):
    """The result of one log record sent to a receiver that behaves so."""
    with FaultyReceiver(*behaviours, reads=reads) as receiver:
        return send(sink_to(receiver), timeout_s=timeout_s)


def test_it_is_a_sink(sink_to):
    """The shape that the sink actor knows."""
    sink = sink_to("http://localhost:4318")

    assert isinstance(sink, Sink)
    assert sink.name == "otlp"
    assert sink.size_of(sink.encode(LOGS, LOG)) == len(sink.encode(LOGS, LOG)) + 2


class TestRequest:
    @pytest.mark.parametrize("slash", ["", "/"])
    def test_goes_to_the_path_of_its_kind(self, sink_to, slash):
        """Whether the base URL ends in a slash or not."""
        with FaultyReceiver(answer(200)) as receiver:
            sink = sink_to(receiver.endpoint + slash)
            send(sink)
            sink.export(SPANS, [sink.encode(SPANS, SPAN)], LONG_S)
            sink.export_metrics([a_point()], LONG_S)

        paths = [request.path for request in receiver.requests]
        assert paths == ["/v1/logs", "/v1/traces", "/v1/metrics"]

    def test_goes_to_exact_urls_where_they_are_given(self, sink_to):
        """`OTEL_EXPORTER_OTLP_LOGS_ENDPOINT` is used as it is."""
        with FaultyReceiver(answer(200)) as receiver:
            send(sink_to(receiver, urls={LOGS: f"{receiver.endpoint}/in/logs"}))

        assert receiver.requests[0].path == "/in/logs"

    def test_carries_headers_and_protobuf(self, sink_to):
        """The headers that were given, and ours."""
        with FaultyReceiver(answer(200)) as receiver:
            send(sink_to(receiver, headers={"Authorization": f"Bearer {KEY}"}), count=3)

        (request,) = receiver.requests
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.headers["content-type"] == "application/x-protobuf"
        assert request.headers["user-agent"].startswith("telemetry-actors")
        (logs,) = ExportLogsServiceRequest.FromString(request.body).resource_logs
        assert len(logs.scope_logs[0].log_records) == 3
        assert {a.key: a.value.string_value for a in logs.resource.attributes}[
            "service.name"
        ] == "dify"

    def test_may_be_compressed(self, sink_to):
        """And says so."""
        with FaultyReceiver(answer(200)) as receiver:
            send(sink_to(receiver, compression="gzip"))

        (request,) = receiver.requests
        assert request.headers["content-encoding"] == "gzip"
        assert ExportLogsServiceRequest.FromString(gzip.decompress(request.body)).resource_logs

    def test_keeps_its_connection(self, sink_to):
        """One connection for many requests of a kind, also after a no."""
        with FaultyReceiver(answer(200), answer(400, b"no"), answer(200)) as receiver:
            sink = sink_to(receiver)
            verdicts = [send(sink).verdict for _ in range(5)]

        assert verdicts == ["accepted", "split", *["accepted"] * 3]
        assert receiver.connections == 1

    def test_does_not_ask_netrc(self, sink_to, tmp_path, monkeypatch):
        """`requests` would put what it finds there in place of our API key."""
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login me password other\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))

        with FaultyReceiver(answer(200)) as receiver:
            send(sink_to(receiver, headers={"authorization": f"Bearer {KEY}"}))

        assert receiver.requests[0].headers["authorization"] == f"Bearer {KEY}"

    def test_keeps_no_cookie(self, sink_to):
        """A receiver leaves nothing with us, and nothing is sent back to it."""
        with FaultyReceiver(answer(200, set_cookie="a=b")) as receiver:
            sink = sink_to(receiver)
            send(sink)
            send(sink)

        assert "cookie" not in receiver.requests[1].headers

    def test_goes_through_the_proxy_of_the_environment(self, sink_to, monkeypatch):
        """As `requests` reads it, once."""
        with FaultyReceiver(answer(200)) as proxy:
            monkeypatch.setenv("http_proxy", proxy.endpoint)
            result = send(sink_to("http://collector.invalid:4318"))

        assert result.verdict is Verdict.ACCEPTED
        assert proxy.requests[0].path == "http://collector.invalid:4318/v1/logs"

    @pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # 3.12 on: threads
    def test_of_a_forked_child_has_its_own_connection(self, sink_to):
        """And its own ``service.instance.id``: it never writes into its parent's."""
        with FaultyReceiver(answer(200)) as receiver:
            sink = sink_to(receiver)
            send(sink)
            child = os.fork()
            if child == 0:
                try:
                    send(sink)
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
            send(sink)

        ids = [_instance_id(request.body) for request in receiver.requests]
        assert ids[0] == ids[2] != ids[1]
        assert receiver.connections == 2


def _instance_id(body):
    (logs,) = ExportLogsServiceRequest.FromString(body).resource_logs
    (found,) = [a for a in logs.resource.attributes if a.key == "service.instance.id"]
    return found.value.string_value


class TestAnswer:
    def test_partial_success_is_read(self, sink_to):
        """g19: SDKs don't."""
        response = ExportLogsServiceResponse()
        response.partial_success.rejected_log_records = 2
        response.partial_success.error_message = "no room"

        with FaultyReceiver(answer(200, response.SerializeToString())) as receiver:
            result = send(sink_to(receiver), count=5)

        assert (result.verdict, result.rejected, result.message) == ("accepted", 2, "no room")

    @pytest.mark.parametrize(
        ("status", "verdict"), [(400, "split"), (413, "split"), (401, "refused"), (500, "refused")]
    )
    def test_a_no_has_its_status_and_words(self, sink_to, status, verdict):
        """For the ledger's reason and for a person."""
        result = after(answer(status, b"why not"), sink_to=sink_to)

        assert (result.verdict, result.status_code) == (verdict, status)
        assert result.message == f"HTTP {status} why not"
        assert result.unconfirmed is False

    def test_retry_after_is_passed_on(self, sink_to):
        """Who waits is the sink actor."""
        result = after(answer(503, retry_after="7"), sink_to=sink_to)

        assert (result.verdict, result.retry_after_s) == (Verdict.RETRY, 7.0)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_no_redirect_is_followed(self, sink_to, status):
        """Our headers go nowhere else; 3xx is a no."""
        with FaultyReceiver(answer(200)) as other:
            result = after(answer(status, location=other.endpoint), sink_to=sink_to)

        assert result.verdict is Verdict.REFUSED
        assert other.requests == []

    @pytest.mark.parametrize(
        ("status", "verdict"), [(200, "accepted"), (302, "refused"), (400, "split")]
    )
    def test_an_endless_answer_is_cut(self, sink_to, status, verdict):
        """At most 64 KiB are read, and the connection isn't used again."""
        head = f"HTTP/1.1 {status} X\r\nLocation: /\r\nContent-Length: 100000000\r\n\r\n"
        with FaultyReceiver(raw(head.encode() + b"x" * 200_000)) as receiver:
            sink = sink_to(receiver)
            results = [send(sink), send(sink)]

        assert [result.verdict for result in results] == [verdict] * 2
        assert receiver.connections == 2


class TestTransport:
    def test_a_refused_connection_is_no_delivery(self, sink_to):
        """Nobody can have it."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        result = send(sink_to(f"http://127.0.0.1:{port}"))

        assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)
        assert result.message == "ConnectionRefusedError: [Errno 111] Connection refused"

    def test_an_unknown_host_is_no_delivery(self, sink_to):
        """A name that doesn't exist, by its standard (RFC 6761)."""
        result = send(sink_to("http://nobody.invalid"))

        assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)
        assert result.message.startswith("gaierror")

    def test_a_host_that_is_none_is_refused(self, sink_to):
        """`requests` finds fault with it at the first request; no retry helps."""
        result = send(sink_to("http://\uff11"))

        assert result.verdict is Verdict.REFUSED

    @pytest.mark.parametrize("host", ["*.example", "a%zz", "a|b", "a b", ".a"])
    def test_most_such_hosts_are_found_at_the_start(self, host):
        with pytest.raises(SettingsError, match="must be a URL"):
            OtlpSink(f"http://{host}")

    def test_a_connection_that_nobody_takes_is_no_delivery(self, sink_to):
        """A full backlog: the kernel lets us wait, and the time-out counts for the connect."""
        with socket.socket() as server, socket.socket() as first:
            server.bind(("127.0.0.1", 0))
            server.listen(0)
            first.connect(server.getsockname())
            result = send(sink_to(f"http://127.0.0.1:{server.getsockname()[1]}"), timeout_s=SHORT_S)

        assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)

    def test_no_tls_on_the_other_side_is_no_delivery(self, sink_to):
        """The handshake fails before anything is sent."""
        with FaultyReceiver(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), reads=False) as receiver:
            result = send(sink_to(receiver.endpoint.replace("http:", "https:")), timeout_s=2.0)

        assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)

    @pytest.mark.parametrize(
        "behaviour",
        [
            hang,
            reset,
            close,
            raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
            raw(b"what?\r\n\r\n"),
        ],
        ids=["hang", "reset", "close", "half a header", "no body", "no HTTP"],
    )
    def test_sent_in_full_without_an_answer_is_unconfirmed(self, sink_to, behaviour):
        """The receiver may have it."""
        result = after(behaviour, sink_to=sink_to, timeout_s=SHORT_S)

        assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, True)
        assert result.message

    @pytest.mark.parametrize(
        "begun",
        [
            b"HTTP/1.1 200 ",
            b"HTTP/1.1 200 OK\r\nA: ",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
        ],
        ids=["first line", "header", "body"],
    )
    def test_a_peer_that_drips_does_not_prolong_the_attempt(self, sink_to, begun):
        """Each byte comes in time, the answer never does."""
        result = after(drip(0.02, after=begun), sink_to=sink_to, timeout_s=SHORT_S)

        assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, True)

    def test_a_request_cut_off_on_its_way_is_no_delivery(self, sink_to):
        """A peer that takes no more: large enough not to fit in the kernel's buffers."""
        with FaultyReceiver(hang, reads=False) as receiver:
            sink = sink_to(receiver)
            record = sink.encode(LOGS, LOG._replace(values=("x" * 30_000_000,)))
            result = sink.export(LOGS, [record], SHORT_S)

        assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)

    def test_an_answer_before_the_end_of_the_request_counts(self, sink_to):
        """A 413 while we are still sending: read, and the connection given up."""
        early = raw(b"HTTP/1.1 413 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        def refuse(connection, ended):
            early(connection, ended)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 20):
                pass
            return False

        with FaultyReceiver(refuse, reads=False) as receiver:
            sink = sink_to(receiver)
            record = sink.encode(LOGS, LOG._replace(values=("x" * 5_000_000,)))
            result = sink.export(LOGS, [record], LONG_S)

        assert (result.verdict, result.status_code) == (Verdict.SPLIT, 413)

    def test_it_heals(self, sink_to):
        """After each fault the next request is a fresh one."""
        faults = [reset, close, answer(503), raw(b"nonsense\r\n\r\n")]
        with FaultyReceiver(*faults, answer(200)) as receiver:
            sink = sink_to(receiver)
            verdicts = [send(sink).verdict for _ in range(6)]

        assert verdicts == ["retry"] * 4 + ["accepted"] * 2

    def test_kinds_do_not_wait_for_each_other(self, sink_to):
        """Each has its own connection and thread."""
        with FaultyReceiver(hang, answer(200)) as receiver:
            sink = sink_to(receiver)
            hanging = threading.Thread(target=send, args=(sink, 1, 1.5))
            hanging.start()
            receiver.until_asked()
            result = sink.export(SPANS, [sink.encode(SPANS, SPAN)], LONG_S)
            still = hanging.is_alive()
            hanging.join()

        assert (result.verdict, still) == (Verdict.ACCEPTED, True)


class TestMetrics:
    def test_are_sent_in_one_request(self, sink_to):
        """As long as they are not many."""
        with FaultyReceiver(answer(200)) as receiver:
            result = sink_to(receiver).export_metrics([a_point(1), a_point(2)], LONG_S)

        assert result.verdict is Verdict.ACCEPTED
        (request,) = receiver.requests
        (metrics,) = ExportMetricsServiceRequest.FromString(request.body).resource_metrics
        (metric,) = metrics.scope_metrics[0].metrics
        assert [p.as_int for p in metric.sum.data_points] == [1, 2]

    def test_of_none_send_nothing(self, sink_to):
        """No request, and that is fine."""
        with FaultyReceiver(answer(500)) as receiver:
            result = sink_to(receiver).export_metrics([], LONG_S)

        assert (result.verdict, receiver.requests) == (Verdict.ACCEPTED, [])

    def test_many_are_cut_into_requests(self, sink_to):
        """4 MiB each: receivers have limits."""
        points = [a_point(i, "x" * 1000) for i in range(10_000)]
        with FaultyReceiver(answer(200)) as receiver:
            result = sink_to(receiver).export_metrics(points, LONG_S)

        sizes = [len(request.body) for request in receiver.requests]
        assert result.verdict is Verdict.ACCEPTED
        assert len(sizes) == 3
        assert max(sizes) < 4.5e6

    def test_the_first_no_ends_it(self, sink_to):
        """The next collection says all again."""
        points = [a_point(i, "x" * 1000) for i in range(10_000)]
        with FaultyReceiver(answer(200), answer(503)) as receiver:
            result = sink_to(receiver).export_metrics(points, LONG_S)

        assert (result.verdict, len(receiver.requests)) == (Verdict.RETRY, 2)

    def test_one_that_can_not_be_encoded_is_named(self, sink_to):
        """The others are accepted."""
        with FaultyReceiver(answer(200)) as receiver:
            result = sink_to(receiver).export_metrics([a_point(), a_point(label="\ud800")], LONG_S)

        assert (result.verdict, result.message) == ("accepted", "1 points could not be encoded")


class TestSecrets:
    def test_g30_a_header_is_in_no_text(self, sink_to):
        """Not in the repr, and not when the receiver says it back to us."""
        sink = sink_to("http://127.0.0.1:4318", headers={"authorization": f"Bearer {KEY}"})
        with FaultyReceiver(answer(401, f"unknown key {KEY}".encode())) as receiver:
            result = send(sink_to(receiver, headers={"authorization": f"Bearer {KEY}"}))

        assert result.message == "HTTP 401 unknown key ***"
        assert KEY not in repr(sink) + str(vars(sink))

    @pytest.mark.parametrize(
        "options",
        [
            {"headers": {"a": f"{KEY}\r\nb: c"}},
            {"headers": {"a": f"{KEY}\u20ac"}},
            {"headers": {"a b": KEY}},
            {"endpoint": f"http://me:{KEY}@host"},
            {"endpoint": f"http://host/?key={KEY}"},
            {"endpoint": "ftp://host"},
            {"endpoint": ""},
            {"compression": "zip"},
        ],
    )
    def test_g30_what_can_not_be_used_is_said_without_them(self, options):
        """At the start, by a SettingsError."""
        with pytest.raises(SettingsError) as caught:
            OtlpSink(**{"endpoint": "http://host:4318", **options})

        assert KEY not in str(caught.value) + repr(caught.value.__context__)


def test_it_is_made_from_settings(sink_to):
    """The receiver that the settings name, with its headers and its service name."""
    with FaultyReceiver(answer(200)) as receiver:
        target = TelemetrySettings.enabled(
            enterprise_otlp_endpoint=receiver.endpoint,
            enterprise_otlp_api_key=KEY,
            otlp={"compression": "gzip"},
        ).resolved_otlp()
        assert target is not None
        sink = OtlpSink.from_target(target, service_name="mine")
        send(sink)
        sink.close()

    (request,) = receiver.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    (logs,) = ExportLogsServiceRequest.FromString(gzip.decompress(request.body)).resource_logs
    assert "mine" in [a.value.string_value for a in logs.resource.attributes]
