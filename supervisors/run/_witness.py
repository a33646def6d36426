"""Who makes the reports of one supervisor: of its children's ends, and of its own fate.

The pure core says what OTP would log (`protocol.Report`), and what follows; here the two are put
together, with where it was raised. Control thread. Nothing is told here (`run/_reporter.py`), and
no code of a user's runs: errors are handed on as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from supervisors.core import protocol as to
from supervisors.core.spec import SupervisorSpec
from supervisors.core.words import Restart, Strategy
from supervisors.errors import ChildStartError, RestartLimitReached
from supervisors.exit import Exit, ExitKind
from supervisors.run.reports import (
    Fault,
    Place,
    Report,
    cause_of,
    kind_of,
    place_of,
    places_of,
    words_of,
)

if TYPE_CHECKING:
    from supervisors.core.core import SupervisorCore
    from supervisors.run.runtime import Runtime
    from supervisors.run.slot import Slot

_Follows = Sequence[to.Effect]


class Witness:
    """Of one life of one supervisor."""

    def __init__(self, runtime: Runtime, slot: Slot, core: SupervisorCore) -> None:
        self._runtime = runtime
        self._slot = slot
        self._core = core

    @property
    def _who(self) -> str:
        return (
            f"supervisor {self._slot.name}" if self._slot.branch.above is not None else "the tree"
        )

    def saw(self, seen: to.Report, child: Slot | None, follows: _Follows) -> None:
        """Of a report of the core's, and the effects that follow it."""
        stopping = seen.context == "shutdown_error"
        if seen.context == "shutdown":
            if self._core.spec.on_intensity != "park":  # else it is said when it has parked
                self._of_itself("gave_up", logging.ERROR, f"gives up: {_limit(seen.reason)}")
        elif seen.context != "progress" and child is not None and seen.reason is not None:
            self._of_a_child(seen.reason, child, None if stopping else follows)

    def parked(self, effect: to.Parked) -> None:
        """All children are stopped, and it waits."""
        then = f"its children are tried again in {effect.probe_s:g} s, and messages wait till then"
        self._of_itself("parked", logging.ERROR, f"is parked: {_limit(effect.reason)}", then)

    def came_back(self) -> None:
        """The children are up again."""
        report = self._own("unparked", logging.WARNING, "is back: its children are up again")
        self._report(("unparked", self._slot.name), report)

    def finished(self, effect: to.Finished) -> None:
        """It ends. Of a nested one its own supervisor says so."""
        if self._slot.branch.above is not None or effect.cause is to.FinishCause.stopped:
            return
        fault = self._slot.last_fault
        if effect.cause is to.FinishCause.intensity_exceeded:
            self._of_itself("finished", logging.ERROR, "has ended, since its supervisor gave up")
        elif fault is not None and fault.is_significant:
            self._of_itself("finished", logging.ERROR, "has ended, as auto_shutdown says")
        else:
            what = "has ended, as auto_shutdown says: its significant children are done"
            self._report("finished", self._own("finished", logging.INFO, what))

    # -- what is put into it ----------------------------------------------------------------------

    def _of_a_child(
        self, reason: Exit | BaseException | str, child: Slot, follows: _Follows | None
    ) -> None:
        """Of the end of *child*, or of its start; *follows* is None if it was being stopped."""
        if follows is not None:
            self._slot.last_fault = self._fault(child, reason)
        if not isinstance(reason, Exit):
            self._of_a_start(child, reason, follows or ())
        elif isinstance(reason.error, RestartLimitReached):
            what = "gave up, and has ended"
            self._report_child("ended", logging.WARNING, child, what, None, follows)
        elif reason.abnormal:
            kind = kind_of(reason)
            what = words_of(kind)
            if follows is None and kind != "killed":
                what += " while it was being stopped"
            self._report_child(kind, logging.ERROR, child, what, reason.error, follows)

    def _of_a_start(self, child: Slot, error: BaseException | str, follows: _Follows) -> None:
        if self._runtime.owner.is_starting:
            return  # whoever starts the tree gets an exception with all of it
        if isinstance(error, ChildStartError):  # a supervisor's: its own child has been told of
            error = f"child {error.child_id!r} did not start"
        self._report_child("failed", logging.ERROR, child, "failed to start", error, follows)

    def _report_child(
        self,
        kind: str,
        level: int,
        child: Slot,
        what: str,
        error: BaseException | str | None,
        follows: _Follows | None,
    ) -> None:
        life = child.current
        left_at = life.left_at if life is not None else ()
        at = place_of(error) or (left_at[0] if left_at else None)
        key = (kind, self._place_in_tree(child), type(error), at)

        def make() -> Report:  # only for those that are told: it is no small thing
            number, places = life.number if life is not None else 0, places_of(error) or left_at
            who = "supervisor" if child.spec.type == "supervisor" else "child"
            name = f"{who} {child.name} (life {number})"
            then = self._fate(kind, child, follows)
            return Report(kind, level, name, child.name, number, what, then, error, "", places)

        self._runtime.reporter.report(key, make)

    def _place_in_tree(self, child: Slot) -> str:
        """Children that come and go have one bound together."""
        by_number = self._core.spec.strategy is Strategy.simple_one_for_one
        comes_and_goes = by_number or child.spec.restart is Restart.temporary
        return f"{self._slot.name}/*" if comes_and_goes else child.name

    def _fault(self, child: Slot, reason: Exit | BaseException | str) -> Fault:
        deeper = child.last_fault
        if deeper is not None and isinstance(getattr(reason, "error", None), RestartLimitReached):
            return deeper
        is_fault = not isinstance(reason, Exit) or reason.abnormal
        left_at = child.current.left_at if child.current is not None else ()
        return Fault(child.name, reason, left_at, child.spec.significant and is_fault)

    def _of_itself(self, kind: str, level: int, what: str, then: str = "") -> None:
        self._report((kind, self._slot.name), self._own(kind, level, what, then))

    def _own(self, kind: str, level: int, what: str, then: str = "") -> partial[Report]:
        fault = self._slot.last_fault
        error = None if fault is None or level == logging.INFO else cause_of(fault.reason)
        if fault is None or kind == "unparked":
            error, of, places = None, "", tuple[Place, ...]()
        else:
            of, places = fault.path, places_of(error) or fault.places
        path = self._slot.name if self._slot.branch.above is not None else ""
        return partial(Report, kind, level, self._who, path, 0, what, then, error, of, places)

    def _report(self, key: Hashable, make: Callable[[], Report]) -> None:
        self._runtime.reporter.report(key, make)

    # -- what is done about it --------------------------------------------------------------------

    def _fate(self, kind: str, child: Slot, follows: _Follows | None) -> str:
        left = ["its thread is left behind"] if kind in ("hung", "killed") else []
        return "; ".join(left + ([] if follows is None else [self._next(child, follows)]))

    def _next(self, child: Slot, follows: _Follows) -> str:
        """What is done about the end of *child*."""
        spec, core = child.spec, self._core
        for effect in follows:
            if isinstance(effect, to.Restarting) and effect.id == spec.id:
                used, intensity, period_s = core.budget
                when = f" in {effect.delay_s:.3g} s" if effect.delay_s else ""
                budget = f"{used} of {intensity} restarts in {period_s:g} s are used"
                if not used:  # count_progress
                    budget = "at no charge, since it had handled messages"
                return f"it is restarted{when} ({budget})"
            if isinstance(effect, to.Report) and effect.context == "shutdown":
                return f"that is one too many: its supervisor {_gives_up(core.spec)}"
        if spec.restart is Restart.temporary:
            ends = " and its supervisor ends" if spec.significant else ""
            return f"it is temporary: it is not restarted{ends}"
        return "it is to be restarted"


def _limit(reason: object) -> str:
    if not isinstance(reason, RestartLimitReached):
        return str(reason)
    if reason.on_probation:
        return f"child {reason.child_id!r} failed again when it was tried"
    return f"more than {reason.intensity} restarts in {reason.period_s:g} s"


def _gives_up(spec: SupervisorSpec) -> str:
    return "parks" if spec.on_intensity == "park" else "gives up"


def report_lost_tree(runtime: Runtime, exit_: Exit) -> None:
    """The supervisor at the top has ended otherwise than by its own decision. Any thread."""
    if exit_.kind is ExitKind.shutdown:
        return
    error = None if exit_.error is None else cause_of(exit_)
    what = f"has ended: its supervisor {words_of(kind_of(exit_))}"
    report = partial(
        Report, "finished", logging.ERROR, "the tree", "", 0, what, "", error, "", places_of(error)
    )
    runtime.reporter.report("finished", report)
