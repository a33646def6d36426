"""Packing: the snapshot of an event that later changes of the caller's objects can't reach.

First step of an event's way, on the caller's thread: ``flags -> [gate -> pack] -> room``. Nothing
is raised, whatever is handed in (g01).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack

from telemetry_actors.door.entries import Entry
from telemetry_actors.event.cases import gate, gate_made_texts
from telemetry_actors.event.envelope import TelemetryContext
from telemetry_actors.event.forms import tenant_of
from telemetry_actors.event.ids import bounded_id
from telemetry_actors.event.sanitise import sanitise

Packed = tuple[bytes, str, bytes]
"""Context, whose event it is, payload."""

_Packer = msgpack.Packer  # one per call: a packer shared by a thread is not re-entrant
_BIN_8 = 0xC4
"""Before packed bytes of less than 256. In UTF-8, too: it says that they may be there."""


def pack_event(  # noqa: C901 -- the common way through the door, without a call
    entry: Entry, context: Any, payload: Any
) -> Packed | None:
    """Both packed, the payload without content where that is off, and whose event it is.

    None: one of them is no map, or can't be packed even when it is cleaned.

    Raises:
        MemoryError: there is none left.
    """
    packed = None
    try:
        if type(payload) is not dict:
            payload = _payload_dict(payload)
        if type(context) is not dict:
            context = _context_dict(context)
        if entry.gated:
            payload = gate(entry.route, payload)
        payload_says, whole = payload.get("tenant_id"), _Packer().pack(payload)
        if entry.gated and _BIN_8 in whole:
            _check_keys(payload)
        packed = whole
        tenant_id = context.get("tenant_id")
        if type(tenant_id) is str and (payload_says is None or type(payload_says) is str):
            # `tenant_of`, without the call
            tenant_id = payload_says or tenant_id
            if len(tenant_id) > 50:  # `SURELY_SHORT`: a global costs more than the compare
                return _with_context(context, payload_says, packed)
            return _Packer().pack(context), tenant_id, packed
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 -- surrogates, huge ints, foreign types, depth: cleaned, with a mark
        return _pack_cleaned(entry, context, payload, packed)
    return _with_context(context, payload_says, packed)


def _pack_cleaned(entry: Entry, context: Any, payload: Any, packed: bytes | None) -> Packed | None:
    """The same of what could not be packed as it was: all that has no *packed* yet is cleaned."""
    if payload is None or context is None:
        return None
    if packed is not None:
        return _with_context(sanitise(context), payload.get("tenant_id"), packed)
    payload = _cleaned(entry, payload)
    if payload is None:
        return None
    return _with_context(context, payload.get("tenant_id"), _Packer().pack(payload))


def _with_context(context: dict[Any, object], payload_says: object, packed: Any) -> Packed:
    tenant_id = context.get("tenant_id")
    try:
        if type(tenant_id) is str or tenant_id is None:
            owner = tenant_of(payload_says, tenant_id)
            if tenant_id and bounded_id(tenant_id) != tenant_id:  # as who has it from the envelope
                context = {**context, "tenant_id": bounded_id(tenant_id)}
            return _Packer().pack(context), owner, packed
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001, S110 -- as above
        pass
    cleaned = sanitise(context)
    said = cleaned.get("tenant_id")
    if type(said) is str:
        cleaned["tenant_id"] = bounded_id(said)
    return _Packer().pack(cleaned), tenant_of(payload_says, said), packed


def pack_context(context: Mapping[str, object]) -> tuple[bytes, str]:
    """Of an event whose payload is elsewhere: the packed context, and whose it says it is."""
    found = _with_context(dict(context), None, b"")
    return found[0], found[1]


def _check_keys(payload: dict[object, object]) -> None:
    """Raises `TypeError` where a key of bytes has passed the gate: the payload is to be cleaned."""
    if not all(type(key) is str for key in payload):
        raise TypeError


def _cleaned(entry: Entry, payload: dict[object, object]) -> dict[str, object] | None:
    cleaned = sanitise(payload)
    if type(cleaned) is not dict:
        return None
    # Once more: a key may have been no text before, and so have passed the gate.
    return gate_made_texts(entry.route, cleaned) if entry.gated else cleaned


def _payload_dict(payload: Any) -> dict[object, object] | None:
    return _as_dict(payload) if issubclass(type(payload), Mapping) else None


def _as_dict(payload: Mapping[object, object]) -> dict[Any, object] | None:
    try:
        return dict(payload)
    except BaseException:  # noqa: BLE001 -- a foreign mapping may raise anything while it is read
        return None


def _context_dict(context: Any) -> dict[str, Any] | None:
    if context is None:
        return {}
    if type(context) is TelemetryContext:
        given = {k: v for k, v in context.__dict__.items() if v is not None}
        return given | (context.__pydantic_extra__ or {})
    if issubclass(type(context), Mapping):
        return _as_dict(context)
    return None
