"""The border to the network, where the answers of `test_otlp` don't reach."""

import enum
import gc
import gzip
import http.client

import pytest

from supervisors.testing import FakeClock
from telemetry_actors.event.signals import LogSignal, SignalKind
from telemetry_actors.ports import Verdict
from telemetry_actors.sinks import OtlpSink, _http
from telemetry_actors.sinks import resource as _resource
from telemetry_actors.sinks import transport as _transport
from telemetry_actors.sinks.encode import encode_log
from tests.receivers.faulty import FaultyReceiver, answer, close, hang, in_turn, raw, slowly
from tests.stopwatch import Stopwatch

A_LOG = LogSignal("dify.app.created", "metric_only", ("k",), ("v",), b"", b"", 1, 2)


_SENDING = (http.client.HTTPResponse, http.client.HTTPConnection, _transport._Sending)


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


# -- answers that are not final -------------------------------------------------------------------

EARLY = raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
PROCESSING = raw(b"HTTP/1.1 102 Processing\r\n\r\n")


@pytest.mark.parametrize("interim", [EARLY, PROCESSING, in_turn(EARLY, PROCESSING, EARLY)])
def test_only_the_final_answer_counts(sink_to, interim):
    """A3: taken for the answer, it left the real one to the next request."""
    final = in_turn(interim, slowly(0.05, answer(200)))
    with FaultyReceiver(final, answer(403), answer(200)) as receiver:
        sink = sink_to(receiver)
        verdicts = [sent(sink).verdict for _ in range(3)]

    assert verdicts == [Verdict.ACCEPTED, Verdict.REFUSED, Verdict.ACCEPTED]


def test_answers_that_are_never_final_end(sink_to):
    def without_end(connection, ended):
        while not ended.is_set():
            connection.sendall(b"HTTP/1.1 103 X\r\n\r\n" * 100)
        return False

    with FaultyReceiver(without_end) as receiver:
        result = sent(sink_to(receiver))

    assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, True)


def early(status, *, reads_on):
    """An answer to the head alone; then the connection is closed, or nothing is read."""

    def behave(connection, ended):
        connection.recv(1024)
        connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nno" % status)
        if not reads_on:
            ended.wait(1.0)
        return False

    return behave


@pytest.mark.parametrize("reads_on", [True, False])
def test_an_answer_that_comes_before_all_was_sent_is_read(sink_to, reads_on):
    """413 to a head alone: taken for a broken connection, the batch was never halved."""
    with FaultyReceiver(early(413, reads_on=reads_on), reads=False) as receiver:
        sink = sink_to(receiver)
        result = sink.export(SignalKind.LOGS, [b"x" * 30_000_000], 0.5)

    assert (result.verdict, result.status_code) == (Verdict.SPLIT, 413)


# -- what a peer can make a library raise ---------------------------------------------------------

CHUNKED = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("size", [b"-5", b"", b"zz", b"9" * 5000, b"\xff", b"0x10", b"1;" * 9000])
def test_g19_no_answer_makes_anything_raise_and_what_was_sent_may_have_arrived(sink_to, size):
    """F6: a chunk of -5 bytes was 181 restarts."""
    with FaultyReceiver(raw(CHUNKED + size + b"\r\nabc\r\n")) as receiver:
        result = sent(sink_to(receiver))

    assert result.verdict in (Verdict.RETRY, Verdict.ACCEPTED)
    assert result.verdict is Verdict.ACCEPTED or result.unconfirmed


# -- a connection that has died quietly -----------------------------------------------------------


@pytest.mark.parametrize(
    "behave", [close, raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")], ids=["none", "half"]
)
def test_nothing_of_a_request_that_failed_is_left_to_the_garbage_collector(sink_to, behave):
    """Neither its socket nor its body, which may be megabytes at each attempt."""
    with FaultyReceiver(behave) as receiver:
        sink = sink_to(receiver)
        gc.collect()
        gc.disable()
        try:
            assert sent(sink).verdict is Verdict.RETRY
            left = [type(found) for found in gc.get_objects() if isinstance(found, _SENDING)]
        finally:
            gc.enable()
    assert left == []


@pytest.mark.timed
def test_a_kept_connection_that_is_never_answered_costs_a_share_of_the_attempt(sink_to):
    """A5: a load balancer has forgotten it. A new one gets all the time that is left."""
    with FaultyReceiver(answer(200), hang, answer(200)) as receiver:
        sink = sink_to(receiver)
        record = [sink.encode(SignalKind.LOGS, A_LOG)]
        verdicts, watch = [], Stopwatch()
        for _ in range(3):
            result = sink.export(SignalKind.LOGS, record, 4.0)
            verdicts.append((result.verdict, result.unconfirmed))

        assert verdicts == [
            (Verdict.ACCEPTED, False),
            (Verdict.RETRY, True),
            (Verdict.ACCEPTED, False),
        ]
        assert receiver.connections == 2
    assert watch.took_s() < 2.0


def test_a_new_connection_gets_the_whole_attempt(sink_to):
    with FaultyReceiver(slowly(0.2, answer(200))) as receiver:
        sink = sink_to(receiver)
        results = [sent(sink) for _ in range(3)]  # 0.3 s; and as slow as that again on the kept one

    assert {result.verdict for result in results} == {Verdict.ACCEPTED}


def test_a_connection_that_was_idle_for_long_is_not_used_again(sink_to, monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr(_transport, "_now_s", clock.now_s)
    with FaultyReceiver(answer(200)) as receiver:
        sink = sink_to(receiver)
        for wait_s in (0.0, 30.0, 60.0):
            clock.advance(wait_s)
            assert sent(sink).verdict is Verdict.ACCEPTED
        assert receiver.connections == 2


def test_a_connection_that_can_not_be_closed_changes_no_answer(sink_to, monkeypatch):
    """It would have crashed the sink after the receiver's word."""
    close = _http._Http.close

    def broken(connection):
        close(connection)
        raise OSError("it can't be closed")

    monkeypatch.setattr(_http._Http, "close", broken)
    with FaultyReceiver(answer(408)) as receiver:  # after which a connection is not kept
        result = sent(sink_to(receiver))

    assert (result.verdict, result.status_code) == (Verdict.RETRY, 408)


# -- encodings, and a time-out of the receiver's ---------------------------------------------------


def test_an_answer_that_is_encoded_unasked_is_read(sink_to):
    """A12: 3 of 5 were rejected, and counted as exported."""
    body = gzip.compress(b'{"partialSuccess":{"rejectedLogRecords":1,"errorMessage":"no"}}')
    behave = answer(200, body, Content_Encoding="gzip", Content_Type="application/json")
    with FaultyReceiver(behave) as receiver:
        result = sent(sink_to(receiver))

    assert (result.verdict, result.rejected, result.message) == (Verdict.ACCEPTED, 1, "no")


def test_an_answer_that_unpacks_to_more_than_is_read_costs_no_memory(sink_to):
    body = gzip.compress(bytes(50_000_000), 9)
    behave = answer(200, body, Content_Encoding="gzip")
    with FaultyReceiver(behave) as receiver:
        result = sent(sink_to(receiver))

    assert result.verdict is Verdict.ACCEPTED


def test_a_receiver_for_which_a_request_took_too_long_gets_it_again_on_a_new_connection(sink_to):
    """A13: 408 is sent on a connection that was idle, before it is closed."""
    with FaultyReceiver(answer(200), answer(408, b"late"), answer(200)) as receiver:
        sink = sink_to(receiver)
        verdicts = [sent(sink).verdict for _ in range(3)]

        assert verdicts == [Verdict.ACCEPTED, Verdict.RETRY, Verdict.ACCEPTED]
        assert receiver.connections == 2


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
