"""What each contestant offers, and what it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from benchmarks.shapes import Plan
from benchmarks.workloads import Workload, id_in_round, in_round

__all__ = ["FLUSH_S", "ROOM", "Contestant", "Event", "Maker", "events_of"]

ROOM = 1_000_000
"""Events that may wait."""
FLUSH_S = 120.0


class Event(NamedTuple):
    """One event, made beforehand in each form that somebody takes."""

    case: str
    context: Mapping[str, Any]
    payload: Mapping[str, Any]
    event_id: str
    plan: Plan
    """What the hand-written ones make of it."""
    ids: Mapping[str, str]
    """Mark -> id: what is another one in each event."""
    place: int
    """Of its template."""
    round: int


class Contestant(Protocol):
    """A way to hand an event over."""

    def emit(self, event: Event) -> object:
        """Hand over. This call is what is timed."""
        ...

    def in_flight(self, handed: int) -> int:
        """Of so many that were handed over since the last flush, those that wait; 0 if unknown."""
        ...

    def settle(self) -> None:
        """After the warm-up: return when it is out, where there is a way to ask for that."""
        ...

    def flush(self) -> None:
        """Return when all that was handed over is out of the process, and booked as sent."""
        ...

    def figures(self) -> dict[str, float]:
        """What there is to say beside what is measured of all."""
        ...


class Maker(Protocol):
    """The file of a contestant."""

    def running(
        self, endpoint: str, workload: Workload, options: Mapping[str, Any]
    ) -> AbstractContextManager[Contestant]:
        """One that runs for the length of the block."""
        ...


def events_of(
    workload: Workload, plans: Sequence[Plan], count: int, first_round: int = 0
) -> list[Event]:
    """So many events, round after round of the workload's templates.

    Args:
        workload: its templates.
        plans: one for each.
        count: of events.
        first_round: number of the first round; two rounds of one number have the same ids.
    """
    made: list[Event] = []
    number = first_round
    while len(made) < count:
        for place, template in enumerate(workload.templates):
            ids = {mark: id_in_round(mark, number) for mark in template.marks}
            payload = in_round(template.payload, ids)
            made.append(
                Event(
                    template.case,
                    template.context,
                    payload,
                    ids[template.event_id],
                    plans[place],
                    ids,
                    place,
                    number,
                )
            )
        number += 1
    return made[:count]
