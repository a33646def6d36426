"""Packing: the snapshot of an event that later changes of the caller's objects can't reach.

First step of an event's way, on the caller's thread: ``flags -> [gate -> pack] -> room``. Nothing
is raised, whatever is handed in (g01).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack

from telemetry_actors._entries import Entry
from telemetry_actors.cases import gate
from telemetry_actors.envelope import TelemetryContext
from telemetry_actors.ids import bounded_id
from telemetry_actors.sanitise import sanitise, text

__all__ = ["pack_context", "pack_payload"]

_Packer = msgpack.Packer  # one per call: a packer shared by a thread is not re-entrant


def pack_payload(entry: Entry, payload: Any) -> bytes | None:
    """Without content where that is off. None: it can't be packed."""
    if type(payload) is not dict:
        if not issubclass(type(payload), Mapping):
            return None
        payload = _as_dict(payload)
        if payload is None:
            return None
    if entry.gated:
        payload = gate(entry.route, payload)
    return _packed(payload)


def pack_context(context: Any) -> tuple[bytes, str] | None:
    """The packed context, and its tenant. None: it is none."""
    if type(context) is not dict:
        context = _context_dict(context)
        if context is None:
            return None
    tenant_id = context.get("tenant_id")
    if type(tenant_id) is str:
        if len(tenant_id) > 50:  # `SURELY_SHORT`: a global costs more than the compare
            return _with_long_tenant(context)
        try:
            return _Packer().pack(context), tenant_id
        except Exception:  # noqa: BLE001 -- what msgpack can't carry is cleaned below
            tenant_id = None
    return _with_long_tenant(sanitise(context))


def _with_long_tenant(context: dict[str, Any]) -> tuple[bytes, str]:
    """Who has a tenant's id out of the context has the same as who has it out of the envelope."""
    given = context.get("tenant_id")
    tenant_id = bounded_id("" if given is None else text(str(given)))
    if type(given) is str and given != tenant_id:
        context = {**context, "tenant_id": tenant_id}
    try:
        return _Packer().pack(context), tenant_id
    except Exception:  # noqa: BLE001 -- see below
        cleaned = sanitise(context)
        return _Packer().pack(cleaned), str(cleaned["tenant_id"])


def _packed(payload: dict[Any, Any]) -> bytes | None:
    try:
        return _Packer().pack(payload)  # type: ignore[no-any-return]
    except Exception:  # noqa: BLE001 -- surrogates, huge ints, foreign types, depth: cleaned, with a mark
        cleaned = sanitise(payload)
        return _Packer().pack(cleaned) if type(cleaned) is dict else None


def _as_dict(payload: Mapping[Any, Any]) -> dict[Any, Any] | None:
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
