"""RecallActor: gets the payloads of off-loaded events back.

Beside the way: ``rehydrator -> [recall] -> handlers``, a lane (`_lane.py`). From the payload store;
else from the fallback that the envelope carries, and the event is *degraded*; else the event
goes on without a payload, and its handler says so (``dify.telemetry.rehydration_failed``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from supervisors import Clock, Mailbox
from telemetry_actors._books import Books
from telemetry_actors.envelope import DEGRADED, Item
from telemetry_actors.ports import Errand, PayloadKeeper
from telemetry_actors.stages._fallback import read_fallback
from telemetry_actors.stages._lane import Lane, LaneActor
from telemetry_actors.stages._payload_text import packed_of
from telemetry_actors.stages.offload import is_large

__all__ = ["RecallActor"]

_MOST_AT_ONCE = 16
"""Payloads that are being read, or are here and wait for one before them."""


class RecallActor(LaneActor):
    """Makes payloads whole again.

    Args:
        books: the books.
        lane: its own.
        keeper: of the payload store.
        clock: for time-outs.
        handlers: mailboxes by case.
        allow_pickle: read pickled fallbacks.
    """

    def __init__(
        self,
        books: Books,
        *,
        lane: Lane,
        keeper: PayloadKeeper,
        clock: Clock,
        handlers: Mapping[str, Mailbox],
        allow_pickle: bool,
    ) -> None:
        super().__init__("stages/recall", books, lane=lane, keeper=keeper, clock=clock)
        self._handlers = handlers
        self._allow_pickle = allow_pickle

    def has_time(self, before: Sequence[Any]) -> bool:
        """Not more than so many large payloads at once, read or being read."""
        large = [
            r for r in before if not isinstance(r, tuple) or (type(r) is tuple and is_large(r))
        ]
        return len(large) < _MOST_AT_ONCE

    def begin(self, item: Item) -> Errand | None:
        """Read its object, if it has one."""
        ticket, envelope = item
        if envelope.payload is not None or envelope.metadata is None:
            return None
        return self._keeper.get(
            ticket.serial,
            (envelope.tenant_id, envelope.event_id),
            envelope.metadata.get("payload_ref"),
            packed_of,
            self._woken,
        )

    def finish(self, item: Item, errand: Errand | None) -> Item:
        """The payload as it was, or what is left of it, or none."""
        ticket, envelope = item
        if envelope.payload is not None:
            return item
        metadata = dict(envelope.metadata or {})
        packed = errand.result if errand is not None else None
        if packed is None:
            packed = read_fallback(envelope.payload_fallback, allow_pickle=self._allow_pickle)
            if packed is None:
                return item
            metadata[DEGRADED] = True
        metadata.pop("payload_ref", None)  # read, or gone
        return ticket, envelope._replace(
            payload=packed, payload_fallback=None, metadata=metadata or None
        )

    def outlet(self, item: Item) -> Mailbox:
        """That of the case's handler."""
        return self._handlers[item[1].case]
