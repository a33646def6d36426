"""A scenario, contestants beside one another: equal output first, then turn by turn.

Each run is a process of its own. In each turn all contestants of a cell run once, each time another
one first, so that what the machine does meanwhile meets all of them. The median of the turns stands
beside the worst.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from benchmarks import figures, wire
from benchmarks.child import Job
from benchmarks.contestants import CONTESTANTS, OURS, missing
from benchmarks.runner import Plans, Refused, run, run_and_take

__all__ = ["Bench", "Cell", "Scale", "Scenario", "Subject", "subjects"]

_EXACT_EVENTS = 60  # at least; as many as there are templates if those are more


class Subject(NamedTuple):
    """One row of a cell: a contestant, or ours in another setting."""

    name: str
    contestant: str
    settings: Mapping[str, Any] = {}


class Cell(NamedTuple):
    """What is compared in one go."""

    title: str
    workload: str
    subjects: Sequence[Subject]
    options: Mapping[str, Any] = {}
    repeats: int = 3
    keep: bool = True
    """The receiver keeps what arrives, and it is counted."""


class Scale(NamedTuple):
    """How much is measured; what is empty is the scenario's own."""

    quick: bool = False
    events: int | None = None
    repeats: int | None = None
    threads: Sequence[int] = ()
    only: Sequence[str] = ()
    workloads: Sequence[str] = ()


class Scenario(Protocol):
    """A file of `benchmarks.scenarios`."""

    HEADER: str
    FIGURES: Sequence[str]
    """Those of the table, in order. It may have a ``finish(rows)``, which says them anew."""

    def cells(self, scale: Scale) -> list[Cell]:
        """What to measure."""
        ...


def subjects(*names: str) -> list[Subject]:
    """Contestants under their own names."""
    return [Subject(name, name) for name in names]


class _Progress:
    def __init__(self, runs: int, say: Callable[[str], object]) -> None:
        self._runs, self._done, self._say = runs, 0, say
        self._began = time.perf_counter()

    def next(self, what: str) -> None:
        self._done += 1
        passed = time.perf_counter() - self._began
        left = passed / (self._done - 1) * (self._runs - self._done + 1) if self._done > 1 else 0
        more = f", {left:.0f} s to go" if left else ""
        self._say(f"[{self._done}/{self._runs}, {passed:.0f} s{more}] {what}")


class Bench:
    """One run of the harness: what has been found equal stays so.

    Args:
        plans: of the workloads.
        say: told of the progress.
    """

    def __init__(self, plans: Plans, say: Callable[[str], object]) -> None:
        self._plans = plans
        self._say = say
        self._ours: dict[str, wire.Wire] = {}
        self._equal: set[tuple[str, str, str]] = set()
        self.left_out: dict[str, str] = {}

    def measure(self, name: str, scenario: Scenario, scale: Scale) -> list[dict[str, Any]]:
        """A row for each cell and subject.

        Raises:
            Refused: two that must send the same don't, or not all has arrived.
        """
        cells = [self._present(cell, scale) for cell in scenario.cells(scale)]
        runs = sum(len(cell.subjects) * _repeats(cell, scale) for cell in cells)
        progress = _Progress(runs, self._say)
        rows: list[dict[str, Any]] = []
        for cell in cells:
            for subject in cell.subjects:
                self.check_equal(subject, cell.workload)
            rows += self._cell(name, cell, _repeats(cell, scale), progress)
        finish = getattr(scenario, "finish", None)
        return rows if finish is None else finish(rows)

    def _present(self, cell: Cell, scale: Scale) -> Cell:
        here = []
        for subject in cell.subjects:
            if scale.only and subject.name not in scale.only:
                continue
            why = missing("redis" if "redis_url" in subject.settings else subject.contestant)
            if why:
                self.left_out[subject.name] = why
            else:
                here.append(subject)
        return cell._replace(subjects=here)

    def _cell(
        self, name: str, cell: Cell, repeats: int, progress: _Progress
    ) -> list[dict[str, Any]]:
        found: dict[str, list[dict[str, float]]] = {s.name: [] for s in cell.subjects}
        for turn in range(repeats):
            shift = turn % max(1, len(cell.subjects))
            for subject in (*cell.subjects[shift:], *cell.subjects[:shift]):
                progress.next(f"{name}: {cell.title}, {subject.name}")
                job = self._job(name, subject, cell.workload, dict(cell.options))
                found[subject.name].append(run(job, keep=cell.keep))
        return [_row(cell, subject, found[subject.name]) for subject in cell.subjects]

    def _job(self, scenario: str, subject: Subject, workload: str, options: Any) -> Job:
        file = self._plans.file(workload)
        return Job(
            scenario, subject.contestant, workload, "", file, dict(subject.settings), options
        )

    def check_equal(self, subject: Subject, workload: str) -> None:
        """Look at what arrives of a few events; at nothing, if that has been done.

        Raises:
            Refused: it is not what ours sends.
        """
        sends = CONTESTANTS[subject.contestant].sends
        key = (subject.contestant, repr(subject.settings), workload)
        if sends == "none" or key in self._equal:
            return
        ours = self._ours_of(workload)
        plain = subject.contestant == OURS and not subject.settings
        theirs = ours if plain else self._arrived(subject, workload)
        if sends == "all":
            found = wire.differences(ours, theirs)
        else:
            main = wire.attributes_of(ours.logs or ours.spans)
            found = wire.records_differ(main, wire.in_records(theirs))
        if found:
            raise Refused(f"{subject.name} does not send what we do of {workload}: {found}")
        self._equal.add(key)

    def _ours_of(self, workload: str) -> wire.Wire:
        if workload not in self._ours:
            self._ours[workload] = self._arrived(Subject(OURS, OURS), workload)
        return self._ours[workload]

    def _arrived(self, subject: Subject, workload: str) -> wire.Wire:
        self._say(f"equal output? {workload}, {subject.name}")
        plans = self._plans.of(workload)
        timed = {key for plan in plans for log in plan.logs for key in log.timed}
        options = {"events": max(_EXACT_EVENTS, len(plans))}
        return wire.decoded(run_and_take(self._job("exact", subject, workload, options)), timed)


def _repeats(cell: Cell, scale: Scale) -> int:
    return scale.repeats or (1 if scale.quick else cell.repeats)


def _row(cell: Cell, subject: Subject, runs: list[dict[str, float]]) -> dict[str, Any]:
    names = list(dict.fromkeys(name for one in runs for name in one))
    return {
        "cell": cell.title,
        "workload": cell.workload,
        "subject": subject.name,
        "figures": {
            name: figures.summary(name, [one[name] for one in runs if name in one])
            for name in names
        },
    }
