"""What a gRPC reply means: code, words and details -> `ExportResult` (g19).

Pure, and without gRPC: codes are names. `_grpc` brings the reply, `otlp_grpc` asks for it.

By OTLP's table CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE and DATA_LOSS
are sent again, and RESOURCE_EXHAUSTED only where the receiver says by ``RetryInfo`` that it
will recover. Beyond the table: INVALID_ARGUMENT may be the fault of one record, and a
message that is too large (RESOURCE_EXHAUSTED from most servers, OUT_OF_RANGE from
those in Rust) is too large again; both are split, like HTTP's 400 and 413.

gRPC doesn't say how far a request has come. Not sent is only what its own words on
connecting say; without an answer everything else is ``unconfirmed``, an answer being
recognised by the metadata that came with it. That errs to the safe side: a receiver
that says UNAVAILABLE and nothing else may be taken for a broken stream.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from telemetry_actors.base.rpc_codes import RPC_CODES
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.sinks._advice import advice_on_http, advice_on_trouble, trouble_said
from telemetry_actors.sinks._retry_info import retry_info_s
from telemetry_actors.sinks.answer import Answer, one_line, read_answer

NOT_CONNECTED = "failed to connect"
"""How the words of a reply begin that nobody can have been asked for."""

_RETRY = frozenset(
    ("CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS")
)
_NO_ANSWER = frozenset(("CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE"))  # gRPC's own, too
_TOO_LARGE = re.compile(r"larger than max|too large|exceeds (?:the )?maximum", re.IGNORECASE)
_MAY_BE_TOO_LARGE = frozenset(("RESOURCE_EXHAUSTED", "OUT_OF_RANGE"))
_NOT_SENT = re.compile(rf"{NOT_CONNECTED}|errors? resolving|DNS resolution failed|empty address")
# An answer that broke off, or that gRPC itself won't read; whatever code it gives that.
_BROKEN = re.compile(r"Stream removed|CLIENT: |(?:Received )?RST_STREAM")
_AS_HTTP = {"INVALID_ARGUMENT": 400, "UNAVAILABLE": 503}
_NO_TIME = datetime.fromtimestamp(0, UTC)  # an HTTP header's business


class Reply(NamedTuple):
    """How a call has ended."""

    code: str
    """Name of the status, such as ``OK``."""
    body: bytes = b""
    details: str = ""
    """The words of the status: the receiver's or gRPC's own."""
    status: bytes = b""
    """A ``google.rpc.Status``, where the receiver sent one."""
    from_peer: bool = False
    """The receiver certainly said it: it sent metadata with it."""

    @property
    def is_not_connected(self) -> bool:
        """By gRPC's own words, which quote nobody."""
        theirs = self.from_peer or self.code != "UNAVAILABLE"
        return not theirs and _NOT_SENT.match(self.details) is not None


def read_reply(reply: Reply, records: int, *, redact: Callable[[str], str] = str) -> ExportResult:
    """What *reply* to a request with so many *records* means for them.

    Args:
        redact: takes out of the receiver's words what must not be repeated.
    """
    if reply.code == "OK":
        accepted = read_answer(Answer(200, reply.body), records, _NO_TIME, redact=redact)
        return accepted._replace(status_code=None)  # there was no HTTP status of its own
    asked_s = retry_info_s(reply.status)
    verdict = _verdict(reply, asked_s)
    again = verdict is Verdict.RETRY
    return ExportResult(
        verdict,
        message=one_line(f"gRPC {reply.code} {redact(reply.details)}"),
        retry_after_s=asked_s if again else None,
        rpc_code=_number(reply),
        unconfirmed=again and _may_have_arrived(reply),
    )


def advice_on_reply(reply: Reply, url: str, metadata: Iterable[str]) -> str:
    """What to do about a *reply* from *url* that is no OK; *metadata*: names of what was sent."""
    if reply.code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return advice_on_http(401, url, metadata, reply.details)
    if reply.code == "UNIMPLEMENTED":
        return "what listens there has no OTLP service; is it an OTLP receiver's port of gRPC?"
    known = advice_on_trouble(trouble_said(reply.details), url, grpc=True)
    status = 413 if _is_too_large(reply) else _AS_HTTP.get(reply.code)
    if known or status is None or (reply.code == "UNAVAILABLE" and not reply.from_peer):
        return known
    return advice_on_http(status, url, metadata, "")


def _verdict(reply: Reply, asked_s: float | None) -> Verdict:
    if _broke_off(reply):
        return Verdict.RETRY
    if _is_too_large(reply):
        return Verdict.SPLIT
    if reply.code in _RETRY or (reply.code == "RESOURCE_EXHAUSTED" and asked_s is not None):
        return Verdict.RETRY
    return Verdict.SPLIT if reply.code == "INVALID_ARGUMENT" else Verdict.REFUSED


def _is_too_large(reply: Reply) -> bool:
    return reply.code in _MAY_BE_TOO_LARGE and _TOO_LARGE.search(reply.details) is not None


def _may_have_arrived(reply: Reply) -> bool:
    if _broke_off(reply):
        return True
    silent = reply.code in _NO_ANSWER and not reply.from_peer
    return silent and _NOT_SENT.match(reply.details) is None


def _broke_off(reply: Reply) -> bool:
    return not reply.from_peer and _BROKEN.match(reply.details) is not None


def _number(reply: Reply) -> int | None:
    """Of the status, where it is the receiver's."""
    theirs = reply.from_peer and reply.code in RPC_CODES
    return RPC_CODES.index(reply.code) if theirs else None
