"""Replay recorded traces of Erlang/OTP's own supervisor on `SupervisorCore`.

Our core is given the commands of the real supervisor, in a simulated world whose children
obey at once. Unlike `tests.otp.replay`, which runs actors, this compares the reports too.

    python -m tests.otp.replay_core FILE [--copying]
"""

from __future__ import annotations

import sys
from collections import Counter, deque
from dataclasses import replace
from pathlib import Path
from typing import Any

from supervisors.core import protocol as to
from supervisors.core.core import SupervisorCore
from supervisors.core.spec import ExtraArgs
from supervisors.core.words import BRUTAL_KILL
from supervisors.errors import ChildStartError, RestartLimitReached
from supervisors.exit import Exit
from tests.core_states import copy_of
from tests.otp.traces import (
    CAUSES,
    EXITS,
    TRACES,
    Process,
    World,
    counts,
    differences,
    has_reports,
    read_traces,
    reason_of,
)

__all__ = ["CoreWorld", "main", "read_traces", "replay"]

_NO_REQUESTS = ("boot", "stop", "control", "exit")


def replay(trace: dict[str, Any], *, copying: bool = False, reports: bool = True) -> list[str]:
    """What differs between *trace* and our core, in words; empty if nothing does.

    Args:
        trace: One line of a trace file.
        copying: Go on with a copy of the core after each event, to try `copy` as well.
        reports: Compare those, too; False for a file that was recorded without them.
    """
    return differences(trace, CoreWorld(trace, copying, reports))


class CoreWorld(World):
    """Children, a clock that stands still, and the core under test."""

    def __init__(
        self, trace: dict[str, Any], copying: bool = False, has_reports: bool = True
    ) -> None:
        super().__init__(trace)
        self.copying = copying
        self.has_reports = has_reports
        self.reports: list[list[Any]] = []
        self.replies: dict[int, to.Reply] = {}
        self.finished: to.Finished | None = None
        self.core = SupervisorCore(self.spec(Process))

    def outcome(self) -> str:
        if self.boot_error is not None:
            return "boot_failed"
        return str(self.finished.cause) if self.finished is not None else "alive"

    # -- commands -------------------------------------------------------------------------------

    def run(self, cmd: list[Any]) -> dict[str, Any]:
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
            return ExtraArgs(label=argument) if self.simple else self.child_spec(argument, Process)
        if self.simple and argument in self.latest and name == "terminate_child":
            return to.OneLife(argument, self.latest[argument].incarnation)
        return argument

    def _handle(self, event: to.Event) -> list[to.Effect]:
        if self.copying:
            self.core = copy_of(self.core)
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
                self.replies[effect.token] = self._at_this_moment(effect)
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

    def _at_this_moment(self, reply: to.Reply) -> to.Reply:
        """Whoever of those that were counted has ended is not active."""
        ended = sum(not self.processes[child].alive for child in reply.counted)
        if not ended:
            return reply
        return replace(reply, value=replace(reply.value, active=reply.value.active - ended))

    def _start(self, effect: to.StartChild) -> to.Event:
        name, number = effect.id, effect.incarnation
        outcome = self.attempt(name, number, effect.spec.kwargs["on_shutdown"])
        if outcome == "ignore":
            return to.ChildIgnored(name, number)
        if outcome != "ok":
            return to.ChildFailed(name, number, CAUSES[outcome])
        return to.ChildUp(name, number)

    def _stop(self, effect: to.StopChild) -> to.Event | None:
        process = self.processes[effect.id, effect.incarnation]
        if not process.alive:
            return None  # its end is in the mailbox already
        brutal = effect.shutdown_s is BRUTAL_KILL
        return self._end(process, "killed" if brutal else process.on_shutdown)

    def _end(self, process: Process, reason: str) -> to.ChildDown:
        self.ended(process, reason)
        return to.ChildDown(process.id, process.incarnation, EXITS[reason])

    def _note(self, report: to.Report) -> None:
        if report.context == "progress":
            return
        reason: Any = report.reason
        if isinstance(reason, Exit):
            reason = reason_of(reason)
        elif isinstance(reason, RestartLimitReached):
            reason = "reached_max_restart_intensity"
        self.reports.append([report.context, report.id, reason])

    # -- what can be seen -----------------------------------------------------------------------

    def _seen(self, returned: Any) -> dict[str, Any]:
        gone = bool(self.finished or self.boot_error)
        living = self.alive()
        which = count = None
        if not gone:
            which = [[*row[:2]] for row in self.which(self._ask("which_children"))]
            count = counts(self._ask("count_children"))
        assert not (gone and living), f"orphans: {living}"
        self.replies.clear()
        seen = {
            "ret": returned,
            "which": which,
            "inc": living,
            "events": self.shown_events(gone=gone),
            "count": count,
            "sup": ["exited", self.boot_reason() or "shutdown"] if gone else "alive",
        }
        if self.has_reports:
            seen["reports"] = self._reports(ended=gone and self.simple)
        return seen

    def _ask(self, op: to.Operation) -> Any:
        (reply,) = self.core.handle(to.Request("seen", op), 0.0)
        assert isinstance(reply, to.Reply)
        return reply.value

    def _reports(self, *, ended: bool) -> list[list[Any]]:
        if not ended:
            return self.reports
        errors = Counter(reason for what, _, reason in self.reports if what == "shutdown_error")
        kept = [report for report in self.reports if report[0] != "shutdown_error"]
        return kept + [["shutdown_error", None, *pair] for pair in sorted(errors.items())]

    def _returned(self, op: list[Any], token: int) -> Any:
        if op[0] == "boot" and self.boot_error is not None:
            return ["error", self.boot_reason()]
        reply = self.replies.get(token)
        assert (reply is None) is (op[0] in _NO_REQUESTS), f"{op} was not answered"
        if reply is not None and reply.error is not None:
            return self.refused(op[0], reply.error)
        value = None if reply is None else reply.value
        return self.returned(list(value) if isinstance(value, tuple) else value)


def main(argv: list[str]) -> int:
    """Replay a file and print what differs."""
    path = Path(next((arg for arg in argv if not arg.startswith("-")), TRACES))
    total = agree = 0
    reports = has_reports(read_traces(path))
    for trace in read_traces(path):
        total += 1
        differing = replay(trace, copying="--copying" in argv, reports=reports)
        agree += not differing
        sys.stdout.writelines(f"{line}\n" for line in differing)
    sys.stdout.write(f"{agree} of {total} traces agree\n")
    return 0 if agree == total else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
