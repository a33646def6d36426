"""Plans: stop these one by one, then start those one by one, and then?

OTP's supervisor is blocked while it stops and starts children, and what
arrives meanwhile waits in its mailbox. Ours never blocks: it has a *plan*,
and what arrives meanwhile waits in the core's inbox, to the same effect.

A child that goes down by itself before the plan has come to stop it is taken
as stopped, and its own exit is judged as one: it costs no budget. (It is
still in the inbox, where it is passed over.)

Part of the pure core. What follows when a plan is done, or a start in it has
failed, is in `_goals`.
"""

from __future__ import annotations

from supervisors.core._children import Child, Life
from supervisors.core._state import Goal, Plan, State
from supervisors.core._strategy import was_clean
from supervisors.core.protocol import StartChild, StopChild
from supervisors.core.words import Restart
from supervisors.exit import Exit


def step(state: State, plan: Plan) -> bool:
    """Do the next stop or start. False if there is nothing to do: it waits, or it is done.

    Strictly one after the other, except that a simple_one_for_one supervisor
    stops all its children at once.
    """
    if plan.stops and (not plan.pending or state.dynamic):
        _stop_next(state, plan)
    elif plan.starts and not plan.pending:
        _start_next(state, plan)
    else:
        return False
    return True


def stopped(state: State, plan: Plan, child: Child, ended: Exit) -> None:
    """*child* was stopped, or went down before it could be: judge how, and put it away."""
    if not was_clean(child.spec, ended):
        state.report("shutdown_error", child, ended)
    _put_away(state, plan, child)


def _stop_next(state: State, plan: Plan) -> None:
    child = state.children[plan.stops.pop()]
    if child.alive:
        state.children.set_life(child, Life.stopping)
        plan.pending += 1
        state.emit(StopChild(child.id, child.incarnation, child.spec.shutdown_s))
    elif child.down is not None:
        stopped(state, plan, child, child.down.exit)
    else:
        _put_away(state, plan, child)


def _put_away(state: State, plan: Plan, child: Child) -> None:
    if plan.goal is Goal.terminate:
        state.bury(child)
    elif child.spec.restart is Restart.temporary:
        state.remove(child)
    elif plan.goal is Goal.park and (child.wanted or state.by_group):
        state.rest(child, Life.parked)
    else:
        state.rest(child)


def _start_next(state: State, plan: Plan) -> None:
    child = state.children.get(plan.starts.pop())
    if child is None:  # it was temporary, and the plan has stopped it
        return
    child.incarnation += 1
    child.wanted = True
    state.children.set_life(child, Life.starting)
    plan.pending += 1
    state.emit(StartChild(child.id, child.incarnation, child.spec, child.extra_args))
