"""A receiver that misbehaves on purpose: one answer per request, as the test says.

Raw sockets on loopback, so that it can do what no HTTP server would.

    with FaultyReceiver(answer(503, retry_after="7"), hang) as receiver:
        ...  # the first request is answered 503, all later ones never
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Self

__all__ = [
    "Behaviour",
    "FaultyReceiver",
    "Request",
    "answer",
    "close",
    "drip",
    "hang",
    "in_turn",
    "raw",
    "reset",
    "shake_no_hands",
    "slowly",
    "stream",
    "take_part",
]


class Request(NamedTuple):
    """What came in."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


Behaviour = Callable[[socket.socket, threading.Event], bool]
"""Told of the connection, and of an event that is set at the end. False: the connection is done."""


def answer(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """A proper answer; ``retry_after="7"`` is the header ``Retry-After: 7``."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def raw(data: bytes) -> Behaviour:
    """These bytes, and the connection stays open."""

    def behave(connection: socket.socket, _ended: threading.Event) -> bool:
        connection.sendall(data)
        return True

    return behave


def hang(_connection: socket.socket, ended: threading.Event) -> bool:
    """No answer, for ever."""
    ended.wait()
    return False


def close(_connection: socket.socket, _ended: threading.Event) -> bool:
    """An orderly end of the connection, without an answer."""
    return False


def slowly(seconds: float, behave: Behaviour) -> Behaviour:
    """*behave*, after so many seconds."""

    def wait(connection: socket.socket, ended: threading.Event) -> bool:
        return not ended.wait(seconds) and behave(connection, ended)

    return wait


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One after the other on the same connection, as long as it stays open."""

    def behave(connection: socket.socket, ended: threading.Event) -> bool:
        return all(one(connection, ended) for one in behaviours)

    return behave


def stream(total_bytes: int) -> Behaviour:
    """A 200 whose body is this long."""
    head = f"HTTP/1.1 200 X\r\nContent-Length: {total_bytes}\r\n\r\n".encode()

    def behave(connection: socket.socket, _ended: threading.Event) -> bool:
        connection.sendall(head)
        piece, left = bytes(1 << 18), total_bytes
        while left > 0:
            connection.sendall(piece[:left])
            left -= len(piece)
        return True

    return behave


def take_part(size_bytes: int) -> Behaviour:
    """Read so many bytes of a request and no more; for a receiver that doesn't read by itself."""

    def behave(connection: socket.socket, _ended: threading.Event) -> bool:
        return bool(connection.recv(size_bytes))

    return behave


def shake_no_hands(connection: socket.socket, _ended: threading.Event) -> bool:
    """TLS, but without any certificate: the handshake fails."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.wrap_socket(connection, server_side=True)
    raise AssertionError("a handshake without a certificate")


def reset(connection: socket.socket, _ended: threading.Event) -> bool:
    """The connection is torn down (RST)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def drip(every_s: float, *, after: bytes = b"") -> Behaviour:
    """*after* at once, then a byte each *every_s* seconds, for ever."""

    def behave(connection: socket.socket, ended: threading.Event) -> bool:
        connection.sendall(after)
        while not ended.wait(every_s):
            connection.sendall(b"x")
        return False

    return behave


class FaultyReceiver:
    """Does the *behaviours* one after the other, one for each request; the last one for the rest.

    Args:
        reads: False: requests are not read; a behaviour comes with each connection.
        tls: speak TLS, with the certificates in it.
        only: requests to another path are answered 200 and use up no behaviour.
    """

    def __init__(
        self,
        *behaviours: Behaviour,
        reads: bool = True,
        tls: ssl.SSLContext | None = None,
        only: str = "",
    ) -> None:
        self._behaviours = list(behaviours)
        self._reads = reads
        self._tls = tls
        self._only = only
        self._ended = threading.Event()
        self._asked = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.requests: list[Request] = []
        scheme = "http" if tls is None else "https"
        self.endpoint = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def connections(self) -> int:
        """Connections so far."""
        return len(self._connections)

    def until_asked(self, times: int = 1, *, within_s: float = 5.0) -> None:
        """Return once so many requests have come."""
        with self._asked:
            assert self._asked.wait_for(lambda: len(self.requests) >= times, within_s)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for end in (self._listener, *self._connections):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept or recv
        for thread in self._threads:
            thread.join()
        for end in (self._listener, *self._connections):
            end.close()

    def _start(self, target: Callable, *args: object) -> None:
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self._tls is not None:
                connection = self._tls.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
            self._connections.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()
            while self._next(connection):
                pass

    def _next(self, connection: socket.socket) -> bool:
        request = None
        if self._reads:
            request = _read(connection)
            if request is None:
                return False
        return self._choose(request)(connection, self._ended)

    def _choose(self, request: Request | None) -> Behaviour:
        """Remember what came in, and say what is done about it. The connection's thread."""
        if request is not None:
            with self._asked:
                self.requests.append(request)
                self._asked.notify_all()
            if self._only not in ("", request.path):
                return answer(200)
        return self._behaviours.pop(0) if len(self._behaviours) > 1 else self._behaviours[0]


def _read(connection: socket.socket) -> Request | None:
    data = bytearray()
    while b"\r\n\r\n" not in data:
        if not _more(connection, data):
            return None
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    headers = {name.lower(): value for name, value in pairs}
    while len(body) < int(headers.get("content-length", 0)):
        if not _more(connection, body):
            return None  # the sender has gone in the middle
    return Request(first.split()[1], headers, bytes(body))


def _more(connection: socket.socket, data: bytearray) -> bool:
    piece = connection.recv(262_144)
    data += piece
    return bool(piece)
