"""Replay recorded traces of Erlang/OTP's own supervisor on `SupervisorCore`.

A trace (tests/data/otp/README.md) is a list of commands with all that could
be observed of the real supervisor after each. `replay` gives the same
commands to our core, in a simulated world whose children obey at once, and
says where the two differ. It knows no seeds: any file of that form will do.

    python -m tests.otp.replay_core FILE [--copying]
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from supervisors import _protocol as to
from supervisors._core import SupervisorCore
from supervisors._exit import Exit, ExitKind
from supervisors._spec import BRUTAL_KILL, ChildSpec, ExtraArgs, SupervisorSpec
from supervisors.errors import ChildError, ChildStartError, NotRunning, RestartLimitReached

TRACES = Path(__file__).parents[1] / "data" / "otp" / "traces_1_800.jsonl.gz"

_EXITS = {
    "crash": Exit.crash("crash"),
    "normal": Exit.normal(),
    "shutdown": Exit.shutdown(),
    "shutdown_x": Exit.shutdown("x"),
    "killed": Exit.killed(),
}
_NO_REQUESTS = ("boot", "stop", "control", "exit")
_CAUSES = {"error": "fail", "raise": "raised"}


def read_traces(path: Path = TRACES) -> Iterator[dict[str, Any]]:
    """The traces in *path*, one by one."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            yield json.loads(line)


def replay(trace: dict[str, Any], *, copying: bool = False) -> list[str]:
    """What differs between *trace* and our core, in words; empty if nothing does.

    Args:
        trace: One line of a trace file.
        copying: Go on with a copy of the core after each event, to try `copy` as well.
    """
    world = World(trace, copying)
    for number, step in enumerate(trace["steps"]):
        seen = world.run(step["cmd"])
        expected = dict(step)
        del expected["cmd"]
        differs = [name for name in expected if seen[name] != expected[name]]
        if differs:
            return [
                f"seed {trace['seed']} step {number} {step['cmd']}: {name} is {seen[name]}, "
                f"OTP: {expected[name]}"
                for name in differs
            ]
    if world.outcome() != trace["outcome"]:
        return [f"seed {trace['seed']}: {world.outcome()}, OTP: {trace['outcome']}"]
    return []


@dataclass
class Process:
    """A simulated child process."""

    id: str
    number: int
    incarnation: int
    on_shutdown: str
    alive: bool = True


@dataclass
class World:
    """Children, a clock that stands still, and the core under test."""

    trace: dict[str, Any]
    copying: bool = False
    control: dict[str, deque[str]] = field(default_factory=dict)
    numbers: Counter[str] = field(default_factory=Counter)
    latest: dict[str, Process] = field(default_factory=dict)
    processes: dict[tuple[str, int], Process] = field(default_factory=dict)
    events: list[list[Any]] = field(default_factory=list)
    reports: list[list[Any]] = field(default_factory=list)
    replies: dict[int, to.Reply] = field(default_factory=dict)
    boot_error: ChildStartError | None = None
    finished: to.Finished | None = None

    def __post_init__(self) -> None:
        self.control = {key: deque(value) for key, value in self.trace["control"].items()}
        self.simple = self.trace["strategy"] == "simple_one_for_one"
        self.core = SupervisorCore(
            SupervisorSpec(
                children=[_child_spec(child) for child in self.trace["children"]],  # type: ignore[arg-type]
                strategy=self.trace["strategy"],
                intensity=self.trace["intensity"],
                period_s=self.trace["period"],
                auto_shutdown=self.trace["auto_shutdown"],
            )
        )

    def outcome(self) -> str:
        """How the trace ends, in the word that the recording has for it."""
        if self.boot_error is not None:
            return "boot_failed"
        return str(self.finished.cause) if self.finished is not None else "alive"

    # -- commands -------------------------------------------------------------------------------

    def run(self, cmd: list[Any]) -> dict[str, Any]:
        """Carry out one command until all is quiet; say what can be seen then."""
        self.events, self.reports = [], []
        ops = cmd[1] if cmd[0] == "burst" else [cmd]
        # All is in the mailbox before the supervisor takes the first: answers come after it.
        mailbox = [(token, self._op(op, token)) for token, op in enumerate(ops)]
        effects: deque[to.Effect] = deque()
        for _, event in mailbox:
            if event is not None:
                effects.extend(self._handle(event))
        self._settle(effects)
        returned = [self._returned(op, token) for token, op in enumerate(ops)]
        return self._seen(returned if cmd[0] == "burst" else returned[0])

    def _op(self, op: list[Any], token: int) -> to.Event | None:
        name, *rest = op
        if name == "boot":
            return to.Boot()
        if name == "stop":
            return to.Stop()
        if name == "control":
            self.control[rest[0]] = deque(rest[1])
            return None
        if name == "exit":
            return self._end(self.latest[rest[0]], rest[1])
        return to.Request(token, name, self._argument(name, *rest))

    def _argument(self, name: str, argument: Any = None) -> Any:
        if name == "start_child":
            return ExtraArgs(label=argument) if self.simple else _child_spec(argument)
        if self.simple and argument in self.latest and name == "terminate_child":
            return to.OneLife(argument, self.latest[argument].incarnation)
        return argument

    def _handle(self, event: to.Event) -> list[to.Effect]:
        if self.copying:
            self.core = self.core.copy()
        return self.core.handle(event, 0.0)

    # -- the world ------------------------------------------------------------------------------

    def _settle(self, effects: deque[to.Effect]) -> None:
        while effects:
            answer = self._carry_out(effects.popleft())
            if answer is not None:
                effects.extend(self._handle(answer))

    def _carry_out(self, effect: to.Effect) -> to.Event | None:
        match effect:
            case to.StartChild():
                return self._start(effect)
            case to.StopChild():
                return self._stop(effect)
            case to.Reply():
                assert effect.token not in self.replies, "answered twice"
                self.replies[effect.token] = effect
            case to.Report():
                self._note(effect)
            case to.Finished():
                self.finished = effect
            case to.BootFailed():
                assert isinstance(effect.error, ChildStartError)
                self.boot_error = effect.error
            case _:
                pass
        return None

    def _start(self, effect: to.StartChild) -> to.Event:
        name = effect.id
        queue = self.control.get(name)
        outcome = queue.popleft() if queue else "ok"
        if outcome == "ignore":
            self.events.append(["start_ignore", name])
            return to.ChildIgnored(name, effect.incarnation)
        if outcome != "ok":
            self.events.append([f"start_{outcome}", name])
            return to.ChildFailed(name, effect.incarnation, _CAUSES[outcome])
        self.numbers[name] += 1
        number = self.numbers[name]
        before = self.latest.get(name)
        assert before is None or not before.alive, "two incarnations of one child"
        process = Process(name, number, effect.incarnation, effect.spec.kwargs["on_shutdown"])
        self.latest[name] = self.processes[name, effect.incarnation] = process
        self.events.append(["start", name, number])
        return to.ChildUp(name, effect.incarnation)

    def _stop(self, effect: to.StopChild) -> to.Event | None:
        process = self.processes[effect.id, effect.incarnation]
        if not process.alive:
            return None  # its end is in the mailbox already
        brutal = effect.shutdown_s is BRUTAL_KILL
        return self._end(process, "killed" if brutal else process.on_shutdown)

    def _end(self, process: Process, reason: str) -> to.ChildDown:
        assert process.alive
        process.alive = False
        self.events.append(["stop", process.id, process.number, reason])
        return to.ChildDown(process.id, process.incarnation, _EXITS[reason])

    def _note(self, report: to.Report) -> None:
        if report.context == "progress":
            return
        reason: Any = report.reason
        if isinstance(reason, Exit):
            reason = _reason(reason)
        elif isinstance(reason, RestartLimitReached):
            reason = "reached_max_restart_intensity"
        self.reports.append([report.context, report.id, reason])

    # -- what can be seen, in the words of the traces -------------------------------------------

    def _seen(self, returned: Any) -> dict[str, Any]:
        gone = self.finished or self.boot_error
        live = {p.id: p.number for p in self.latest.values() if p.alive}
        which = count = None
        if not gone:
            which = [[*row[:2]] for row in self._which(self._ask("which_children"))]
            count = _counts(self._ask("count_children"))
        assert not (gone and live), f"orphans: {live}"
        self.replies.clear()
        ended = bool(gone) and self.simple
        return {
            "ret": returned,
            "which": which,
            "inc": live,
            "events": _stops_sorted(self.events) if ended else self.events,
            "reports": self._reports(ended=ended),
            "count": count,
            "sup": ["exited", self._boot_reason() or "shutdown"] if gone else "alive",
        }

    def _ask(self, op: to.Operation) -> Any:
        (reply,) = self.core.handle(to.Request("seen", op), 0.0)
        assert isinstance(reply, to.Reply)
        return reply.value

    def _which(self, views: tuple[to.ChildView, ...]) -> list[list[Any]]:
        rows = [self._row(view) for view in views]
        return sorted(rows, key=lambda row: (row[0] is None, row[0])) if self.simple else rows

    def _row(self, view: to.ChildView) -> list[Any]:
        if view.state == "running":
            return [view.id, "alive", self.processes[view.id, view.incarnation].number]
        if view.state == "restarting":
            return [None if self.simple else view.id, "restarting"]
        return [view.id, "undefined"]

    def _reports(self, *, ended: bool) -> list[list[Any]]:
        if not ended:
            return self.reports
        errors = Counter(reason for what, _, reason in self.reports if what == "shutdown_error")
        kept = [report for report in self.reports if report[0] != "shutdown_error"]
        return kept + [["shutdown_error", None, *pair] for pair in sorted(errors.items())]

    def _returned(self, op: list[Any], token: int) -> Any:
        if op[0] == "boot" and self.boot_error is not None:
            return ["error", self._boot_reason()]
        reply = self.replies.get(token)
        assert (reply is None) is (op[0] in _NO_REQUESTS), f"{op} was not answered"
        if reply is not None and reply.error is not None:
            return self._error(op[0], reply.error)
        value = None if reply is None else reply.value
        match value:
            case to.ChildView():
                return ["ok", self._pid(value.id, value.incarnation)]
            case to.ChildCounts():
                return _counts(value)
            case tuple():
                return self._which(value)
            case _:
                return "ok"

    def _boot_reason(self) -> list[Any] | None:
        error = self.boot_error
        if error is None:
            return None
        return ["shutdown", ["failed_to_start_child", error.child_id, error.cause]]

    def _pid(self, name: str, incarnation: int) -> Any:
        process = self.processes.get((name, incarnation))
        return "undefined" if process is None else ["pid", name, process.number]

    def _error(self, op: str, error: BaseException) -> list[Any]:
        if isinstance(error, NotRunning):
            return ["exit", "shutdown"]
        if isinstance(error, ChildStartError):
            wrapped = op == "start_child" and not self.simple
            return ["error", ["start_failed", error.cause] if wrapped else error.cause]
        assert isinstance(error, ChildError)
        if error.incarnation is not None:
            return ["error", [str(error.reason), self._pid(error.child_id, error.incarnation)]]
        return ["error", str(error.reason)]


def _child_spec(child: dict[str, Any]) -> ChildSpec:
    brutal = child["shutdown"] == "brutal_kill"
    return ChildSpec(
        child["id"],
        start=Process,
        kwargs={"on_shutdown": child["on_shutdown"]},
        restart=child["restart"],
        shutdown_s=BRUTAL_KILL if brutal else child["shutdown"] / 1000,
        significant=child["significant"],
    )


def _reason(ended: Exit) -> str:
    return "shutdown_x" if ended.kind is ExitKind.shutdown and ended.detail else str(ended.kind)


def _counts(counts: to.ChildCounts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in ("active", "specs", "supervisors", "workers")}


def _stops_sorted(events: list[list[Any]]) -> list[list[Any]]:
    """Runs of stops by label: the order of a parallel stop is nobody's promise."""
    found: list[list[Any]] = []
    for kind, group in groupby(events, key=lambda event: event[0]):
        run = list(group)
        found.extend(sorted(run, key=lambda event: event[1]) if kind == "stop" else run)
    return found


def main(argv: list[str]) -> int:
    """Replay a file and print what differs."""
    path = Path(next((arg for arg in argv if not arg.startswith("-")), TRACES))
    total = agree = 0
    for trace in read_traces(path):
        total += 1
        differences = replay(trace, copying="--copying" in argv)
        agree += not differences
        sys.stdout.writelines(f"{line}\n" for line in differences)
    sys.stdout.write(f"{agree} of {total} traces agree\n")
    return 0 if agree == total else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
