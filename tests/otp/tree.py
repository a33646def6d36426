"""The stage on which OTP's own test suite is played: a real supervisor on one thread.

`Child` is what supervisor_1 to supervisor_4 are to the suite: a process that starts, ends and
stops as it is told. `Tree` is a supervisor of such children, with the suite's questions
(``counts``) and deeds (``end``). Time is virtual: where the suite sleeps, ours advances.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

import pytest
from pykka._envelope import Envelope

from supervisors import (
    ChildSpec,
    Exit,
    ExitKind,
    LifecycleEvent,
    OneLife,
    SupervisedActor,
    Supervisor,
    SupervisorRef,
    SupervisorSpec,
)
from supervisors.errors import ChildError
from supervisors.run.deterministic import DeterministicRuntime
from supervisors.run.ref import Ref
from supervisors.run.words import ShutDown
from supervisors.testing import crash, end_thread

__all__ = [
    "ENDS",
    "AnyChildSpec",
    "AnySupervisorSpec",
    "Child",
    "Faulty",
    "Stage",
    "Tree",
    "refusal",
    "spec",
]

AnyChildSpec: Any = ChildSpec
AnySupervisorSpec: Any = SupervisorSpec
"""For words in the place of enum members, as a file would have them, and for what is wrong."""

ENDS = {
    "normal": Exit.normal(),
    "shutdown": Exit.shutdown(),
    "{shutdown,_}": Exit.shutdown("some_info"),
    "abnormal": Exit.crash("abnormal"),
}
"""The ends of the suite; there is a fifth, ``kill``."""


class Faulty(Exception):
    """What a start function says that does not start."""


class Stage(DeterministicRuntime):
    """A runtime with a script: what the next starts of a child come to."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.next_starts: defaultdict[str, deque[str]] = defaultdict(deque)
        """By id: ``ok``, ``ignore`` or ``error``, each used once; empty is ok."""
        self.no_start: set[str] = set()
        """Ids that fail to start until they are taken out again."""
        self.on_stop: dict[str, str] = {}
        """By id: how a child ends that is told to stop, if not of shutdown."""


class Child(SupervisedActor):
    """Ends as it is told, and stops as it was made to."""

    def __init__(self, *extra: Any) -> None:
        super().__init__()
        self._info = extra[-1] if extra else None

    def on_start(self) -> None:
        stage, name = self._stage_and_name()
        script = stage.next_starts[name]
        outcome = script.popleft() if script else "ok"
        if outcome == "ignore":
            self.ignore()
        if outcome == "error" or name in stage.no_start:
            raise Faulty(name)

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exit):
            self.exit(message)
        return self._info

    def on_stop(self) -> None:
        stage, name = self._stage_and_name()
        if name in stage.on_stop:
            self.exit(ENDS[stage.on_stop[name]])

    def _stage_and_name(self) -> tuple[Stage, str]:
        stage = self.slot.runtime
        assert isinstance(stage, Stage)
        return stage, self.slot.spec.id


def spec(id_: str, **fields: Any) -> ChildSpec:
    """A child of the suite: permanent, one second to stop."""
    inner = fields.pop("start", None)
    if inner is not None:
        return ChildSpec(id_, inner, type="supervisor", **fields)
    return ChildSpec(id_, Child, **{"shutdown_s": 1.0, **fields})


class Tree:
    """A supervisor, from outside: the root, or one below it."""

    def __init__(self, ref: SupervisorRef, stage: Stage, log: list[str]) -> None:
        self.ref = ref
        self.stage = stage
        self.log = log
        """``up child1``, ``down child1 crash`` and the like, of the whole tree, in order."""

    @classmethod
    def start(cls, *children: ChildSpec, ignoring: str = "", seed: int = 0, **flags: Any) -> Tree:
        """Start a root supervisor; two restarts an hour, as most of the suite's have.

        The first start of the child *ignoring* ignores.
        """
        stage, log = Stage(seed), []
        stage.next_starts[ignoring].append("ignore")
        stage.journal.subscribe(lambda event: log.append(_words(event)))
        flags = {"intensity": 2, "period_s": 3600.0, **flags}
        return cls(Supervisor.start(SupervisorSpec(children, **flags), runtime=stage), stage, log)

    def below(self, id_: str) -> Tree:
        """A child that is a supervisor."""
        return Tree(self.ref.supervisor(id_), self.stage, self.log)

    # -- deeds ----------------------------------------------------------------------------------

    def end(self, id_: str, how: str = "abnormal") -> None:
        """Have a child end by itself, and wait for what follows (the suite's terminate/4)."""
        ref = self.child(id_)
        if how == "kill":
            end_thread(ref)
        elif how == "abnormal":
            crash(ref, RuntimeError(how))
        else:
            ref.tell(ENDS[how])
        self.stage.run_until_idle()

    def begin_stop(self) -> None:
        """Tell the supervisor to stop, and do not wait for it."""
        slot = self._slot()
        assert slot.current is not None
        slot.mailbox.steer(Envelope(ShutDown(slot.current.number)))

    def stop(self) -> Exit | None:
        """Stop the root; how it ended."""
        assert self.ref.stop(3600.0)
        return self.ref.exit

    # -- questions ------------------------------------------------------------------------------

    def child(self, id_: str) -> Ref:
        """The address of a child."""
        return self.ref.child(id_)

    def which(self) -> list[str]:
        """which_children: ids and states, newest first."""
        return [f"{child.id} {child.state}" for child in self.ref.which_children()]

    def counts(self) -> list[int]:
        """count_children, in the suite's order."""
        counted = self.ref.count_children()
        return [counted.specs, counted.active, counted.supervisors, counted.workers]

    def life(self, id_: str) -> OneLife:
        """The present incarnation of a child that runs: the suite's pid."""
        child = self.ref.which_child(id_)
        assert child.state == "running", child
        return child.life

    def lives(self) -> list[OneLife]:
        """Of all children that run, newest first."""
        return [child.life for child in self.ref.which_children() if child.state == "running"]

    def ended(self) -> ExitKind | None:
        """How the supervisor ended, or None."""
        slot = self.ref.exit if self._path() == ("root",) else self._slot().last_exit
        return None if slot is None else slot.kind

    def is_running(self) -> bool:
        """Whether the supervisor is."""
        current = self._slot().current
        return current is not None and not current.finished

    def new(self, since: int) -> list[str]:
        """What was logged after the first *since* entries."""
        return self.log[since:]

    def _path(self) -> tuple[str, ...]:
        return self.ref._path

    def _slot(self) -> Any:
        return self.stage.slots[self._path()]


def _words(event: LifecycleEvent) -> str:
    what = event.detail.partition("(")[0] if event.kind == "down" else ""
    return " ".join(word for word in (event.kind, event.path, what) if word)


def refusal(call: Any, *args: Any) -> str:
    """Why a supervisor says no, in OTP's word."""
    with pytest.raises(ChildError) as caught:
        call(*args)
    return str(caught.value.reason)
