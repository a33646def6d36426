"""All that a supervisor core remembers, its plan included, and the small verbs that change it.

Part of the pure core. `core` takes events, `_requests` answers questions,
`_plan` carries out stops and starts; the three meet here.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from supervisors.core._children import Child, Children, Life
from supervisors.core._intensity import RestartBudget
from supervisors.core._parking import Parking
from supervisors.core.protocol import (
    CancelTimer,
    ChildDown,
    Effect,
    Removed,
    Reply,
    Report,
    ReportContext,
    Request,
    SetTimer,
    Stop,
    Timer,
    TimerKey,
)
from supervisors.core.spec import SupervisorSpec
from supervisors.core.words import Restart, Strategy
from supervisors.errors import NotRunning, RestartLimitReached
from supervisors.exit import Exit


class Goal(Enum):
    """What a plan is for; decides what follows when it is done, or a start fails."""

    boot = "boot"
    roll_back = "roll_back"
    """Stop what a failed boot had started."""
    restart = "restart"
    delay = "delay"
    """Stop the group of a child that then waits for its back-off."""
    add = "add"
    """Start a child that start_child brought."""
    revive = "revive"
    """Start a stopped child by restart_child."""
    terminate = "terminate"
    park = "park"
    probe = "probe"
    finish = "finish"


@dataclass(slots=True, eq=False)
class Plan:
    """What is left to do. Children are named by id; both lists are used up from their ends."""

    goal: Goal
    stops: list[str] = field(default_factory=list)
    """In start order, since the newest is stopped first."""
    starts: list[str] = field(default_factory=list)
    """In reverse start order."""
    pending: int = 0
    """Answers that are still to come."""
    culprit: str = ""
    """The child that it is about, where it is about one."""
    token: object = None
    """Of the request to answer."""
    delay_s: float = 0.0
    """The back-off to set when the stops are done."""
    exit: Exit | None = None
    """With what the supervisor ends."""
    last: tuple[Effect, ...] = ()
    """What there is to be done at the end of a plan that ends the supervisor, or parks it."""


class Phase(Enum):
    """Where the supervisor is in its life."""

    new = "new"
    booting = "booting"
    up = "up"
    ended = "ended"


@dataclass(frozen=True, slots=True)
class TryAgain:
    """A restart has failed and is to be tried once more, after all that waits already.

    OTP casts this to itself; that it stands in the queue is what lets other
    requests in between two attempts.
    """

    id: str


Message: TypeAlias = ChildDown | Request | Stop | Timer | TryAgain
"""What waits in the inbox while a plan is carried out."""


@dataclass(slots=True)
class State:
    """The memory of one supervisor."""

    spec: SupervisorSpec
    seed: int | str
    budget: RestartBudget
    children: Children = field(default_factory=Children)
    parking: Parking = field(default_factory=Parking)
    phase: Phase = Phase.new
    inbox: deque[Message] = field(default_factory=deque)
    plan: Plan | None = None
    exit: Exit | None = None
    draws: int = 0
    labels: int = 0
    now_s: float = float("-inf")
    effects: list[Effect] = field(default_factory=list)

    @property
    def dynamic(self) -> bool:
        """Whether children are made from a template."""
        return self.spec.strategy is Strategy.simple_one_for_one

    @property
    def by_group(self) -> bool:
        """Whether a restart takes siblings along, and those stopped by hand with them."""
        return self.spec.strategy in (Strategy.one_for_all, Strategy.rest_for_one)

    # -- verbs ----------------------------------------------------------------------------------

    def emit(self, effect: Effect) -> None:
        """Have the shell do *effect*, after those before it."""
        self.effects.append(effect)

    def report(
        self, context: ReportContext, child: Child, reason: Exit | BaseException | str | None = None
    ) -> None:
        """Tell observers."""
        self.effects.append(Report(context, child.id, reason))

    def bury(self, child: Child) -> None:
        """*child* has ended for good: keep its spec, stopped, unless nothing could use it."""
        if self.dynamic or child.spec.restart is Restart.temporary:
            self.remove(child)
        else:
            self.rest(child)
            child.wanted = False

    def rest(self, child: Child, life: Life = Life.stopped) -> None:
        """*child* isn't running and has nothing pending."""
        self.cancel_timer(child)
        child.down = None
        self.children.set_life(child, life)

    def remove(self, child: Child) -> None:
        """Forget *child* and its spec."""
        self.rest(child)
        self.children.remove(child)
        self.emit(Removed(child.id))

    def set_timer(self, child: Child, delay_s: float) -> None:
        """Start the back-off of *child*."""
        child.timer = ("restart", child.id, child.incarnation)
        self.emit(SetTimer(child.timer, delay_s))

    def cancel_timer(self, child: Child) -> None:
        """End the back-off of *child*, if there is one."""
        if child.timer is not None:
            self.emit(CancelTimer(child.timer))
            child.timer = None

    def cancel_timers(self) -> None:
        """End all waiting at once: nothing will be started any more."""
        for child in self.children:
            self.cancel_timer(child)
        self.cancel_probe()

    def cancel_probe(self) -> None:
        """End the wait for a probe, if there is one."""
        key: TimerKey | None = self.parking.key
        if key is not None:
            self.emit(CancelTimer(key))
            self.parking.key = None

    def next_delay_s(self, child: Child) -> float:
        """Count one more failure of *child*, and say how long it has to wait for its start."""
        backoff = self.spec.backoff
        if backoff.min_s == 0:
            return 0.0
        child.failures += 1
        if backoff.jitter == 0:
            return backoff.delay_s(child.failures)
        self.draws += 1
        # A generator per draw: its state is two values, cheap to copy and to compare.
        draw = random.Random(f"{self.seed}/{self.draws}").random()  # noqa: S311
        return backoff.delay_s(child.failures, draw)

    def limit_reached(self, child: Child, *, on_probation: bool) -> RestartLimitReached:
        """Why this supervisor gives up."""
        return RestartLimitReached(
            child.id,
            intensity=self.spec.intensity,
            period_s=self.spec.period_s,
            on_probation=on_probation,
        )

    def end(self, ended: Exit | None) -> None:
        """Nothing is left to do: turn away who still waits."""
        self.phase = Phase.ended
        self.exit = ended
        for message in self.inbox:
            if isinstance(message, Request):
                self.turn_away(message)
        self.inbox.clear()

    def turn_away(self, request: Request) -> None:
        """Answer that there is no one to answer."""
        self.emit(Reply(request.token, error=NotRunning("the supervisor", self.exit)))
