"""A thread for one errand or question, started without a lock and without a wait.

`threading.Thread.start` takes a lock that the caller may hold already, if it is a signal handler
that has interrupted another start.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from supervisors import Clock
from supervisors.system.clock import new_token, release, wait_until
from supervisors.system.native import begin

T = TypeVar("T")
_LOOK_S: Final = 0.25
"""Seconds between two looks whether the thread that was to answer is there at all."""


class _Lifeline:
    """Goes with the thread."""

    __slots__ = ("__weakref__",)


class Aside:
    """An errand on its way. Looked at by whoever waits for it."""

    def __init__(self, errand: Callable[[], object]) -> None:
        def run(_lifeline: object) -> None:
            self._began = True
            errand()

        lifeline = _Lifeline()
        self._began = False
        self._lifeline = weakref.ref(lifeline)
        begin(run, lifeline)

    def never_came(self) -> bool:
        """Its thread is gone, and had no memory for its first step: nobody does the errand.

        The thread alone holds its argument. (What it was to call, 3.11 and 3.12 leak.)
        """
        return self._lifeline() is None and not self._began


def run_aside(errand: Callable[[], object]) -> Aside:
    """Run *errand* on a new daemon thread, native in any host. Any thread, re-entrant.

    Raises:
        RuntimeError: no thread can be started.
    """
    return Aside(errand)


class Asked(Generic[T]):
    """A question to a thread of its own: what it gives or raises is for whoever asked.

    It is put once, by `aside` or `here`. Where its thread never came, it may be put again, here.

    Args:
        on_over: called on the thread that has answered, whatever the answer is.
    """

    def __init__(
        self, question: Callable[[], T], on_over: Callable[[], None] | None = None
    ) -> None:
        self.token = new_token()
        """Released when it is over, unless *on_over* is called then."""
        self.given: list[T] = []
        """The answer, if there is one."""
        self._question = question
        self._on_over = on_over or (lambda: release(self.token))
        self._raised: list[BaseException] = []
        self._aside: Aside | None = None

    def here(self) -> None:
        """Put it to the calling thread. Never raises; see `answer`."""
        try:
            self.given.append(self._question())
        except BaseException as error:  # noqa: BLE001 -- it is raised where it was asked for
            self._raised.append(error)
        finally:
            self._on_over()

    def aside(self) -> None:
        """Put it to a thread of its own. Any thread, re-entrant, never waits.

        Raises:
            RuntimeError: no thread can be started.
        """
        self._aside = run_aside(self.here)

    @property
    def is_over(self) -> bool:
        """It has an answer, or has raised."""
        return bool(self.given or self._raised)

    def never_came(self) -> bool:
        """See `Aside`."""
        return self._aside is not None and self._aside.never_came()

    def wait(self, clock: Clock, until_s: float | None = None) -> bool:
        """Whether it is over; waits for it until *until_s*, and no longer if its thread is gone."""
        wait_until(lambda: self.is_over or self.never_came(), clock, self.token, until_s, _LOOK_S)
        return self.is_over

    def answer(self) -> T:
        """What was given. It is over.

        Raises:
            BaseException: what was raised.
        """
        if self._raised:
            raise self._raised[0]
        return self.given[0]
