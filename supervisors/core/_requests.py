"""The supervisor's questions and orders from outside, with OTP's answers.

Part of the pure core. Requests are taken when no plan is being carried out,
as OTP takes them when it isn't blocked; so a child is running, restarting or
stopped here, and nothing in between. An order that has to stop or start a
child makes a plan, and the reply comes at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from supervisors.core._children import Child, Life
from supervisors.core._state import Goal, Plan, State
from supervisors.core.protocol import ChildCounts, ChildView, OneLife, Reply, Request
from supervisors.core.spec import ChildSpec, ExtraArgs, SupervisorSpec
from supervisors.core.words import Strategy
from supervisors.errors import ChildError, Refusal, SpecError, SupervisorError


class _Mark:
    """In place of a value."""


_LATER = _Mark()
"""The reply comes at the end of the plan just made."""
_GIVEN = _Mark()
"""It has been given."""


def answer(state: State, request: Request) -> None:
    """Answer *request*, or make the plan that will."""
    try:
        handler = _HANDLERS.get(request.op)
        if handler is None:
            raise SpecError("op", request.op, f"one of {', '.join(_HANDLERS)}")
        value = handler(state, request)
    except SupervisorError as error:
        state.emit(Reply(request.token, error=error))
        return
    if not isinstance(value, _Mark):
        state.emit(Reply(request.token, value))


def _refuse(reason: Refusal, name: object, child: Child | None = None) -> NoReturn:
    raise ChildError(reason, str(name), incarnation=None if child is None else child.incarnation)


def _found(state: State, name: object) -> Child:
    child = state.children.get(name) if isinstance(name, str) else None
    if child is None:
        _refuse(Refusal.not_found, name)
    return child


def _no_template(state: State, name: object) -> Child:
    template = state.spec.template
    if template is not None and name == template.id:
        _refuse(Refusal.simple_one_for_one, template.id)
    return _found(state, name)


def _static_only(state: State, request: Request) -> Child:
    if state.dynamic:
        _refuse(Refusal.simple_one_for_one, request.argument)
    return _found(state, request.argument)


def _must_be_stopped(child: Child) -> None:
    if child.shown != "stopped":
        _refuse(Refusal(child.shown), child.id)


# -- orders -------------------------------------------------------------------------------------


def _start_child(state: State, request: Request) -> object:
    template = state.spec.template
    if template is not None:
        return _start_dynamic(state, template, request)
    spec = request.argument
    if not isinstance(spec, ChildSpec):
        raise SpecError("start_child", spec, "a ChildSpec")
    state.spec.check_child(spec)
    _must_be_new(state, spec.id)
    child = state.children.add(spec)
    state.plan = Plan(Goal.add, starts=[child.id], token=request.token)
    return _LATER


def _start_dynamic(state: State, template: ChildSpec, request: Request) -> object:
    extra = ExtraArgs() if request.argument is None else request.argument
    if not isinstance(extra, ExtraArgs):
        raise SpecError("start_child", extra, "ExtraArgs for simple_one_for_one")
    if extra.label == template.id:
        raise SpecError("label", extra.label, "another than the template's id")
    label = _made_up_label(state, template) if extra.label is None else extra.label
    _must_be_new(state, label)
    state.children.add(template.named(label), extra.args)
    state.plan = Plan(Goal.add, starts=[label], token=request.token)
    return _LATER


def _made_up_label(state: State, template: ChildSpec) -> str:
    while True:
        state.labels += 1
        label = f"{template.id}-{state.labels}"
        if label not in state.children:
            return label


def _must_be_new(state: State, child_id: str) -> None:
    child = state.children.get(child_id)
    if child is None:
        if state.parking.parked:
            _refuse(Refusal.parked, child_id)
    elif child.life is Life.running:
        _refuse(Refusal.already_started, child_id, child)
    else:
        _refuse(Refusal.already_present, child_id)


def _terminate_child(state: State, request: Request) -> object:
    child = _named(state, request.argument)
    if child is None:
        return None
    state.plan = Plan(Goal.terminate, stops=[child.id], token=request.token)
    return _LATER


def _named(state: State, name: object) -> Child | None:
    if isinstance(name, OneLife):
        child = state.children.get(name.id)
        # Gone or replaced: nothing is left to terminate, as with a dead pid.
        return child if child is not None and child.lived == name.incarnation else None
    return _no_template(state, name)


def _restart_child(state: State, request: Request) -> object:
    child = _static_only(state, request)
    _must_be_stopped(child)
    if state.parking.parked:
        _refuse(Refusal.parked, child.id)
    state.plan = Plan(Goal.revive, starts=[child.id], token=request.token)
    return _LATER


def _delete_child(state: State, request: Request) -> None:
    child = _static_only(state, request)
    _must_be_stopped(child)
    state.remove(child)


def _reload(state: State, request: Request) -> None:
    new = request.argument
    if not isinstance(new, SupervisorSpec):
        raise SpecError("reload", new, "a SupervisorSpec")
    if (new.strategy is Strategy.simple_one_for_one) is not state.dynamic:
        raise SpecError("strategy", new.strategy, "simple_one_for_one before and after, or neither")
    state.spec = new
    state.budget.resize(new.intensity, new.period_s)
    if new.template is None:
        state.children.respec(new.children)
    else:
        state.children.respec_all(new.template)


# -- questions ----------------------------------------------------------------------------------


def _which_children(state: State, _request: Request) -> tuple[ChildView, ...]:
    return tuple(child.view() for child in reversed(state.children))


def _which_child(state: State, request: Request) -> ChildView:
    return _no_template(state, request.argument).view()


def _count_children(state: State, request: Request) -> object:
    """Of children of a template OTP has numbers of its own; of others it asks the processes."""
    children = state.children
    template = state.spec.template
    if template is None:
        active = tuple((child.id, child.incarnation) for child in children if child.alive)
        size, supervisors = len(children), sum(c.spec.type == "supervisor" for c in children)
        counts = ChildCounts(size, len(active), supervisors, size - supervisors)
        state.emit(Reply(request.token, counts, counted=active))
        return _GIVEN
    size = len(children)
    supervisors = size if template.type == "supervisor" else 0
    return ChildCounts(1, size - children.restarting_count, supervisors, size - supervisors)


def _get_child_spec(state: State, request: Request) -> ChildSpec:
    template = state.spec.template
    if template is not None and request.argument == template.id:
        return template
    return _found(state, request.argument).spec


_HANDLERS: dict[str, Callable[[State, Request], object]] = {
    "start_child": _start_child,
    "terminate_child": _terminate_child,
    "restart_child": _restart_child,
    "delete_child": _delete_child,
    "which_children": _which_children,
    "which_child": _which_child,
    "count_children": _count_children,
    "get_child_spec": _get_child_spec,
    "reload": _reload,
}
