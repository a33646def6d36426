"""What keeps a fork away from gRPC while gRPC is at work.

gRPC's core has threads of its own, and hooks that stop them for a fork and start them anew
on both sides. It skips those hooks while anybody is in a call; a child of such a fork then
waits for threads that it doesn't have (one in ten, tried with grpcio 1.85), and the
parent's next call may fail as well. So a fork waits here until no call of ours is
on its way: for `_GRACE_S`, then the calls are cancelled (their records are sent again), and
core gets `_SETTLE_S` to clear up. A fork with no call on its way doesn't wait at all.

The hook is registered with the first channel, never at import. ``GRPC_ENABLE_FORK_SUPPORT``
is left as it is: what it adds, for Python threads of gRPC's own, we don't use. Hosts
that fork without Python's hooks (uWSGI) get what gRPC itself does for them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from supervisors import SystemClock
from supervisors.system.clock import Token, new_token, release
from supervisors.system.native import Lock
from supervisors.system.process import of_this_process, this_process

_GRACE_S = 0.05  # most requests are answered by then
_CANCEL_S = 1.0  # a cancelled call is back within a millisecond, given a processor
_SETTLE_S = 0.05  # with 0 s two children in sixty hung, with this none did

_now_s = SystemClock().now_s  # core's threads know no other clock


class Cancellable(Protocol):
    """A channel, as far as a fork is concerned."""

    def cancel(self) -> None:
        """End the call on its way, from another thread."""


class _Changes:
    """A lock, and who waits with it for a change, as of `threading.Condition`; of native locks.

    In a host that gevent has patched the calls are on native threads, and a fork on its hub, which
    must not switch in the middle of it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: list[Token] = []

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_error: object) -> None:
        self._lock.release()

    def wait_for(self, is_so: Callable[[], bool], timeout_s: float) -> bool:
        """With the lock held, and given up meanwhile: what *is_so* says at last."""
        until_s, token = _now_s() + timeout_s, new_token()
        self._waiting.append(token)
        try:
            woken = True
            while woken and not is_so():
                left_s = max(0.0, until_s - _now_s())
                self._lock.release()
                try:
                    woken = token.acquire(True, left_s)
                finally:
                    self._lock.acquire()
            return is_so()
        finally:
            self._waiting.remove(token)

    def notify_all(self) -> None:
        """With the lock held: all that wait are to look again."""
        for token in self._waiting:
            release(token)


class ForkGate:
    """Who is in a call in this process; a fork closes it until nobody is."""

    def __init__(self) -> None:
        self._changed = _Changes()
        self._inside: list[Cancellable] = []
        self._forks = 0
        self._settled_s = 0.0

    @contextmanager
    def call(self, channel: Cancellable) -> Iterator[None]:
        """While *channel* is in a call. Waits while a fork is on its way."""
        with self._changed:
            self._changed.wait_for(lambda: not self._forks, _CANCEL_S)
            self._inside.append(channel)
        try:
            yield
        finally:
            with self._changed:
                self._inside.remove(channel)
                self._changed.notify_all()

    def stirred(self) -> None:
        """A channel was closed: core clears up behind it, for a moment."""
        self._settled_s = _now_s() + _SETTLE_S

    def before(self) -> None:
        """Return when a fork may happen; at the latest after 1.1 s, most often at once."""
        with self._changed:
            self._forks += 1
            if not self._changed.wait_for(self._is_empty, _GRACE_S):
                for channel in self._inside:
                    channel.cancel()
                self._changed.wait_for(self._is_empty, _CANCEL_S)
            left_s = self._settled_s - _now_s()
            if left_s > 0:
                self._changed.wait_for(lambda: False, left_s)

    def after(self) -> None:
        """In the parent: calls may go on."""
        with self._changed:
            self._forks -= 1
            self._changed.notify_all()

    def _is_empty(self) -> bool:
        return not self._inside


_KEY = "gRPC's gate"
_HOOKED: dict[str, bool] = {}


def fork_gate() -> ForkGate:
    """This process's gate: a child must not meet a lock that nobody is there to release.

    The first one brings the hooks.
    """
    if not _HOOKED.setdefault("hooked", False):
        _HOOKED["hooked"] = True
        os.register_at_fork(before=_before, after_in_parent=_after)
    return of_this_process(_KEY, ForkGate)


def _before() -> None:
    gate = this_process().own.get(_KEY)
    if gate is not None:
        gate.before()


def _after() -> None:
    gate = this_process().own.get(_KEY)
    if gate is not None:
        gate.after()
