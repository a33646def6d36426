"""What a gRPC reply means: pure, status by status."""

import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors.ports import Verdict
from telemetry_actors.sinks._grpc_answer import Reply, read_reply
from telemetry_actors.sinks._retry_info import retry_info_s

# As grpcio 1.85 words it when it has not even begun to send.
NOT_SENT = [
    "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: refused",
    "errors resolving nobody.invalid:1: [field:hostname lookup error]",
    "DNS resolution failed for nobody.invalid:1",
]
TOO_LARGE = [
    ("RESOURCE_EXHAUSTED", "SERVER: Received message larger than max (5000000 vs. 4194304)"),
    ("RESOURCE_EXHAUSTED", "grpc: received message larger than max (5000000 vs. 4194304)"),
    ("RESOURCE_EXHAUSTED", "gRPC message exceeds maximum size 4194304: 5000000"),
    ("OUT_OF_RANGE", "Error, decoded message length too large: found 5 bytes, the limit is: 4"),
]


def status_with(*details):
    status = Status(code=14)
    for detail in details:
        status.details.add().Pack(detail)
    return status.SerializeToString()


def retry_info(seconds, nanos=0):
    return RetryInfo(retry_delay={"seconds": seconds, "nanos": nanos})


@pytest.mark.parametrize("details", NOT_SENT)
def test_what_was_never_sent_is_not_unconfirmed(details):
    result = read_reply(Reply("UNAVAILABLE", details=details), 1)
    assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)


@pytest.mark.parametrize("code", ["UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED"])
@pytest.mark.parametrize("from_peer", [True, False])
def test_what_the_library_may_have_said_itself_is_unconfirmed(code, from_peer):
    """Metadata is the sign of an answer: a receiver that said no has not taken anything."""
    result = read_reply(Reply(code, details="what", from_peer=from_peer), 1)
    assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, not from_peer)


@pytest.mark.parametrize("code", ["ABORTED", "OUT_OF_RANGE", "DATA_LOSS"])
def test_what_only_a_receiver_says_is_an_answer(code):
    result = read_reply(Reply(code, details="what"), 1)
    assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)


@pytest.mark.parametrize("code", ["INTERNAL", "UNKNOWN", "RESOURCE_EXHAUSTED", "UNAVAILABLE"])
@pytest.mark.parametrize(
    "details",
    [
        "Stream removed (CLIENT: Received message larger than max (5 vs. 4))",
        "CLIENT: Received message larger than max (5 vs. 4)",
        "Received RST_STREAM with error code 2",
    ],
)
def test_an_answer_that_broke_off_is_none_whatever_its_code(code, details):
    result = read_reply(Reply(code, details=details), 1)
    assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, True)


@pytest.mark.parametrize(("code", "details"), TOO_LARGE)
def test_too_large_is_split_in_all_languages(code, details):
    assert read_reply(Reply(code, details=details), 2).verdict is Verdict.SPLIT


def test_exhausted_without_a_time_to_recover_is_final():
    """By OTLP's table; 429 over HTTP is retried in any case."""
    exhausted = Reply("RESOURCE_EXHAUSTED", details="quota")
    assert read_reply(exhausted, 1).verdict is Verdict.REFUSED
    told = exhausted._replace(status=status_with(retry_info(0)), from_peer=True)
    assert read_reply(told, 1)[:1] == (Verdict.RETRY,)
    assert read_reply(told, 1).retry_after_s == 0.0


def test_a_partial_success_can_not_reject_more_than_was_sent():
    """And there is no HTTP status to speak of."""
    result = read_reply(Reply("OK", b"\x0a\x04\x08\x7f\x12\x00"), 3)
    assert (result.verdict, result.rejected, result.status_code) == (Verdict.ACCEPTED, 3, None)


def test_words_are_cut_and_on_one_line():
    result = read_reply(Reply("INTERNAL", details="a\nb\x00" + "x" * 1000), 1)
    assert result.message.startswith("gRPC INTERNAL a b\ufffdxx")
    assert len(result.message) == 500


@pytest.mark.parametrize(
    ("details", "seconds"),
    [
        ([retry_info(7)], 7.0),
        ([BadRequest(), retry_info(1, 500_000_000)], 1.5),
        ([retry_info(-3)], 0.0),
        ([RetryInfo()], 0.0),
        ([retry_info(10**10)], None),
        ([BadRequest()], None),
        ([], None),
    ],
)
def test_retry_info(details, seconds):
    assert retry_info_s(status_with(*details)) == seconds


def test_a_retry_info_that_is_none():
    status = Status(code=14)
    status.details.add(type_url="type.googleapis.com/google.rpc.RetryInfo", value=b"\xff")
    assert retry_info_s(status.SerializeToString()) is None


@given(st.text(), st.text(), st.binary(), st.binary(), st.booleans())
def test_whatever_comes_from_outside_has_a_meaning(code, details, body, status, from_peer):
    result = read_reply(Reply(code, body, details, status, from_peer), 1)
    assert result.verdict in Verdict
    assert "\n" not in result.message
