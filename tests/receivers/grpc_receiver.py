"""An OTLP/gRPC receiver that answers as the test says, on loopback.

    with GrpcReceiver(no("UNAVAILABLE", retry_s=7), yes()) as receiver:
        ...  # the first request is told to come again, all later ones are accepted

One behaviour for each request, the last one for the rest. Python's gRPC server, in the test's
own process: what it sends is gRPC as others speak it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Self

import grpc  # type: ignore[import-untyped]
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

__all__ = ["Behaviour", "GrpcReceiver", "Request", "hang", "no", "yes"]


class Request(NamedTuple):
    """What came in."""

    method: str
    metadata: dict[str, str]
    body: bytes


Behaviour = Callable[[Any, threading.Event], bytes]
"""Told of the call's context, and of an event that is set at the end; returns the answer."""


def yes(rejected: int = 0, message: str = "") -> Behaviour:
    """Accepted, but for so many."""
    response = ExportLogsServiceResponse()
    if rejected or message:
        response.partial_success.rejected_log_records = rejected
        response.partial_success.error_message = message
    return lambda _context, _ended: response.SerializeToString()


def no(code: str, details: str = "", *, retry_s: float | None = None) -> Behaviour:
    """A status, with `RetryInfo` where *retry_s* is given."""

    def behave(context: Any, _ended: threading.Event) -> bytes:
        status_code = getattr(grpc.StatusCode, code)
        if retry_s is not None:
            info = RetryInfo()
            info.retry_delay.FromNanoseconds(int(retry_s * 1e9))
            status = Status(code=status_code.value[0], message=details)
            status.details.add().Pack(info)
            trailer = ("grpc-status-details-bin", status.SerializeToString())
            context.set_trailing_metadata((trailer,))
        context.abort(status_code, details)
        raise AssertionError("abort raises")

    return behave


def hang(_context: Any, ended: threading.Event) -> bytes:
    """No answer, until the end."""
    ended.wait()
    return b""


class GrpcReceiver:
    """A running server, as a context manager.

    Args:
        credentials: of `grpc.ssl_server_credentials`; plain without.
        port: to listen on; a free one by default.
        options: of the server, such as ``grpc.max_receive_message_length``.
    """

    def __init__(
        self, *behaviours: Behaviour, credentials: Any = None, port: int = 0, options: Any = ()
    ) -> None:
        self._behaviours = list(behaviours)
        self._credentials = credentials
        self._options = options
        self._ended = threading.Event()
        self._asked = threading.Condition()
        self._pool = ThreadPoolExecutor(4)
        self.requests: list[Request] = []
        self.port = port

    @property
    def endpoint(self) -> str:
        """URL."""
        scheme = "http" if self._credentials is None else "https"
        return f"{scheme}://localhost:{self.port}"

    def until_asked(self, times: int = 1, *, within_s: float = 5.0) -> None:
        """Return once so many requests have come."""
        with self._asked:
            assert self._asked.wait_for(lambda: len(self.requests) >= times, within_s)

    def __enter__(self) -> Self:
        self._server = grpc.server(self._pool, handlers=[_Any(self._answer)], options=self._options)
        if self._credentials is None:
            self.port = self._server.add_insecure_port(f"localhost:{self.port}")
        else:
            self.port = self._server.add_secure_port(f"localhost:{self.port}", self._credentials)
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.stop(None).wait()
        self._server.wait_for_termination()
        self._pool.shutdown()

    def _answer(self, method: str, body: bytes, context: Any) -> bytes:
        metadata = dict(context.invocation_metadata())
        with self._asked:
            self.requests.append(Request(method, metadata, body))
            behaviours = self._behaviours
            behave = behaviours.pop(0) if len(behaviours) > 1 else behaviours[0]
            self._asked.notify_all()
        return behave(context, self._ended)


class _Any(grpc.GenericRpcHandler):
    """One handler for all methods; bytes in, bytes out."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def service(self, handler_call_details: Any) -> Any:
        method = handler_call_details.method
        return grpc.unary_unary_rpc_method_handler(
            lambda body, context: self._answer(method, body, context)
        )
