"""Recorded traces of Erlang/OTP's own supervisor: their form, their words, and the comparison.

A trace (tests/data/otp/README.md) is a list of commands with all that could be observed of
the real supervisor after each. A `World` carries the commands out on something of ours and
says what can be seen then, in the words of the traces; `differences` puts the two side by
side. `replay_core` has a world for the pure core, `replay` one for the supervisor that runs
actors. Nothing here knows a seed: any file of that form will do.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

from supervisors import BRUTAL_KILL, ChildCounts, ChildSpec, Exit, ExitKind, SupervisorSpec
from supervisors.errors import ChildError, ChildStartError, NotRunning

__all__ = [
    "BURSTS",
    "CAUSES",
    "EXITS",
    "TRACES",
    "Process",
    "World",
    "comparable",
    "counts",
    "differences",
    "has_reports",
    "read_traces",
    "reason_of",
]

DATA = Path(__file__).parents[1] / "data" / "otp"
TRACES = DATA / "traces_1_800.jsonl.gz"
BURSTS = DATA / "traces_bursts_1_200.jsonl.gz"

EXITS = {
    "crash": Exit.crash("crash"),
    "normal": Exit.normal(),
    "shutdown": Exit.shutdown(),
    "shutdown_x": Exit.shutdown("x"),
    "killed": Exit.killed(),
}
CAUSES = {"error": "fail", "raise": "raised"}
"""What a start that fails in one of these ways says of itself."""


def read_traces(path: Path = TRACES) -> Iterator[dict[str, Any]]:
    """The traces in *path*, one by one."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            yield json.loads(line)


def has_reports(traces: Iterable[dict[str, Any]]) -> bool:
    """Whether error reports were recorded in the file of *traces* (they need not be)."""
    return any(step["reports"] for trace in traces for step in trace["steps"])


def differences(trace: dict[str, Any], world: World, steps: int | None = None) -> list[str]:
    """What differs between *trace* and what *world* does, in words; empty if nothing does.

    Args:
        trace: One line of a trace file.
        world: Made for that trace, and not used yet.
        steps: How many steps to compare; None is all, and the outcome as well.
    """
    for number, recorded in enumerate(trace["steps"][:steps]):
        step = comparable(recorded, world.simple)
        seen = comparable(world.run(step["cmd"]), world.simple, step["cmd"])
        differs = [name for name in seen if seen[name] != step[name]]
        if differs:
            return [
                f"seed {trace['seed']} step {number} {step['cmd']}: {name} is {seen[name]}, "
                f"OTP: {step[name]}"
                for name in differs
            ]
    if steps is None and world.outcome() != trace["outcome"]:
        return [f"seed {trace['seed']}: {world.outcome()}, OTP: {trace['outcome']}"]
    return []


def comparable(step: dict[str, Any], simple: bool, cmd: list[Any] | None = None) -> dict[str, Any]:
    """*step* (of *cmd*) as it is compared: as it is, but for what is in nobody's order.

    That is the answer of which_children under simple_one_for_one, and no other: OTP keeps those
    children in a map, whose order is undefined.
    """
    if not simple:
        return step
    name, *ops = step["cmd"] if cmd is None else cmd
    returned = step["ret"]
    if name == "burst" and isinstance(returned, list):
        returned = [
            _as_set(answer) if op is not None and op[0] == "which_children" else answer
            for op, answer in zip_longest(ops[0], returned)
        ]
    elif name == "which_children":
        returned = _as_set(returned)
    return {**step, "ret": returned, "which": _as_set(step["which"])}


def _as_set(rows: Any) -> Any:
    """An answer of which_children in an order of our own; another answer as it is."""
    is_list = isinstance(rows, list) and all(isinstance(row, list) for row in rows)
    return sorted(rows, key=json.dumps) if is_list else rows


@dataclass
class Process:
    """One successful start of a child, which is what the traces call a process."""

    id: str
    number: int
    """The n-th of its id in the trace, as the traces count."""
    incarnation: int
    """Number of the start attempt, as we count."""
    on_shutdown: str
    alive: bool = True


class World:
    """A supervisor of ours in the place of OTP's, and the children it believes in.

    Subclasses carry commands out; what children do, and how everything is called, is here.
    """

    def __init__(self, trace: dict[str, Any]) -> None:
        self.trace = trace
        self.simple = trace["strategy"] == "simple_one_for_one"
        self.control = {key: deque(value) for key, value in trace["control"].items()}
        self.numbers: Counter[str] = Counter()
        self.latest: dict[str, Process] = {}
        self.processes: dict[tuple[str, int], Process] = {}
        self.events: list[list[Any]] = []
        self.boot_error: ChildStartError | None = None

    def run(self, cmd: list[Any]) -> dict[str, Any]:
        """Carry out one command until all is quiet; say what can be seen then."""
        raise NotImplementedError

    def outcome(self) -> str:
        """How the trace ends, in the word that the recording has for it."""
        raise NotImplementedError

    # -- specs ----------------------------------------------------------------------------------

    def spec(self, start: Any, args: tuple[Any, ...] = ()) -> SupervisorSpec:
        """What the trace starts from, with *start* for the actor class."""
        return SupervisorSpec(
            children=tuple(self.child_spec(child, start, args) for child in self.trace["children"]),
            strategy=self.trace["strategy"],
            intensity=self.trace["intensity"],
            period_s=self.trace["period"],
            auto_shutdown=self.trace["auto_shutdown"],
        )

    @staticmethod
    def child_spec(child: dict[str, Any], start: Any, args: tuple[Any, ...] = ()) -> ChildSpec:
        """A child spec of the trace."""
        brutal = child["shutdown"] == "brutal_kill"
        return ChildSpec(
            child["id"],
            start=start,
            args=args,
            kwargs={"on_shutdown": child["on_shutdown"]},
            restart=child["restart"],
            shutdown_s=BRUTAL_KILL if brutal else child["shutdown"] / 1000,
            significant=child["significant"],
        )

    # -- what children do -----------------------------------------------------------------------

    def attempt(self, name: str, incarnation: int, on_shutdown: str) -> str:
        """One call of a child's start function: ``ok``, or how it does not start."""
        queue = self.control.get(name)
        outcome = queue.popleft() if queue else "ok"
        if outcome != "ok":
            self.events.append([f"start_{outcome}", name])
            return outcome
        self.numbers[name] += 1
        number = self.numbers[name]
        before = self.latest.get(name)
        assert before is None or not before.alive, f"two incarnations of {name}"
        process = Process(name, number, incarnation, on_shutdown)
        self.latest[name] = self.processes[name, incarnation] = process
        self.events.append(["start", name, number])
        return outcome

    def ended(self, process: Process, reason: str) -> None:
        """*process* is no more."""
        assert process.alive, f"{process} ended twice"
        process.alive = False
        self.events.append(["stop", process.id, process.number, reason])

    def alive(self) -> dict[str, int]:
        """The living, by id, and which of its id each is."""
        return {p.id: p.number for p in self.latest.values() if p.alive}

    # -- what is answered, in the words of the traces -------------------------------------------

    def which(self, children: Any) -> list[list[Any]]:
        """An answer of which_children; the living come with their numbers."""
        return [self._row(child) for child in children]

    def _row(self, child: Any) -> list[Any]:
        if child.state == "running":
            return [child.id, "alive", self.processes[child.id, child.incarnation].number]
        if child.state == "restarting":
            return [None if self.simple else child.id, "restarting"]
        return [child.id, "undefined"]

    def returned(self, value: Any) -> Any:
        """The return of a command that was not refused."""
        if isinstance(value, ChildCounts):
            return counts(value)
        if isinstance(value, list):
            return self.which(value)
        return "ok" if value is None else ["ok", self._pid(value.id, value.incarnation)]

    def refused(self, op: str, error: BaseException) -> list[Any]:
        """The return of a command that was."""
        if isinstance(error, NotRunning):
            return ["exit", "shutdown"]
        if isinstance(error, ChildStartError):
            wrapped = op == "start_child" and not self.simple
            cause = str(error.cause)
            return ["error", ["start_failed", cause] if wrapped else cause]
        assert isinstance(error, ChildError), error
        if error.incarnation is not None:
            return ["error", [str(error.reason), self._pid(error.child_id, error.incarnation)]]
        return ["error", str(error.reason)]

    def _pid(self, name: str, incarnation: int) -> Any:
        process = self.processes.get((name, incarnation))
        return "undefined" if process is None else ["pid", name, process.number]

    def boot_reason(self) -> list[Any] | None:
        """Why it did not boot, if it didn't."""
        error = self.boot_error
        if error is None:
            return None
        return ["shutdown", ["failed_to_start_child", error.child_id, str(error.cause)]]

    def shown_events(self, *, gone: bool) -> list[list[Any]]:
        """The events since the last command; a parallel stop is in nobody's order."""
        return _stops_sorted(self.events) if gone and self.simple else self.events


def reason_of(ended: Exit) -> str:
    """The word of the traces for how a process ended."""
    return "shutdown_x" if ended.kind is ExitKind.shutdown and ended.detail else str(ended.kind)


def counts(counted: ChildCounts) -> dict[str, int]:
    """An answer of count_children."""
    return {name: getattr(counted, name) for name in ("active", "specs", "supervisors", "workers")}


def _stops_sorted(events: list[list[Any]]) -> list[list[Any]]:
    """Runs of stops by label."""
    found: list[list[Any]] = []
    for kind, group in groupby(events, key=lambda event: event[0]):
        run = list(group)
        found.extend(sorted(run, key=lambda event: event[1]) if kind == "stop" else run)
    return found
