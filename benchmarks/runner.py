"""Runs one measurement in a fresh process, beside a receiver of its own, and checks its books."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.child import Job, Outcome
from benchmarks.contestants import CONTESTANTS
from benchmarks.receiver import Receiver, running_receiver
from benchmarks.shapes import Plan, plans_of, plans_to_json
from benchmarks.wire import Request
from benchmarks.workloads import WORKLOADS

__all__ = ["Plans", "Refused", "run", "run_and_take"]

_RUN_S = 300.0


class Refused(Exception):  # its text says all
    """A figure that would be no fair one: it isn't printed."""


class Plans:
    """What the workloads' events become, made once and kept in files for the children."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, list[Plan]] = {}

    @classmethod
    @contextmanager
    def kept(cls) -> Iterator[Plans]:
        """For the length of the block."""
        with tempfile.TemporaryDirectory() as folder:
            yield cls(Path(folder))

    def of(self, workload: str) -> list[Plan]:
        """One for each template."""
        self.file(workload)
        return self._made[workload]

    def file(self, workload: str) -> str:
        """Where they are."""
        if workload not in self._made:
            self.replace(workload, plans_of(WORKLOADS[workload]))
        return str(self._path(workload))

    def replace(self, workload: str, plans: Sequence[Plan]) -> None:
        """Have others for that workload."""
        self._made[workload] = list(plans)
        self._path(workload).write_text(json.dumps(plans_to_json(plans)))

    def _path(self, workload: str) -> Path:
        return self._folder / f"{workload.replace(' ', '-')}.json"


def run(job: Job, *, keep: bool = True) -> dict[str, float]:
    """The figures of one measurement.

    Args:
        job: all but its endpoint.
        keep: have the receiver keep what arrives, and compare its count with what was handed over.

    Raises:
        Refused: it failed, or not everything has arrived.
    """
    with running_receiver(keep=keep) as receiver:
        done = _child(job._replace(endpoint=receiver.endpoint))
        if keep:
            _check_books(job, done, receiver)
    return done.figures


def run_and_take(job: Job) -> list[Request]:
    """What arrives, instead of figures.

    Raises:
        Refused: it failed.
    """
    with running_receiver() as receiver:
        _child(job._replace(endpoint=receiver.endpoint))
        return receiver.take()


def _check_books(job: Job, done: Outcome, receiver: Receiver) -> None:
    sends = CONTESTANTS[job.contestant].sends
    if sends == "none":
        return
    counts = receiver.counts()
    arrived, expected = (counts["logs"], counts["spans"]), (done.records, done.spans)
    if sends == "records":
        arrived, expected = (sum(arrived), 0), (done.events, 0)
    if arrived != expected:
        raise Refused(
            f"{job.contestant}, {job.scenario}, {job.workload}: of {expected} log records and"
            f" spans {arrived} arrived"
        )


def _child(job: Job) -> Outcome:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.child"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        env=environment(),
        timeout=_RUN_S,
        check=False,
    )
    if done.returncode != 0:
        raise Refused(f"{job.contestant}, {job.scenario}, {job.workload}: {_last(done.stderr)}")
    return Outcome(*json.loads(done.stdout.splitlines()[-1]))


def environment() -> dict[str, str]:
    """That of a child: nobody is set up by it, and what is imported may be kept compiled."""
    ours = ("OTEL_", "TELEMETRY_ACTORS__", "ENTERPRISE_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _last(text: str) -> str:
    return "\n".join(text.splitlines()[-20:])
