"""One unary call, and all that can become of it: the border to gRPC.

A `GrpcChannel` belongs to one signal kind and is used by one thread at a time: calls block,
and gRPC starts no Python thread for them. The time-out is the call's deadline, from
looking up the name to the last byte; on a channel that was used before, a call gets a share of it
(`_kept.py`). After a failure of the transport the next call
makes a new channel: gRPC's own would wait for up to two minutes before it connects
again, and the waits between attempts are ours.

A channel of the parent's is never used, closed or freed in the child of a fork;
`_grpc_fork` keeps forks and calls apart.

Import on first use: it loads 19 MB of native code.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from supervisors import SystemClock
from telemetry_actors.redaction.redaction import words_of
from telemetry_actors.settings.otlp_target import check_exact_url
from telemetry_actors.sinks._grpc_answer import NOT_CONNECTED, Reply
from telemetry_actors.sinks._grpc_fork import fork_gate
from telemetry_actors.sinks._kept import Trust


def _import_quietly() -> Any:
    """Each failed handshake would be a line on stderr: core logs at INFO unless told otherwise.

    ERROR is the level that its manual names as the default. Whoever has set one, or has
    imported gRPC before us, keeps what they have.
    """
    if "GRPC_VERBOSITY" in os.environ or "grpc" in sys.modules:
        import grpc  # type: ignore[import-untyped]

        return grpc
    os.environ["GRPC_VERBOSITY"] = "ERROR"
    try:
        import grpc
    finally:
        del os.environ["GRPC_VERBOSITY"]
    return grpc


grpc = _import_quietly()

_now_s = SystemClock().now_s  # a call's deadline is real time
_PORTS = {"http": 80, "https": 443}
_TRANSPORT = frozenset(("CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE"))
_OPTIONS = (
    ("grpc.enable_retries", 0),  # ours are counted
    ("grpc.use_local_subchannel_pool", 1),  # a new channel connects anew
)
_OPEN: set[Any] = set()  # so that a child doesn't free what is its parent's


class GrpcTls(NamedTuple):
    """Certificates, as file names of PEM; ``None`` = gRPC's own roots, no client certificate."""

    ca_file: str | None = None
    client_certificate_file: str | None = None
    client_key_file: str | None = None
    """``None``: the key is in the certificate's file."""


class GrpcChannel:
    """A connection to one host for one method.

    Args:
        url: ``http://host:port`` is plain, ``https://`` is TLS; its path is not used.
        method: full name, such as ``/package.Service/Method``.
        metadata: sent with each call; names in lower case.
        agent: what we call ourselves.

    Raises:
        ValueError: *url* is none.
    """

    def __init__(
        self,
        url: str,
        method: str,
        metadata: Mapping[str, str],
        *,
        compress: bool,
        tls: GrpcTls,
        agent: str,
    ) -> None:
        parts = urlsplit(check_exact_url(url))
        port = "" if parts.port else f":{_PORTS[parts.scheme]}"
        self._target = f"dns:///{parts.netloc.rstrip(':')}{port}"  # else "unix:1" is a socket
        self._tls = tls if parts.scheme == "https" else None
        self._method = method
        self._metadata = tuple(metadata.items())
        self._compression = grpc.Compression.Gzip if compress else grpc.Compression.NoCompression
        self._options = (*_OPTIONS, ("grpc.primary_user_agent", agent))
        self._channel: object = None
        self._call: object = None
        self._trust = Trust()

    def use_headers(self, metadata: Mapping[str, str]) -> None:
        """From the next call on. The thread that posts."""
        self._metadata = tuple(metadata.items())

    def post(self, body: bytes, timeout_s: float) -> Reply:
        """Send *body* once; wait for the reply, *timeout_s* seconds in all.

        Raises:
            Exception: only by a defect; what the network can do comes back as a `Reply`.
        """
        began_s = _now_s()
        if self._call is not None and self._trust.is_fresh(began_s):
            timeout_s = self._trust.share_s(timeout_s)
        elif self._call is not None:
            self.close()
        with fork_gate().call(self):
            try:
                reply = self._ready()(body, timeout=timeout_s, metadata=self._metadata)
                self._trust.answered(_now_s() - began_s, _now_s())
            except grpc.RpcError as error:
                with suppress(Exception):  # as below, while what it says is read
                    return self._failed(error)
                self.close()
                return Reply("UNAVAILABLE", details=_in_words(error))
            except OSError as error:  # a certificate's file; SSLError is one
                return Reply("UNAVAILABLE", details=f"{NOT_CONNECTED}: {_in_words(error)}")
            except ValueError:  # closed between our looking at it and the call
                self.close()
                return Reply("CANCELLED", details=f"{NOT_CONNECTED}: the channel was closed")
            except Exception as error:  # noqa: BLE001 -- whatever a peer makes a library raise
                self.close()
                return Reply("UNAVAILABLE", details=_in_words(error))
        return Reply("OK", reply)

    def close(self) -> None:
        """Close the connection; a call on its way ends as CANCELLED."""
        channel, self._channel, self._call = self._channel, None, None
        if channel is not None:
            _close(channel)

    def cancel(self) -> None:
        """End the call on its way, from another thread: its thread does the rest."""
        channel = self._channel
        if channel is not None:
            _close(channel)

    def _failed(self, error: Any) -> Reply:
        code = error.code().name
        trailing = dict(error.trailing_metadata() or ())
        if code in _TRANSPORT and not trailing:
            self.close()
        return Reply(
            code,
            details=error.details() or "",
            status=trailing.get("grpc-status-details-bin", b""),
            from_peer=bool(trailing),
        )

    def _ready(self) -> Any:
        call = self._call
        if call is None:
            channel = self._channel = self._open()
            _OPEN.add(channel)
            call = self._call = channel.unary_unary(self._method)  # bytes in, bytes out
        return call

    def _open(self) -> Any:
        options, compression = self._options, self._compression
        if self._tls is None:
            return grpc.insecure_channel(self._target, options, compression)
        return grpc.secure_channel(self._target, _credentials(self._tls), options, compression)


def _close(channel: Any) -> None:
    _OPEN.discard(channel)
    channel.close()
    fork_gate().stirred()


def _credentials(tls: GrpcTls) -> Any:
    """Read and tried with Python's own TLS first: gRPC ends the process over some mistakes."""
    certificate_file = tls.client_certificate_file
    key_file = certificate_file and (tls.client_key_file or certificate_file)
    context = ssl.create_default_context(cafile=tls.ca_file)
    if certificate_file:
        context.load_cert_chain(certificate_file, key_file, password=_no_password)
    return grpc.ssl_channel_credentials(
        _content(tls.ca_file), _content(key_file), _content(certificate_file)
    )


def _no_password() -> str:
    """Else OpenSSL would ask for it at the terminal."""
    return ""


def _content(name: str | None) -> bytes | None:
    return Path(name).read_bytes() if name else None


def _in_words(error: Exception) -> str:
    return words_of(error)
