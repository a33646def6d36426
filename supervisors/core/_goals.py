"""What follows from a plan: its starts one by one, its end, its failure.

Part of the pure core; `_plan` carries plans out, this decides what they come to.
"""

from __future__ import annotations

from collections.abc import Callable

from supervisors.core._children import Child, Life
from supervisors.core._state import Goal, Phase, Plan, State, TryAgain
from supervisors.core.protocol import (
    Booted,
    BootFailed,
    Finished,
    Parked,
    Reply,
    Restarting,
    SetTimer,
    Unparked,
)
from supervisors.core.words import Restart
from supervisors.errors import ChildStartError, RestartLimitReached
from supervisors.exit import Exit


def finish(state: State, last: Finished) -> None:
    """Plan to stop all children and end. No timer survives this."""
    state.cancel_timers()
    state.plan = Plan(Goal.finish, stops=_all(state), exit=last.exit, last=(last,))


def park(state: State, reason: RestartLimitReached) -> None:
    """Plan to stop all children and wait for a probe."""
    key, delay_s = state.parking.enter(reason.child_id, state.spec)
    last = (Parked(reason, delay_s), SetTimer(key, delay_s))
    state.plan = Plan(Goal.park, stops=_all(state), last=last)


def _all(state: State) -> list[str]:
    return [child.id for child in state.children]


# -- one start has been answered ----------------------------------------------------------------


def started(state: State, plan: Plan, child: Child) -> None:
    """*child* is up."""
    state.children.set_life(child, Life.running)
    child.starts += 1
    child.lived = child.incarnation
    if child.spec.restart is Restart.temporary and (state.dynamic or plan.goal is Goal.add):
        # It will never be started again; don't hold on to what it was given.
        child.extra_args = ()
        if not state.dynamic:
            child.spec = child.spec.without_arguments()
    if not state.dynamic:
        state.report("progress", child)
    _reply_with(state, plan, child)


def start_ignored(state: State, plan: Plan, child: Child) -> None:
    """*child* chose not to run: as good as started, except that there is nothing to supervise."""
    state.children.set_life(child, Life.stopped)
    _reply_with(state, plan, child)
    state.bury(child)


def start_failed(state: State, plan: Plan, child: Child, error: BaseException | str) -> None:
    """*child* did not start: what the plan is for decides who deals with it."""
    state.children.set_life(child, Life.stopped)
    _FAILED[plan.goal](state, plan, child, error)


def _reply_with(state: State, plan: Plan, child: Child) -> None:
    if plan.goal in (Goal.add, Goal.revive):
        state.emit(Reply(plan.token, child.view()))


def _boot_failed(state: State, _plan: Plan, child: Child, error: BaseException | str) -> None:
    state.report("start_error", child, error)
    reason = ChildStartError(child.id, error)
    ended, last = Exit.shutdown(error=reason), (BootFailed(reason),)
    state.plan = Plan(Goal.roll_back, stops=_all(state), exit=ended, last=last)


def _restart_failed(state: State, plan: Plan, child: Child, error: BaseException | str) -> None:
    state.report("start_error", child, error)
    state.children.set_life(child, Life.restarting)
    plan.starts.clear()
    state.inbox.append(TryAgain(child.id))


def _add_failed(state: State, plan: Plan, child: Child, error: BaseException | str) -> None:
    state.remove(child)
    state.emit(Reply(plan.token, error=ChildStartError(child.id, error)))


def _revive_failed(state: State, plan: Plan, child: Child, error: BaseException | str) -> None:
    child.wanted = False
    state.emit(Reply(plan.token, error=ChildStartError(child.id, error)))


def _probe_failed(state: State, _plan: Plan, child: Child, error: BaseException | str) -> None:
    state.report("start_error", child, error)
    park(state, state.limit_reached(child, on_probation=True))


_FAILED: dict[Goal, Callable[[State, Plan, Child, BaseException | str], None]] = {
    Goal.boot: _boot_failed,
    Goal.restart: _restart_failed,
    Goal.add: _add_failed,
    Goal.revive: _revive_failed,
    Goal.probe: _probe_failed,
}


# -- the plan is done ---------------------------------------------------------------------------


def done(state: State, plan: Plan) -> None:
    """Nothing is left to stop or to start."""
    state.plan = None
    then = _DONE.get(plan.goal)
    if then is not None:
        then(state, plan)


def _booted(state: State, _plan: Plan) -> None:
    state.phase = Phase.up
    state.emit(Booted())


def _delayed(state: State, plan: Plan) -> None:
    child = state.children.get(plan.culprit)
    if child is None:  # a reload has made it temporary, and those are not restarted
        return
    state.rest(child, Life.restarting)
    state.emit(Restarting(child.id, plan.delay_s))
    state.set_timer(child, plan.delay_s)


def _terminated(state: State, plan: Plan) -> None:
    state.emit(Reply(plan.token))


def _parked(state: State, plan: Plan) -> None:
    state.budget.clear()
    for child in state.children:
        child.failures = 0
    state.effects.extend(plan.last)


def _probed(state: State, _plan: Plan) -> None:
    state.emit(Unparked())


def _ended(state: State, plan: Plan) -> None:
    state.end(plan.exit)
    state.effects.extend(plan.last)


_DONE: dict[Goal, Callable[[State, Plan], None]] = {
    Goal.boot: _booted,
    Goal.roll_back: _ended,
    Goal.delay: _delayed,
    Goal.terminate: _terminated,
    Goal.park: _parked,
    Goal.probe: _probed,
    Goal.finish: _ended,
}
