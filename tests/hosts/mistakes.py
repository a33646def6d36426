"""Mistakes that people make, as data: what is wrong, and every line that is read about it.

A row is a program of its own. Whoever reads nothing but stderr must know what to change, so each
line is compared as a whole.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Mapping
from typing import NamedTuple, Self

from tests.receivers.faulty import Behaviour, answer, close, hang, raw

__all__ = ["MISTAKES", "ONE_EVENT", "SECRET", "Mistake"]

SECRET = "Xyzzy-Sesame-42"
"""In keys, logins and payloads: never in a line."""

ONE_EVENT = f"""
emit("app_created", {{"tenant_id": "acme"}}, {{"app_id": "{SECRET}", "mode": "chat"}})
get_gateway().flush(1.5)
"""
LOST = (
    r"1 events were not delivered before the process ended \(shutdown \d, unconfirmed \d;"
    r" waited [0-9.]+ s\)(; sink otlp \([a-z, ]+\) fails \(retry: .*\) at {url}\S*)?"
)
HTTP_REFUSED = r"ConnectionRefusedError: \[Errno 111\] Connection refused"
_WELL = answer(200)


class Curt(socketserver.ThreadingTCPServer):
    """A server of plain HTTP that answers whatever it can't read, such as a TLS handshake."""

    daemon_threads = True

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1)
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class Mistake(NamedTuple):
    """One row."""

    name: str
    lines: tuple[str, ...]
    """Regular expressions, each of one line, in any order; ``{{url}}`` and ``{{place}}`` are the
    receiver's."""
    receiver: Behaviour | str | type[Curt] = _WELL
    """What answers, or the URL where nothing does."""
    environment: Mapping[str, str] = {}
    program: str = ONE_EVENT
    endpoint: str = "{url}"


_AUTHORITY = r"\(ENTERPRISE_OTLP_ENDPOINT, or OTEL_EXPORTER_OTLP_ENDPOINT\)"
ENDPOINTS = (
    Mistake(
        "nothing listens",
        (
            (
                rf"sink otlp/\w+ fails \(retry: {HTTP_REFUSED}\) at {{url}}/v1/\w+: nothing"
                rf" listens at {{place}}; is the receiver running, and is that its port\? OTLP over"
                rf" HTTP has 4318 as a rule, over gRPC 4317"
            ),
            LOST,
        ),
        receiver="http://127.0.0.1:9",
    ),
    Mistake(
        "a path that is added, too",
        (
            (
                rf"sink otlp/\w+ fails \(refused: HTTP 404\) at {{url}}/v1/logs/v1/\w+: the base"
                rf" URL is wanted, to which /v1/\w+ is added: end the endpoint before /v1/"
                rf" {_AUTHORITY}"
            ),
        ),
        receiver=answer(404),
        endpoint="{url}/v1/logs",
    ),
    Mistake(
        "no receiver at this path",
        (
            (
                rf"sink otlp/\w+ fails \(refused: HTTP 404\) at {{url}}/v1/\w+: no OTLP receiver"
                rf" is at this path; the endpoint {_AUTHORITY} is a base URL, to which /v1/logs,"
                rf" /v1/traces and /v1/metrics are added"
            ),
        ),
        receiver=answer(404),
    ),
    Mistake(
        "a key that is wrong",
        (
            (
                r"sink otlp/\w+ fails \(refused: HTTP 401\) at {url}/v1/\w+: sent was the header"
                r" authorization: is its value right, and meant for this URL\?"
            ),
        ),
        receiver=answer(401),
        environment={"ENTERPRISE_OTLP_API_KEY": SECRET},
    ),
    Mistake(
        "no key",
        (
            (
                r"sink otlp/\w+ fails \(refused: HTTP 403\) at {url}/v1/\w+: no header was sent"
                r" that says who we are; set ENTERPRISE_OTLP_API_KEY, or ENTERPRISE_OTLP_HEADERS"
                r" \(name=value\)"
            ),
        ),
        receiver=answer(403),
    ),
    Mistake(
        "it redirects",
        (
            (
                r"sink otlp/\w+ fails \(refused: HTTP 307\) at {url}/v1/\w+: {place} redirects,"
                r" and no redirect is followed; name the address that it leads to"
            ),
        ),
        receiver=answer(307, location="https://elsewhere.invalid/"),
    ),
    Mistake(
        "TLS to a plain port",
        (
            (
                r"sink otlp/\w+ fails \(retry: SSLError: .*\) at https://{place}/v1/\w+: what"
                r" listens at {place} speaks no TLS; the endpoint should begin with http://"
            ),
            LOST.replace("{url}", "https://{place}"),
        ),
        receiver=Curt,
        endpoint="https://{place}",
    ),
    Mistake(
        "another protocol",
        (
            (
                r"sink otlp/\w+ fails \(retry: BadStatusLine: .*\) at {url}/v1/\w+: what listens"
                r" at {place} speaks no HTTP; for gRPC set ENTERPRISE_OTLP_PROTOCOL=grpc, for HTTP"
                r" name its port \(as a rule 4318\)"
            ),
            LOST,
        ),
        receiver=raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    ),
    Mistake(
        "it closes",
        (
            (
                r"sink otlp/\w+ fails \(retry: RemoteDisconnected: .*\) at {url}/v1/\w+: {place}"
                r" closed the connection without an answer; if it speaks TLS, the endpoint should"
                r" begin with https://"
            ),
            LOST,
        ),
        receiver=close,
    ),
    Mistake(
        "it hangs",
        (
            (
                r"sink otlp/\w+ fails \(retry: .*[Tt]imed? ?out.*\) at {url}/v1/\w+: {place}"
                r" didn't answer within otlp.attempt_timeout_s; is it overloaded, or is a firewall"
                r" in between\?"
            ),
            LOST,
        ),
        receiver=hang,
        environment={"TELEMETRY_ACTORS__OTLP__ATTEMPT_TIMEOUT_S": "0.3"},
    ),
    Mistake(
        "a stop that is too short for an answer",
        (
            (
                r"1 events were not delivered before the process ended \(shutdown \d,"
                r" unconfirmed \d; waited [0-9.]+ s\); the stop's time was too short for"
                r" them: sink otlp at {url}"
            ),
        ),
        receiver=hang,
        environment={"TELEMETRY_ACTORS__OTLP__ATTEMPT_TIMEOUT_S": "10"},
    ),
    Mistake(
        "a name that isn't there",
        (
            (
                r"sink otlp/\w+ fails \(retry: gaierror: .*\) at {url}/v1/\w+: the name"
                r" nowhere\.invalid can't be looked up from here; is it spelt as it should be\?"
            ),
            LOST,
        ),
        receiver="http://nowhere.invalid:4318",
    ),
    Mistake(
        "gRPC to a port of HTTP",
        (
            (
                r"sink otlp/\w+ fails \(retry: gRPC UNAVAILABLE .*\) at {url}: what listens at"
                r" {place} speaks no gRPC; for HTTP set ENTERPRISE_OTLP_PROTOCOL=http, for gRPC"
                r" name its port \(as a rule 4317\)"
            ),
            LOST,
        ),
        receiver=raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
        environment={"ENTERPRISE_OTLP_PROTOCOL": "grpc"},
    ),
    Mistake(
        "gRPC to where nothing listens",
        (
            (
                r"sink otlp/\w+ fails \(retry: gRPC UNAVAILABLE .*\) at {url}: nothing listens at"
                r" {place}; is the receiver running, and is that its port\? OTLP over gRPC has"
                r" 4317 as a rule, over HTTP 4318"
            ),
            LOST,
        ),
        receiver="http://127.0.0.1:9",
        environment={"ENTERPRISE_OTLP_PROTOCOL": "grpc"},
    ),
    Mistake(
        "no endpoint at all",
        (
            (
                r"no sink: events end as dropped \(no_sink\)\. Set TELEMETRY_ACTORS__ENDPOINT,"
                r" or ENTERPRISE_OTLP_ENDPOINT, or hand sinks to init\(\)"
            ),
        ),
        endpoint="",
    ),
    Mistake("nothing is wrong", ()),
)
MISTAKES = ENDPOINTS
