"""What the settings say now holds, also for an event that was accepted elsewhere or before (g21).

Beside the way: each way in but `emit()` (a dead letter, an earlier process's journal, a broker)
comes through here. Content that was let in then and is off now is taken out of payload and
fallback, before anything of it is in a mailbox or in a letter. Pure; any thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import msgpack

from telemetry_actors.errors import EnvelopeError
from telemetry_actors.event.cases import gate_made_texts
from telemetry_actors.event.envelope import Envelope, unpack_map
from telemetry_actors.event.fallback import CutRule, cut_down, read_fallback

if TYPE_CHECKING:
    from telemetry_actors.door.entries import Entry


def as_it_may_travel(
    entries: Mapping[str, Entry], envelope: Envelope, *, allow_pickle: bool
) -> Envelope | None:
    """*envelope*, without content where that is off for its case; None: it can't be read."""
    entry = entries.get(envelope.case)
    if entry is None or not entry.gated:
        return envelope
    fallback = fallback_as_it_may_travel(entry, envelope.payload_fallback, allow_pickle)
    if envelope.payload is None:
        return envelope._replace(payload_fallback=fallback)
    try:
        payload = gate_made_texts(entry.route, unpack_map(envelope.payload))
    except EnvelopeError:
        return None
    packed = cast("bytes", msgpack.packb(payload))
    return envelope._replace(payload=packed, payload_fallback=fallback)


def fallback_as_it_may_travel(entry: Entry, data: bytes | None, allow_pickle: bool) -> bytes | None:
    """Without content where that is off. What can't be read is no use, and may be content."""
    if data is None or not entry.gated:
        return data
    packed = read_fallback(data, allow_pickle=allow_pickle)
    if packed is None:
        return None
    return cut_down(
        gate_made_texts(entry.route, unpack_map(packed)),
        CutRule(gated=frozenset(entry.route.gated)),
    )
