"""RecallActor: gets the payloads of off-loaded events back.

Beside the way: ``rehydrator -> [recall] -> handlers``, a lane (`stages/lane.py`). From the payload
store; else from the fallback that the envelope carries, and the event is *degraded*; else the
event goes on without a payload, and its handler says so (``dify.telemetry.rehydration_failed``).

What another process put away has not come by our door: if content is off here and was on there,
this is where it is taken out (g21).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import cast

import msgpack

from supervisors import Clock, Mailbox
from telemetry_actors.books.books import Books
from telemetry_actors.event.cases import CaseRoute, gate_made_texts
from telemetry_actors.event.envelope import DEGRADED, Envelope, Item, unpack_map
from telemetry_actors.event.fallback import read_fallback
from telemetry_actors.ports import Errand, PayloadKeeper
from telemetry_actors.stages._payload_text import packed_of
from telemetry_actors.stages.lane import Lane, LaneActor
from telemetry_actors.stages.offload import is_large

_MOST_AT_ONCE = 16
"""Payloads that are being read, or are here and wait for one before them."""


class RecallActor(LaneActor):
    """Makes payloads whole again.

    Args:
        gates: by case, how content is taken out of what comes back; of those that have some,
            where it is off.
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
        gates: Mapping[str, CaseRoute] = MappingProxyType({}),
    ) -> None:
        super().__init__("stages/recall", books, lane=lane, keeper=keeper, clock=clock)
        self._handlers = handlers
        self._allow_pickle = allow_pickle
        self._gates = gates

    def has_time(self, before: Sequence[object]) -> bool:
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
            partial(self._read, envelope),
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
            packed = self._gated(envelope, packed)
            metadata[DEGRADED] = True
        metadata.pop("payload_ref", None)  # read, or gone
        return ticket, envelope._replace(
            payload=packed, payload_fallback=None, metadata=metadata or None
        )

    def _read(self, envelope: Envelope, text: bytes) -> bytes:
        """The packed payload of its object's text. A hand's thread."""
        return self._gated(envelope, packed_of(text))

    def _gated(self, envelope: Envelope, packed: bytes) -> bytes:
        """Ours was gated at the door; then there is nothing to do."""
        route = self._gates.get(envelope.case) if envelope.is_from_outside else None
        if route is None:
            return packed
        return cast("bytes", msgpack.packb(gate_made_texts(route, unpack_map(packed))))

    def outlet(self, item: Item) -> Mailbox:
        """That of the case's handler."""
        return self._handlers[item[1].case]
