"""GatewayActor: takes what `emit()` put in, in batches.

First stage: ``emit -> [gateway] -> router``. Its mailbox coalesces, so that one wake-up
serves many events. Off-loading of large payloads and the journal will have their place
here, since they are I/O and this actor has a thread of its own.
"""

from __future__ import annotations

from supervisors import InFlight, Mailbox
from telemetry_actors._books import Books
from telemetry_actors.batch_actor import BatchActor, forward

__all__ = ["GatewayActor"]


class GatewayActor(BatchActor):
    """Passes batches on to the router."""

    def __init__(self, books: Books, *, router: Mailbox) -> None:
        super().__init__("stages/gateway", books)
        self._router = router

    def deliver(self, flight: InFlight) -> bool:
        """To the router, all of it."""
        self.once(flight, 0, lambda: self.end_dropped(flight))
        kept = [r for r in flight.results if type(r) is tuple]
        self.once(flight, 1, lambda: forward(self._router, kept, self._books, self._stage))
        return True
