"""OffloadActor: payloads of over 1 MiB go to the payload store, and a reference goes on.

Beside the way: ``gateway -> [offload] -> router``, a lane (`stages/lane.py`). What can't be put
away (no store, a store that fails or takes too long, too many under way) goes on inline, as it
came.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from supervisors import Clock, Mailbox
from telemetry_actors.books.books import Books
from telemetry_actors.event.envelope import PAYLOAD_SIZE_THRESHOLD_BYTES, Item, unpack_map
from telemetry_actors.event.fallback import CutRule, cut_down
from telemetry_actors.ports import Errand, PayloadKeeper
from telemetry_actors.stages._payload_text import text_of
from telemetry_actors.stages.lane import Lane, LaneActor

_NO_RULE = CutRule()


def is_large(item: Item) -> bool:
    """Whether the payload is to be off-loaded: strictly over `PAYLOAD_SIZE_THRESHOLD_BYTES`."""
    payload = item[1].payload
    return payload is not None and len(payload) > PAYLOAD_SIZE_THRESHOLD_BYTES


class OffloadActor(LaneActor):
    """Puts large payloads away.

    Args:
        router: the next stage's mailbox.
        rules: by case, how its fallback is cut down.
        given: cases that trace managers and providers get: the router still needs their payload.
    """

    def __init__(
        self,
        books: Books,
        *,
        lane: Lane,
        keeper: PayloadKeeper,
        clock: Clock,
        router: Mailbox,
        rules: Mapping[str, CutRule],
        given: frozenset[str],
    ) -> None:
        super().__init__("stages/offload", books, lane=lane, keeper=keeper, clock=clock)
        self._router = router
        self._rules = rules
        self._given = given

    def begin(self, item: Item) -> Errand | None:
        """Put its payload away, if it is large."""
        ticket, envelope = item
        if not is_large(item) or envelope.payload is None:
            return None
        rule = self._rules.get(envelope.case, _NO_RULE)
        return self._keeper.put(
            ticket.serial,
            (envelope.tenant_id, envelope.event_id),
            len(envelope.payload),
            partial(_text_and_fallback, envelope.payload, rule),
            self._woken,
        )

    def finish(self, item: Item, errand: Errand | None) -> Item:
        """A reference and a fallback in the place of the payload; or as it came."""
        if errand is None or errand.result is None:
            return item
        ticket, envelope = item
        key, fallback = errand.result
        if envelope.case in self._given:
            ticket = ticket._replace(packed=envelope.payload)
        metadata = {**(envelope.metadata or {}), "payload_ref": key}
        return ticket, envelope._replace(payload=None, payload_fallback=fallback, metadata=metadata)

    def outlet(self, item: Item) -> Mailbox:
        """The router's."""
        return self._router


def _text_and_fallback(payload: bytes, rule: CutRule) -> tuple[bytes, bytes | None]:
    """A hand's thread: this is the dear part."""
    whole = unpack_map(payload)
    return text_of(whole), cut_down(whole, rule)
