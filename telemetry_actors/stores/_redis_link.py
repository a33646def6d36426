"""RedisLink: one connection to Redis, and round trips that end on time.

redis-py speaks the protocol; three things it leaves open are closed here:

- A *deadline* for the whole round trip (connect, TLS, AUTH, SELECT, all replies). Its own
  time-outs are for one read each, so a peer that sends a byte now and then is never late. (Only
  the resolver's look-up of a host's name keeps its own time.)
- A *process*: after a fork the child makes a connection of its own and writes nothing into its
  parent's, not even a goodbye.
- *Words*: what an error says has no secret in it (g30).
- A *role*: behind one address the primary may become another server. A connection to a server
  that says it isn't the one to write to is not kept.
- *Options*: what the URL says of redis-py's pool, its forms of replies and its retries has no
  effect here, where there is no pool and one form.

Nothing is retried but once: a connection that was idle may have been closed by the server
without our noticing, or its server may have changed its role, so the first failure on it is
answered with a new one.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

from redis import ConnectionError as RedisConnectionError
from redis import RedisError, ResponseError
from redis.backoff import NoBackoff
from redis.connection import Connection, parse_url
from redis.exceptions import AskError, ClusterDownError, MovedError, ReadOnlyError, TryAgainError
from redis.retry import Retry

from supervisors.system.native import unpatched
from supervisors.system.process import Process, this_process
from telemetry_actors.redaction.redaction import know_url, place_of, words_of

_MAX_WORDS = 200

_OURS = {
    "protocol": 2,
    "decode_responses": False,
    "encoding": "utf-8",
    "encoding_errors": "strict",
    "health_check_interval": 0,
    "retry_on_timeout": False,
}
"""Replies are bytes and keys are UTF-8, whatever the URL says."""
_WITHOUT_EFFECT = frozenset(
    (
        *("max_connections", "timeout", "retry_on_error", "legacy_responses"),
        *("socket_read_size", "single_connection_client"),
    )
)

_NOT_THE_PRIMARY = (ReadOnlyError, ClusterDownError, MovedError, AskError, TryAgainError)
_NOT_THE_PRIMARY_WORDS = ("READONLY", "read only replica", "MASTERDOWN", "NOREPLICAS", "MISCONF")
"""A script that has met it says so somewhere in its own error; the last two begin one that
redis-py has no class for. (LOADING is a `ConnectionError` of redis-py's.)"""

Command = tuple[str | int, ...]


class LinkError(Exception):
    """No answer, or none that can be used. Its text may be shown."""


class RedisLink:
    """Round trips to the Redis at *url*. Any thread; one at a time is the usual case.

    Two at once (a stage that hung comes back) have a connection each.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``, with redis-py's options.
    """

    def __init__(self, url: str, now_s: Callable[[], float]) -> None:
        self._url = url
        self._now_s = now_s
        know_url(url)
        self.place = place_of(url)
        """Scheme, host and port."""
        self._idle: tuple[Process, Any] | None = None
        self._closed = False

    def __repr__(self) -> str:
        return "<RedisLink>"

    def ask(self, commands: Sequence[Command], timeout_s: float) -> list[Any]:
        """Send *commands* at once and read a reply for each; a refusal is a `ResponseError`.

        Args:
            commands: must bear being sent twice.
            timeout_s: the longest that all of it may take.

        Raises:
            LinkError: refused, closed, late, or not let in.
        """
        until_s = self._now_s() + timeout_s
        try:
            return self._ask(commands, until_s)
        except (RedisError, OSError) as error:
            words = shown(error)
        except Exception as error:  # noqa: BLE001 -- of reading the URL, which its text may repeat
            words = f"redis_url can't be used ({type(error).__name__})"
        # Not inside the except: the cause may hold secrets and must not travel along (g30).
        raise LinkError(words)

    def _ask(self, commands: Sequence[Command], until_s: float) -> list[object]:
        connection = self._take_idle()
        if connection is not None:
            try:
                replies = self._talk(connection, commands, until_s)
                if not any(map(_is_of_the_role, replies)):
                    return replies
            except RedisConnectionError:  # a time-out is another class, and is not tried again
                pass
        return self._talk(self._new(until_s), commands, until_s)

    def _talk(self, connection: Any, commands: Sequence[Command], until_s: float) -> list[object]:
        connection.until_s = until_s
        try:
            packed = connection.pack_commands(commands)
            connection.send_packed_command(packed, check_health=False)
            replies = [_reply(connection) for _ in commands]
        except BaseException:
            connection.disconnect()  # replies that are still to come would be taken for others'
            raise
        if any(map(_is_of_the_role, replies)):
            connection.disconnect()  # whoever answers at the address next may be the primary
        else:
            self._keep(connection)
        return replies

    # -- connections ------------------------------------------------------------------------------

    def _take_idle(self) -> Any | None:
        idle, self._idle = self._idle, None
        # A parent's connection is let go: redis-py sees that the process is another one, and
        # closes this process's end of it without a word to the server.
        return idle[1] if idle is not None and idle[0] is this_process() else None

    def _keep(self, connection: Any) -> None:
        other, self._idle = self._idle, (this_process(), connection)
        if other is not None:
            other[1].disconnect()
        if self._closed:  # a stage that hung has come back
            self.close()

    def _new(self, until_s: float) -> object:
        options = parse_url(self._url)  # type: ignore[no-untyped-call]
        options = {n: o for n, o in options.items() if n not in _WITHOUT_EFFECT} | _OURS
        made = type(
            "BoundedConnection", (_Bounded, options.pop("connection_class", Connection)), {}
        )
        left_s = max(0.001, until_s - self._now_s())
        options |= {"socket_timeout": left_s, "socket_connect_timeout": left_s}
        connection = made(**options, retry=Retry(NoBackoff(), 0))
        connection.now_s = self._now_s
        return connection

    def close(self) -> None:
        """Let the connection go, and keep none any more."""
        self._closed = True
        connection = self._take_idle()
        if connection is not None:
            connection.disconnect()


def shown(error: BaseException) -> str:
    """Type and text of *error*, on one line, without secrets; at most 200 characters."""
    return ascii(words_of(error)[:_MAX_WORDS])[1:-1]


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def _is_of_the_role(reply: object) -> bool:
    """Whether *reply* says that its server is not, or not now, the one to write to."""
    if not isinstance(reply, ResponseError):
        return False
    return isinstance(reply, _NOT_THE_PRIMARY) or any(
        words in str(reply) for words in _NOT_THE_PRIMARY_WORDS
    )


class _Bounded:
    """What makes a connection class of redis-py end on time."""

    until_s = 0.0
    now_s: Callable[[], float]

    def _connect(self) -> object:
        return _BoundedSocket(unpatched(super()._connect()), self)  # type: ignore[misc]  # of redis-py

    def left_s(self) -> float:
        """Seconds until the deadline of the round trip.

        Raises:
            TimeoutError: there are none.
        """
        left_s = self.until_s - self.now_s()
        if left_s <= 0:
            raise TimeoutError("timed out")
        return left_s


class _BoundedSocket:
    """A socket whose reads and writes all end at one moment."""

    def __init__(self, plain: socket.socket, connection: _Bounded) -> None:
        self._plain = plain
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    def recv(self, size: int) -> bytes:
        self._plain.settimeout(self._connection.left_s())
        return self._plain.recv(size)

    def recv_into(self, buffer: Any, *sizes: int) -> int:  # hiredis, where it is installed
        self._plain.settimeout(self._connection.left_s())
        return self._plain.recv_into(buffer, *sizes)

    def sendall(self, data: bytes) -> None:
        self._plain.settimeout(self._connection.left_s())
        self._plain.sendall(data)
