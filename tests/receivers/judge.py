"""A receiver that misbehaves *and* keeps books: which records it has, whatever it answered.

    with Judge(lambda asked: before(answer(503)) if asked.at_s < 3 else ACCEPT) as judge:
        ...
    judge.kept().logs   # distinct log.record.uid

It decodes real OTLP with opentelemetry-proto. A `Step` says, for each request, how many of its
records are kept and what is done then: a fault that strikes *before* the receiver has a
request keeps none of it; one that strikes *after*, such as an answer that never comes, keeps all.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple, Self

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from supervisors import SystemClock
from tests.receivers.faulty import Behaviour, FaultyReceiver, Request, answer

__all__ = [
    "ACCEPT",
    "Asked",
    "Deaf",
    "Judge",
    "Kept",
    "Plan",
    "Silent",
    "Step",
    "after",
    "before",
    "partial",
]

_ALL = 2**60
_now_s = SystemClock().now_s  # how long a fault lasts is real time


class Step(NamedTuple):
    """What is done about one request."""

    behave: Behaviour
    keeps: int = 0
    """Records that the receiver has in the end; the last ones of the request."""


class Asked(NamedTuple):
    """A request as a plan sees it."""

    at_s: float
    """Seconds since the first request came."""
    body: bytes
    records: int
    """Log records or spans in it; 0 in one with metrics."""


Plan = Callable[[Asked], Step]


def before(behave: Behaviour) -> Step:
    """The fault comes before the receiver has anything."""
    return Step(behave)


def after(behave: Behaviour) -> Step:
    """The receiver has all of the request; then this."""
    return Step(behave, _ALL)


ACCEPT = after(answer(200))


def partial(asked: Asked, rejected: int) -> Step:
    """``partial_success``: so many are rejected, the first ones of the request."""
    rejected = min(rejected, asked.records)
    body = ExportLogsServiceResponse()  # the same on the wire for all three signals
    body.partial_success.rejected_log_records = rejected
    body.partial_success.error_message = "no"
    behave = answer(200, body.SerializeToString(), content_type="application/x-protobuf")
    return Step(behave, asked.records - rejected)


class Kept(NamedTuple):
    """What a receiver has in the end."""

    logs: int = 0
    """Distinct ``log.record.uid``."""
    spans: int = 0
    """Distinct pairs of trace id and span id."""


class Judge(FaultyReceiver):
    """Does for each request what *plan* says.

    Args:
        plan: asked once per request, on the connection's thread.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(answer(200))
        self._plan = plan
        self._lock = threading.Lock()
        self._first_s: float | None = None
        self._logs: set[str] = set()
        self._spans: set[bytes] = set()

    def kept(self) -> Kept:
        """So far."""
        with self._lock:
            return Kept(len(self._logs), len(self._spans))

    def _choose(self, request: Request | None) -> Behaviour:
        assert request is not None
        uids = list(_uids(request)) if request.path == "/v1/logs" else []
        spans = list(_span_ids(request)) if request.path == "/v1/traces" else []
        with self._lock:
            step = self._plan(Asked(self._age_s(), request.body, len(uids or spans)))
            if step.keeps:
                self._logs.update(uids[-step.keeps :])
                self._spans.update(spans[-step.keeps :])
        return step.behave

    def _age_s(self) -> float:
        now_s = _now_s()
        if self._first_s is None:
            self._first_s = now_s
        return now_s - self._first_s


class Deaf(FaultyReceiver):
    """Reads no request by itself, so it keeps nothing; *behave* comes with each connection."""

    def __init__(self, behave: Behaviour, *, scheme: str = "http") -> None:
        super().__init__(behave, reads=False)
        self.endpoint = self.endpoint.replace("http", scheme, 1)

    def kept(self) -> Kept:
        """Nothing."""
        return Kept()


class Silent:
    """A port at which no connection comes about: refused, or for ever on its way.

    Args:
        hangs: the backlog is full, so that a connection is neither taken nor refused.
    """

    def __init__(self, *, hangs: bool = False) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))  # bound, so that nobody else gets the port
        self._waiting: list[socket.socket] = []
        self.endpoint = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        if hangs:
            self._fill()

    def kept(self) -> Kept:
        """Nothing."""
        return Kept()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (*self._waiting, self._socket):
            one.close()

    def _fill(self) -> None:
        self._socket.listen(0)
        for _ in range(4):  # the kernel takes one or two more than it is told
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(self._socket.getsockname())
            self._waiting.append(one)


def _uids(request: Request) -> Iterator[str]:
    message = ExportLogsServiceRequest.FromString(request.body)
    for resource in message.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                yield from (
                    a.value.string_value for a in record.attributes if a.key == "log.record.uid"
                )


def _span_ids(request: Request) -> Iterator[bytes]:
    message = ExportTraceServiceRequest.FromString(request.body)
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            yield from (span.trace_id + span.span_id for span in scope.spans)
