"""The JSON form of an event, there and back: what other processes exchange with us.

Beside the way: ``router -> [to_json] -> broker`` in one process, ``broker -> [from_json] ->
gateway`` in the other. Read are our own texts and those of the platform's eras S and M
(`TelemetryEnvelope`). The emit time and the context have no field of their own there, and era M
refuses fields that it does not know, so they ride in ``metadata``.

Bytes from outside are read with bounds on size and depth (g28).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, NamedTuple

import pydantic_core
from pydantic import ValidationError

from telemetry_actors.base.refused import refusals
from telemetry_actors.errors import EnvelopeError
from telemetry_actors.event.decoding import MAX_BYTES, check_json
from telemetry_actors.event.envelope import Envelope, TelemetryEnvelope, base64_bytes, unpack_map
from telemetry_actors.event.forms import id_of_any
from telemetry_actors.event.ids import derived_id, new_event_id
from telemetry_actors.event.sanitise import sanitise, text

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
    context: Mapping[str, object]
    payload: dict[str, object] | None
    """None: off-loaded, or cut down to *fallback*."""
    fallback: bytes | None
    metadata: Mapping[str, object]
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
    model = _model(_fields(data), holder)
    metadata = model.metadata or {}
    context = metadata.get("context")
    kept: dict[str, object] = {"origin": _origin(metadata.get("origin"), holder)}
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


def _fields(data: object) -> dict[str, object]:
    if not isinstance(data, str | bytes):
        raise EnvelopeError(f"a {type(data).__name__}, not JSON text")
    if len(data) > MAX_BYTES:
        raise EnvelopeError(f"{len(data)} bytes, at most {MAX_BYTES} are allowed")
    check_json(data)
    read = _read(data)
    if type(read) is not dict:
        raise EnvelopeError(f"a {type(read).__name__}, not an object")
    return {name: read[name] for name in _FIELDS if name in read}


def _read(data: str | bytes) -> object:
    try:
        return pydantic_core.from_json(data)  # its depth is bounded
    except TypeError:  # a text with half a surrogate pair in it, as it is
        return _read(text(str(data)))
    except ValueError as error:
        if "hex escape" not in str(error):
            raise EnvelopeError("not JSON, or too deep") from error
    try:  # of half a pair, which Python's own `json` writes: a mark, as by `emit()`
        return sanitise(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise EnvelopeError("not JSON, or too deep") from error


def _model(fields: dict[str, object], holder: str) -> TelemetryEnvelope:
    fields |= {key: _text(fields[key]) for key in ("tenant_id", "event_id") if key in fields}
    if fields.get("event_id") == "":
        # As in `emit()` it is no id. The same for a task that is delivered again.
        fields["event_id"] = derived_id(holder, "task") if holder else new_event_id()
    fallback = fields.get("payload_fallback")
    if type(fallback) is str:
        fields["payload_fallback"] = _bytes(fallback)
    try:
        return TelemetryEnvelope(**fields)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        words = refusals(problems, "the envelope")
    raise EnvelopeError(words[:300])  # outside: the other one holds the payload


def _text(value: object) -> object:
    """As for `emit()`: an int is its decimal text, null is nothing. What is no text is refused."""
    return "" if value is None else value if type(value) is bool else id_of_any(value) or value


def _bytes(written: str) -> bytes:
    """Ours is base64; era S wrote the bytes themselves as a text."""
    found = base64_bytes(written)
    return written.encode("utf-8", "replace") if found is None else found


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
