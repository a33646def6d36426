"""Answer: a Pykka future whose wait goes by the tree's clock.

Pykka's own waits on a condition, which no virtual clock can see. This one waits on a token,
so that in a deterministic runtime the wait itself runs the tree.
"""

from __future__ import annotations

import sys
from typing import Any, TypeVar

import pykka

from supervisors.system.clock import Clock, new_token, release, wait_until
from supervisors.system.process import this_process

T = TypeVar("T")


class Answer(pykka.Future[T]):
    """Set once, by the actor's thread; read by any."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__()
        from supervisors.system.clock import SystemClock

        self._clock = clock or SystemClock()
        self._token = new_token()
        self._process = this_process()
        self._done = False
        self._value: object = None
        self._error: BaseException | None = None
        self.address: Any = None
        """Of the child that the value is about, since it may end before anybody reads this."""

    @property
    def done(self) -> bool:
        """Whether it has been set."""
        return self._done

    def get(self, *, timeout: float | None = None) -> Any:
        """The value, once it is there.

        Raises:
            pykka.Timeout: it was not there within *timeout* seconds.
            pykka.ActorDeadError: this is the child of a fork, and who was to answer is not here.
            Exception: the answer was an error.
        """
        try:
            return super().get(timeout=timeout)  # a mapped or joined future has a hook
        except NotImplementedError:
            pass
        self._wait(timeout)
        if self._error is not None:
            raise self._error
        return self._value

    def _wait(self, timeout_s: float | None) -> None:
        until_s = None if timeout_s is None else self._clock.now_s() + timeout_s
        if not wait_until(self._is_there, self._clock, self._token, until_s):
            raise pykka.Timeout(f"{timeout_s} seconds")
        release(self._token)  # for whoever else waits

    def _is_there(self) -> bool:
        if not self._done and self._process is not this_process():
            raise pykka.ActorDeadError("who was asked is in the parent process")
        return self._done

    def set(self, value: object | None = None) -> None:
        """Give the value."""
        self._finish(value, None)

    def set_exception(self, exc_info: Any = None) -> None:
        """Give an error: an ``exc_info`` triple, or the exception being handled."""
        kind, error, traceback = exc_info or sys.exc_info()
        if error is None:
            error = kind() if kind is not None else RuntimeError("no exception is being handled")
        self._finish(None, error.with_traceback(traceback))

    def _finish(self, value: object, error: BaseException | None) -> None:
        if self._done:
            return  # the first answer counts
        self._value, self._error = value, error
        self._done = True
        release(self._token)
