"""Stop: the end of a life, within the time allowed, with everything that is left counted.

The time-out is shared out from its end backwards: a reserve for ending the threads and
counting what is left, which takes time on a busy machine with a full mailbox; before it all
requests have ended, and before that everything drains (`life/draining.py`).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from supervisors import Exit, SystemClock
from supervisors.system.clock import Token, new_token, release, wait_until
from supervisors.system.native import acquire
from telemetry_actors.base.log import say_at_the_end, warn
from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.life._keeping import close_journal, put_away
from telemetry_actors.life._sink_ends import close_sinks, interrupt_sinks
from telemetry_actors.life.aside import Aside, run_aside
from telemetry_actors.life.cut_short import cut_short, last_cause, take_unbuilt
from telemetry_actors.life.draining import await_tree, drain_life, held_count, is_empty
from telemetry_actors.life.ending import end_calls, end_held, end_unbuilt
from telemetry_actors.life.life import Life
from telemetry_actors.lifecycle.exit import words_of_loss
from telemetry_actors.lifecycle.report import StopReport

if TYPE_CHECKING:
    from telemetry_actors.stores.journal import Journal

_TREE_S, _COUNT_S = 0.25, 16e-6
"""Kept for the end: for the threads, and for each event that is still held then (1.5 us of CPU,
where a busy machine may grant a tenth of a core; a tree that is full holds 140,000). What isn't
needed goes back to the draining."""
_RESERVE_SHARE = 0.5
"""Of a short time-out they are together at most this share."""
_LEAST_TREE_S = 0.05
"""For the threads, also where all time is used up."""
_SIGNAL_S = 0.25
"""At most so long in one wait: then it is looked whether the thread that stops ever came."""
_WORTH_DRAINING_S = 0.1
_GRACE_S = 0.1
"""Beyond the time-out, for whoever waits: the end comes well before it unless a lock is held."""
_LAST_LETTERS_S = 0.1
"""For writing the last dead letters, also where all other time is spent."""
_INTERRUPT_S, _CLOSE_S = 0.05, 0.1
"""For the sinks to end what is on its way, and to let go of their connections, at least."""
_WORTH_BUILDING_S = 0.5
"""A stop with less time than this does not build a tree to drain into."""
_LAST_RELEASES_S = 0.1
"""Claims of events that were dropped just now are released even if all the time is used up."""
_LAST_DELETIONS_S = 1.0
"""Objects of events that have just ended are deleted; what takes longer is swept by and by."""
_LAST_COUNT_S = 0.3
"""For counting what is left, when the process can't wait for a longer stop of another's."""


class Stopping:
    """The end of one life: it comes once, whoever asks for it, and from wherever.

    It is carried out on a thread of its own, and whoever asked waits, for no longer than
    allowed: the caller may be a signal handler that has interrupted `ledger()` in the middle of
    its lock, or an actor of the very tree that is to end.
    """

    def __init__(self, life: Life) -> None:
        self._life = life
        self._begun: dict[str, object] = {}
        self._waiters: list[Token] = []
        self._aside: Aside | None = None
        self.report: StopReport | None = None
        """What became of it, once it is over."""

    def stop(self, timeout_s: float, *, quietly: bool = False) -> StopReport:
        """See `TelemetryGateway.stop`. With *quietly* the losses are the caller's to say."""
        timeout_s = max(0.0, timeout_s)
        began_s = self._life.clock.now_s()
        # Here and not on its thread, which may begin after this has returned: then, too, what is
        # emitted after a stop is told so.
        self._life.door.intake.closed = True
        before = _lost(self._life)
        mine = object()
        if self._begun.setdefault("by", mine) is mine:
            self._begin(_Stop(self._life, timeout_s), quietly)
        self._await_report(began_s + timeout_s + _GRACE_S)
        if self._is_nobodys():
            left_s = began_s + timeout_s - self._life.clock.now_s()
            self._carry_out_here(_Stop(self._life, max(0.0, left_s)), quietly)
        return self.report or self._as_it_stands(began_s, before)

    def stop_at_exit(self, timeout_s: float) -> StopReport:
        """`stop`, of a process that ends; its losses are the caller's to say, if nobody has yet."""
        report = self.stop(timeout_s, quietly=True)
        if self.report is None:  # somebody else stops it, and has more time than we
            self.hurry()
            report = self.stop(_LAST_COUNT_S, quietly=True)
        if self._is_mine_to_say():
            return report
        return report.model_copy(update={"shutdown": 0, "unconfirmed": 0})

    def _is_mine_to_say(self) -> bool:
        """Whether the caller is the first to ask: a loss is said once, by the stop or the exit."""
        mine = object()
        return self._begun.setdefault("said", mine) is mine

    def hurry(self) -> None:
        """Whoever is at it is to wait for nothing any more: the process ends."""
        life = self._life
        life.phase.impatient = True
        if life.outlets.budget is not None:
            life.outlets.budget.begin(life.clock.now_s())

    def rest(self, seconds: float) -> None:
        """Sleep for so long, or until it is over. The thread that builds."""
        token = new_token()
        self._waiters.append(token)
        if self.report is None:
            SystemClock().wait(token, seconds)
        self._waiters.remove(token)

    def _begin(self, stop: _Stop, quietly: bool) -> None:
        self._aside = None
        if self._life.running.given is None:  # else it may be bound to this very thread
            with suppress(RuntimeError):  # no thread can be started: here, then
                self._aside = run_aside(lambda: self._carry_out_here(stop, quietly))
                return
        self._carry_out_here(stop, quietly)

    def _carry_out_here(self, stop: _Stop, quietly: bool) -> None:
        try:
            self._carry_out(stop, quietly)
        except BaseException:  # Ctrl-C, or a defect: the next one is to try
            self._begun.clear()
            raise

    def _carry_out(self, stop: _Stop, quietly: bool) -> None:
        report = stop.run()
        lost = report.shutdown, report.unconfirmed
        any_lost = any(lost) or self._life.phase.unbuilt
        if not quietly and any_lost and self._is_mine_to_say():
            parked = take_unbuilt(self._life)
            words = words_of_loss("the gateway was stopped", *lost, report.seconds, parked=parked)
            cause = last_cause(self._life)
            say_at_the_end(f"{words}; {cause}" if cause else words)
        self.report = report
        for token in list(self._waiters):
            release(token)

    def _await_report(self, until_s: float) -> None:
        clock, token = self._life.clock, new_token()
        self._waiters.append(token)
        wait_until(
            lambda: (
                self.report is not None or (self._aside is not None and self._aside.never_came())
            ),
            clock,
            token,
            until_s,
            _SIGNAL_S,
        )

    def _is_nobodys(self) -> bool:
        """The thread that was to carry it out never came. True for one caller."""
        mine = object()
        if self._aside is None or not self._aside.never_came():
            return False
        return self._begun.setdefault("here", mine) is mine

    def _as_it_stands(self, began_s: float, before: tuple[int, int]) -> StopReport:
        """Time is up for this caller, and not for the one who began."""
        lost = _lost(self._life)
        return StopReport(
            drained=is_empty(self._life) and lost == before,
            metrics_exported=False,
            shutdown=lost[0] - before[0],
            unconfirmed=lost[1] - before[1],
            seconds=self._life.clock.now_s() - began_s,
            threads_left=0,
        )


class _Stop:
    """One stop, from beginning to end."""

    def __init__(self, life: Life, timeout_s: float) -> None:
        self._life = life
        self._began_s = life.clock.now_s()
        self._timeout_s = timeout_s
        self._until_s = self._began_s + timeout_s
        self._measured: list[Ticket] = []

    def run(self) -> StopReport:
        """Close the door, drain, end the threads, count the rest."""
        life = self._life
        if life.stores.journal is not None:
            life.stores.journal.end_replays()
        if (
            life.running.root is None
            and life.places.gateway.user
            and self._timeout_s >= _WORTH_BUILDING_S
        ):
            # The first event still waits for its tree.
            await_tree(life, self._drain_until_s(), for_the_last_time=True)
        self._end_building()
        drained = metrics = True
        if life.running.root is not None:
            drained, metrics = self._drain()
            if drained and life.stores.journal is not None:
                drained, metrics = self._deliver_what_others_left(life.stores.journal, metrics)
            life.places.slots = dict(life.places.slots)  # the tree forgets them as it ends
        if not (drained and metrics):
            cut_short(life)
        threads_left = 0 if drained else interrupt_sinks(life, _INTERRUPT_S)
        threads_left += self._stop_tree()
        put_away(life, self._measured)
        shutdown, unconfirmed = self._count_what_is_left()
        kept = close_journal(life)
        self._close_letters()
        life.door.losses.sum_up_at_the_end()
        threads_left += close_sinks(life, max(_CLOSE_S, self._until_s - life.clock.now_s()))
        self._close_dedup()
        threads_left += self._close_payloads()
        life.phase.state = "stopped"
        lost = shutdown + unconfirmed  # also where there was no tree to drain into
        if life.outlets.cut_at and not (metrics or lost):  # else the line of that has it
            words = "%s; metrics were not exported before the stop"
            warn(words, "; ".join(life.outlets.cut_at))
        return StopReport(
            drained=drained and not lost and not kept,
            metrics_exported=metrics and not (lost and life.running.root is None),
            shutdown=shutdown,
            unconfirmed=unconfirmed,
            kept=kept,
            seconds=life.clock.now_s() - self._began_s,
            threads_left=threads_left,
        )

    def _drain_until_s(self) -> float:
        reserve_s = _TREE_S + held_count(self._life) * _COUNT_S
        return self._until_s - min(reserve_s, self._timeout_s * _RESERVE_SHARE)

    def _drain(self) -> tuple[bool, bool]:
        """Drain; and again, where so much got out that less time is needed for the rest."""
        while True:
            drained = drain_life(self._life, self._drain_until_s())
            self._measured += drained.measured
            left_s = self._drain_until_s() - self._life.clock.now_s()
            if drained.empty or left_s < _WORTH_DRAINING_S or self._life.phase.impatient:
                return drained.empty, drained.metrics_exported

    def _deliver_what_others_left(self, journal: Journal, metrics: bool) -> tuple[bool, bool]:
        """Its own is out, and there is time: what earlier processes left, as far as it goes."""
        left_s = self._drain_until_s() - self._life.clock.now_s()
        hopeless = self._life.phase.impatient or not self._life.outlets.sinks
        if hopeless or journal.idle or left_s < _WORTH_DRAINING_S:
            return True, metrics
        journal.replay_all()
        drained = drain_life(self._life, self._drain_until_s(), replays=True)
        journal.end_replays()
        self._measured += drained.measured
        return drained.empty, metrics and drained.metrics_exported

    def _end_building(self) -> None:
        """Whoever builds at this moment is done first, if there is time; nobody begins after this.

        A start that was not waited for undoes itself when it comes to its end.
        """
        life = self._life
        left_s = max(0.0, self._drain_until_s() - life.clock.now_s())
        if acquire(life.phase.building, left_s):
            life.phase.state = "stopping"
            life.phase.building.release()
            return
        life.phase.given_up = True
        life.phase.state = "stopping"

    def _stop_tree(self) -> int:
        life = self._life
        if life.running.root is None:
            return 0
        left_s = self._until_s - life.clock.now_s() - held_count(life) * _COUNT_S
        life.running.root.stop(max(_LEAST_TREE_S, min(_TREE_S, left_s)))
        left = [
            s.current for s in life.places.slots.values() if s.current and not s.current.finished
        ]
        threads_left = life.running.root.runtime.threads_left(left)
        for incarnation in left:
            incarnation.lose(Exit.killed())
        return threads_left

    def _count_what_is_left(self) -> tuple[int, int]:
        before = _lost(self._life)
        places, books = self._life.places, self._life.books
        for place in places:
            end_held(places, books, place, Reason.SHUTDOWN)
        end_late(self._life)
        after = _lost(self._life)
        return after[0] - before[0], after[1] - before[1]

    def _close_letters(self) -> None:
        if self._life.stores.letters is not None:
            left_s = self._until_s - self._life.clock.now_s()
            self._life.stores.letters.close(max(_LAST_LETTERS_S, left_s))

    def _close_dedup(self) -> None:
        left_s = self._until_s - self._life.clock.now_s()
        self._life.stores.dedup.close(max(_LAST_RELEASES_S, min(left_s, 1.0)))

    def _close_payloads(self) -> int:
        """Threads of the payload store that are stuck."""
        if self._life.stores.payloads is None:
            return 0
        left_s = self._until_s - self._life.clock.now_s()
        return self._life.stores.payloads.close(min(_LAST_DELETIONS_S, max(0.05, left_s)))


def end_late(life: Life) -> None:
    """End what is at the door of a stopped tree: an `emit()` may have been under way."""
    end_unbuilt(life.places, life.books, Reason.SHUTDOWN)
    end_calls(life.calls.mailbox, life.places.slots, life.books)


def _lost(life: Life) -> tuple[int, int]:
    """As ``shutdown`` and as ``unconfirmed``, so far. Without the books' lock: any caller."""
    books, rows = life.books, range(len(life.door.cases))
    return books.dropped_as(Reason.SHUTDOWN, rows), books.dropped_as(Reason.UNCONFIRMED, rows)
