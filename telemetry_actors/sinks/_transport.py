"""One POST, and all that can become of it: the border to `requests`.

A `Channel` belongs to one signal kind and is used by one thread at a time. It follows
no redirect, keeps no cookie, asks no ``.netrc``, reads at most 64 KiB of an answer, and
**knows whether the request was sent in full** when no answer comes: only then may
the receiver have it (semantics.md, ``unconfirmed``).

The time-out is one for the whole attempt: a peer that sends a byte now and then doesn't
prolong it. (Looking up the host's name is the operating system's, and has none.) Another
thread can end it before that (`_wire.py`).

Import on first use: `requests` costs a process 100 ms.
"""

from __future__ import annotations

import gzip
import http.client
import io
import queue
import socket
import ssl
from collections.abc import Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NamedTuple, cast

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssltransport import SSLTransport

from supervisors import SystemClock
from supervisors._native import is_patched, wait_for
from telemetry_actors._redaction import words_of
from telemetry_actors.sinks._answer import Answer
from telemetry_actors.sinks._wire import Wire, dial

__all__ = ["Channel", "NoAnswer", "Tls"]

MAX_ANSWER_BYTES = 65_536
_GZIP_LEVEL = 1  # a quarter of the size for half of level 6's processor time

_TRANSPORT_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)

_now_s = SystemClock().now_s  # a socket knows no other clock


class NoAnswer(NamedTuple):
    """The transport failed."""

    error: str
    sent: bool
    """All of the request had been sent."""


class Tls(NamedTuple):
    """Certificates, as file names; ``None`` = what `requests` uses by itself."""

    ca_file: str | None = None
    client_certificate_file: str | None = None
    client_key_file: str | None = None


class Channel:
    """A session with one URL."""

    def __init__(self, url: str, headers: Mapping[str, str], *, compress: bool, tls: Tls) -> None:
        self._session = _Session()
        self._wire = Wire()
        self._compress = compress
        own = {"Content-Type": "application/x-protobuf", "Accept-Encoding": "identity"}
        if compress:
            own["Content-Encoding"] = "gzip"
        names = {name.lower() for name in own}
        given = {name: value for name, value in headers.items() if name.lower() not in names}
        # Prepared once: doing it anew for each request costs as much as sending it.
        request = requests.Request("POST", url, headers={**given, **own})
        self._template = self._session.prepare_request(request)
        certificate = tls.client_certificate_file
        cert = (certificate, tls.client_key_file) if tls.client_key_file else certificate
        self._options = self._session.merge_environment_settings(
            url, {}, True, tls.ca_file, cast("Any", cert)
        )

    def post(self, body: bytes, timeout_s: float) -> Answer | NoAnswer:
        """Send *body* once; wait for the answer, *timeout_s* seconds in all.

        Raises:
            Exception: only by a defect; what the network can do comes back as `NoAnswer`.
        """
        content = _Content(gzip.compress(body, _GZIP_LEVEL, mtime=0) if self._compress else body)
        request = self._template.copy()
        request.headers["Content-Length"] = str(len(content))
        request.body = cast("Any", content)
        timeout = cast("Any", urllib3.Timeout(total=timeout_s))
        try:
            with self._wire.in_use():
                response = self._session.send(
                    request, timeout=timeout, allow_redirects=False, **self._options
                )
                return _read(response)
        except _TRANSPORT_ERRORS as error:
            return NoAnswer(_root_cause(error), content.sent)

    def cancel(self) -> None:
        """End the request on its way, and each later one. Any thread."""
        self._wire.cut()

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()


class _Content:
    """A body that knows when it has been sent: asked for more after the last byte."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.sent = False

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        yield self._body
        self.sent = True


def _read(response: requests.Response) -> Answer:
    with response:  # closes the connection unless the body has been read to its end
        body = _body(response)
        headers = response.headers
        return Answer(
            status=response.status_code,
            body=body[:MAX_ANSWER_BYTES],
            whole=len(body) <= MAX_ANSWER_BYTES,
            content_type=headers.get("Content-Type", ""),
            retry_after=headers.get("Retry-After", ""),
            date=headers.get("Date", ""),
        )


def _body(response: requests.Response) -> bytes:
    try:
        body: bytes = response.raw.read(MAX_ANSWER_BYTES + 1, decode_content=False)
    except _TRANSPORT_ERRORS:
        if response.ok and not response.is_redirect:
            raise  # the body would have said how many records were rejected
        return b""
    return body


def _root_cause(error: BaseException) -> str:
    """The innermost error in words; the outer ones are the library's wrapping."""
    while True:
        nested = (getattr(error, "reason", None), *error.args[-1:], error.__cause__)
        inner = next((e for e in nested if isinstance(e, BaseException)), None)
        if inner is None:
            return words_of(error)
        error = inner


# -- requests, without what a session does for a person ------------------------------------------


class _Session(requests.Session):
    def __init__(self) -> None:
        super().__init__()
        self.headers.clear()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.auth = _as_it_is  # else .netrc would replace our authorization header
        adapter = _Adapter(pool_connections=1, pool_maxsize=1)
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """There is none: `requests` would read the whole body to prepare the next request."""


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _Reader(io.RawIOBase):
    """Reads with what is left of the time-out; a socket by itself grants it anew to each read."""

    def __init__(self, raw: Any, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        timeout_s = sock.gettimeout()
        self._until_s = None if timeout_s is None else _now_s() + timeout_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._until_s is not None:
            left_s = self._until_s - _now_s()
            if left_s <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left_s)
        return cast("int | None", self._raw.readinto(buffer))

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Reader(cast("Any", self.fp).detach(), sock))


class _OnWire:
    """Of a connection: what it connects and sends on can be cut."""

    def _new_conn(self) -> socket.socket:
        own = cast("Any", self)
        where = own._dns_host, own.port, own.timeout
        try:
            return dial(*where, own.source_address, own.socket_options)
        except OSError as error:  # by itself urllib3 takes some for a peer that has hung up
            raise urllib3.exceptions.NewConnectionError(own, str(error)) from error

    def putrequest(self, *arguments: Any, **options: Any) -> None:
        own = cast("Any", self)
        if own.sock is not None:  # kept from an earlier request, or a TLS socket by now
            Wire.take_here(own.sock)
        super().putrequest(*arguments, **options)  # type: ignore[misc]

    @property
    def is_connected(self) -> bool:
        """Whether an idle connection can be used again; as urllib3 asks, but past gevent."""
        sock = cast("Any", self).sock
        return sock is not None and not wait_for(sock, 0.0)


class _Http(_OnWire, HTTPConnection):
    response_class = _Response


class _Https(_OnWire, HTTPSConnection):
    response_class = _Response

    def connect(self) -> None:
        if self.ssl_context is None and is_patched("ssl"):
            self.ssl_context = _context_past_gevent()
        super().connect()


def _context_past_gevent() -> ssl.SSLContext:
    """TLS sockets of gevent's belong to a hub: here OpenSSL gets its bytes from a plain socket."""

    class Context(ssl.SSLContext):
        def wrap_socket(self, sock: Any, *_: Any, server_hostname: Any = None, **__: Any) -> Any:
            return SSLTransport(sock, self, server_hostname)

    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET  # as urllib3's own
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _Idle:
    """Connections that wait to be used again, last in first out; of one thread.

    In the place of a queue, which a thread could wait at, and which gevent replaces by its own.
    """

    def __init__(self, maxsize: int = 0) -> None:
        self._most = maxsize
        self._held: list[Any] = []

    def qsize(self) -> int:
        return len(self._held)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if 0 < self._most <= len(self._held):
            raise queue.Full
        self._held.append(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if not self._held:
            raise queue.Empty
        return self._held.pop()


class _HttpPool(HTTPConnectionPool):
    QueueCls = cast("Any", _Idle)
    ConnectionCls = cast("Any", _Http)


class _HttpsPool(HTTPSConnectionPool):
    QueueCls = cast("Any", _Idle)
    ConnectionCls = cast("Any", _Https)


_POOLS = {"http": _HttpPool, "https": _HttpsPool}
