"""The judge of the fault matrix counts right, whatever it answers. No code of ours sends here."""

import socket

import pytest
import requests
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.receivers.faulty import answer, close, reset, shake_no_hands, stream
from tests.receivers.judge import ACCEPT, Deaf, Judge, Kept, Silent, after, before, partial


def logs(*uids):
    message = ExportLogsServiceRequest()
    scope = message.resource_logs.add().scope_logs.add()
    for uid in uids:
        attribute = scope.log_records.add().attributes.add(key="log.record.uid")
        attribute.value.string_value = uid
    return message.SerializeToString()


def spans(*numbers):
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number in numbers:
        scope.spans.add(trace_id=bytes(16), span_id=number.to_bytes(8, "big"))
    return message.SerializeToString()


def post(receiver, body, path="/v1/logs"):
    return requests.post(receiver.endpoint + path, data=body, timeout=2)


def test_it_counts_what_is_distinct():
    with Judge(lambda _asked: ACCEPT) as judge:
        post(judge, logs("a", "b"))
        post(judge, logs("b", "c"))
        post(judge, spans(1, 2, 1), "/v1/traces")
        post(judge, b"\x0a\x00", "/v1/metrics")

        assert judge.kept() == Kept(logs=3, spans=2)


@pytest.mark.parametrize("behave", [close, reset])
def test_a_fault_before_keeps_nothing_and_one_after_keeps_all(behave):
    for step, kept in ((before(behave), 0), (after(behave), 2)):
        with Judge(lambda _asked, step=step: step) as judge:
            with pytest.raises(requests.ConnectionError):
                post(judge, logs("a", "b"))

            assert judge.kept().logs == kept


def test_what_partial_success_says_is_what_it_does():
    with Judge(lambda asked: partial(asked, 2)) as judge:
        said = ExportLogsServiceResponse.FromString(post(judge, logs("a", "b", "c")).content)

        assert said.partial_success.rejected_log_records == 2
        assert judge.kept().logs == 1


def test_a_plan_is_told_what_is_asked():
    seen = []
    with Judge(lambda asked: seen.append(asked) or before(answer(503))) as judge:
        assert post(judge, logs("marked", "b")).status_code == 503

    assert (seen[0].at_s, seen[0].records) == (0, 2)
    assert b"marked" in seen[0].body


def test_a_sender_that_leaves_in_the_middle_leaves_nothing():
    body = logs("a")
    with Judge(lambda _asked: ACCEPT) as judge:
        with socket.create_connection(judge.endpoint.removeprefix("http://").split(":")) as sender:
            sender.sendall(b"POST /v1/logs HTTP/1.1\r\nContent-Length: 999\r\n\r\n" + body)
        post(judge, logs("b"))

        assert judge.kept().logs == 1


def test_a_stream_is_as_long_as_it_says():
    with Judge(lambda _asked: after(stream(1_000_000))) as judge:
        assert len(post(judge, logs("a")).content) == 1_000_000


def test_no_connection_comes_about():
    with Silent() as refusing, pytest.raises(requests.ConnectionError, match="refused"):
        post(refusing, b"")
    with Silent(hangs=True) as hanging, pytest.raises(requests.ConnectTimeout):
        requests.post(hanging.endpoint, timeout=0.2)


def test_hands_are_not_shaken():
    with Deaf(shake_no_hands, scheme="https") as deaf, pytest.raises(requests.exceptions.SSLError):
        post(deaf, b"")
