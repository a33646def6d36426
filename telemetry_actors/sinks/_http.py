"""Connections that speak HTTP/1.1 to one receiver, below urllib3's pools.

The pools log each request at DEBUG, on our threads: a host that sends its log as telemetry over a
queue would feed itself with those lines for ever (g03). And tracing libraries patch them. Here
nothing logs, and nobody sees a request who has not asked for it. Proxies, certificates and
tunnels are as `requests` takes them from the environment.

A connection belongs to one thread at a time; `_wire.py` lets others end what is on it.
Import on first use, as `_transport`.
"""

from __future__ import annotations

import errno
import http
import http.client
import io
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import unquote, urlsplit

from requests.adapters import DEFAULT_CA_BUNDLE_PATH
from requests.auth import _basic_auth_str
from requests.utils import select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection, ProxyConfig
from urllib3.util import Url, parse_url
from urllib3.util.ssltransport import SSLTransport

from supervisors import SystemClock
from supervisors.system.native import is_patched, wait_for
from telemetry_actors.sinks._wire import Wire, dial

_MOST_INTERIM = 16
_ALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
"""Seconds, seconds, times, milliseconds: of what the system knows."""
_KEEP_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in _ALIVE.items()
        if hasattr(socket, name)
    ),
)
_now_s = SystemClock().now_s  # a socket knows no other clock

Connection = Any
"""An `_Http` or `_Https`; urllib3's types for them say less than they do."""


class Route(NamedTuple):
    """How a receiver is reached."""

    connect: Callable[[], Connection]
    """Makes a connection, and connects nothing yet."""
    target: str
    """What stands in the request's first line."""
    headers: Mapping[str, str]
    """For a proxy that passes the request on."""


def route_to(url: str, options: Mapping[str, Any]) -> Route:
    """The way to *url*.

    Args:
        url: as `requests` has prepared it.
        options: proxies, verify and cert, as `requests` merges them from the environment.

    Raises:
        ValueError: the environment names a kind of proxy that there is nobody to speak to.
    """
    parts, secure = urlsplit(url), url.startswith("https:")
    proxy = select_proxy(url, options["proxies"])
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    if proxy is None:
        if secure:
            return Route(lambda: _Https(host, port, **_tls_options(options)), path, {})
        return Route(lambda: _Http(host, port), path, {})
    through = _proxy(proxy)
    login = _login_of(proxy)
    if not secure:
        return Route(lambda: _through(through, options), url, login)

    def tunnel() -> Connection:
        tls = {**_tls_options(options), **_tls_to(through)}
        made = _Https(through.host or "", through.port, **tls)
        made.set_tunnel(host, port, headers=login, scheme=through.scheme or "http")
        return made

    return Route(tunnel, path, {})


def _proxy(text: str) -> Url:
    found = parse_url(text if "://" in text else f"http://{text}")
    if found.scheme not in ("http", "https"):
        raise ValueError(f"a proxy of the environment speaks {found.scheme}: that isn't supported")
    return found._replace(port=found.port or (443 if found.scheme == "https" else 80))


def _through(proxy: Url, options: Mapping[str, object]) -> Connection:
    """A proxy that passes plain requests on."""
    if proxy.scheme == "https":
        return _Https(proxy.host or "", proxy.port, **_tls_options(options))
    return _Http(proxy.host or "", proxy.port)


def _tls_to(proxy: Url) -> dict[str, object]:
    return {"proxy": proxy, "proxy_config": ProxyConfig(None, False, None, None)}


def _login_of(proxy: str) -> dict[str, str]:
    login = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if login.username is None:
        return {}
    words = unquote(login.username), unquote(login.password or "")
    return {"Proxy-Authorization": _basic_auth_str(*words)}


def _tls_options(options: Mapping[str, Any]) -> dict[str, Any]:
    verify, cert = options["verify"], options["cert"]
    authority = DEFAULT_CA_BUNDLE_PATH if verify is True else os.fspath(verify)
    where = {"ca_cert_dir" if Path(authority).is_dir() else "ca_certs": authority}
    certificate, key = (cert, None) if isinstance(cert, str) or cert is None else cert
    for name in (authority, certificate, key):
        if name is not None and not Path(name).exists():
            raise FileNotFoundError(errno.ENOENT, "there is no such file", name)
    return {"cert_reqs": "CERT_REQUIRED", **where, "cert_file": certificate, "key_file": key}


# -- connections ----------------------------------------------------------------------------------


class _Reader(io.RawIOBase):
    """Reads with what is left of the time-out; a socket by itself grants it anew to each read."""

    def __init__(self, raw: Any, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        timeout_s = sock.gettimeout()
        self._until_s = None if timeout_s is None else _now_s() + timeout_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int | None:
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

    def begin(self) -> None:
        """Read heads up to that of the final answer: 102 and 103 only say that one will come.

        `http.client` passes over 100 alone, and would take the next one for the whole answer; the
        real one would then be that of the next request.
        """
        for _ in range(_MOST_INTERIM):
            super().begin()
            if not 100 <= self.status < 200 or self.status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                return
            self.headers = self.msg = cast("Any", None)
        raise http.client.HTTPException("answers that are not final, without end")


class _OnWire:
    """Of a connection: what it connects and sends on can be cut."""

    def _new_conn(self) -> socket.socket:
        own = cast("Any", self)
        options = [*own.socket_options, *_KEEP_ALIVE]
        return dial(own._dns_host, own.port, own.timeout, own.source_address, options)

    def putrequest(self, *arguments: object, **options: object) -> None:
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
        def wrap_socket(self, sock: Any, *_: Any, server_hostname: Any = None, **__: object) -> Any:
            return SSLTransport(sock, self, server_hostname)

    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET  # as urllib3's own
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
