"""The faults that a receiver can have, as data: what it does, and what must come of it.

One list for the fault matrix of the tests and for the benchmark that puts the OpenTelemetry
SDK beside us. What a *sender* can do wrong (poison, sizes, crashes, clocks) is not here.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, Self

from tests.receivers.faulty import (
    Behaviour,
    answer,
    close,
    hang,
    in_turn,
    raw,
    reset,
    shake_no_hands,
    slowly,
    stream,
    take_part,
)
from tests.receivers.judge import (
    ACCEPT,
    Asked,
    Deaf,
    Judge,
    Kept,
    Plan,
    Silent,
    Step,
    after,
    before,
    partial,
)

__all__ = ["FAULTS", "MARK", "NO_ANSWER", "Fault", "Nowhere", "Receiver", "outage"]

MARK = "marked-by-the-test"
"""A receiver that can't take one record refuses every request that holds this text."""

_NO_HOST = "receiver.invalid"
_HUGE_BYTES = 67_108_864
_HALF_AN_ANSWER = b"HTTP/1.1 200 X\r\nContent-Length: 4000\r\n\r\n" + bytes(2000)
_GARBAGE = b"SSH-2.0-OpenSSH_9.2\r\n\x00\xff\x00\xff\r\n\r\n"
_REFUSED, NO_ANSWER = {"rejected"}, {"unconfirmed", "shutdown", "retry_exhausted"}
_HALVED = {*_REFUSED, *NO_ANSWER}  # down to each single record: there may be no time for it
_NEVER = {"retry_exhausted", "shutdown"}


class Receiver(Protocol):
    """Who is sent to, and what it has in the end."""

    endpoint: str

    def kept(self) -> Kept:
        """So far."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Fault(NamedTuple):
    """One way in which a receiver fails."""

    name: str
    receiver: Callable[[], AbstractContextManager[Receiver]]
    delivers: str
    """``all``, ``none`` or ``some`` of the records."""
    reasons: frozenset[str] = frozenset()
    """Of drops that may come of it; one of them must, unless all are delivered."""
    seconds: float = 0.0
    """How long it lasts, where it ends by itself."""
    per_request_s: float = 0.0
    """How long it makes each request last, where it answers them all."""
    otlp: dict[str, Any] = {}
    """Settings that it needs beside the usual short ones."""


def _always(step: Step) -> Callable[[], Judge]:
    return lambda: Judge(lambda _asked: step)


def _refuses(status: int, **headers: str) -> Callable[[], Judge]:
    return _always(before(answer(status, b"no", **headers)))


def outage(seconds: float, behave: Behaviour | None = None) -> Fault:
    """503 (or *behave*) for so many seconds from the first request on, then all is well."""
    down = before(behave or answer(503))

    def plan(asked: Asked) -> Step:
        return down if asked.at_s < seconds else ACCEPT

    name = f"outage {seconds:g} s"
    return Fault(name, lambda: Judge(plan), "all", seconds=seconds, otlp={"give_up_s": 60.0})


def _throttled(asked: Asked) -> Step:
    return before(answer(429, retry_after="1")) if asked.at_s < 0.3 else ACCEPT


def _flapping(asked: Asked) -> Step:
    """Down every other twentieth of a second, in three ways by turns."""
    turn = int(asked.at_s / 0.05)
    ways = (before(answer(503)), after(reset), before(close))
    return ways[turn // 2 % 3] if turn % 2 == 0 else ACCEPT


def _picky(asked: Asked) -> Step:
    return before(answer(400, b"bad record")) if MARK.encode() in asked.body else ACCEPT


def _half(asked: Asked) -> Step:
    return partial(asked, asked.records // 2)


def _none(asked: Asked) -> Step:
    return partial(asked, asked.records)


def _judge(plan: Plan) -> Callable[[], Judge]:
    return lambda: Judge(plan)


class Nowhere(Silent):
    """A name that no name server knows (RFC 6761).

    In this process the answer is made up, since a real server may take any time for it.

    Args:
        hangs: it doesn't answer at all until this ends.
    """

    def __init__(self, *, hangs: bool = False) -> None:
        super().__init__()
        self.endpoint = f"http://{_NO_HOST}:4318"
        self._ended = threading.Event()
        self._hangs = hangs
        self._real = socket.getaddrinfo

    def __enter__(self) -> Self:
        socket.getaddrinfo = self._look_up
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        socket.getaddrinfo = self._real
        self._ended.set()
        super().__exit__(*error)

    def _look_up(self, host: Any, *more: Any, **options: Any) -> Any:
        if host != _NO_HOST:
            return self._real(host, *more, **options)
        if self._hangs:
            self._ended.wait()
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def _fault(
    name: str, receiver: Callable[[], Any], delivers: str, reasons: set[str] | None = None
) -> Fault:
    return Fault(name, receiver, delivers, frozenset(reasons or ()))


FAULTS = [
    _fault("well", _always(ACCEPT), "all"),
    _fault("refused connection", Silent, "none", _NEVER),
    *(_fault(f"{s}", _refuses(s), "none", _REFUSED) for s in (401, 403, 404, 500)),
    *(_fault(f"{s}", _refuses(s), "none", _HALVED) for s in (400, 413)),
    _fault("302", _refuses(302, location="/elsewhere"), "none", _REFUSED),
    _fault("503", _refuses(503), "none", _NEVER),
    _fault("429, Retry-After 1 s", _judge(_throttled), "all")._replace(
        seconds=1.3, otlp={"give_up_s": 10.0}
    ),
    _fault("partial success, half", _judge(_half), "some", _REFUSED),
    _fault("partial success, none", _judge(_none), "none", _REFUSED),
    _fault("one bad record, 400", _judge(_picky), "all"),
    _fault("slow", _always(after(slowly(0.1, answer(200)))), "all")._replace(per_request_s=0.1),
    _fault("hang at connect", lambda: Silent(hangs=True), "none", _NEVER),
    _fault("hang at headers", _always(after(hang)), "none", NO_ANSWER),
    _fault("hang mid-body", _always(after(in_turn(raw(_HALF_AN_ANSWER), hang))), "none", NO_ANSWER),
    _fault("reset mid-request", lambda: Deaf(in_turn(take_part(200), reset)), "none", NO_ANSWER),
    _fault(
        "reset mid-body", _always(after(in_turn(raw(_HALF_AN_ANSWER), reset))), "none", NO_ANSWER
    ),
    _fault("end without an answer", _always(after(close)), "none", NO_ANSWER),
    _fault("garbage answer", _always(after(raw(_GARBAGE))), "none", NO_ANSWER),
    _fault("huge answer", _always(after(stream(_HUGE_BYTES))), "all"),
    _fault("DNS failure", Nowhere, "none", _NEVER),
    _fault("TLS failure", lambda: Deaf(shake_no_hands, scheme="https"), "none", _NEVER),
    _fault("flapping", _judge(_flapping), "all")._replace(
        seconds=1.2, per_request_s=0.05, otlp={"give_up_s": 60.0}
    ),
]
