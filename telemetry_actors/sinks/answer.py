"""What a receiver's answer means: HTTP status, headers and body -> `ExportResult` (g19).

Pure: no socket, no clock. `_transport` brings the answer, `otlp` sends the request.

The bytes come from outside. The body is cut by the transport; numbers are held
to what was sent, and texts to 500 printable characters on one line.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.sinks._retry_info import retry_info_s

_MAX_MESSAGE_CHARS = 500
_RETRY = frozenset((408, 429, 502, 503, 504))
_SPLIT = frozenset((400, 413))
_SECONDS = re.compile(r"\d{1,9}")
_COUNT = re.compile(r"-?\d{1,19}")
_DURATION = re.compile(r"(-?\d{1,12}(?:\.\d{1,9})?)s")  # of protobuf's JSON form
_NEVER_S = 1e9  # the longest that `_SECONDS` reads
_CODES = 17  # of google.rpc.Code: 0 to 16
_JSON = "application/json"


class _UnreadableError(Exception):
    """A yes of which nobody knows whether it was one for all records."""


class Answer(NamedTuple):
    """An HTTP answer as far as it matters."""

    status: int
    body: bytes = b""
    whole: bool = True
    """False: the body was longer than what is read of it."""
    content_type: str = ""
    retry_after: str = ""
    date: str = ""


def decoded(body: bytes, encoding: str, most_bytes: int) -> tuple[bytes, bool]:
    """*body* as it was before a ``Content-Encoding``, and whether that is all of it.

    We ask for none. One that is encoded all the same, and that we can't read, is left as it is.

    >>> decoded(b"plain", "", 3), decoded(zlib.compress(b"plain"), "deflate", 64)
    ((b'pla', False), (b'plain', True))
    """
    if encoding.strip().lower() in ("gzip", "x-gzip", "deflate"):
        reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # of whichever of both
        with suppress(zlib.error):
            body = reader.decompress(body, most_bytes + 1)
    return body[:most_bytes], len(body) <= most_bytes


def read_answer(
    answer: Answer, records: int, now: datetime, *, redact: Callable[[str], str] = str
) -> ExportResult:
    """What *answer* to a request with so many *records* means for them.

    Args:
        now: wall clock with a time zone, for a ``Retry-After`` that names a moment.
        redact: takes out of the receiver's words what must not be repeated.
    """
    if 200 <= answer.status < 300:
        try:
            rejected, message = _partial_success(answer)
        except _UnreadableError as error:
            message = f"{error} ({answer.content_type or 'no content type'})"
            return ExportResult(
                Verdict.ACCEPTED,
                message=one_line(redact(message)),
                status_code=answer.status,
                unreadable=True,
            )
        return ExportResult(
            Verdict.ACCEPTED,
            rejected=max(0, min(rejected, records)),
            message=one_line(redact(message)),
            status_code=answer.status,
        )
    verdict = _verdict(answer.status)
    words = _words(answer)
    return ExportResult(
        verdict,
        message=one_line(f"HTTP {answer.status} {redact(words.message)}"),
        retry_after_s=_asked_s(answer, words, now) if verdict is Verdict.RETRY else None,
        status_code=answer.status,
        rpc_code=words.code,
    )


def retry_after_s(value: str, date: str, now: datetime) -> float | None:
    """``Retry-After`` in seconds from now, at least 0; ``None`` where it can't be read.

    A moment is compared with the answer's own *date* where it has one, so that the
    difference between two machines' clocks doesn't count.

    >>> retry_after_s("7", "", datetime.now(UTC))
    7.0
    >>> moment, date = "Tue, 24 Nov 2026 10:00:30 GMT", "Tue, 24 Nov 2026 10:00:00 GMT"
    >>> retry_after_s(moment, date, datetime.now(UTC))
    30.0
    """
    if _SECONDS.fullmatch(value.strip()):
        return float(value)
    until = _moment(value)
    if until is None:
        return None
    return max(0.0, (until - (_moment(date) or now)).total_seconds())


def one_line(text: str) -> str:
    """*text* without line breaks and unprintable characters, at most 500 characters."""
    words = " ".join(text.split())
    return "".join(c if c.isprintable() else "\ufffd" for c in words)[:_MAX_MESSAGE_CHARS]


def _verdict(status: int) -> Verdict:
    if status in _RETRY:
        return Verdict.RETRY
    return Verdict.SPLIT if status in _SPLIT else Verdict.REFUSED


def _partial_success(answer: Answer) -> tuple[int, str]:
    if not answer.whole:
        return _leading_rejected(answer.body), "the answer is too long to be read whole"
    if _is_json(answer) or answer.body[:1] == b"{":  # as no answer of protobuf's begins
        return _json_partial_success(answer.body)
    try:
        # The answers of the three services are the same on the wire.
        partial = ExportLogsServiceResponse.FromString(answer.body).partial_success
    except DecodeError:
        raise _UnreadableError("the answer's body is not OTLP") from None
    return partial.rejected_log_records, partial.error_message


def _json_partial_success(body: bytes) -> tuple[int, str]:
    if not body.strip():
        return 0, ""
    try:
        read = json.loads(body)
        partial = read.get("partialSuccess", read.get("partial_success")) or {}
        # rejectedLogRecords, rejectedSpans, rejectedDataPoints; an int64 may come as a string
        counts = [str(value) for key, value in partial.items() if key.startswith("rejected")]
        words = str(partial.get("errorMessage", partial.get("error_message", "")))
    except (ValueError, RecursionError, AttributeError):
        raise _UnreadableError("the answer's body is not the JSON of OTLP") from None
    if counts and not _COUNT.fullmatch(counts[0]):
        raise _UnreadableError("the answer's body is not the JSON of OTLP")
    return (int(counts[0]) if counts else 0), words


def _leading_rejected(body: bytes) -> int:
    """``rejected`` of a body whose end is missing: field 1 of the message in field 1."""
    match = re.match(rb"\x0a[\x80-\xff]*[\x00-\x7f]\x08([\x80-\xff]{0,9}[\x00-\x7f])", body)
    if match is None:
        return 0
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(match[1]))


class _Words(NamedTuple):
    """What the receiver says about its no."""

    message: str = ""
    code: int | None = None
    """Of ``google.rpc.Status``."""
    retry_s: float | None = None
    """Of the ``RetryInfo`` in its details."""


def _asked_s(answer: Answer, words: _Words, now: datetime) -> float | None:
    """The header or the body, whichever asks for longer."""
    asked = (retry_after_s(answer.retry_after, answer.date, now), words.retry_s)
    return max((seconds for seconds in asked if seconds is not None), default=None)


def _words(answer: Answer) -> _Words:
    """A ``google.rpc.Status`` or, failing that, text."""
    if _is_json(answer):
        return _json_words(_json_object(answer.body))
    if "protobuf" in answer.content_type.lower():
        try:
            status = Status.FromString(answer.body)
        except DecodeError:
            return _Words()
        return _Words(status.message, _known(status.code), retry_info_s(answer.body))
    return _Words(answer.body.decode("utf-8", "replace"))


def _json_words(status: dict[str, object]) -> _Words:
    details = status.get("details")
    retry_s = None
    for detail in details if isinstance(details, list) else ():
        fields = _json_object(detail)
        if str(fields.get("@type", "")).endswith(f"/{RetryInfo.DESCRIPTOR.full_name}"):
            delay = _DURATION.fullmatch(str(fields.get("retryDelay", "")))
            retry_s = float(delay[1]) if delay else retry_s
    code = _known(status.get("code"))
    return _Words(str(status.get("message", "")), code, _possible_s(retry_s))


def _known(code: object) -> int | None:
    """A code of an error; 0 is "OK", and what a body without one reads as."""
    return code if isinstance(code, int) and 0 < code < _CODES else None


def _possible_s(seconds: float | None) -> float | None:
    """As with ``Retry-After``: at least 0, and what makes no sense is as if it weren't there."""
    return None if seconds is None or seconds >= _NEVER_S else max(0.0, seconds)


def _is_json(answer: Answer) -> bool:
    return answer.content_type.lower().startswith(_JSON)


def _json_object(value: object) -> dict[str, object]:
    if isinstance(value, bytes):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    return value if isinstance(value, dict) else {}


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
