"""RehydratorActor: make the payload whole again, and hand it to its case's handler.

Fourth stage: ``dedup -> [rehydrator] -> handlers``. In this version every payload travels
inline, so it only sorts by case; off-loaded payloads and fallbacks come back here later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from supervisors import InFlight, Mailbox
from telemetry_actors._books import Books, Drop
from telemetry_actors.batch_actor import BatchActor, forward
from telemetry_actors.envelope import Item
from telemetry_actors.ledger import Reason

__all__ = ["RehydratorActor"]


class RehydratorActor(BatchActor):
    """Sorts whole events by case."""

    def __init__(self, books: Books, *, handlers: Mapping[str, Mailbox]) -> None:
        super().__init__("stages/rehydrator", books)
        self._handlers = handlers
        self._order = {case: step for step, case in enumerate(handlers, start=1)}

    def handle(self, item: Item, index: int, flight: InFlight) -> Item | Drop:
        """An event without a payload can't be mapped."""
        if item[1].payload is None:
            return Drop(Reason.REHYDRATION_FAILED, self._stage, "no inline payload")
        return item

    def deliver(self, flight: InFlight) -> bool:
        """One forward per case, in a fixed order, so that none is repeated."""
        self.once(flight, 0, lambda: self.end_dropped(flight))
        by_case: dict[str, list[Item]] = defaultdict(list)
        for result in flight.results:
            if type(result) is tuple:
                by_case[result[1].case].append(result)
        for case, step in self._order.items():
            self.once(flight, step, lambda case=case: self._to(case, by_case))  # type: ignore[misc]
        return True

    def _to(self, case: str, by_case: Mapping[str, list[Item]]) -> None:
        forward(self._handlers[case], by_case.get(case, ()), self._books, self._stage)
