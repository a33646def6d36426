"""RouterActor: case -> where its events go.

Second stage: ``gateway -> [router] -> dedup``. It decides ``no_handler`` and ``no_sink``
before a claim is made, and takes the host's trace manager off the ticket: a live object
rides beside the envelope this far and no further. Nobody is given the task of an event that
came in by another way than `emit()`: it was given when the event was emitted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from supervisors import InFlight, Mailbox
from telemetry_actors.batch.actor import BatchActor, forward
from telemetry_actors.books.books import Books
from telemetry_actors.books.ends import Drop
from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.envelope import Envelope, Item


class Route(NamedTuple):
    """Where the events of one case go."""

    handled: bool
    """False: the case has no handler."""
    task_name: str | None
    """Trace cases: the name under which trace managers get the task."""


class RouterActor(BatchActor):
    """Sorts out what no one can take; the rest goes to dedup.

    Args:
        dedup: the next stage's mailbox.
        has_sink: False ends every event as ``no_sink``.
        give: hands ``(trace manager or None, task name, envelope)`` on to whoever wants trace
            tasks, by way of the TraceProviderActor; never waits.
    """

    def __init__(
        self,
        books: Books,
        *,
        routes: Mapping[str, Route],
        dedup: Mailbox,
        has_sink: bool,
        give: Callable[[object, str, Envelope], None],
    ) -> None:
        super().__init__("stages/router", books)
        self._routes = routes
        self._dedup = dedup
        self._has_sink = has_sink
        self._give = give

    def handle(self, item: Item, index: int, flight: InFlight) -> Item | Drop:
        """Route one event."""
        ticket, envelope = item
        route = self._routes[envelope.case]
        if route.task_name is not None and not envelope.is_from_outside:
            if ticket.companion is not None or ticket.packed is not None:
                item = (ticket._replace(companion=None, packed=None), envelope)
                flight.batch[index] = item  # taken off first: given at most once, whatever follows
            if ticket.packed is not None:  # off-loaded
                envelope = envelope._replace(payload=ticket.packed)
            self._give(ticket.companion, route.task_name, envelope)
        if not route.handled:
            return Drop(Reason.NO_HANDLER, self._stage)
        if not self._has_sink:
            return Drop(Reason.NO_SINK, self._stage)
        return item

    def deliver(self, flight: InFlight) -> bool:
        """Book what ends here, forward the rest."""
        self.once(flight, 0, lambda: self.end_dropped(flight))
        kept = [r for r in flight.results if type(r) is tuple]
        self.once(flight, 1, lambda: forward(self._dedup, kept, self._books, self._stage))
        return True
