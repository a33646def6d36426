"""What a receiver's answer means (g19), as a table. No socket."""

from datetime import UTC, datetime

import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from telemetry_actors.ports import Verdict
from telemetry_actors.sinks.answer import Answer, one_line, read_answer, retry_after_s

NOW = datetime(2026, 11, 24, 10, 0, 0, tzinfo=UTC)
PROTOBUF = "application/x-protobuf"


def partial(rejected, message=""):
    """The body of an answer with a partial success."""
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = rejected
    response.partial_success.error_message = message
    return response.SerializeToString()


def read(status=200, body=b"", records=10, **facts):
    return read_answer(Answer(status, body, **facts), records, NOW)


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ((200, 202, 204, 299), Verdict.ACCEPTED),
        ((400, 413), Verdict.SPLIT),
        ((408, 429, 502, 503, 504), Verdict.RETRY),
        ((301, 302, 307, 308, 401, 403, 404, 405, 500, 501, 505), Verdict.REFUSED),
    ],
)
def test_g19_2xx_alone_is_success(statuses, verdict):
    """3xx isn't; five statuses retry; 400 and 413 split; the rest is a no."""
    for status in statuses:
        result = read(status)
        assert (result.verdict, result.status_code) == (verdict, status)
        assert result.unconfirmed is False


class TestPartialSuccess:
    def test_says_how_many_were_rejected_and_why(self):
        """With 2xx alone."""
        result = read(body=partial(3, "no room"))

        assert (result.verdict, result.rejected, result.message) == ("accepted", 3, "no room")

    def test_is_the_same_on_the_wire_for_each_kind(self):
        """That is why one message class reads all three."""
        spans = ExportTraceServiceResponse()
        spans.partial_success.rejected_spans = 3
        points = ExportMetricsServiceResponse()
        points.partial_success.rejected_data_points = 4

        assert read(body=spans.SerializeToString()).rejected == 3
        assert read(body=points.SerializeToString()).rejected == 4

    def test_may_be_a_warning(self):
        """A message without a rejected record."""
        result = read(body=partial(0, "old version"))

        assert (result.verdict, result.rejected, result.message) == ("accepted", 0, "old version")

    @pytest.mark.parametrize(("said", "booked"), [(10, 10), (11, 10), (2**62, 10), (-1, 0)])
    def test_never_rejects_more_than_was_sent(self, said, booked):
        """All may be; a number that can't be is held to what can."""
        assert read(body=partial(said)).rejected == booked

    @pytest.mark.parametrize(
        ("body", "rejected", "message"),
        [
            (b'{"partialSuccess":{"rejectedLogRecords":"4","errorMessage":"no"}}', 4, "no"),
            (b'{"partialSuccess":{"rejectedSpans":4}}', 4, ""),
            (b'{"partialSuccess":{}}', 0, ""),
            (b"{}", 0, ""),
            (b"", 0, ""),
            (b'{"partial_success":{"rejected_log_records":3,"error_message":"no"}}', 3, "no"),
            (b'{"partialSuccess":null}', 0, ""),
        ],
    )
    def test_is_read_from_json_as_well(self, body, rejected, message):
        """Some receivers answer so, whatever they were sent."""
        result = read(body=body, content_type="application/json; charset=utf-8")

        assert (result.verdict, result.rejected, result.message) == ("accepted", rejected, message)

    def test_is_read_from_json_that_is_called_nothing(self):
        result = read(body=b'{"partialSuccess":{"rejectedLogRecords":4}}', content_type="")

        assert (result.rejected, result.unreadable) == (4, False)

    @pytest.mark.parametrize("body", [b"<html>hello</html>", b"\xff\xff\xff", b"\x0a\x7f"])
    def test_that_can_not_be_read_is_no_rejection(self, body):
        """2xx is a yes; the oddity is said and counted."""
        result = read(body=body, content_type="text/html")

        assert (result.verdict, result.rejected, result.unreadable) == ("accepted", 0, True)
        assert result.message == "the answer's body is not OTLP (text/html)"

    @pytest.mark.parametrize(
        "body",
        [
            b"[1]",
            b'{"partialSuccess":7}',
            b'{"partialSuccess":{"rejectedSpans":[1]}}',
            b"{" * 60_000,
            b"[" * 60_000,
            b"\xff",
        ],
    )
    def test_that_is_json_of_something_else_is_none_either(self, body):
        result = read(body=body, content_type="application/json")

        assert (result.verdict, result.rejected, result.unreadable) == ("accepted", 0, True)

    @pytest.mark.parametrize("rejected", [0, 1, 7, 300, 2**40])
    def test_counts_though_the_answer_is_too_long(self, rejected):
        """The number stands before the message that makes it long."""
        body = partial(rejected, "x" * 100_000)[:65_536]

        result = read(body=body, whole=False, records=2**62)

        assert (result.verdict, result.rejected) == ("accepted", rejected)


class TestWords:
    def test_a_status_message_is_the_receivers(self):
        """`google.rpc.Status`, as OTLP has it."""
        body = Status(code=3, message="bad\nrecord").SerializeToString()

        result = read(400, body, content_type=PROTOBUF)

        assert result.message == "HTTP 400 bad record"

    @pytest.mark.parametrize(
        ("body", "content_type", "message"),
        [
            (b"length limit exceeded", "text/plain", "HTTP 413 length limit exceeded"),
            (b"length limit exceeded", "", "HTTP 413 length limit exceeded"),
            (b'{"message":"too big"}', "application/json", "HTTP 413 too big"),
            (b'{"message":', "application/json", "HTTP 413"),
            (b"\xff\xff", PROTOBUF, "HTTP 413"),
            (b"", "", "HTTP 413"),
            (b"a\x00\x1b[31mb", "text/plain", "HTTP 413 a\ufffd\ufffd[31mb"),
        ],
    )
    def test_other_answers_speak_too(self, body, content_type, message):
        """Text, JSON or nothing; never a control code."""
        assert read(413, body, content_type=content_type).message == message

    def test_are_cut(self):
        """500 characters are enough for a line in a log."""
        assert len(read(400, b"x" * 60_000).message) == 500

    def test_are_redacted_before_they_are_cut(self):
        """Half a secret would be one, too."""
        body = b"x" * 480 + b" secret-key-0123456789"
        result = read_answer(
            Answer(401, body),
            1,
            NOW,
            redact=lambda text: text.replace("secret-key-0123456789", "*"),
        )

        assert "secret" not in result.message

    @given(st.binary(max_size=300), st.sampled_from([200, 400, 503]), st.booleans())
    def test_whatever_the_bytes_there_is_an_answer(self, body, status, whole):
        """The receiver is not trusted."""
        for content_type in ("", PROTOBUF, "application/json", "text/plain"):
            result = read(status, body, whole=whole, content_type=content_type)
            assert 0 <= result.rejected <= 10
            assert result.message == one_line(result.message)


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("0", 0.0),
            (" 7 ", 7.0),
            ("Tue, 24 Nov 2026 10:00:30 GMT", 30.0),
            ("Tue, 24 Nov 2026 09:00:00 GMT", 0.0),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("9" * 400, None),
            ("Tue, 99 Nov 99999 10:00:30 GMT", None),
        ],
    )
    def test_is_seconds_or_a_moment(self, value, seconds):
        """What can't be read is as if it weren't there; a moment gone by is now."""
        assert retry_after_s(value, "", NOW) == seconds

    def test_a_moment_is_by_the_receivers_clock(self):
        """Its `Date` says what time it thinks it is."""
        value, date = "Tue, 24 Nov 2026 12:00:05 GMT", "Tue, 24 Nov 2026 12:00:00 GMT"

        assert retry_after_s(value, date, NOW) == 5.0

    @pytest.mark.parametrize(("status", "seconds"), [(503, 7.0), (429, 7.0), (400, None)])
    def test_counts_with_a_retry_alone(self, status, seconds):
        """Nobody waits before a bisection."""
        assert read(status, retry_after="7").retry_after_s == seconds


def retry_info(seconds=0, nanos=0):
    """A status that asks for patience, as gRPC servers do."""
    status = Status(code=14, message="later")
    status.details.add().Pack(Duration(seconds=1))  # a detail that is something else
    info = RetryInfo()
    info.retry_delay.seconds, info.retry_delay.nanos = seconds, nanos
    status.details.add().Pack(info)
    return status.SerializeToString()


class TestRetryInfo:
    @pytest.mark.parametrize(
        ("seconds", "nanos", "asked_s"),
        [(7, 500_000_000, 7.5), (0, 0, 0.0), (-5, 0, 0.0), (2**40, 0, None)],
    )
    def test_g19_is_honoured_like_retry_after(self, seconds, nanos, asked_s):
        """In the body of a protobuf answer; what makes no sense is as if it weren't there."""
        result = read(503, retry_info(seconds, nanos), content_type=PROTOBUF)

        assert (result.verdict, result.retry_after_s) == ("retry", asked_s)
        assert (result.rpc_code, result.message) == (14, "HTTP 503 later")

    def test_a_detail_that_cannot_be_read_costs_the_wait_alone(self):
        """The receiver's own words are still its words."""
        body = retry_info(7).replace(b"\x08\x07", b"\x0f\x07")
        result = read(503, body, content_type=PROTOBUF)

        assert (result.retry_after_s, result.rpc_code) == (None, 14)
        assert result.message == "HTTP 503 later"

    @pytest.mark.parametrize(("header", "asked_s"), [("3", 7.0), ("9", 9.0), ("soon", 7.0)])
    def test_g19_of_header_and_body_the_larger_wins(self, header, asked_s):
        """Whoever comes too early is refused again."""
        result = read(429, retry_info(7), content_type=PROTOBUF, retry_after=header)

        assert result.retry_after_s == asked_s

    @pytest.mark.parametrize(
        ("delay", "asked_s"),
        [
            ('"1.500s"', 1.5),
            ('"7s"', 7.0),
            ('"-7s"', 0.0),
            ('"7"', None),
            ('"999999999999s"', None),
            ("7", None),
            ("null", None),
            ("{}", None),
        ],
    )
    def test_g19_is_read_from_json_as_well(self, delay, asked_s):
        """Some receivers answer so."""
        body = (
            '{"code": 8, "message": "later", "details": [7, {"@type": "x/google.rpc.Help"},'
            f'{{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": {delay}}}]}}'
        )
        result = read(429, body.encode(), content_type="application/json")

        assert (result.retry_after_s, result.rpc_code) == (asked_s, 8)
        assert result.message == "HTTP 429 later"

    def test_counts_with_a_retry_alone(self):
        """A bisection doesn't wait."""
        result = read(400, retry_info(7), content_type=PROTOBUF)

        assert (result.verdict, result.retry_after_s, result.rpc_code) == ("split", None, 14)

    @pytest.mark.parametrize("code", ["0", "17", "503", '"UNAVAILABLE"', "null", "-1", "1.0"])
    def test_a_code_that_is_none_is_not_shown(self, code):
        """0 is no error's, and 503 is HTTP's."""
        body = f'{{"code": {code}, "details": 7}}'.encode()

        assert read(503, body, content_type="application/json").rpc_code is None
