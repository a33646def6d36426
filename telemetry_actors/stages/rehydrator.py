"""RehydratorActor: make the payload whole again, and hand it to its case's handler.

Fourth stage: ``dedup -> [rehydrator] -> handlers``. A payload that travels inline is whole, also
when it is empty. An event without one goes aside into a lane, to get it back (`recall.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from supervisors import InFlight, Mailbox
from telemetry_actors.batch.actor import BatchActor, forward
from telemetry_actors.books.books import Books
from telemetry_actors.event.envelope import Item
from telemetry_actors.stages.lane import Lane


class RehydratorActor(BatchActor):
    """Sorts whole events by case."""

    def __init__(self, books: Books, *, handlers: Mapping[str, Mailbox], lane: Lane) -> None:
        super().__init__("stages/rehydrator", books)
        self._handlers = handlers
        self._lane = lane
        self._order = {case: step for step, case in enumerate(handlers, start=1)}

    def deliver(self, flight: InFlight) -> bool:
        """One forward per case, in a fixed order, so that none is repeated; then the lane."""
        self.once(flight, 0, lambda: self._sort(flight))
        straight, aside = flight.notes["sorted"]
        by_case: dict[str, list[Item]] = defaultdict(list)
        for item in straight:
            by_case[item[1].case].append(item)
        for case, step in self._order.items():
            self.once(flight, step, lambda case=case: self._to(case, by_case))  # type: ignore[misc]
        last, mailbox = len(self._order) + 1, self._lane.mailbox
        self.once(flight, last, lambda: forward(mailbox, aside, self._books, self._stage))
        return True

    def _sort(self, flight: InFlight) -> None:
        self.end_dropped(flight)
        kept = [r for r in flight.results if type(r) is tuple]
        flight.notes["sorted"] = self._lane.sort(kept, _has_none)

    def _to(self, case: str, by_case: Mapping[str, list[Item]]) -> None:
        forward(self._handlers[case], by_case.get(case, ()), self._books, self._stage)


def _has_none(item: Item) -> bool:
    return item[1].payload is None
