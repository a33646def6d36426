"""The end of the interpreter: every gateway that runs is stopped, in the time that there is.

``atexit`` calls us when the other non-daemon threads have ended, so that what they emitted is
there; callbacks that were registered later than ours have run before, those registered earlier
(such as ``logging.shutdown``) come after. A worker of `multiprocessing` or of billiard ends by
``os._exit`` after its own finalisers, so there we are one of those. Nothing runs after
``os._exit``, a signal that ends the process (`sigterm.py`), or a crash of the interpreter.

Registered when the first gateway of a process starts, and not at import (g05).
"""

from __future__ import annotations

import atexit
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Protocol

from supervisors import SystemClock
from supervisors.system.native import is_patched
from supervisors.system.process import copy_of, of_this_process
from supervisors.thread import new_thread
from telemetry_actors.base.log import say_at_the_end
from telemetry_actors.base.told_later import tell_now
from telemetry_actors.lifecycle.budget import EndBudget
from telemetry_actors.lifecycle.report import StopReport

_LAST = -1000
"""Of the finalisers of `multiprocessing`: after those of its queues and of its user."""

_MOST_INTERRUPTIONS = 5
_now_s = SystemClock().now_s


class Stoppable(Protocol):
    """Something that is to be stopped before the process ends."""

    def _exit_timeout_s(self) -> float | None:
        """Seconds that it may take; None: there is nothing to stop."""

    def _stop_at_exit(self, timeout_s: float) -> StopReport:
        """Stop without a word in the log. Comes back in time, whoever else is stopping it."""

    def _held(self) -> int:
        """How many events would be lost if the process ended now. Takes no lock."""

    def _take_unbuilt(self) -> int:
        """How many were lost since there is no tree, and are in no line yet: they will be now."""
        ...

    def _delivered(self) -> int:
        """How many events have been exported. Takes no lock."""

    def _cause(self) -> str:
        """What keeps events from being delivered, on one line; "" = nothing that is known."""

    def flush(self, timeout_s: float, *, own: bool = False) -> bool:
        """Wait for what has been emitted so far."""


class _Process:
    """What is to be stopped in one process. A fork's child begins with nothing."""

    def __init__(self) -> None:
        self.known: weakref.WeakSet[Stoppable] = weakref.WeakSet()
        self.budget = EndBudget()
        self.hooked = False
        self.over = False
        self.said: tuple[int, int] | None = None
        """Events that have been called undelivered, and how many had been delivered by then."""


def _here() -> _Process:
    return of_this_process(_Process, _Process)


def when_exiting(one: Stoppable) -> bool:
    """Have *one* stopped when this process ends, for as long as somebody holds it.

    Any thread, re-entrant: no lock, no wait.

    Returns:
        False: too late, the process is past its end.
    """
    process = _here()
    if process.over or (not process.hooked and is_ending()):
        return False  # what is registered with atexit now is never called
    process.known.add(one)
    if not process.hooked:
        process.hooked = True
        # Finalisers (urllib3's close the connections of a pool) all run at the place of the first
        # one that was ever made. There is one now, so we come before them.
        weakref.finalize(process, _nothing)
        atexit.register(_at_exit)
        _hook_worker()
    return True


def is_ending() -> bool:
    """Whether the end of the interpreter has begun. Any thread, re-entrant; takes no lock."""
    return _is_main_thread_over() or sys.is_finalizing() or _here().over


def _is_main_thread_over() -> bool:
    main = threading._main_thread  # type: ignore[attr-defined]
    handle = getattr(main, "_handle", None) or getattr(main, "_os_thread_handle", None)
    over: bool = main._is_stopped if handle is None else handle.is_done()  # the latter since 3.13
    if is_patched("threading"):  # there gevent's stand-in says of it to the last that it goes on
        over = over or threading._SHUTTING_DOWN  # type: ignore[attr-defined]
    return over


def running() -> list[Stoppable]:
    """What would be stopped if this process ended now."""
    known = copy_of(_here().known)
    return [one for one in known if one._exit_timeout_s() is not None]


def _nothing() -> None:
    """A finaliser's."""


def _hook_worker() -> None:
    """In a child that `multiprocessing` made, or billiard, which is Celery's copy of it."""
    for package in ("multiprocessing", "billiard"):
        process: Any = sys.modules.get(f"{package}.process")
        util: Any = sys.modules.get(f"{package}.util")
        if process is None or util is None:
            continue
        if getattr(process.current_process(), "_parent_pid", None) is not None:
            util.Finalize(None, _at_exit, exitpriority=_LAST)


def _at_exit() -> None:
    """The main thread, at the end. Stops what runs, and says in one line what was lost.

    Whatever is raised in the middle of it is somebody's impatience (Ctrl-C, a host's handler of
    SIGTERM that leaves by SystemExit): the rest is counted, and said all the same.
    """
    reports: list[StopReport] = []
    if left := running():
        with _sigterm_waits():
            try:
                reports = stop_all(left)
            except BaseException:  # noqa: BLE001 -- see above
                reports = _count_what_is_left(left)
            with suppress(BaseException):
                say_what_was_lost(reports, say_at_the_end, left)
    tell_now()  # what others still emitted, and was refused
    _here().over = True


def end_process() -> None:
    """Do now what the exit does: for hosts whose processes leave by ``os._exit`` afterwards.

    Main thread. Idempotent; from then on `emit` is refused as ``stopping``.
    """
    _at_exit()


@contextmanager
def _sigterm_waits() -> Iterator[None]:
    """SIGTERM would end the process on the spot; it is ending, and soon will have (g23).

    Masters send it to workers that are on their way out already (hypercorn, when the first of
    them has gone). A handler of the host's is left where it is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    by_default = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if by_default:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        yield
    finally:
        if by_default:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _count_what_is_left(left: Sequence[Stoppable]) -> list[StopReport]:
    for _ in range(_MOST_INTERRUPTIONS):
        with suppress(BaseException):
            return [one._stop_at_exit(0.0) for one in left]
    return []


def stop_all(left: Sequence[Stoppable], limit_s: float | None = None) -> list[StopReport]:
    """Stop all of *left* at the same time, under what is left of the process's one budget.

    Args:
        left: those that run.
        limit_s: seconds in all; the longest that one of them has for an exit, by default.
    """
    process, began_s = _here(), _now_s()
    limits = {one: (one._exit_timeout_s() or 0.0) if limit_s is None else limit_s for one in left}
    budget_s = process.budget.left_s(max(limits.values()), began_s)
    until_s = began_s + budget_s
    reports: list[StopReport] = []

    def stop(one: Stoppable, share: float = 1.0) -> None:
        left_s = max(0.0, until_s - _now_s()) * share
        reports.append(one._stop_at_exit(min(limits[one], left_s)))

    started, in_turn = [], [left[0]]
    for one in left[1:]:
        thread = new_thread(partial(stop, one), "telemetry-exit")
        try:
            thread.start()
        except RuntimeError:  # 3.12 starts none at its end: one after the other, then
            in_turn.append(one)
        else:
            started.append(thread)
    try:
        for turn, one in enumerate(in_turn):
            stop(one, 1 / (len(in_turn) - turn))  # the first may wait for a dead peer
        for thread in started:
            thread.join(max(0.0, until_s - _now_s()) + 0.1)
    finally:
        process.budget.spend(began_s, _now_s())
    return list(reports)


def flush_all(chosen: Sequence[Stoppable], limit_s: float) -> int:
    """Wait for what *chosen* have been given so far, under the process's one budget.

    The process may be about to end, and what it still does may lead past every other word of ours.

    Returns:
        How many events would be lost if the process ended now.
    """
    process, began_s = _here(), _now_s()
    until_s = began_s + process.budget.left_s(limit_s, began_s)
    try:
        for one in chosen:
            one.flush(max(0.0, until_s - _now_s()), own=True)  # the rest waits in the journal
    finally:
        process.budget.spend(began_s, _now_s())
    return sum(one._held() for one in chosen)


def say_what_is_held(chosen: Sequence[Stoppable], count: int, say: Callable[[str], None]) -> None:
    """In one line, with what was lost since there is no tree; nothing, if there is nothing.

    The process may end without another word: the host re-raises the signal where it likes.
    """
    parked = sum(one._take_unbuilt() for one in chosen)
    if not count and not parked:
        return
    _here().said = count, sum(one._delivered() for one in chosen)
    lost = f" (parked {parked})" if parked else ""
    words = f"{count + parked} events are not delivered yet{lost}"
    say(f"{words}, and the process is told to end (SIGTERM){_because(chosen)}")


def say_what_was_lost(
    reports: Sequence[StopReport], say: Callable[[str], None], left: Sequence[Stoppable]
) -> None:
    """In one line; nothing, if nothing was, or if just that has been said.

    Args:
        left: who was stopped. Whoever has not come to an end holds events that nobody counts.
    """
    shutdown = sum(report.shutdown for report in reports)
    unconfirmed = sum(report.unconfirmed for report in reports)
    held = sum(one._held() for one in left if one._exit_timeout_s() is not None)
    parked = sum(one._take_unbuilt() for one in left)
    count = shutdown + unconfirmed + held + parked
    if not count:  # all is delivered, or waits in the journal for the next process
        return
    if _here().said == (count, sum(one._delivered() for one in left)):
        return
    seconds = max((report.seconds for report in reports), default=0.0)
    words = words_of_loss("the process ended", shutdown, unconfirmed, seconds, held, parked)
    say(words + _because(left))


def _because(those: Sequence[Stoppable]) -> str:
    causes = dict.fromkeys(filter(None, (one._cause() for one in those)))  # each once
    return "".join(f"; {cause}" for cause in causes)


def words_of_loss(
    end: str, shutdown: int, unconfirmed: int, seconds: float, held: int = 0, parked: int = 0
) -> str:
    """How many events came to which end, and how long they were waited for."""
    unended = f", parked {parked}" if parked else ""
    unended += f", at no end {held}" if held else ""
    return (
        f"{shutdown + unconfirmed + held + parked} events were not delivered before {end}"
        f" (shutdown {shutdown}, unconfirmed {unconfirmed}{unended}; waited {seconds:.1f} s)"
    )
