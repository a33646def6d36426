"""Wire: the connection that a request is on, so that another thread can end it.

At the border to `requests`, beneath `sinks/transport.py`. A stop whose time is up cuts the wires: a
thread that waits for a connection, an answer, or for room to send in, gets an error at once
instead of waiting for the end of its attempt (g22).
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from supervisors import SystemClock
from supervisors.system.native import Lock, get_ident, original, wait_for

_LEAST_S = 0.001
_now_s = SystemClock().now_s  # a socket knows no other clock
_on_thread: dict[int, Wire] = {}


class Wire:
    """That of one request after another. One thread uses it at a time; any thread cuts it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._handle: socket.socket | None = None
        self._is_cut = False

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """For the duration of a request: connections of this thread are on it."""
        _on_thread[get_ident()] = self
        try:
            yield
        finally:
            del _on_thread[get_ident()]
            with self._lock:
                self._let_go()

    def take(self, connection: socket.socket) -> None:
        """The request goes over *connection* from now on.

        By a handle of its own: TLS takes the first one's place, and whoever cuts must not
        reach a file descriptor that is somebody else's by now.

        Raises:
            ConnectionAbortedError: it has been cut.
        """
        with self._lock:
            self._let_go()
            if self._is_cut:
                raise ConnectionAbortedError("the stop's time is up")
            with suppress(OSError):  # no descriptor is left: it goes on, and can't be cut
                self._handle = _socket(fileno=os.dup(connection.fileno()))

    def cut(self) -> None:
        """End the request on its way, and each later one. Never waits."""
        with self._lock:
            self._is_cut = True
            if self._handle is not None:
                with suppress(OSError):  # it isn't connected any more
                    self._handle.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    @staticmethod
    def take_here(connection: socket.socket) -> None:
        """`take` on the wire of the request that this thread is at, if there is one."""
        wire = _on_thread.get(get_ident())
        if wire is not None:
            wire.take(connection)


def dial(
    host: str,
    port: int,
    timeout_s: float,
    source_address: tuple[str, int] | None,
    options: Sequence[tuple[Any, ...]] | None,
) -> socket.socket:
    """Connect to the first address of *host* that answers; the time is for all of them.

    Each has its part of what is left, so that one that is out of reach doesn't keep the others
    from being tried. On the wire of this thread's request.

    Raises:
        OSError: none does (`TimeoutError`), or the name has none (`socket.gaierror`).
    """
    until_s = _now_s() + timeout_s
    addresses = _look_up(host.strip("[]"), port)
    failure = OSError(f"{host} has no address")
    for number, (family, kind, protocol, _name, address) in enumerate(addresses):
        left_s = (until_s - _now_s()) / (len(addresses) - number)
        connection = None
        try:  # the first line, too: a host without IPv6 may be told of such an address
            connection = _socket(family, kind, protocol)
            for option in options or ():
                connection.setsockopt(*option)
            if source_address:
                connection.bind(source_address)
            _connect(connection, address, max(_LEAST_S, left_s))
        except OSError as error:
            failure = error
            if connection is not None:
                connection.close()
        else:
            return connection
    raise failure


def _socket(*kind: int, **more: int) -> socket.socket:
    made: socket.socket = original("socket", "socket")(*kind, **more)
    return made


def _look_up(host: str, port: int) -> list[Any]:
    try:
        found: list[object] = original("socket", "getaddrinfo")(host, port, type=socket.SOCK_STREAM)
    except RuntimeError as error:  # a resolver of the host's wants a thread, and there is none
        raise socket.gaierror(socket.EAI_AGAIN, str(error)) from error
    return found


def _connect(connection: socket.socket, address: Any, timeout_s: float) -> None:
    """Begun before it is on the wire: what isn't on its way can't be cut."""
    connection.settimeout(0.0)
    problem = connection.connect_ex(address)
    if problem in (0, errno.EINPROGRESS):
        Wire.take_here(connection)
    if problem == errno.EINPROGRESS:
        if not wait_for(connection, timeout_s, to_write=True):
            raise TimeoutError("timed out")
        problem = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if problem:
        raise OSError(problem, os.strerror(problem))
    connection.settimeout(timeout_s)
