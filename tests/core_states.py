"""A supervisor core's whole state, as a value: to copy it, and to compare two (model checking).

What the core itself never needs. Tokens and specs must be hashable.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from copy import copy
from dataclasses import replace

from supervisors.core._children import Child, Children
from supervisors.core._intensity import RestartBudget
from supervisors.core._parking import Parking
from supervisors.core._state import Plan, State
from supervisors.core.core import SupervisorCore
from supervisors.core.protocol import ChildDown, Finished


def state_of(core: SupervisorCore) -> Hashable:
    """A key of the state: cores with equal keys behave alike from here on.

    Alike but for the numbers of incarnations and the absolute time, which are left out, so that
    histories that lead to the same place meet.
    """
    state = core._state
    return (
        state.spec,
        state.phase,
        tuple(_child_key(child) for child in state.children),
        (state.parking.parked, state.parking.delay_s, frozenset(state.parking.probation)),
        state.budget.ages_s(state.now_s),
        None if state.plan is None else _plan_key(state.plan),
        tuple(_waiting(state)),
        state.draws,
        state.labels,
    )


def copy_of(core: SupervisorCore) -> SupervisorCore:
    """An independent core in the same state."""
    state, twin = core._state, SupervisorCore.__new__(SupervisorCore)
    twin._state = own = copy(state)
    own.budget = copy_of_budget(state.budget)
    own.children = _copy_of_children(state.children)
    own.parking = _copy_of_parking(state.parking)
    own.inbox = state.inbox.copy()
    own.plan = None if state.plan is None else _copy_of_plan(state.plan)
    return twin


def copy_of_budget(budget: RestartBudget) -> RestartBudget:
    """An independent one with the same restarts."""
    twin = copy(budget)
    twin._restarts_s = budget._restarts_s.copy()
    return twin


def _child_key(child: Child) -> Hashable:
    spec, down = child.spec, child.down
    fixed = (child.id, spec.restart, spec.significant, spec.shutdown_s, spec.type)
    fallen = None if down is None else (down.exit, down.progressed, down.uptime_s)
    return (*fixed, child.life, fallen, child.failures, child.timer is not None, child.wanted)


def _plan_key(plan: Plan) -> Hashable:
    stops, starts = tuple(plan.stops), tuple(plan.starts)
    said = tuple(effect for effect in plan.last if isinstance(effect, Finished))
    return (plan.goal, stops, starts, plan.culprit, plan.delay_s, said)


def _waiting(state: State) -> Iterator[Hashable]:
    for message in state.inbox:
        if not isinstance(message, ChildDown):
            yield message
        elif (child := state.children.get(message.id)) and child.down is message:
            yield message.id  # else it is old news, and will be passed over


def _copy_of_children(children: Children) -> Children:
    twin = copy(children)
    twin._by_id = {child.id: copy(child) for child in children}
    return twin


def _copy_of_parking(parking: Parking) -> Parking:
    return replace(parking, probation=set(parking.probation))


def _copy_of_plan(plan: Plan) -> Plan:
    return replace(plan, stops=list(plan.stops), starts=list(plan.starts))
