"""What a receiver repeats of our request is in no text of ours: real receivers, and a property."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors.event.signals import LogSignal
from telemetry_actors.ports import Verdict
from telemetry_actors.sinks import OtlpGrpcSink, OtlpSink
from telemetry_actors.sinks._echo import RUN_BYTES, without_echo
from tests.receivers.faulty import FaultyReceiver, answer, raw
from tests.receivers.grpc_receiver import GrpcReceiver, no, yes
from tests.telemetry_actors.sinks.one_record import LOGS, LONG_S, sinks_of

KEY = "sk-live-Zq3vX81mPw0LtY"
VALUE = "Jane Q. Doe, Elm Street 5"
HEADERS = {"authorization": f"Bearer {KEY}", "x-login": f"Basic {'bWFyeTpwb3BwaW5z'}"}
LOG = LogSignal("dify.app.created", "metric_only", ("note", "pin"), (VALUE, "q7x9"), b"", b"", 1, 2)
PADDED = LOG._replace(keys=("note", "pin", "pad"), values=(VALUE, "q7x9", "ab cd " * 2_000))
BASE64 = base64.b64encode
SAYS = [
    (f"bad value {VALUE}!", "bad value ***!"),
    (f"bad value {VALUE[:-3].upper()} ...", "bad value *** ..."),
    (f"bad value {VALUE[5:17]}", "bad value ***"),
    ("bad value 'q7x9'", "bad value '***'"),
    (f"bad key {KEY[:9]}...", "bad key ***..."),
    (f"bad key ...{KEY[-7:]}", "bad key ...***"),
    (f"bad key {BASE64(KEY.encode()).decode()}", "bad key ***"),
    (f"bad key {BASE64(HEADERS['authorization'].encode()).decode()[5:25]}", "bad key ***"),
    (f"bad key {KEY.encode().hex()[:20]}", "bad key ***"),
    ("bad login poppins", "bad login ***"),
    (f"bad value {BASE64(VALUE.encode()).decode()[2:]}", "bad value ***"),
    ("bad number 4711081512", "bad number ***"),
    (f"bad key {KEY.encode().hex(':')}", "bad key ***"),
    (f"bad key {KEY.encode().hex(' ').upper()[:29]}...", "bad key ***..."),
    (f"bad key {', '.join(f'0x{byte:02x}' for byte in KEY.encode())}.", "bad key ***."),
    (f"bad key {''.join(f'%{byte:02X}' for byte in KEY.encode())}!", "bad key ***!"),
    (f"bad key {KEY.replace('-', '%2D')}!", "bad key ***!"),
    (f"bad key {''.join(f'{chr(92)}u{byte:04x}' for byte in KEY.encode())}!", "bad key ***!"),
    (f"bad key {''.join(f'&#{byte};' for byte in KEY.encode())}!", "bad key ***!"),
    (f"bad key {BASE64(KEY.encode() + b'==').decode().replace('=', '%3D')}!", "bad key ***!"),
    (f"bad value {VALUE.replace(' ', chr(92) + 'u0020')}!", "bad value ***!"),
]
PLAIN = [
    "invalid field resourceLogs",
    "resource_logs[0].scope_logs: service.name is required",
    "request of 4194305 bytes is larger than max (5242880 vs. 4194304)",
    "unknown tenant; ask for access at https://receiver.example/keys",
    "at 10:20:30:40:50:60:70, 100%25 of 12 34 56 78 90 12 were \\u0041nsw\\u00e9r&#33;",
    "request 6ba7b810-9dad-11d1-80b4-00c04fd430c8 has failed",
]


def sent(sink, log):
    return sink.export(LOGS, [sink.encode(LOGS, log)], LONG_S)


@pytest.fixture(params=["none", "gzip"])
def over_http(request):
    with sinks_of(OtlpSink) as make:
        yield lambda receiver: make(receiver, headers=HEADERS, compression=request.param)


@pytest.fixture
def over_grpc():
    with sinks_of(OtlpGrpcSink) as make:
        yield lambda receiver: make(receiver, headers=HEADERS)


@pytest.mark.parametrize("log", [LOG, PADDED], ids=["small", "large"])
def test_g30_what_is_repeated_over_http(over_http, log):
    """A value, whole, cut, in other letters; a key that is cut, in base64, in hexadecimal."""
    with FaultyReceiver(*[answer(400, said.encode()) for said, _ in SAYS]) as receiver:
        sink = over_http(receiver)
        found = [sent(sink, log).message for _ in SAYS]

    assert found == [f"HTTP 400 {shown}" for _, shown in SAYS]


def test_g30_what_is_repeated_over_grpc(over_grpc):
    with GrpcReceiver(*[no("INVALID_ARGUMENT", said) for said, _ in SAYS]) as receiver:
        sink = over_grpc(receiver)
        found = [sent(sink, LOG).message for _ in SAYS]

    assert found == [f"gRPC INVALID_ARGUMENT {shown}" for _, shown in SAYS]


@pytest.mark.parametrize("said", PLAIN)
def test_what_is_none_of_the_request_stays(over_http, over_grpc, said):
    with FaultyReceiver(answer(400, said.encode())) as receiver:
        assert sent(over_http(receiver), PADDED).message == f"HTTP 400 {said}"
    with GrpcReceiver(no("UNAVAILABLE", said)) as receiver:
        assert sent(over_grpc(receiver), PADDED).message == f"gRPC UNAVAILABLE {said}"


def test_g30_a_partial_success_repeats_nothing(over_http, over_grpc):
    words = b'{"partialSuccess": {"rejectedLogRecords": 1, "errorMessage": "bad %s"}}'
    json = answer(200, words % VALUE.encode(), content_type="application/json")
    with FaultyReceiver(json) as receiver:
        result = sent(over_http(receiver), LOG)
    with GrpcReceiver(yes(1, f"bad {VALUE}")) as receiver:
        other = sent(over_grpc(receiver), LOG)

    assert (result.verdict, result.rejected, result.message) == (Verdict.ACCEPTED, 1, "bad ***")
    assert other.message == "bad ***"


def test_g30_nor_what_is_no_http(over_http):
    """Python's HTTP quotes the line that it can't read."""
    with FaultyReceiver(raw(f"no {VALUE}\r\n\r\n".encode())) as receiver:
        result = sent(over_http(receiver), LOG)

    assert result.verdict is Verdict.RETRY
    assert result.message == "BadStatusLine: no ***"


def test_our_own_words_on_a_connection_stay(over_http, over_grpc):
    """Nobody is quoted there, whatever the payload says."""
    log = LOG._replace(values=("Connection refused (111), failed to connect", "q7x9"))
    refused = sent(over_http("http://127.0.0.1:9"), log).message
    assert refused == "ConnectionRefusedError: [Errno 111] Connection refused"
    assert "Connection refused" in sent(over_grpc("http://127.0.0.1:9"), log).message


TEXT = st.text(st.sampled_from("abcXYZ 19-ä語'\x00\n"), max_size=40)


@given(st.binary(max_size=9), TEXT, TEXT, st.integers(0, 40), st.integers(0, 40), st.booleans())
def test_g30_no_run_of_the_request_is_left(noise, value, around, first, last, large):
    """Wherever the receiver cuts it, and wherever it stands in the body."""
    body = noise + value.encode() + b"\xff" * (3_000 if large else 3)
    left = without_echo(around + value[first:last] + around[::-1], body, {}).lower().encode()

    body = body.lower().replace(b"\n", b" ")
    left = left.replace(b"\n", b" ")
    runs = {left[at : at + RUN_BYTES] for at in range(len(left) - RUN_BYTES + 1)}
    assert not [run for run in runs if run in body]


def test_many_searches_are_not_made():
    """Of a body so large, what may occur is hidden unseen."""
    body = b"".join(b"%04d" % number for number in range(10_000)) * 50
    said = "".join(f"{number:04d}x" for number in range(180))
    assert without_echo(said, body, {}) != said
    assert without_echo(said, body[:400], {}) == said


def test_a_word_of_many_bytes_is_hidden_whole():
    assert without_echo("bad 名前は花子です!", "x名前は花子です".encode(), {}) == "bad ***!"
