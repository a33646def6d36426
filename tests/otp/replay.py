"""Replay recorded traces of Erlang/OTP's own supervisor on ours: real actors, the public API.

    python -m tests.otp.replay [--deterministic] FILE.jsonl.gz ...

Compared after every step: ret, which and its order, inc, events, count, sup; at the end
the outcome. Prints ``N traces, M agree, S stopped early``, then each disagreement; exits 1
if there is one. It knows no seeds: any file of that form (tests/data/otp/README.md) will do.

``--deterministic`` runs all actors on one thread, so that a burst can be put into the
mailbox of a suspended supervisor as OTP's was. With threads nobody can say what is in a
mailbox when, and a trace is compared up to its first burst (``S`` counts those; they are
among the ``M`` if they agree until then).
"""

from __future__ import annotations

import sys
import threading
from collections import Counter, deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from supervisors import (
    Exit,
    ExtraArgs,
    LifecycleEvent,
    OneLife,
    Runtime,
    SupervisedActor,
    Supervisor,
    SupervisorRef,
)
from supervisors.errors import ChildStartError, NotRunning, RestartLimitReached, SupervisorError
from supervisors.run.deterministic import DeterministicRuntime
from tests.otp.traces import CAUSES, EXITS, World, counts, differences, read_traces, reason_of

__all__ = ["Burst", "DeterministicWorld", "ThreadedWorld", "main", "replay"]

_WITHIN_S = 10.0
"""More than enough for any step; a step that takes longer hangs."""


class StartFault(Exception):
    """The start function says no."""


class Worker(SupervisedActor):
    """A child that does what the trace says, and reports its own start and stop."""

    def __init__(self, world: TreeWorld, *, on_shutdown: str) -> None:
        super().__init__()
        self._world = world
        self._on_shutdown = on_shutdown

    def on_start(self) -> None:
        outcome = self._world.attempt(*self._me(), self._on_shutdown)
        if outcome == "ignore":
            self.ignore()
        if outcome != "ok":
            raise StartFault(CAUSES[outcome])

    def on_receive(self, message: str) -> None:
        self._end(message)
        self.exit(EXITS[message])

    def on_stop(self) -> None:
        self._end(self._on_shutdown)

    def _end(self, reason: str) -> None:
        self._world.ended(self._world.processes[self._me()], reason)
        if reason == "crash":
            raise RuntimeError(reason)

    def _me(self) -> tuple[str, int]:
        current = self.slot.current
        assert current is not None
        return self.slot.spec.id, current.number


class TreeWorld(World):
    """A tree that runs actors; how a command is waited for is the subclasses' difference."""

    def __init__(self, trace: dict[str, Any], runtime: Runtime) -> None:
        super().__init__(trace)
        self.runtime = runtime
        self.tree: SupervisorRef | None = None
        self.told_to_stop = False
        runtime.journal.subscribe(self.hear)

    def hear(self, event: LifecycleEvent) -> None:
        """What happens to children that can't say it themselves: they are killed."""
        process = self.processes.get((event.path, event.incarnation))
        if event.kind == "down" and process is not None and process.alive:
            self.ended(process, event.detail)

    def close(self) -> None:
        """End the tree, if the trace hasn't, and its threads."""
        if self.tree is not None:
            assert self.tree.stop(_WITHIN_S)
        assert not self.alive(), f"orphans: {self.alive()}"

    def outcome(self) -> str:
        if self.boot_error is not None:
            return "boot_failed"
        assert self.tree is not None
        ended = self.tree.exit
        if ended is None:
            return "alive"
        if isinstance(ended.error, RestartLimitReached):
            return "intensity_exceeded"
        return "stopped" if self.told_to_stop else "auto_shutdown"

    # -- commands -------------------------------------------------------------------------------

    def run(self, cmd: list[Any]) -> dict[str, Any]:
        self.events = []
        returned = self.burst(cmd[1]) if cmd[0] == "burst" else self._do(*cmd)
        self.settle()
        return self._seen(returned)

    def _do(self, name: str, *args: Any) -> Any:
        if name == "boot":
            return self._boot()
        assert self.tree is not None
        if name == "stop":
            self.told_to_stop = True
            return "ok" if self.tree.stop(_WITHIN_S) else "it does not stop"
        if name == "control":
            self.control[args[0]] = deque(args[1])
            return "ok"
        if name == "exit":
            self.end_child(*args)
            return "ok"
        try:
            return self.returned(getattr(self.tree, name)(self.argument(name, *args)))
        except SupervisorError as error:
            return self.refused(name, error)

    def _boot(self) -> Any:
        try:
            self.tree = Supervisor.start(self.spec(Worker, (self,)), runtime=self.runtime)
        except ChildStartError as error:
            self.boot_error = error
            return ["error", self.boot_reason()]
        return "ok"

    def argument(self, name: str, argument: Any) -> Any:
        """What the API takes, for what the trace has."""
        if name == "start_child":
            if self.simple:
                return ExtraArgs(label=argument)
            return self.child_spec(argument, Worker, (self,))
        if self.simple and argument in self.latest and name == "terminate_child":
            return OneLife(argument, self.latest[argument].incarnation)
        return argument

    # -- what subclasses do in their own ways ---------------------------------------------------

    def end_child(self, name: str, reason: str) -> None:
        """Have a child end by itself; return when its supervisor has been told."""
        raise NotImplementedError

    def burst(self, ops: list[list[Any]]) -> list[Any]:
        """Put all of *ops* into the supervisor's mailbox before it takes the first."""
        raise NotImplementedError

    def settle(self) -> None:
        """Return when nothing is left to do."""
        raise NotImplementedError

    # -- what can be seen -----------------------------------------------------------------------

    def _seen(self, returned: Any) -> dict[str, Any]:
        which = count = None
        ended = self._exit()
        if ended is None:
            assert self.tree is not None
            which = [[*row[:2]] for row in self.which(self.tree.which_children())]
            count = counts(self.tree.count_children())
        return {
            "ret": returned,
            "which": which,
            "inc": self.alive(),
            "events": self.shown_events(gone=ended is not None),
            "count": count,
            "sup": "alive" if ended is None else ["exited", self.boot_reason() or reason_of(ended)],
        }

    def _exit(self) -> Exit | None:
        if self.boot_error is not None:
            return Exit.shutdown(error=self.boot_error)
        assert self.tree is not None
        return self.tree.exit


class DeterministicWorld(TreeWorld):
    """One thread and a virtual clock: a supervisor can be suspended while a burst is queued."""

    def __init__(self, trace: dict[str, Any], seed: int = 0) -> None:
        self.steps = DeterministicRuntime(seed)
        super().__init__(trace, self.steps)

    def end_child(self, name: str, reason: str) -> None:
        assert self.tree is not None
        if not self.latest[name].alive:
            return  # as in OTP: a signal to nobody
        self.tree.child(name).tell(reason)
        self.steps.run_until_idle()

    def settle(self) -> None:
        self.steps.run_until_idle()

    def burst(self, ops: list[list[Any]]) -> list[Any]:
        with self.steps.suspended(self.runtime.slots["root",].ref):
            queued = [self._queue(*op) for op in ops]
        self.steps.run_until_idle()
        return [self._answer(op[0], answer) for op, answer in zip(ops, queued, strict=True)]

    def _queue(self, name: str, *args: Any) -> Any:
        if name in ("exit", "control"):
            return self._do(name, *args)
        assert self.tree is not None
        return self.tree._request(name, *(self.argument(name, arg) for arg in args))  # type: ignore[arg-type]

    def _answer(self, name: str, answer: Any) -> Any:
        if name in ("exit", "control"):
            return answer
        try:
            value = answer.get(timeout=0)
        except SupervisorError as error:
            return self.refused(name, error)
        return self.returned(list(value) if isinstance(value, tuple) else value)


class Burst(Exception):
    """This far, and no further: threads have a burst in no particular order."""


class ThreadedWorld(TreeWorld):
    """Real threads and the machine's clock."""

    def __init__(self, trace: dict[str, Any]) -> None:
        self._down = threading.Event()
        super().__init__(trace, Runtime())

    def hear(self, event: LifecycleEvent) -> None:
        super().hear(event)
        if event.kind == "down":
            self._down.set()

    def end_child(self, name: str, reason: str) -> None:
        assert self.tree is not None
        self._down.clear()
        self.tree.child(name).tell(reason)
        assert self._down.wait(_WITHIN_S), f"nobody heard of the end of {name}"

    def burst(self, ops: list[list[Any]]) -> list[Any]:
        raise Burst

    def settle(self) -> None:
        """A question is answered when the supervisor has nothing else to do just then."""
        try:
            while self.tree is not None:
                if all(child.state != "restarting" for child in self.tree.which_children()):
                    return
        except NotRunning:  # it may be on its way out still
            assert self.tree is not None
            self.tree.wait(_WITHIN_S)


def replay(trace: dict[str, Any], *, deterministic: bool = False) -> tuple[list[str], bool]:
    """What differs between *trace* and our supervisor, in words, and whether it has a burst.

    With threads a trace that has one is compared up to there.
    """
    commands = [step["cmd"][0] for step in trace["steps"]]
    bursts = "burst" in commands
    if deterministic:
        world: TreeWorld = DeterministicWorld(trace)
        steps = None
    else:
        world = ThreadedWorld(trace)
        steps = commands.index("burst") if bursts else None
    try:
        differing = differences(trace, world, steps)
        if not differing or world.boot_error is None:
            world.close()
    except Exception as error:  # noqa: BLE001 -- one trace more that doesn't agree
        return [f"seed {trace['seed']}: {type(error).__name__}: {error}"], bursts
    return differing, bursts


def report(traces: Iterable[dict[str, Any]], *, deterministic: bool) -> tuple[str, list[str]]:
    """The line that sums *traces* up, and all disagreements."""
    found: Counter[str] = Counter()
    disagreements: list[str] = []
    for trace in traces:
        differing, bursts = replay(trace, deterministic=deterministic)
        found["traces"] += 1
        found["agree"] += not differing
        found["early"] += bursts and not deterministic
        disagreements += differing
    line = f"{found['traces']} traces, {found['agree']} agree, {found['early']} stopped early"
    return line, disagreements


def main(argv: list[str]) -> int:
    """Replay files and print what differs."""
    paths = [Path(arg) for arg in argv if not arg.startswith("-")]
    if not paths or set(argv) - {"--deterministic"} - {str(path) for path in paths}:
        sys.stderr.write("usage: python -m tests.otp.replay [--deterministic] FILE.jsonl.gz ...\n")
        return 2
    traces = (trace for path in paths for trace in read_traces(path))
    line, disagreements = report(traces, deterministic="--deterministic" in argv)
    sys.stdout.write(f"{line}\n")
    sys.stdout.writelines(f"{text}\n" for text in disagreements)
    return 1 if disagreements else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
