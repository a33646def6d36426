"""OTP's rules of supervision as tables, and a blocking supervisor that goes by them.

Written from `supervisor.erl` and supervision.md B1, and from nothing in `supervisors/`: it
is what the core is judged by. Where the core is an event machine with plans, this is
the straight-line program that Erlang has: it stops a child and waits, starts one and waits,
and what arrives meanwhile stays in its mailbox (a generator, and selective receive).

Speaks in tuples, see `Said`. Not OTP's, so not here: back-off, parking, count_progress.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

__all__ = ["AFTER_END", "CLEAN", "EXITS", "GROUP", "Kid", "Otp", "Said"]

Said: TypeAlias = tuple[Any, ...]
"""``("start", id)``, ``("stop", id)``, ``("removed", id)``, ``("report", context, id)``,
``("reply", token, answer)``, ``("booted",)``, ``("boot failed", id)``, ``("finished", cause)``."""

# -- the tables -----------------------------------------------------------------------------------

AFTER_END = {
    #  how it ended           permanent  transient  temporary
    "normal": dict(permanent="restart", transient="keep", temporary="forget"),
    "shutdown": dict(permanent="restart", transient="keep", temporary="forget"),
    "shutdown with a detail": dict(permanent="restart", transient="keep", temporary="forget"),
    "crash": dict(permanent="restart", transient="restart", temporary="forget"),
    "killed": dict(permanent="restart", transient="restart", temporary="forget"),
    "lost": dict(permanent="restart", transient="restart", temporary="forget"),
    "hung": dict(permanent="restart", transient="restart", temporary="forget"),
}
"""What becomes of a child that has ended by itself. ``forget``: its spec goes, too."""

EXITS = tuple(AFTER_END)
PLANNED = ("normal", "shutdown", "shutdown with a detail")

REPORTED = {
    "permanent": EXITS,
    "transient": ("crash", "killed", "lost", "hung"),
    "temporary": ("crash", "killed", "lost", "hung"),
}
"""Which ends of its own are written to the log as ``child_terminated``."""

CLEAN = {
    #  how it was asked, whom
    ("exit(shutdown)", "permanent"): ("shutdown",),
    ("exit(shutdown)", "transient"): PLANNED,
    ("exit(shutdown)", "temporary"): PLANNED,
    ("exit(kill)", "permanent"): ("killed",),
    ("exit(kill)", "transient"): ("killed", *PLANNED),
    ("exit(kill)", "temporary"): ("killed", *PLANNED),
}
"""Which ends of a child that was being stopped are no ``shutdown_error``."""

GROUP: dict[str, Callable[[list[Any], int], list[Any]]] = {
    "one_for_one": lambda table, at: [table[at]],
    "simple_one_for_one": lambda table, at: [table[at]],
    "rest_for_one": lambda table, at: table[at:],
    "one_for_all": lambda table, _at: table[:],
}
"""Who is stopped (backwards) and started (forwards) when the child at a place is restarted."""

STILL_SHUTS_DOWN = {
    "never": lambda _others_left: False,
    "any_significant": lambda _others_left: True,
    "all_significant": lambda others_left: not others_left,
}
"""Whether the end of a significant child ends its supervisor."""


# -- the supervisor -------------------------------------------------------------------------------

Pid = str | None
"""``"up"``, ``"restarting"``, or None for OTP's ``undefined``."""

Want: TypeAlias = Callable[[Said], bool]
Waiting: TypeAlias = Generator[Want, Said, Any]


@dataclass
class Kid:
    """One line of the supervisor's table."""

    id: str
    restart: str = "permanent"
    significant: bool = False
    brutal: bool = False
    pid: Pid = None


@dataclass
class Otp:
    """A supervisor that blocks. `feed` gives it one message and returns what it said."""

    strategy: str
    kids: list[Kid]
    intensity: int
    period_s: float
    auto_shutdown: str = "never"
    template: Kid | None = None
    """simple_one_for_one: what children are made from; *kids* is empty then."""
    booted: bool = False
    """It begins where its start would have ended."""
    now_s: float = 0.0
    ended: bool = False
    said: list[Said] = field(default_factory=list)
    mailbox: list[Said] = field(default_factory=list)
    restarts_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._life = self._run()
        self._want: Want | None = next(self._life)

    @property
    def idle(self) -> bool:
        """It waits for whatever may come, and nothing has: its table is all there is to it."""
        return self._want is _anything and not self.mailbox

    def twin(self) -> Otp:
        """Another one with the same table. Only of one that is idle, or has not begun."""
        assert not self.mailbox
        kids = [replace(kid) for kid in self.kids]
        restarts_s = list(self.restarts_s)
        return replace(
            self, kids=kids, restarts_s=restarts_s, booted=self.idle, said=[], mailbox=[]
        )

    def feed(self, message: Said, now_s: float) -> list[Said]:
        """Put *message* into the mailbox and let the supervisor take what it waits for."""
        self.now_s, self.said = now_s, []
        if self.ended:
            if message[0] == "request":
                self._reply(message[1], "not_running")
            return self.said
        self.mailbox.append(message)
        while self._want is not None and (found := self._first(self._want)) is not None:
            try:
                self._want = self._life.send(found)
            except StopIteration:
                self._want, self.ended = None, True
        return self.said

    def _first(self, want: Want) -> Said | None:
        for n, message in enumerate(self.mailbox):
            if want(message):
                return self.mailbox.pop(n)
        return None

    # -- its life -----------------------------------------------------------------------------

    def _run(self) -> Waiting:
        failed = None if self.booted else (yield from self._boot())
        cause = None
        while failed is None and cause is None:
            message = yield _anything
            cause = yield from self._take(message)
        yield from self._stop_all()
        for message in self.mailbox:
            if message[0] == "request":
                self._reply(message[1], "not_running")
        self._say(*(("finished", cause) if failed is None else ("boot failed", failed)))

    def _boot(self) -> Waiting:
        """Start all, each when the one before is up. The id of the one that failed, or None."""
        yield lambda m: m[0] == "boot"
        for kid in list(self.kids):
            if not (yield from self._start(kid)):
                self._report("start_error", kid)
                return kid.id
        self._say("booted")
        return None

    def _take(self, message: Said) -> Waiting:
        """One message; the answer is why it is to end, or None."""
        kind = message[0]
        if kind == "stop":
            return "stopped"
        if kind == "down":
            return (yield from self._fell(*message[1:]))
        if kind == "try again":
            kid = self._find(message[1])
            if kid is not None and kid.pid == "restarting":
                return (yield from self._restart(kid))
        if kind == "request":
            yield from getattr(self, "_" + message[2])(message[1], *message[3:])
        return None

    def _fell(self, name: str, how: str) -> Waiting:
        kid = self._find(name)
        if kid is None or kid.pid != "up":
            return None
        if how in REPORTED[kid.restart]:
            self._report("child_terminated", kid)
        if AFTER_END[how][kid.restart] == "restart":
            kid.pid = None
            return (yield from self._restart(kid))
        self._ended_for_good(kid)
        others = any(k.significant and k.pid is not None for k in self.kids)
        if kid.significant and STILL_SHUTS_DOWN[self.auto_shutdown](others):
            return "auto_shutdown"
        return None

    def _restart(self, kid: Kid) -> Waiting:
        oldest_s = self.now_s - self.period_s
        self.restarts_s = [at for at in self.restarts_s if at >= oldest_s] + [self.now_s]
        if len(self.restarts_s) > self.intensity:
            self._report("shutdown", kid)
            kid.pid = None
            return "intensity_exceeded"
        group = GROUP[self.strategy](self.kids, self.kids.index(kid))
        for one in reversed(group):
            yield from self._stop(one)
            self._forget_temporary(one)
        for one in group:
            if one in self.kids and not (yield from self._start(one)):
                self._report("start_error", one)
                one.pid = "restarting"
                self.mailbox.append(("try again", one.id))
                break
        return None

    # -- one child --------------------------------------------------------------------------------

    def _start(self, kid: Kid, token: Any = None) -> Waiting:
        """True unless it failed."""
        self._say("start", kid.id)
        answer = yield lambda m: m[0] in ("up", "ignored", "failed", "down") and m[1] == kid.id
        if answer[0] in ("failed", "down"):
            kid.pid = None
            return False
        kid.pid = "up" if answer[0] == "up" else None
        if kid.pid and self.template is None:
            self._report("progress", kid)
        if token is not None:
            self._reply(token, "running" if kid.pid else "stopped")
        if kid.pid is None:
            self._ended_for_good(kid)
        return True

    def _stop(self, kid: Kid) -> Waiting:
        if kid.pid != "up":
            kid.pid = None
            return
        down = self._first(_down_of(kid))
        if down is None:
            self._say("stop", kid.id)
            down = yield _down_of(kid)
        self._stopped(kid, down[2])

    def _stopped(self, kid: Kid, how: str) -> None:
        if how not in CLEAN["exit(kill)" if kid.brutal else "exit(shutdown)", kid.restart]:
            self._report("shutdown_error", kid)
        kid.pid = None

    def _stop_all(self) -> Waiting:
        if self.template is not None:
            yield from self._stop_all_at_once()
            return
        for kid in self.kids[::-1]:
            yield from self._stop(kid)
            self._forget_temporary(kid)

    def _stop_all_at_once(self) -> Waiting:
        asked = []
        for kid in self.kids[::-1]:
            down = self._first(_down_of(kid)) if kid.pid == "up" else None
            if kid.pid == "up" and down is None:
                self._say("stop", kid.id)
                asked.append(kid)
                continue
            if down is not None:
                self._stopped(kid, down[2])
            self._forget_temporary(kid)
        while asked:
            down = yield lambda m: m[0] == "down" and m[1] in [kid.id for kid in asked]
            (kid,) = [kid for kid in asked if kid.id == down[1]]
            asked.remove(kid)
            self._stopped(kid, down[2])
            self._forget_temporary(kid)

    def _ended_for_good(self, kid: Kid) -> None:
        kid.pid = None
        if self.template is not None or kid.restart == "temporary":
            self._forget(kid)

    def _forget_temporary(self, kid: Kid) -> None:
        if kid.restart == "temporary":
            self._forget(kid)

    def _forget(self, kid: Kid) -> None:
        self.kids.remove(kid)
        self._say("removed", kid.id)

    # -- requests -----------------------------------------------------------------------------

    def _start_child(self, token: Any, new: Kid) -> Waiting:
        if self.template is not None:
            new = replace(self.template, id=new.id)
        old = self._find(new.id)
        if new.significant and self.auto_shutdown == "never":
            self._reply(token, "bad spec")
            return
        if old is not None:
            self._reply(token, "already_started" if old.pid == "up" else "already_present")
            return
        self.kids.append(new)
        if not (yield from self._start(new, token)):
            self._forget(new)
            self._reply(token, "start_failed")

    def _terminate_child(self, token: Any, name: str) -> Waiting:
        kid = self._find(name)
        if kid is None:
            self._reply(token, self._unknown(name))
            return
        yield from self._stop(kid)
        self._ended_for_good(kid)
        self._reply(token, "ok")

    def _restart_child(self, token: Any, name: str) -> Waiting:
        kid = self._idle(token, name)
        if kid is not None and not (yield from self._start(kid, token)):
            self._reply(token, "start_failed")

    def _delete_child(self, token: Any, name: str) -> Waiting:
        kid = self._idle(token, name)
        if kid is not None:
            self._forget(kid)
            self._reply(token, "ok")
        return
        yield

    def _idle(self, token: Any, name: str) -> Kid | None:
        """The child of that name if it is stopped; else the request is refused here."""
        kid = self._find(name)
        if self.template is not None:
            self._reply(token, "simple_one_for_one")
        elif kid is None:
            self._reply(token, "not_found")
        elif kid.pid is not None:
            self._reply(token, "running" if kid.pid == "up" else "restarting")
        else:
            return kid
        return None

    def _which_children(self, token: Any) -> Waiting:
        words = {"up": "running", "restarting": "restarting", None: "stopped"}
        self._reply(token, tuple((kid.id, words[kid.pid]) for kid in reversed(self.kids)))
        return
        yield

    def _count_children(self, token: Any) -> Waiting:
        size = len(self.kids)
        if self.template is not None:
            active = size - sum(kid.pid == "restarting" for kid in self.kids)
            self._reply(token, (1, active, size))
        else:
            dead = [m[1] for m in self.mailbox if m[0] == "down"]
            active = sum(kid.pid == "up" and kid.id not in dead for kid in self.kids)
            self._reply(token, (size, active, size))
        return
        yield

    def _reload(self, token: Any, flags: dict[str, Any], kids: Iterable[Kid]) -> Waiting:
        """``code_change``: flags at once; known children live on, new ones are not started."""
        self.intensity, self.period_s = flags["intensity"], flags["period_s"]
        self.auto_shutdown = flags["auto_shutdown"]
        if self.template is not None:
            (self.template,) = kids
            for kid in self.kids:
                kid.restart, kid.brutal = self.template.restart, self.template.brutal
        else:
            self.strategy = flags["strategy"]
            old = {kid.id: kid for kid in self.kids}
            for new in kids:
                gone = old.pop(new.id, None)
                new.pid = None if gone is None else gone.pid
            self.kids = [*kids, *old.values()]
        self._reply(token, "ok")
        return
        yield

    # -- small words ------------------------------------------------------------------------------

    def _find(self, name: str) -> Kid | None:
        return next((kid for kid in self.kids if kid.id == name), None)

    def _unknown(self, name: str) -> str:
        if self.template is not None and name == self.template.id:
            return "simple_one_for_one"
        return "not_found"

    def _say(self, *words: Any) -> None:
        self.said.append(words)

    def _report(self, context: str, kid: Kid) -> None:
        self._say("report", context, kid.id)

    def _reply(self, token: Any, answer: Any) -> None:
        self._say("reply", token, answer)


def _down_of(kid: Kid) -> Want:
    return lambda m: m[0] == "down" and m[1] == kid.id


def _anything(_message: Said) -> bool:
    return True
