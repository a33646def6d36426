"""When reports are told: a few of a kind at once, then a count a minute; on a thread of its own.

What is told goes through a host's logging, which may raise, wait, or ask an actor of this very
tree. So no supervisor and no actor ever waits for it: reports are handed over to a thread that
does nothing else, and that is started with the first one. Whatever is raised there stays there.
A handler that is an actor of the tree, and crashes of what it is told, makes no storm: a crash
at the same place is told five times a minute, and all of a tree's a hundred times.

Without threads (`run/deterministic.py`), and where none can be had, it is told where it happens.
"""

from __future__ import annotations

import logging
from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from supervisors.errors import ThreadRefused
from supervisors.run.reports import Report
from supervisors.system.clock import Token, new_token, release
from supervisors.system.native import Lock, acquire, get_ident
from supervisors.thread import Thread, new_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from supervisors.run._ports import Host

_IN_ALL: Final = 100
_PERIOD_S: Final = 60.0
_KINDS: Final = 1000
"""Kinds that are told apart; those that come later share one bound."""
_OTHERS: Final = "others"


class _Bound:
    """How many of one kind were told within the last minute, and how many were not."""

    __slots__ = ("left_out", "like", "said", "since_s")

    def __init__(self, now_s: float) -> None:
        self.since_s, self.said, self.left_out = now_s, 0, 0
        self.like: Report | None = None
        """One of those that were left out, without its error."""


class Reporter:
    """Tells what there is to be told of one tree.

    Args:
        runtime: of the tree; its ``report`` is called with each one, and may wait.
        threaded: on a thread of its own.
    """

    def __init__(self, runtime: Host, *, threaded: bool = True) -> None:
        self._runtime = runtime
        self._threaded = threaded
        self._waiting: deque[Report | Token] = deque()
        self._token = new_token()
        self._thread: Thread | None = None
        self._closed = False
        self._lock = Lock()
        """Guards the bounds. Taken by the control thread and ours, for an instant."""
        self._bounds: dict[Hashable, _Bound] = {}
        self._tidied_s = float("-inf")
        self._in_all = _Bound(runtime.clock.now_s())

    def report(self, kind: Hashable, make: Callable[[], Report]) -> None:
        """Have what *make* makes told, unless many of its *kind* were. Control thread.

        Args:
            kind: of these a few a minute.
            make: called if it is told, and once a minute if it isn't.
        """
        with self._lock:
            counted, is_told = self._admit(kind, make)
        for report in [*counted, *([make()] if is_told else [])]:
            self._hand_over(report)

    def _admit(self, kind: Hashable, make: Callable[[], Report]) -> tuple[list[Report], bool]:
        now_s, at_once = self._runtime.clock.now_s(), self._runtime.reports_at_once
        bound = self._bound(kind, now_s)
        counted = [one for one in (bound, self._in_all) if now_s - one.since_s >= _PERIOD_S]
        found = [report for one in counted if (report := _renew(one, now_s)) is not None]
        short = next(
            (one for one, most in ((bound, at_once), (self._in_all, _IN_ALL)) if one.said >= most),
            None,
        )
        if short is None:
            bound.said += 1
            self._in_all.said += 1
            return found, True
        short.left_out += 1
        if short.like is None:
            short.like = _alike(make()) if short is bound else _OF_MANY_KINDS
            release(self._token)  # there is something to be counted when the minute is over
        return found, False

    def _bound(self, kind: Hashable, now_s: float) -> _Bound:
        found = self._bounds.get(kind)
        if found is None:
            if len(self._bounds) >= _KINDS and now_s - self._tidied_s >= _PERIOD_S:
                self._tidied_s = now_s
                self._bounds = {k: b for k, b in self._bounds.items() if not _is_old(b, now_s)}
            if len(self._bounds) >= _KINDS:
                kind = _OTHERS
            found = self._bounds.setdefault(kind, _Bound(now_s))
        return found

    # -- telling ----------------------------------------------------------------------------------

    def _hand_over(self, report: Report) -> None:
        if not self._threaded:
            self._tell(report)
            return
        self._waiting.append(report)
        if self._closed or not self._has_a_thread():
            self._tell_what_waits()
        release(self._token)

    def _has_a_thread(self) -> bool:
        with self._lock:
            if self._thread is None:
                thread = new_thread(self._run, "supervisors-reports")
                try:
                    thread.start()
                except ThreadRefused:
                    self._threaded = False
                    return False
                self._thread = thread
        return True

    def _run(self) -> None:
        while not self._closed:
            self._tell_what_waits()
            self._runtime.clock.wait(self._token, self._until_due_s())
            self._count(self._runtime.clock.now_s())
        self._tell_what_waits()
        self._count(float("inf"))
        self._tell_what_waits()

    def _tell_what_waits(self) -> None:
        while self._waiting:
            with suppress(IndexError):  # another thread was as quick
                one = self._waiting.popleft()
                if isinstance(one, Report):
                    self._tell(one)
                else:
                    release(one)

    def _tell(self, report: Report) -> None:
        with suppress(BaseException):  # whatever a host's logging raises stays here
            self._runtime.report(report)

    def _until_due_s(self) -> float | None:
        with self._lock:
            bounds = [*self._bounds.values(), self._in_all]
            due = [one.since_s + _PERIOD_S for one in bounds if one.left_out]
        return max(0.0, min(due) - self._runtime.clock.now_s()) if due else None

    def _count(self, now_s: float) -> None:
        """Have it told how many were left out, where the minute is over."""
        with self._lock:
            bounds = [*self._bounds.values(), self._in_all]
            over = [one for one in bounds if one.left_out and now_s - one.since_s >= _PERIOD_S]
            self._waiting.extend(filter(None, [_renew(one, now_s) for one in over]))

    # -- its end ----------------------------------------------------------------------------------

    def flush(self, timeout_s: float) -> None:
        """Wait until all that has been reported is told. Any thread but one that tells."""
        thread = self._thread
        if thread is None or not thread.is_alive() or thread.ident == get_ident():
            return
        told = new_token()
        self._waiting.append(told)
        release(self._token)
        acquire(told, timeout_s)

    def close(self, timeout_s: float) -> None:
        """Tell what is left, and the counts; then end the thread."""
        self._closed = True
        thread = self._thread
        if thread is None:
            self._count(float("inf"))
            self._tell_what_waits()
            return
        release(self._token)
        if thread.ident != get_ident():
            thread.join(timeout_s)


_OF_MANY_KINDS: Final = Report(
    "left_out", logging.ERROR, "the tree", "", 0, "has more to report than is told"
)


def _alike(report: Report) -> Report:
    """What a count of such reports repeats of one: not its error, and what hangs on that."""
    error: Any = report.error
    if hasattr(error, "bare"):  # it may be kept, since it has no frames then
        error = error.bare()
    elif isinstance(error, BaseException):
        error = type(error).__name__
    who = report.who.partition(" (life")[0]
    like = replace(report, kind="left_out", counts=report.kind, who=who, incarnation=0)
    return replace(like, then="", error=error, of="")


def _is_old(bound: _Bound, now_s: float) -> bool:
    return not bound.left_out and now_s - bound.since_s >= _PERIOD_S


def _renew(bound: _Bound, now_s: float) -> Report | None:
    """Begin a new minute; what there is to be said of the last one."""
    like, left_out = bound.like, bound.left_out
    bound.since_s, bound.said, bound.left_out, bound.like = now_s, 0, 0, None
    if like is None:
        return None
    return replace(like, what=f"{like.what} ({left_out} more in the last minute, left out here)")
