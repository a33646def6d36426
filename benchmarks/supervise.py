"""What supervision costs, and what it saves: `supervisors` beside stock Pykka, in one run.

    Messages per second through one actor (told by 1 and by 4 threads) and through a chain of
    five; from a crash to the next message handled; a storm of crashes in a backlog; memory of
    an idle child; thousands of children started and stopped. Subjects: stock Pykka, a supervised
    child with its own thread, and one on a shared thread. They take turns within each
    repetition; figures are medians over the repetitions.

Where stock Pykka has nothing to compare, it is given what one would write in its place (see
`benchmarks.actors.PykkaMortal`), or no row.
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import pykka

from benchmarks.actors import (
    NO_LIMIT,
    POISON,
    STOP_S,
    SUBJECTS,
    Idle,
    PykkaIdle,
    chain_of,
    mortal,
    quiet_pykka,
)
from supervisors import ChildSpec, ExtraArgs, MailboxSpec, Strategy, Supervisor, SupervisorSpec

__all__ = ["COLUMNS", "HEADER", "Scale", "run"]

HEADER = (__doc__ or "").partition("\n\n")[2].partition("\n\n")[0]
COLUMNS = ("measure", "subject", "value", "unit", "of_pykka", "target", "met")
_LONGEST_S = 300.0
_CHAIN = 5
_WAVE = 500


class Scale(NamedTuple):
    """How much of everything."""

    messages: int = 100_000
    crashes: int = 2_000
    children: int = 10_000
    idle_children: int = 500
    repeats: int = 7


class Target(NamedTuple):
    """What is to be reached: at least *low* times stock Pykka's, or at most *high*."""

    low: float | None = None
    high: float | None = None

    def met(self, value: float, of_pykka: float | None) -> bool:
        """Whether it is."""
        if self.low is not None:
            return of_pykka is not None and of_pykka >= self.low
        return self.high is not None and value <= self.high

    def __str__(self) -> str:
        return f">= {self.low:g} x" if self.low is not None else f"<= {self.high:g}"


@dataclass(frozen=True)
class Measure:
    """One thing that is measured."""

    take: Callable[[str, Scale], dict[str, float]]
    """Of a subject: figures by name, one repetition."""
    subjects: tuple[str, ...] = SUBJECTS
    repeated: bool = True


def run(scale: Scale) -> list[dict[str, Any]]:
    """Measure everything; one row for each figure and subject, ready for JSON."""
    rows: list[dict[str, Any]] = []
    for measure in MEASURES:
        found: dict[str, dict[str, list[float]]] = {name: {} for name in measure.subjects}
        for _ in range(scale.repeats if measure.repeated else 1):
            for subject in measure.subjects:
                gc.collect()
                with quiet_pykka():
                    figures = measure.take(subject, scale)
                for figure, value in figures.items():
                    found[subject].setdefault(figure, []).append(value)
        rows += _rows(found)
    return rows


def _rows(found: dict[str, dict[str, list[float]]]) -> list[dict[str, Any]]:
    medians = {
        (figure, subject): statistics.median(values)
        for subject, figures in found.items()
        for figure, values in figures.items()
    }
    rows = []
    for (figure, subject), value in sorted(medians.items(), key=lambda item: item[0][0]):
        name, _, unit = figure.rpartition(", ")
        stock = medians.get((figure, "pykka"))
        of_pykka = value / stock if stock else None
        target = TARGETS.get((name, subject))
        rows.append(
            {
                "measure": name,
                "subject": subject,
                "value": round(value, 2),
                "unit": unit,
                "of_pykka": None if of_pykka is None else round(of_pykka, 2),
                "target": None if target is None else str(target),
                "met": None if target is None else target.met(value, of_pykka),
                "each": [round(one, 2) for one in found[subject][figure]],
            }
        )
    return rows


# -- messages -----------------------------------------------------------------------------------


def _flood(
    length: int,
    producers: int,
    subject: str,
    scale: Scale,
    mailbox: MailboxSpec = MailboxSpec(),  # noqa: B008 -- frozen
) -> float:
    """Messages per second through a chain of *length* actors."""
    each = scale.messages // producers
    done, together = threading.Event(), threading.Barrier(producers + 1)
    with chain_of(subject, length, each * producers, done, mailbox) as ref:

        def produce() -> None:
            tell = ref.tell
            together.wait()
            for n in range(each):
                tell(n)

        threads = [threading.Thread(target=produce) for _ in range(producers)]
        for thread in threads:
            thread.start()
        together.wait()
        began = perf_counter()
        assert done.wait(_LONGEST_S), "messages are missing"
        seconds = perf_counter() - began
        for thread in threads:
            thread.join()
    return each * producers / seconds


def _one_producer(subject: str, scale: Scale) -> dict[str, float]:
    return {"tell+receive 1 producer, messages/s": _flood(1, 1, subject, scale)}


def _four_producers(subject: str, scale: Scale) -> dict[str, float]:
    return {"tell+receive 4 producers, messages/s": _flood(1, 4, subject, scale)}


def _bounded(subject: str, scale: Scale) -> dict[str, float]:
    """Of stock Pykka the usual one: its inbox has no bound."""
    room = MailboxSpec(max_items=scale.messages)
    return {"tell+receive, bounded mailbox, messages/s": _flood(1, 1, subject, scale, room)}


def _chain(subject: str, scale: Scale) -> dict[str, float]:
    return {f"chain of {_CHAIN}, messages/s": _flood(_CHAIN, 1, subject, scale)}


# -- crashes ------------------------------------------------------------------------------------


def _crash(subject: str, scale: Scale) -> dict[str, float]:
    """Microseconds from an exception to the next message handled, by the next incarnation."""
    raised: list[float] = []
    handled: list[float] = []
    enough = threading.Event()
    with mortal(subject, raised, handled, enough) as present:
        for _ in range(scale.crashes):
            enough.clear()
            ref = present[0]
            ref.tell(POISON)
            if subject != "pykka":  # there the successor is sent it, see `PykkaMortal`
                ref.tell("last")
            assert enough.wait(_LONGEST_S), "nobody came back"
    times_us = [(after - before) * 1e6 for before, after in zip(raised, handled, strict=True)]
    cuts = statistics.quantiles(times_us, n=100)
    return {"crash to next handled p50, us": cuts[49], "crash to next handled p99, us": cuts[98]}


def _storm(subject: str, scale: Scale) -> dict[str, float]:
    """Every second message of a backlog kills; how fast it is worked off, and what is left."""
    raised: list[float] = []
    handled: list[float] = []
    enough = threading.Event()
    with mortal(subject, raised, handled, enough) as present:
        ref = present[0]
        began = perf_counter()
        for _ in range(scale.crashes):
            ref.tell(POISON)
            ref.tell("bystander")
        ref.tell("last")
        assert enough.wait(_LONGEST_S), "nobody came back"
        seconds = perf_counter() - began
    return {
        "restart storm, restarts/s": len(raised) / seconds,
        "restart storm: bystanders lost, messages": float(scale.crashes + 1 - len(handled)),
    }


def _storm_of_stock_pykka(_subject: str, scale: Scale) -> dict[str, float]:
    """The backlog of stock Pykka dies at the first crash; there is no storm to be timed."""
    raised: list[float] = []
    handled: list[float] = []
    enough = threading.Event()
    with mortal("pykka", raised, handled, enough) as present:
        ref = present[0]
        with suppress(pykka.ActorDeadError):
            for _ in range(scale.crashes):
                ref.tell(POISON)
                ref.tell("bystander")
        assert enough.wait(_LONGEST_S), "nobody came back"
    return {"restart storm: bystanders lost, messages": float(scale.crashes + 1 - len(handled))}


# -- many children ------------------------------------------------------------------------------


def _memory(subject: str, scale: Scale) -> dict[str, float]:
    """Resident kB of one more idle actor, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.idle_actors", subject, str(scale.idle_children)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {"memory of an idle child, kB": float(done.stdout)}


def _many(subject: str, scale: Scale) -> dict[str, float]:
    """Microseconds to start, and to stop, each of thousands of children of one supervisor."""
    template = ChildSpec("child", Idle, dispatcher=subject)
    spec = SupervisorSpec(
        children=(template,), strategy=Strategy.simple_one_for_one, intensity=NO_LIMIT
    )
    supervisor = Supervisor.start(spec)
    began = perf_counter()
    for _ in range(scale.children):
        supervisor.start_child(ExtraArgs())
    started = perf_counter()
    assert supervisor.count_children().active == scale.children
    began_to_stop = perf_counter()
    assert supervisor.stop(_LONGEST_S), "some did not stop"
    ended = perf_counter()
    return {
        f"{scale.children:,} children: start each, us": (started - began) / scale.children * 1e6,
        f"{scale.children:,} children: stop each, us": (ended - began_to_stop)
        / scale.children
        * 1e6,
    }


def _many_of_stock_pykka(_subject: str, scale: Scale) -> dict[str, float]:
    """A thread each, in waves of 500: all at once are more threads than most systems allow."""
    start_s = stop_s = 0.0
    for first in range(0, scale.children, _WAVE):
        began = perf_counter()
        refs = [PykkaIdle.start() for _ in range(min(_WAVE, scale.children - first))]
        started = perf_counter()
        for future in [ref.stop(block=False) for ref in refs]:
            future.get(timeout=STOP_S)
        start_s += started - began
        stop_s += perf_counter() - started
    return {
        f"{scale.children:,} children: start each, us": start_s / scale.children * 1e6,
        f"{scale.children:,} children: stop each, us": stop_s / scale.children * 1e6,
    }


def _either(stock: Any, ours: Any) -> Callable[[str, Scale], dict[str, float]]:
    return lambda subject, scale: (stock if subject == "pykka" else ours)(subject, scale)


MEASURES = (
    Measure(_one_producer),
    Measure(_four_producers),
    Measure(_bounded),
    Measure(_chain),
    Measure(_crash),
    Measure(_either(_storm_of_stock_pykka, _storm)),
    Measure(_memory, repeated=False),
    Measure(_either(_many_of_stock_pykka, _many), subjects=("pykka", "shared"), repeated=False),
)

TARGETS = {
    ("tell+receive 1 producer", "own"): Target(low=2),
    ("tell+receive 4 producers", "own"): Target(low=2),
    (f"chain of {_CHAIN}", "own"): Target(low=3),
    ("crash to next handled p50", "own"): Target(high=150),
    ("crash to next handled p99", "own"): Target(high=5000),
}
"""From issue 3. Held against the default dispatcher, a thread of its own."""
