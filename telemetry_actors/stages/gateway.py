"""GatewayActor: takes what `emit()` put in, in batches.

First stage: ``emit -> [gateway] -> router``. Its mailbox coalesces, so that one wake-up
serves many events. Large payloads go aside into a lane, to be off-loaded (`offload.py`). The
journal will have its place here, since it is I/O and this actor has a thread of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from supervisors import InFlight, Mailbox
from telemetry_actors._books import Books
from telemetry_actors.batch_actor import BatchActor, forward
from telemetry_actors.envelope import Item
from telemetry_actors.stages._lane import Lane
from telemetry_actors.stages.offload import is_large

__all__ = ["GatewayActor"]


class GatewayActor(BatchActor):
    """Passes batches on to the router."""

    def __init__(self, books: Books, *, router: Mailbox, lane: Lane) -> None:
        super().__init__("stages/gateway", books)
        self._router = router
        self._lane = lane

    def deliver(self, flight: InFlight) -> bool:
        """To the router; what is large, or behind something large, into the lane."""
        self.once(flight, 0, lambda: self.end_dropped(flight))
        kept = [r for r in flight.results if type(r) is tuple]
        self.once(flight, 1, lambda: self._pass_on(kept))
        return True

    def _pass_on(self, items: Sequence[Item]) -> None:
        straight, aside = self._lane.sort(items, is_large)
        forward(self._router, straight, self._books, self._stage)
        forward(self._lane.mailbox, aside, self._books, self._stage)  # behind those before them
