"""BridgeRouterActor: the router of a tree whose events are handled elsewhere.

Second stage with ``transport="celery"``: ``gateway -> [router] -> bridge``. What no one can
take ends here as ever, and trace managers get their calls; the rest leaves the process whole, so
dedup, handlers and sinks are those of the process that takes it in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from supervisors import InFlight, Mailbox
from telemetry_actors.batch.actor import SinkItem, forward_records
from telemetry_actors.books.books import Books
from telemetry_actors.event.envelope import Envelope, Item, with_origin
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.stages.router import Route, RouterActor


class BridgeRouterActor(RouterActor):
    """Routes as its base does, and hands what is left to the bridge's sink.

    Args:
        bridge: mailbox of the sink that publishes.
        give: see `RouterActor`.
        process: uuid of this life of the gateway, for ``metadata.origin``.
    """

    def __init__(
        self,
        books: Books,
        *,
        routes: Mapping[str, Route],
        bridge: Mailbox,
        give: Callable[[object, str, Envelope], None],
        process: str,
    ) -> None:
        super().__init__(books, routes=routes, dedup=bridge, has_sink=True, give=give)
        self._bridge = bridge
        self._process = process

    def deliver(self, flight: InFlight) -> bool:
        """Book what ends here, forward the rest."""
        kept: list[Item] = [r for r in flight.results if type(r) is tuple]
        self.once(flight, 0, lambda: self.end_dropped(flight))
        self.once(flight, 1, lambda: self._publish(kept))
        return True

    def _publish(self, kept: list[Item]) -> None:
        self._books.open_bridged([item[0] for item in kept])  # before anyone can end them
        records: list[SinkItem] = [(*item, with_origin(item, self._process), 0) for item in kept]
        forward_records(SignalKind.BRIDGE, self._bridge, records, self._books, self._stage)
