"""A supervisor core steered by hand: children obey at once unless they are told not to.

What the core orders is written down in short words, such as ``"start a"``, so that a
test reads as the list of what happened. The clock moves when a test moves it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

import pytest

from supervisors.core import protocol as to
from supervisors.core.core import SupervisorCore
from supervisors.core.spec import ChildSpec, SupervisorSpec
from supervisors.core.words import Shutdown
from supervisors.errors import ChildError
from supervisors.exit import Exit

_SHORT = {
    to.Booted: "booted",
    to.BootFailed: "boot failed",
    to.Parked: "parked",
    to.Unparked: "unparked",
}

ENDS = {
    "normal": Exit.normal(),
    "shutdown": Exit.shutdown(),
    "shutdown with a detail": Exit.shutdown("x"),
    "crash": Exit.crash("boom"),
    "killed": Exit.killed(),
    "lost": Exit.lost(),
    "hung": Exit.hung(),
}
"""Every kind of end, by a name for test ids."""


def an_actor():
    """Stands for an actor class; nobody starts it here."""


def child(name, **fields):
    """A child spec that needs no more than a name."""
    return ChildSpec(name, an_actor, **fields)


def refusal(tree, op, argument=None):
    """Why the supervisor says no."""
    with pytest.raises(ChildError) as caught:
        tree.ask(op, argument)
    return caught.value.reason


class Steered:
    """A core, the children it believes in, and what it has ordered so far."""

    def __init__(self, *children, seed: int | str = 0, boot: bool = True, **fields):
        specs = [child(one) if isinstance(one, str) else one for one in children]
        self.core = SupervisorCore(SupervisorSpec(specs, **fields), seed=seed)  # type: ignore[arg-type]
        self.now_s = 0.0
        self.effects: list[to.Effect] = []
        self.log: list[str] = []
        self.next_starts: dict[str, deque[str | None]] = defaultdict(deque)
        self.stubborn: set[str] = set()
        self.current: dict[str, int] = {}
        self.timers: dict[to.TimerKey, float] = {}
        self._token = 0
        if boot:
            self.send(to.Boot())
            self.forget()

    # -- events ---------------------------------------------------------------------------------

    def send(self, *events: to.Event) -> list[str]:
        """Give *events* to the core before any of its orders is answered; the new log lines."""
        before = len(self.log)
        orders: deque[to.Effect] = deque()
        for event in events:
            orders.extend(self._handle(event))
        while orders:
            answer = self._obey(orders.popleft())
            if answer is not None:
                orders.extend(self._handle(answer))
        return self.log[before:]

    def fell(self, name: str, ended: Exit | None = None, **facts: Any) -> to.ChildDown:
        """The event that the present incarnation of *name* has ended by itself: crashed."""
        return to.ChildDown(name, self.current[name], ended or Exit.crash("boom"), **facts)

    def crash(self, name: str, ended: Exit | None = None, **facts: Any) -> list[str]:
        """*name* ends by itself."""
        return self.send(self.fell(name, ended, **facts))

    def request(self, op: to.Operation, argument: Any = None) -> to.Request:
        """A request with a token of its own."""
        self._token += 1
        return to.Request(self._token, op, argument)

    def ask(self, op: to.Operation, argument: Any = None) -> Any:
        """The answer to a request, once all is quiet; an error is raised."""
        request = self.request(op, argument)
        self.send(request)
        reply = self.reply_to(request)
        if reply.error is not None:
            raise reply.error
        return reply.value

    def reply_to(self, request: to.Request) -> to.Reply:
        """The one reply to *request*."""
        (reply,) = [e for e in self.seen(to.Reply) if e.token == request.token]
        return reply

    def fire(self) -> list[str]:
        """Move the clock to the next timer, and let it fire."""
        key = min(self.timers, key=self.timers.__getitem__)
        self.now_s = self.timers.pop(key)
        return self.send(to.Timer(key))

    def fails(self, name: str, times: int = 1, error: str = "no") -> None:
        """The next *times* starts of *name* fail."""
        self.next_starts[name].extend([error] * times)

    def ignores(self, name: str) -> None:
        """The next start of *name* chooses not to run."""
        self.next_starts[name].append(None)

    # -- what can be seen -----------------------------------------------------------------------

    def seen(self, kind: type[Any]) -> list[Any]:
        """All effects of *kind* so far."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def reports(self) -> list[tuple[str, str]]:
        """Context and child of each report, progress left out."""
        found = self.seen(to.Report)
        return [(report.context, report.id) for report in found if report.context != "progress"]

    def states(self) -> dict[str, str]:
        """Id and state of each child, oldest first."""
        return {view.id: view.state for view in reversed(self.core.view())}

    def forget(self) -> None:
        """Start the log anew."""
        self.log.clear()
        self.effects.clear()

    # -- the world ------------------------------------------------------------------------------

    def _handle(self, event: to.Event) -> list[to.Effect]:
        effects = self.core.handle(event, self.now_s)
        self.effects.extend(effects)
        return effects

    def _obey(self, effect: to.Effect) -> to.Event | None:
        match effect:
            case to.StartChild():
                return self._start(effect)
            case to.StopChild():
                return self._stop(effect)
            case to.SetTimer(key, delay_s):
                self.timers[key] = self.now_s + delay_s
                self.log.append(f"wait {delay_s:g}")
            case to.CancelTimer(key):
                del self.timers[key]
                self.log.append("cancel")
            case to.Removed(name):
                self.log.append(f"removed {name}")
            case to.Finished(ended, cause):
                self.log.append(f"finished {ended.kind} {cause}")
            case _ if type(effect) in _SHORT:
                self.log.append(_SHORT[type(effect)])
        return None

    def _start(self, effect: to.StartChild) -> to.Event | None:
        self.log.append(f"start {effect.id}")
        assert effect.incarnation > self.current.get(effect.id, 0), "a number was used twice"
        self.current[effect.id] = effect.incarnation
        queue = self.next_starts[effect.id]
        if effect.id in self.stubborn:
            return None
        if not queue:
            return to.ChildUp(effect.id, effect.incarnation)
        error = queue.popleft()
        if error is None:
            return to.ChildIgnored(effect.id, effect.incarnation)
        return to.ChildFailed(effect.id, effect.incarnation, error)

    def _stop(self, effect: to.StopChild) -> to.Event | None:
        self.log.append(f"stop {effect.id}")
        assert effect.incarnation == self.current[effect.id], "an old incarnation was stopped"
        if effect.id in self.stubborn:
            return None
        brutal = effect.shutdown_s is Shutdown.brutal_kill
        return self.fell(effect.id, Exit.killed() if brutal else Exit.shutdown())
