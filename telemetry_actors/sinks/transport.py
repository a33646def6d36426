"""One POST, and all that can become of it: the border to HTTP.

A `Channel` belongs to one signal kind and is used by one thread at a time. It follows
no redirect, keeps no cookie, asks no ``.netrc``, reads at most 64 KiB of an answer, and
**knows whether the request was sent in full** when no answer comes: only then may
the receiver have it (semantics.md, ``unconfirmed``).

The time-out is one for the whole attempt: a peer that sends a byte now and then doesn't
prolong it. (Looking up the host's name is the operating system's, and has none.) Another
thread can end it before that (`_wire.py`). The connection is kept for the next request; one
that has died quietly (a load balancer, a NAT) costs a share of the attempt's time, since
what is kept is not trusted as what is new.

Import on first use: `requests` costs a process 100 ms.
"""

from __future__ import annotations

import gzip
import http
import http.client
from collections.abc import Mapping
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NamedTuple, cast

import requests

from supervisors import SystemClock
from telemetry_actors.redaction.redaction import words_of
from telemetry_actors.sinks._advice import Trouble, trouble_of
from telemetry_actors.sinks._http import Connection, route_to
from telemetry_actors.sinks._kept import Trust
from telemetry_actors.sinks._wire import Wire
from telemetry_actors.sinks.answer import Answer, decoded

MAX_ANSWER_BYTES = 65_536
_TOOK_TOO_LONG = 408
_GZIP_LEVEL = 1  # a quarter of the size for half of level 6's processor time
_LEAST_S = 0.001
_LAST_LOOK_S = 0.05
"""For an answer to a request that could not be sent in full."""

_now_s = SystemClock().now_s  # a socket knows no other clock


class NoAnswer(NamedTuple):
    """The transport failed."""

    error: str
    sent: bool
    """All of the request had been sent."""
    trouble: Trouble = Trouble.OTHER


class Tls(NamedTuple):
    """Certificates, as file names; ``None`` = what `requests` uses by itself."""

    ca_file: str | None = None
    client_certificate_file: str | None = None
    client_key_file: str | None = None


class Channel:
    """Requests to one URL, over one connection at a time.

    Raises:
        ValueError: the URL, or a proxy of the environment, can't be used.
    """

    def __init__(self, url: str, headers: Mapping[str, str], *, compress: bool, tls: Tls) -> None:
        self._wire = Wire()
        self._url = url
        self._compress = compress
        certificate = tls.client_certificate_file
        cert = (certificate, tls.client_key_file) if tls.client_key_file else certificate
        session = _Session()
        options = session.merge_environment_settings(url, {}, True, tls.ca_file, cast("Any", cert))
        prepared = self._prepared(headers)
        self._route = route_to(cast("str", prepared.url), options)
        self._headers = self._on_the_wire(prepared)
        self._kept: Connection | None = None
        self._trust = Trust()

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """From the next request on, over the same connection. The thread that posts."""
        self._headers = self._on_the_wire(self._prepared(headers))

    def _prepared(self, headers: Mapping[str, str]) -> requests.PreparedRequest:
        """Once for many: doing it anew for each request costs as much as sending it."""
        own = {"Content-Type": "application/x-protobuf", "Accept-Encoding": "identity"}
        if self._compress:
            own["Content-Encoding"] = "gzip"
        names = {name.lower() for name in own}
        given = {name: value for name, value in headers.items() if name.lower() not in names}
        request = requests.Request("POST", self._url, headers={**given, **own})
        return _Session().prepare_request(request)

    def _on_the_wire(self, prepared: requests.PreparedRequest) -> list[tuple[str, str]]:
        prepared.headers.pop("Content-Length", None)
        return [*prepared.headers.items(), *self._route.headers.items()]

    def post(self, body: bytes, timeout_s: float) -> Answer | NoAnswer:
        """Send *body* once; wait for the final answer, *timeout_s* seconds in all.

        Nothing is raised that a peer, or the library on what it sends, can bring about: not even a
        chunk of -5 bytes.
        """
        content = gzip.compress(body, _GZIP_LEVEL, mtime=0) if self._compress else body
        sending = _Sending(content, _now_s() + timeout_s)
        try:
            with self._wire.in_use():
                return self._exchange(sending)
        except Exception as error:  # noqa: BLE001 -- whatever a peer makes a library raise
            return _no_answer(error, sent=sending.sent)
        finally:
            sending.end()

    def _exchange(self, sending: _Sending) -> Answer:
        began_s = _now_s()
        kept, self._kept = self._kept, None
        if kept is not None and self._trust.is_fresh(began_s) and kept.is_connected:
            sending.until_s = min(sending.until_s, began_s + self._trust.share_s(sending.left_s()))
            sending.connection = kept
        else:
            if kept is not None:
                kept.close()
            sending.connection = self._route.connect()
            sending.connection.timeout = sending.left_s()
            sending.connection.connect()
        response = sending.send(self._route.target, self._headers)
        answer, whole = _read(response)
        if whole and sending.sent:
            self._trust.answered(_now_s() - began_s, _now_s())
            self._kept, sending.connection = sending.connection, None
        return answer

    def cancel(self) -> None:
        """End the request on its way, and each later one. Any thread."""
        self._wire.cut()

    def close(self) -> None:
        """Close the connection that is kept."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()


class _Sending:
    """One request on its way."""

    def __init__(self, content: bytes, until_s: float) -> None:
        self._content = content
        self.until_s = until_s
        self.connection: Connection | None = None
        self.sent = False
        """All of it."""

    def left_s(self) -> float:
        """Seconds until the attempt is over."""
        return max(_LEAST_S, self.until_s - _now_s())

    def send(self, target: str, headers: list[tuple[str, str]]) -> http.client.HTTPResponse:
        """Send it, and read the head of the final answer."""
        connection = self.connection
        assert connection is not None
        connection.sock.settimeout(self.left_s())
        connection.putrequest("POST", target, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(self._content)))
        with suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
            connection.endheaders()
            connection.send(self._content)
            self.sent = True
        # It may have said no (413, 401) before it had all of it, and then not have read on.
        connection.sock.settimeout(max(self.left_s(), 0.0 if self.sent else _LAST_LOOK_S))
        # urllib3's own would log a head that it can't parse, and reads the body.
        return http.client.HTTPConnection.getresponse(connection)

    def end(self) -> None:
        """Close what isn't kept: an answer not read to its end would be the next one's."""
        if self.connection is not None:
            with suppress(Exception):  # the answer has been read, or there is none: that stands
                self.connection.close()


def _read(response: http.client.HTTPResponse) -> tuple[Answer, bool]:
    """The answer, and whether the connection is good for another request."""
    # One that is told it took too long has been waited for; its connection is not kept.
    body = b"" if response.status == _TOOK_TOO_LONG else _body(response)
    headers = response.headers
    plain, all_of_it = decoded(body, headers.get("Content-Encoding", ""), MAX_ANSWER_BYTES)
    answer = Answer(
        status=response.status,
        body=plain,
        whole=all_of_it,
        content_type=headers.get("Content-Type", ""),
        retry_after=headers.get("Retry-After", ""),
        date=headers.get("Date", ""),
    )
    good = response.isclosed() and not response.will_close
    return answer, good and response.status != http.HTTPStatus.SWITCHING_PROTOCOLS


def _body(response: http.client.HTTPResponse) -> bytes:
    try:
        body = response.read(MAX_ANSWER_BYTES + 1)
        if response.length and len(body) <= MAX_ANSWER_BYTES:
            raise http.client.IncompleteRead(body, response.length)
    except Exception:
        if 200 <= response.status < 300:
            raise  # the body would have said how many records were rejected
        return b""
    return body


def _no_answer(error: Exception, *, sent: bool) -> NoAnswer:
    """A frame of its own: in one that *error* came through, ``root`` would hold itself and all."""
    root = _root_cause(error)
    return NoAnswer(words_of(root), sent, trouble_of(root))


def _root_cause(error: BaseException) -> BaseException:
    """The innermost error; the outer ones are the library's wrapping."""
    while True:
        nested = (getattr(error, "reason", None), *error.args[-1:], error.__cause__)
        inner = next((e for e in nested if isinstance(e, BaseException)), None)
        if inner is None:
            return error
        error = inner


class _Session(requests.Session):
    """Prepares a request, without what it does for a person. It sends none."""

    def __init__(self) -> None:
        super().__init__()
        self.headers.clear()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.auth = _as_it_is  # else .netrc would replace our authorization header


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
