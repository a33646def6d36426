"""A TCP proxy of our own before a real server: slow, dripping, or speaking TLS.

with Proxy(redis.port) as proxy:
    proxy.delay_s = 1.0        # each piece of an answer comes so much later
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from typing import Self

__all__ = ["Proxy"]


class Proxy:
    """Passes bytes on, both ways, for any number of connections.

    Args:
        port: of the server, on loopback.
        tls: speak TLS to whoever connects; the server gets plain text.
    """

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.server_port = port
        """Where new connections lead; those that there are stay."""
        self._tls = tls
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self.delay_s = 0.0
        """Before each piece of an answer."""
        self.drip_s = 0.0
        """Answers come byte by byte, one each so many seconds."""
        self.connections = 0

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for each in self._sockets:
            _shut(each)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()

    def _start(self, target, *args) -> None:
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                inner, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._start(self._serve, inner)

    def _serve(self, inner: socket.socket) -> None:
        self._sockets.append(inner)
        try:
            outer = socket.create_connection(("127.0.0.1", self.server_port))
        except OSError:  # it is down: whoever connected hears so
            _shut(inner)
            return
        self._sockets.append(outer)
        try:
            if self._tls is not None:
                inner = self._tls.wrap_socket(inner, server_side=True)
                self._sockets.append(inner)
        except OSError:
            _shut(outer)
            return
        self._start(self._pass_on, inner, outer)
        self._answer(outer, inner)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        _shut(sink)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                self._ended.wait(self.delay_s)
                pieces = [data[n : n + 1] for n in range(len(data))] if self.drip_s else [data]
                for piece in pieces:
                    self._ended.wait(self.drip_s)
                    client.sendall(piece)
        _shut(client)


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
