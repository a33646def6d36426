"""The supervisor, without threads: events in, effects out.

`SupervisorCore` decides all that a supervisor decides, word for word as
Erlang/OTP's own does: replayed against 988 recorded traces of it, every reply,
restart and stop agrees (`tests/otp`). It is told the time, carries out
nothing, and never waits, so a test of it is a list of values.

Where to look: `_strategy` has the rules about one child, `_intensity` and
`backoff` whether and when to restart, `_parking` what to do instead of
giving up, `_requests` the questions from outside, `_plan` and `_goals` stops
and starts in order. This file is the way an event takes.

Deliberate differences from OTP: back-off, parking and ``count_progress`` (all
off by default), simple_one_for_one children that are named by label instead
of by pid, and a child whose automatic restart chooses not to run is dropped
there (erlang/otp issue 8215).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisors.core import _goals
from supervisors.core._children import Child, Children, Life
from supervisors.core._goals import finish, park
from supervisors.core._intensity import RestartBudget
from supervisors.core._plan import step, stopped
from supervisors.core._requests import answer
from supervisors.core._state import Goal, Message, Phase, Plan, State, TryAgain
from supervisors.core._strategy import ends_supervisor, group_of, judge
from supervisors.core.protocol import (
    Boot,
    ChildDown,
    ChildFailed,
    ChildIgnored,
    ChildUp,
    ChildView,
    Effect,
    Event,
    FinishCause,
    Finished,
    Request,
    Restarting,
    Timer,
)
from supervisors.exit import Exit

if TYPE_CHECKING:
    from supervisors.core.spec import SupervisorSpec


class SupervisorCore:
    """Decides all that a supervisor decides.

    Deterministic: the same spec, seed, events and times give the same effects.
    The seed only moves the jitter of back-offs. No step costs more than the
    children it stops or starts, however many there are.

    Args:
        seed: Of the jitter; give each supervisor its own.
        count_from: Incarnations are numbered from above this.
    """

    def __init__(self, spec: SupervisorSpec, *, seed: int | str = 0, count_from: int = 0) -> None:
        budget = RestartBudget(spec.intensity, spec.period_s)
        self._state = State(spec, seed, budget, Children(count_from))

    def __repr__(self) -> str:
        state = self._state
        return f"<SupervisorCore {state.phase.value}, {len(state.children)} children>"

    @property
    def parked(self) -> bool:
        """Whether it waits for a probe."""
        return self._state.parking.parked

    @property
    def exit(self) -> Exit | None:
        """What it finished with; None as long as it hasn't."""
        return self._state.exit

    @property
    def spec(self) -> SupervisorSpec:
        """What it goes by at present."""
        return self._state.spec

    @property
    def budget(self) -> tuple[int, int, float]:
        """Restarts that count at present; how many may, in how many seconds."""
        state = self._state
        used = len(state.budget.ages_s(state.now_s))
        return used, state.spec.intensity, state.spec.period_s

    def handle(self, event: Event, now_s: float) -> list[Effect]:
        """Take one event, and say what is to be done about it.

        What can't be dealt with yet, because children are being stopped or
        started, waits inside. An event about an unknown or an old incarnation
        changes nothing; nor does any after the supervisor has ended, except
        that requests are turned away.

        Args:
            now_s: Seconds on the supervisor's clock. A time before the last
                one is taken as the last one.

        Returns:
            Effects, to be carried out in this order.
        """
        state = self._state
        state.now_s = max(state.now_s, now_s)
        effects = state.effects = []
        self._take(event)
        self._work()
        return effects

    def view(self) -> tuple[ChildView, ...]:
        """The children at this moment, newest first.

        Unlike which_children it is no request: it waits for no plan, and so
        shows a child that is being started as restarting, and one that is
        being stopped as running.
        """
        return tuple(child.view() for child in reversed(self._state.children))

    # -- the way of an event --------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        """Answers go to the plan that waits for them, all else into the inbox."""
        if isinstance(event, ChildDown):
            self._take_down(event)
        elif isinstance(event, ChildUp | ChildIgnored | ChildFailed):
            self._take_start(event)
        elif isinstance(event, Boot):
            self._boot()
        elif self._state.phase is not Phase.ended:
            self._state.inbox.append(event)
        elif isinstance(event, Request):
            self._state.turn_away(event)

    def _work(self) -> None:
        """Carry out the plan, or take what waits, until an answer is needed or all is done."""
        state = self._state
        while True:
            plan = state.plan
            if plan is not None:
                if step(state, plan):
                    continue
                if plan.pending:
                    return
                _goals.done(state, plan)
            elif state.inbox and state.phase is Phase.up:
                self._process(state.inbox.popleft())
            else:
                return

    def _process(self, message: Message) -> None:
        if isinstance(message, Request):
            answer(self._state, message)
        elif isinstance(message, ChildDown):
            self._child_fell(message)
        elif isinstance(message, TryAgain):
            self._try_again(message)
        elif isinstance(message, Timer):
            self._time_is_up(message)
        else:
            finish(self._state, Finished(message.exit, FinishCause.stopped))

    def _boot(self) -> None:
        state = self._state
        if state.phase is not Phase.new:
            return
        state.phase = Phase.booting
        if not state.dynamic:
            for spec in state.spec.children:
                state.children.add(spec)
        state.plan = Plan(Goal.boot, starts=[child.id for child in reversed(state.children)])

    # -- answers of children --------------------------------------------------------------------

    def _known(self, event: ChildUp | ChildIgnored | ChildFailed | ChildDown) -> Child | None:
        child = self._state.children.get(event.id)
        return child if child is not None and child.incarnation == event.incarnation else None

    def _take_start(self, event: ChildUp | ChildIgnored | ChildFailed) -> None:
        state, plan = self._state, self._state.plan
        child = self._known(event)
        if child is None or plan is None or child.life is not Life.starting:
            return
        plan.pending -= 1
        if isinstance(event, ChildUp):
            _goals.started(state, plan, child)
        elif isinstance(event, ChildIgnored):
            _goals.start_ignored(state, plan, child)
        else:
            _goals.start_failed(state, plan, child, event.error)

    def _take_down(self, event: ChildDown) -> None:
        state, plan = self._state, self._state.plan
        child = self._known(event)
        if child is None:
            return
        if event.progressed or state.spec.backoff.is_stable(event.uptime_s):
            state.parking.prove(child.id)
        if child.alive:
            child.down = event
            state.inbox.append(event)
        elif plan is not None and child.life is Life.stopping:
            plan.pending -= 1
            stopped(state, plan, child, event.exit)
        elif plan is not None and child.life is Life.starting:  # it never was up
            plan.pending -= 1
            _goals.start_failed(state, plan, child, event.exit.error or str(event.exit))

    # -- a child has gone down by itself --------------------------------------------------------

    def _child_fell(self, event: ChildDown) -> None:
        state = self._state
        child = self._known(event)
        if child is None or child.down is not event:
            return  # a plan has taken it as stopped
        child.down = None
        restart, report = judge(child.spec.restart, event.exit)
        if report:
            state.report("child_terminated", child, event.exit)
        if restart:
            state.children.set_life(child, Life.stopped)
            if state.spec.backoff.is_stable(event.uptime_s):
                child.failures = 0
            self._restart(child, free=state.spec.count_progress and event.progressed)
            return
        state.bury(child)
        if ends_supervisor(state.spec, child, state.children):
            finish(state, Finished(Exit.shutdown(), FinishCause.auto_shutdown))

    def _try_again(self, message: TryAgain) -> None:
        child = self._state.children.get(message.id)
        if child is not None and child.life is Life.restarting and child.timer is None:
            self._restart(child)

    def _restart(self, child: Child, *, free: bool = False) -> None:
        """Charge the budget, then restart *child* and its group, now or after its back-off."""
        state = self._state
        on_probation = child.id in state.parking.probation
        if on_probation or not (free or state.budget.admit(state.now_s)):
            self._give_up(child, on_probation)
            return
        delay_s = state.next_delay_s(child)
        if delay_s > 0:
            ids = [sibling.id for sibling in group_of(state.spec.strategy, child, state.children)]
            state.plan = Plan(Goal.delay, stops=ids, culprit=child.id, delay_s=delay_s)
        else:
            state.emit(Restarting(child.id, 0.0))
            self._start_group(child)

    def _start_group(self, child: Child) -> None:
        state = self._state
        ids = [sibling.id for sibling in group_of(state.spec.strategy, child, state.children)]
        state.plan = Plan(Goal.restart, stops=ids, starts=ids[::-1], culprit=child.id)

    def _give_up(self, child: Child, on_probation: bool) -> None:
        state = self._state
        reason = state.limit_reached(child, on_probation=on_probation)
        state.report("shutdown", child, reason)
        if state.spec.on_intensity == "park":
            park(state, reason)
        else:
            exceeded = FinishCause.intensity_exceeded
            finish(state, Finished(Exit.shutdown(error=reason), exceeded))

    # -- time -----------------------------------------------------------------------------------

    def _time_is_up(self, timer: Timer) -> None:
        state = self._state
        if timer.key == state.parking.key:
            self._probe()
            return
        child = state.children.get(timer.key[1])
        if child is not None and child.timer == timer.key:
            child.timer = None
            self._start_group(child)

    def _probe(self) -> None:
        state = self._state
        ids = [child.id for child in state.children if child.life is Life.parked]
        state.parking.probe(ids)
        state.plan = Plan(Goal.probe, starts=ids[::-1])
