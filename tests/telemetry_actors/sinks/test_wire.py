"""A request that another thread ends, wherever it is (g22); and addresses in turn."""

import errno
import os
import socket
import threading
import time
from contextlib import contextmanager

import pytest

from telemetry_actors.sinks import OtlpSink
from telemetry_actors.sinks._wire import Wire, dial
from tests.receivers.faulty import FaultyReceiver, answer, hang, shake_no_hands
from tests.receivers.judge import Silent
from tests.stopwatch import Stopwatch
from tests.telemetry_actors.sinks.one_record import LOG, LOGS, LONG_S, send, sinks_of

AT_ONCE_S = 1.0


@pytest.fixture
def sink_to():
    with sinks_of(OtlpSink) as make:
        yield make


@contextmanager
def a_request(sink, count=1):
    """On its way, on a thread of its own; yields where its result will be."""
    results = []
    thread = threading.Thread(target=lambda: results.append(send(sink, count)))
    thread.start()
    try:
        yield results
    finally:
        thread.join(LONG_S + 1)


def until(condition, within_s=LONG_S):
    pause, until_s = threading.Event(), time.perf_counter() + within_s
    while not condition():
        assert time.perf_counter() < until_s, "too late"
        pause.wait(0.002)


def is_on_a_wire(sink):
    """It has begun to connect, at least."""
    line = sink._lines.get(LOGS)
    return line is not None and line.channel._wire._handle is not None


def interrupted(sink, there, count=1):
    """The result of a request that is interrupted once *there* says so; it comes at once."""
    with a_request(sink, count) as results:
        until(there)
        sink.interrupt()
        until(lambda: results, within_s=AT_ONCE_S)
    return results[0]


@pytest.mark.parametrize(("behaviour", "unconfirmed"), [(hang, True), (shake_no_hands, False)])
def test_g22_a_request_that_waits_for_the_peer_can_be_ended(sink_to, behaviour, unconfirmed):
    """The answer, or the peer's half of a TLS handshake."""
    is_tls = behaviour is shake_no_hands
    with FaultyReceiver(behaviour) as receiver:
        endpoint = receiver.endpoint.replace("http:", "https:") if is_tls else receiver.endpoint
        sink = sink_to(endpoint)
        result = interrupted(sink, lambda: receiver.connections if is_tls else receiver.requests)

    assert (result.verdict, result.unconfirmed) == ("retry", unconfirmed)


def test_g22_a_request_that_still_connects_can_be_ended(sink_to):
    with Silent(hangs=True) as peer:
        sink = sink_to(peer)
        result = interrupted(sink, lambda: is_on_a_wire(sink))

    assert (result.verdict, result.unconfirmed) == ("retry", False)


def test_g22_a_request_whose_peer_reads_nothing_can_be_ended(sink_to):
    with FaultyReceiver(hang, reads=False) as receiver:
        sink = sink_to(receiver)
        enough = 20_000_000 // len(sink.encode(LOGS, LOG))
        result = interrupted(sink, lambda: receiver.connections, count=enough)

    assert (result.verdict, result.unconfirmed) == ("retry", False)


def test_g22_a_request_on_a_connection_that_was_kept_can_be_ended(sink_to):
    with FaultyReceiver(answer(200), hang) as receiver:
        sink = sink_to(receiver)
        assert send(sink).verdict == "accepted"
        result = interrupted(sink, lambda: len(receiver.requests) == 2)

        assert receiver.connections == 1
    assert result.verdict == "retry"


def test_a_sink_that_is_idle_can_be_interrupted_and_is_well_after_its_close(sink_to):
    with FaultyReceiver(answer(200)) as receiver:
        sink = sink_to(receiver)
        sink.interrupt()
        assert send(sink).verdict == "accepted"
        sink.interrupt()
        assert send(sink).verdict == "retry"
        sink.close()
        assert send(sink).verdict == "accepted"


def test_no_request_leaves_a_descriptor_behind(sink_to):
    with FaultyReceiver(answer(200)) as receiver:
        sink = sink_to(receiver)
        send(sink)

        assert sink._lines[LOGS].channel._wire._handle is None


def test_g24_a_child_interrupts_no_request_of_its_parents(sink_to):
    """They share the connection."""
    with FaultyReceiver(hang) as receiver:
        sink = sink_to(receiver)
        with a_request(sink) as results:
            until(lambda: receiver.requests)
            child = os.fork()
            if not child:
                sink.interrupt()
                os._exit(0)
            os.waitpid(child, 0)
            threading.Event().wait(0.05)
            assert results == []
            sink.interrupt()
            until(lambda: results, within_s=AT_ONCE_S)


def test_a_request_goes_on_where_no_descriptor_is_left(sink_to, monkeypatch):
    """The connection is there; it can't be cut, that is all."""

    def none_left(_descriptor):
        raise OSError(errno.EMFILE, "Too many open files")

    with FaultyReceiver(answer(200)) as receiver:
        sink = sink_to(receiver)
        monkeypatch.setattr(os, "dup", none_left)
        assert [send(sink).verdict for _ in range(2)] == ["accepted", "accepted"]


# -- addresses ------------------------------------------------------------------------------------


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def resolved_to(monkeypatch, *peers):
    """The name has these addresses, in this order."""
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(port))) for port in peers
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def port_of(silent):
    return silent.endpoint.rsplit(":", 1)[1]


def test_a_resolver_that_finds_no_thread_is_a_failed_transport(sink_to, monkeypatch):
    """A host's own resolver may start one; CPython 3.12 has none left at the interpreter's end."""

    def no_more(*_, **__):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    with FaultyReceiver(answer(200)) as receiver:
        sink = sink_to(receiver)
        monkeypatch.setattr(socket, "getaddrinfo", no_more)
        result = send(sink)

    assert (result.verdict, result.unconfirmed) == ("retry", False)
    assert "can't create new thread" in result.message


@pytest.mark.timed
@pytest.mark.parametrize("hangs", [True, False])
def test_an_address_out_of_reach_does_not_keep_the_next_from_being_tried(
    listener, monkeypatch, hangs
):
    with Silent(hangs=hangs) as silent:
        resolved_to(monkeypatch, port_of(silent), listener.getsockname()[1])
        watch = Stopwatch()
        dial("both", 80, 0.6, None, [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]).close()

    assert watch.took_s() < 0.5


def test_a_kind_of_address_that_this_host_does_not_have_is_passed_over(listener, monkeypatch):
    resolved_to(monkeypatch, listener.getsockname()[1])
    (found,) = socket.getaddrinfo("both", 80)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(44, *found[1:]), found])
    dial("both", 80, 1.0, None, None).close()


@pytest.mark.timed
def test_the_time_is_for_all_addresses(monkeypatch):
    with Silent(hangs=True) as one, Silent(hangs=True) as other:
        resolved_to(monkeypatch, port_of(one), port_of(other))
        watch, began_s = Stopwatch(), time.perf_counter()
        with pytest.raises(TimeoutError):
            dial("both", 80, 0.3, ("127.0.0.1", 0), None)
        took_s = time.perf_counter() - began_s

    assert took_s > 0.25
    assert watch.took_s() < 0.6


def test_a_name_without_an_address_is_an_error(monkeypatch):
    resolved_to(monkeypatch)
    with pytest.raises(OSError, match="nowhere has no address"):
        dial("nowhere", 80, 0.3, None, None)


def test_a_wire_that_was_cut_takes_no_connection(listener, monkeypatch):
    resolved_to(monkeypatch, listener.getsockname()[1], listener.getsockname()[1])
    wire = Wire()
    wire.cut()
    with wire.in_use(), pytest.raises(ConnectionAbortedError):
        dial("both", 80, 1.0, None, None)
