"""What to do about a request that failed: from what the peer or the network said to one sentence.

Pure: no socket, no clock, no settings. `otlp` and `otlp_grpc` put it beside the result, and the log
says it once per cause. Never in it: a value of a header, a login, a word of a payload.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterable
from enum import StrEnum
from http.client import BadStatusLine, RemoteDisconnected
from urllib.parse import urlsplit


class Trouble(StrEnum):
    """Why there was no answer."""

    REFUSED = "refused"
    NO_NAME = "no name"
    NO_TLS = "no TLS"
    BAD_CERTIFICATE = "bad certificate"
    TIMEOUT = "timeout"
    NOT_HTTP = "not HTTP"
    CLOSED = "closed"
    NO_FILE = "no file"
    OTHER = "other"


_OF_ERRORS: tuple[tuple[type[BaseException], Trouble], ...] = (
    (ConnectionRefusedError, Trouble.REFUSED),
    (socket.gaierror, Trouble.NO_NAME),
    (ssl.SSLCertVerificationError, Trouble.BAD_CERTIFICATE),
    (TimeoutError, Trouble.TIMEOUT),
    (RemoteDisconnected, Trouble.CLOSED),
    (ConnectionResetError, Trouble.CLOSED),
    (BrokenPipeError, Trouble.CLOSED),
    (BadStatusLine, Trouble.NOT_HTTP),
    (FileNotFoundError, Trouble.NO_FILE),
)
_NO_TLS = ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
_SAID = (  # by gRPC, which has no other word for it than its text
    (r"Connection refused", Trouble.REFUSED),
    (r"Domain name not found|DNS resolution failed|address lookup failed", Trouble.NO_NAME),
    (r"CERTIFICATE_VERIFY_FAILED", Trouble.BAD_CERTIFICATE),
    (r"WRONG_VERSION_NUMBER|[Ss]{2}L.{0,20}handshake", Trouble.NO_TLS),
    (r"Deadline Exceeded|[Tt]imed? ?out", Trouble.TIMEOUT),
    (r"Socket closed|Connection reset|end of TCP stream|Broken pipe", Trouble.CLOSED),
    (r"Trying to connect an http1\.x server|Failed parsing HTTP/2", Trouble.NOT_HTTP),
)
_ENDPOINT = "ENTERPRISE_OTLP_ENDPOINT, or OTEL_EXPORTER_OTLP_ENDPOINT"
_LOGINS = re.compile(r"authorization|key|token|secret|auth", re.IGNORECASE)


def trouble_of(error: BaseException) -> Trouble:
    """What the transport's innermost *error* means.

    >>> trouble_of(ConnectionRefusedError(111, "Connection refused"))
    <Trouble.REFUSED: 'refused'>
    """
    for kind, trouble in _OF_ERRORS:
        if isinstance(error, kind):
            return trouble
    if isinstance(error, ssl.SSLError):
        reason = str(getattr(error, "reason", "") or "")
        return Trouble.NO_TLS if any(word in reason for word in _NO_TLS) else Trouble.OTHER
    return Trouble.OTHER


def trouble_said(details: str) -> Trouble:
    """What gRPC's own words mean.

    >>> trouble_said("failed to connect to all addresses; Connection refused (111)")
    <Trouble.REFUSED: 'refused'>
    """
    for pattern, trouble in _SAID:
        if re.search(pattern, details):
            return trouble
    return Trouble.OTHER


_ON_TROUBLE = {
    Trouble.REFUSED: "nothing listens at {place}; is the receiver running, and is that its port?"
    " OTLP over {ours} has {port} as a rule, over {other} {other_port}",
    Trouble.NO_NAME: "the name {host} can't be looked up from here; is it spelt as it should be?",
    Trouble.NO_TLS: "what listens at {place} speaks no TLS; the endpoint should begin with http://",
    Trouble.BAD_CERTIFICATE: "the certificate of {place} isn't trusted here;"
    " TELEMETRY_ACTORS__OTLP__CA_FILE names the file of an authority of one's own",
    Trouble.TIMEOUT: "{place} didn't answer within otlp.attempt_timeout_s; is it overloaded, or is"
    " a firewall in between?",
    Trouble.NOT_HTTP: "what listens at {place} speaks no {ours}; for {other} set"
    " ENTERPRISE_OTLP_PROTOCOL={other_setting}, for {ours} name its port (as a rule {port})",
    Trouble.CLOSED: "{place} closed the connection without an answer{maybe_tls}",
    Trouble.NO_FILE: "a certificate's or a key's file isn't there",
    Trouble.OTHER: "",
}


def advice_on_trouble(trouble: Trouble, url: str, *, grpc: bool) -> str:
    """What to do where there was no answer from *url*; "" = nobody can say.

    >>> advice_on_trouble(Trouble.NO_TLS, "https://h:4318/v1/logs", grpc=False)
    'what listens at h:4318 speaks no TLS; the endpoint should begin with http://'
    """
    maybe_tls = "; if it speaks TLS, the endpoint should begin with https://"
    return _ON_TROUBLE[trouble].format(
        place=_place(url),
        host=urlsplit(url).hostname or "",
        ours="gRPC" if grpc else "HTTP",
        port=4317 if grpc else 4318,
        other="HTTP" if grpc else "gRPC",
        other_port=4318 if grpc else 4317,
        other_setting="http" if grpc else "grpc",
        maybe_tls=maybe_tls if url.startswith("http:") else "",
    )


_WAITS = "it is tried again by itself, for otlp.give_up_s"
_ON_STATUS = {
    400: "{place} can't take this request as it is; logs and spans are sent again in halves until"
    " the one at fault is alone, which ends as rejected and in the dead letters, where those are"
    " kept; if all are refused, is it an OTLP receiver?",
    406: "{place} doesn't take http/protobuf; is it an OTLP receiver?",
    407: "the proxy wants a login; HTTPS_PROXY and HTTP_PROXY may have one in their URL",
    408: "{place}, or a proxy before it, waited too long for the request; " + _WAITS,
    413: "the request is larger than {place} takes; it is halved and sent again until it fits;"
    " raise the limit there, or lower sink.batch_bytes",
    415: "{place} doesn't take http/protobuf; is it an OTLP receiver?",
    429: "{place} takes no more for now; " + _WAITS + "; send less, or raise the limits there",
    500: "{place} has failed with this request, which is not sent again; its own log says why",
    502: "a proxy at {place} can't reach the receiver behind it; " + _WAITS,
    503: "{place} is overloaded or not ready; " + _WAITS,
    504: "a proxy at {place} had no answer from the receiver behind it; " + _WAITS,
    **dict.fromkeys(
        (301, 302, 303, 307, 308),
        "{place} redirects, and no redirect is followed; name the address that it leads to",
    ),
}


def advice_on_http(status: int, url: str, headers: Iterable[str], message: str) -> str:
    """What to do about an answer with *status*; "" where there is nothing to do but to wait.

    Args:
        status: of HTTP, or the one that a code of gRPC is as good as.
        headers: names of those that were sent; never their values.
        message: the receiver's words.
    """
    if "HTTPS server" in message or "SSL-enabled" in message:
        return f"{_place(url)} speaks TLS; the endpoint should begin with https://"
    if status in (401, 403):
        return _advice_on_login(headers)
    if status in (404, 405):
        return _advice_on_path(url)
    return _ON_STATUS.get(status, "").format(place=_place(url))


def _advice_on_path(url: str) -> str:
    path = urlsplit(url).path
    twice = re.fullmatch(r"(.*?)/v1/(?:logs|traces|metrics)/?(/v1/(?:logs|traces|metrics))", path)
    if twice:
        return (
            f"the base URL is wanted, to which {twice[2]} is added: end the endpoint before"
            f" /v1/ ({_ENDPOINT})"
        )
    return (
        f"no OTLP receiver is at this path; the endpoint ({_ENDPOINT}) is a base URL, to which"
        " /v1/logs, /v1/traces and /v1/metrics are added"
    )


def _advice_on_login(headers: Iterable[str]) -> str:
    sent = sorted(name.lower() for name in headers if _LOGINS.search(name))
    if sent:
        return f"sent was the header {', '.join(sent)}: is its value right, and meant for this URL?"
    return (
        "no header was sent that says who we are; set ENTERPRISE_OTLP_API_KEY,"
        " or ENTERPRISE_OTLP_HEADERS (name=value)"
    )


def shown_url(url: str) -> str:
    """*url* without login, query and fragment.

    >>> shown_url("https://u:p@h:4318/v1/logs?key=k")
    'https://h:4318/v1/logs'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _place(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
