"""A world around the core: children that answer when told to, and what must always hold.

`World` is given events, remembers who lives, and asserts the invariants of supervision.md
E8 at every effect; it knows nothing of OTP's rules (those are `otp_table.Otp`, which
`World.said` puts the effects into the words of).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from supervisors.core import protocol as to
from supervisors.core.core import SupervisorCore
from supervisors.core.spec import ChildSpec, ExtraArgs, SupervisorSpec
from supervisors.core.words import BRUTAL_KILL, Restart
from supervisors.errors import ChildError, NotRunning, SpecError
from supervisors.exit import Exit
from tests.core_states import copy_of
from tests.properties.otp_table import Kid, Otp, Said

__all__ = ["ENDS", "World", "kid_of", "reference_of", "spec_of"]

ENDS = {
    "normal": Exit.normal(),
    "shutdown": Exit.shutdown(),
    "shutdown with a detail": Exit.shutdown("x"),
    "crash": Exit.crash("boom"),
    "killed": Exit.killed(),
    "lost": Exit.lost(),
    "hung": Exit.hung(),
}


def an_actor() -> None:
    """Stands for an actor class; nobody starts it here."""


def spec_of(kid: Kid) -> ChildSpec:
    """The spec of *kid*, as a user would write it."""
    return ChildSpec(
        kid.id,
        an_actor,
        restart=Restart(kid.restart),
        significant=kid.significant,
        shutdown_s=BRUTAL_KILL if kid.brutal else 1.0,
    )


def kid_of(spec: ChildSpec) -> Kid:
    """The line of OTP's table for *spec*."""
    brutal = spec.shutdown_s is BRUTAL_KILL
    return Kid(spec.id, str(spec.restart), spec.significant, brutal)


def reference_of(spec: SupervisorSpec) -> Otp:
    """OTP's supervisor for *spec*."""
    kids = [kid_of(child) for child in spec.children]
    template = kids.pop() if spec.template is not None else None
    return Otp(
        str(spec.strategy),
        kids,
        spec.intensity,
        spec.period_s,
        str(spec.auto_shutdown),
        template,
    )


class World:
    """A core and its children.

    Args:
        spec: what the core supervises.
        seed: of its jitter.
    """

    def __init__(self, spec: SupervisorSpec, seed: int = 0) -> None:
        self.core = SupervisorCore(spec, seed=seed)
        self.dynamic = spec.template is not None
        self.now_s = 0.0
        self.living: dict[str, int] = {}
        self.starting: dict[str, int] = {}
        self.stopping: dict[str, int] = {}
        """Those that live and have been asked to stop."""
        self.numbers: dict[str, int] = {}
        """The last incarnation of each id that there ever was."""
        self.lives: Counter[str] = Counter()
        """Starts that succeeded since the id was added."""
        self.timers: dict[to.TimerKey, float] = {}
        self.old_timers: set[to.TimerKey] = set()
        """Those that have rung or were cancelled."""
        self.owed: Counter[Any] = Counter()
        """Requests without an answer, by token."""
        self.over: to.Effect | None = None
        self.told_to_stop = False
        """Stop came when nothing was under way: nobody may be started any more."""
        self.reloaded = False

    def copy(self) -> World:
        """An independent world in the same state."""
        twin = World.__new__(World)
        twin.__dict__.update(self.__dict__)
        twin.core = copy_of(self.core)
        for name in self._OWN:
            setattr(twin, name, getattr(self, name).copy())
        return twin

    @property
    def quiet(self) -> bool:
        """No answer is awaited."""
        return not self.starting and not self.stopping

    # -- events ---------------------------------------------------------------------------------

    def feed(self, event: to.Event) -> list[to.Effect]:
        """Give *event* to the core, and look at each of its effects."""
        effects = self.core.handle(event, self.now_s)
        for n, effect in enumerate(effects):
            self._look(effect, last=n == len(effects) - 1)
        return effects

    def boot(self) -> list[to.Effect]:
        """The first event."""
        return self.feed(to.Boot())

    def answer_start(self, name: str, how: str) -> list[to.Effect]:
        """``up``, ``ignored``, ``failed``, or ``down``: it fell while it was starting."""
        number = self.starting.pop(name)
        if how == "up":
            self.living[name] = number
            self.lives[name] += 1
            return self.feed(to.ChildUp(name, number))
        if how == "ignored":
            return self.feed(to.ChildIgnored(name, number))
        if how == "failed":
            return self.feed(to.ChildFailed(name, number, "no"))
        return self.feed(to.ChildDown(name, number, Exit.crash("early")))

    def fall(self, name: str, how: str, **facts: Any) -> list[to.Effect]:
        """A living child ends, whether it was asked to or not."""
        number = self.living.pop(name)
        self.stopping.pop(name, None)
        return self.feed(to.ChildDown(name, number, ENDS[how], **facts))

    def ask(self, token: Any, op: to.Operation, argument: Any = None) -> list[to.Effect]:
        """A request."""
        self.owed[token] += 1
        return self.feed(to.Request(token, op, argument))

    def stop(self) -> list[to.Effect]:
        """The owner's word."""
        if self.quiet and self.core.parked is False:
            self.told_to_stop = True
        return self.feed(to.Stop())

    def ring(self, key: to.TimerKey) -> list[to.Effect]:
        """A timer's time has come."""
        self.now_s = max(self.now_s, self.timers.pop(key))
        self.old_timers.add(key)
        return self.feed(to.Timer(key))

    # -- what must always hold --------------------------------------------------------------------

    def _look(self, effect: to.Effect, *, last: bool) -> None:
        assert self.over is None or isinstance(effect, to.Reply), "something after the end"
        look = self._LOOKS.get(type(effect))
        if look is not None:
            look(self, effect)
        if isinstance(effect, to.Finished | to.BootFailed):
            assert last, "the end is not the last effect"

    def _start(self, effect: to.StartChild) -> None:
        name = effect.id
        assert name not in self.living, "two live incarnations of a child"
        assert not self.starting, "two starts at a time"
        assert not self.stopping, "a start before the stops are done"
        assert not self.told_to_stop, "a restart after stop was asked"
        assert effect.incarnation > self.numbers.get(name, 0), "a number was used twice"
        if effect.spec.restart is Restart.temporary and not self.reloaded:
            assert not self.lives[name], "a temporary child was restarted"
        self.starting[name] = self.numbers[name] = effect.incarnation

    def _stop(self, effect: to.StopChild) -> None:
        name = effect.id
        assert self.living.get(name) == effect.incarnation, "a stop for one that is not there"
        assert name not in self.stopping, "two stops for one life"
        assert not self.starting, "a stop before the start was answered"
        assert self.dynamic or not self.stopping, "two stops at a time"
        if self.told_to_stop:
            self._is_youngest(name)
        self.stopping[name] = effect.incarnation

    def _is_youngest(self, name: str) -> None:
        younger = {view.id for view in self.core.view()} & set(self.living) - set(self.stopping)
        names = [view.id for view in self.core.view() if view.id in younger | {name}]
        assert self.dynamic or names[0] == name, "not in reverse start order"

    def _removed(self, effect: to.Removed) -> None:
        name = effect.id
        assert name not in self.living and name not in self.starting, "removed alive"
        del self.lives[name]

    def _reply(self, effect: to.Reply) -> None:
        assert self.owed[effect.token] > 0, "an answer that nobody waits for"
        self.owed[effect.token] -= 1

    def _set_timer(self, effect: to.SetTimer) -> None:
        assert effect.key not in {*self.timers, *self.old_timers}, "a timer was set twice"
        assert effect.delay_s > 0
        self.timers[effect.key] = self.now_s + effect.delay_s

    def _cancel_timer(self, effect: to.CancelTimer) -> None:
        self.timers.pop(effect.key, None)  # it may have rung, with the core busy since
        self.old_timers.add(effect.key)

    def _nobody_lives(self, effect: to.Effect) -> None:
        assert not self.living and not self.starting, f"orphans: {self.living} {self.starting}"
        if not isinstance(effect, to.Parked):
            self.over = effect
            assert not self.timers, "a timer outlives the supervisor"

    _OWN = (
        *("living", "starting", "stopping", "numbers", "lives"),
        *("timers", "old_timers", "owed"),
    )

    _LOOKS = {
        to.StartChild: _start,
        to.StopChild: _stop,
        to.Removed: _removed,
        to.Reply: _reply,
        to.SetTimer: _set_timer,
        to.CancelTimer: _cancel_timer,
        to.Finished: _nobody_lives,
        to.BootFailed: _nobody_lives,
        to.Parked: _nobody_lives,
    }

    # -- the end ----------------------------------------------------------------------------------

    def wind_up(self) -> list[to.Effect]:
        """Stop, obey every order; then all must be over and every request answered."""
        effects = self.stop()
        while not self.quiet:
            if self.starting:
                effects += self.answer_start(next(iter(self.starting)), "up")
            else:
                effects += self.fall(next(iter(self.stopping)), "shutdown")
        self.must_be_over()
        return effects

    def must_be_over(self) -> None:
        """Nothing lives, and nobody waits."""
        assert self.over is not None, "it was told to stop and has not ended"
        assert not +self.owed, f"requests without an answer: {+self.owed}"


# -- in the words of the table ------------------------------------------------------------------


def said(effects: Iterable[to.Effect]) -> list[Said]:
    """*effects* in the words of `otp_table`; what is not OTP's is left out."""
    return [words for effect in effects if (words := _words(effect)) is not None]


def _words(effect: to.Effect) -> Said | None:
    match effect:
        case to.StartChild(id=name):
            return ("start", name)
        case to.StopChild(id=name):
            return ("stop", name)
        case to.Removed(id=name):
            return ("removed", name)
        case to.Report(context=context, id=name):
            return ("report", context, name)
        case to.Reply():
            return ("reply", effect.token, _answer(effect))
        case to.Booted():
            return ("booted",)
        case to.BootFailed(error=ChildError() as error):
            return ("boot failed", error.child_id)
        case to.Finished(cause=cause):
            return ("finished", str(cause))
    return None


def _answer(reply: to.Reply) -> object:
    match reply.error or reply.value:
        case None:
            return "ok"
        case ChildError() as error:
            return str(error.reason)
        case NotRunning():
            return "not_running"
        case SpecError():
            return "bad spec"
        case to.ChildView() as view:
            return view.state
        case to.ChildCounts() as counts:
            return (counts.specs, counts.active, counts.supervisors + counts.workers)
    return tuple((view.id, view.state) for view in reply.value)


def argument_of(op: str, kid: Kid, *, dynamic: bool) -> Any:
    """What a start_child request carries."""
    return ExtraArgs(label=kid.id) if dynamic else spec_of(kid)
