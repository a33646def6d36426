"""The JSON form of an event, there and back: what other processes exchange with us.

Beside the way: ``router -> [to_json] -> broker`` in one process, ``broker -> [from_json] ->
gateway`` in the other. Read are our own texts and those of the platform's eras S and M
(`TelemetryEnvelope`). The emit time and the context have no field of their own there, and era M
refuses fields that it does not know, so they ride in ``metadata``.

Bytes from outside are read with bounds on size and depth (g28).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import pydantic_core
from pydantic import ValidationError

from telemetry_actors._decoding import MAX_BYTES, check_json
from telemetry_actors.envelope import Envelope, TelemetryEnvelope, unpack_map
from telemetry_actors.errors import EnvelopeError

__all__ = ["Incoming", "from_json", "to_json"]

_MAX_ID_BYTES: Final = 1024
_MAX_REF_BYTES: Final = 2048
_MAX_NS: Final = 2**63
_FIELDS: Final = tuple(TelemetryEnvelope.model_fields)


class Incoming(NamedTuple):
    """An event as it was read."""

    case: str
    event_id: str
    emitted_at: int | None
    """ns since the epoch; None where the envelope does not say."""
    context: Mapping[str, Any]
    payload: dict[str, Any] | None
    """None: off-loaded, or cut down to *fallback*."""
    fallback: bytes | None
    metadata: Mapping[str, Any]
    """``origin``, and ``payload_ref`` where there is one."""


def to_json(envelope: Envelope) -> str:
    """The JSON text of *envelope*; bytes in it as base64, NaN and infinities as null.

    Raises:
        EnvelopeError: its payload or context is no map.
        ValueError: it has what JSON can't carry.
    """
    metadata = {
        **(envelope.metadata or {}),
        "emitted_at": envelope.emitted_at,
        "context": unpack_map(envelope.context),
    }
    model = TelemetryEnvelope(
        case=envelope.case,
        tenant_id=envelope.tenant_id,
        event_id=envelope.event_id,
        payload={} if envelope.payload is None else unpack_map(envelope.payload),
        payload_fallback=envelope.payload_fallback,
        metadata=metadata,
    )
    # Era M refuses the key, even with a null.
    return model.model_dump_json(
        exclude={"payload_fallback"} if model.payload_fallback is None else None
    )


def from_json(data: object, holder: str) -> Incoming:
    """Read an envelope's JSON text. Fields that are unknown are passed over.

    Args:
        data: text or bytes that no one trusts.
        holder: whose claim it is, where the envelope does not say (old producers): the task id.

    Raises:
        EnvelopeError: it is no envelope, or out of bounds. The words have no content in them.
    """
    model = _model(_fields(data))
    metadata = model.metadata or {}
    context = metadata.get("context")
    kept: dict[str, Any] = {"origin": _origin(metadata.get("origin"), holder)}
    if type(metadata.get("payload_ref")) is str:
        kept["payload_ref"] = metadata["payload_ref"][:_MAX_REF_BYTES]  # the event's own, or none
    elsewhere = "payload_ref" in kept or model.payload_fallback is not None
    return Incoming(
        model.case,
        model.event_id,
        _time(metadata.get("emitted_at")),
        {**(context if type(context) is dict else {}), "tenant_id": model.tenant_id},
        None if elsewhere and not model.payload else model.payload,
        model.payload_fallback,
        kept,
    )


def _fields(data: object) -> dict[str, Any]:
    if not isinstance(data, str | bytes):
        raise EnvelopeError(f"a {type(data).__name__}, not JSON text")
    if len(data) > MAX_BYTES:
        raise EnvelopeError(f"{len(data)} bytes, at most {MAX_BYTES} are allowed")
    check_json(data)
    try:
        read = pydantic_core.from_json(data)  # its depth is bounded
    except ValueError as error:
        raise EnvelopeError("not JSON, or too deep") from error
    if type(read) is not dict:
        raise EnvelopeError(f"a {type(read).__name__}, not an object")
    return {name: read[name] for name in _FIELDS if name in read}


def _model(fields: dict[str, Any]) -> TelemetryEnvelope:
    fallback = fields.get("payload_fallback")
    if type(fallback) is str:
        fields["payload_fallback"] = _bytes(fallback)
    try:
        return TelemetryEnvelope(**fields)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        words = "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['type']}" for p in problems)
    raise EnvelopeError(words[:300])  # outside: the other one holds the payload


def _bytes(text: str) -> bytes:
    """Ours is base64; era S wrote the bytes themselves as a text."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode("utf-8", "replace")


def _origin(value: object, holder: str) -> list[str | int]:
    """Uuid and serial, or else the task's id: a redelivered task has the same."""
    if type(value) is list and len(value) == 2:
        process, serial = value
        known = type(process) is str and len(process) <= _MAX_ID_BYTES
        if known and type(serial) is int and 0 <= serial < _MAX_NS:  # more can't be packed
            return [process, serial]
    return ["celery", holder[:_MAX_ID_BYTES]]


def _time(value: object) -> int | None:
    return value if type(value) is int and 0 < value < _MAX_NS else None
