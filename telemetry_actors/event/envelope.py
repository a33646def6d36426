"""What travels: the envelope, its ticket, and the context an event was emitted in.

An `Envelope` has a decoded header and an opaque, already packed payload; only the
rehydrator and the handlers look inside. A `Ticket` is what this process knows of the
event and never leaves it. Between stages travels one kind of item: ``(Ticket, Envelope)``.

Bytes from outside are read by `Envelope.unpack` with bounds on size, depth and types
(semantics.md g28).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, cast

import msgpack
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    field_serializer,
    field_validator,
)

from telemetry_actors.errors import EnvelopeError
from telemetry_actors.event.decoding import TooLarge, decoded
from telemetry_actors.event.forms import id_of_any
from telemetry_actors.event.ids import bounded_id
from telemetry_actors.event.marks import distinct
from telemetry_actors.event.sanitise import key_text
from telemetry_actors.event.ticket import Ticket

PAYLOAD_SIZE_THRESHOLD_BYTES = 1024 * 1024
"""A packed payload is off-loaded when it is strictly larger."""

PAYLOAD_FALLBACK_MAX_BYTES = 65_536
"""``payload_fallback`` may be exactly so long, and no longer."""

OVERHEAD_BYTES = 320
"""Charged for each event beside its packed bytes: its tuples and texts, its place in a mailbox."""
DEGRADED = "degraded"
"""Key of an envelope's metadata: its payload is the fallback of one that did not come back."""

WIRE_VERSION = 1
_FIELDS = 9
_MAX_TEXT_BYTES = 65_536
_MAX_HEAD_BYTES = 16


def _as_id(value: object) -> object:
    """As in a plain mapping: an int id is its decimal text, a UUID its text."""
    found = id_of_any(value)
    return value if found is None else found


_Id = Annotated[
    Annotated[str, Strict()] | Annotated[str, BeforeValidator(_as_id)],
    Field(union_mode="left_to_right"),  # nearly all are texts, and those cost no call
]


class TelemetryContext(BaseModel):
    """Who and where: the same for every event of one request.

    A plain mapping with these keys does as well.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    tenant_id: _Id = ""
    """Workspace id; ``""`` when unknown."""
    user_id: _Id | None = None
    app_id: _Id | None = None
    app_name: str | None = None
    workspace_name: str | None = None


class Envelope(NamedTuple):
    """One event. See architecture.md, "Wire format"; the version is added by `pack`."""

    case: str
    tenant_id: str
    event_id: str
    emitted_at: int
    """ns since the epoch, at ``emit()``."""
    context: bytes
    """Packed map."""
    payload: bytes | None
    """Packed map, or None when off-loaded."""
    payload_fallback: bytes | None = None
    metadata: Mapping[str, Any] | None = None
    """``origin``: process and serial of the first admission, where that was another one."""

    @property
    def is_from_outside(self) -> bool:
        """It came in by another way than `emit()`: a dead letter, the journal, a bridge."""
        return self.metadata is not None and "origin" in self.metadata

    def pack(self, *, origin: tuple[str, int] | None = None) -> bytes:
        """The wire form: one msgpack array, version first.

        Args:
            origin: process and admission serial, for what leaves the process, unless the
                envelope has one already.
        """
        metadata = self.metadata
        if origin is not None:
            metadata = {"origin": list(origin), **(metadata or {})}
        pack = msgpack.Packer().pack  # making it is what costs, and each call; so few of both
        before = pack([WIRE_VERSION, self.case, self.tenant_id, self.event_id, self.emitted_at])
        after = pack([self.payload, self.payload_fallback, metadata])
        # Two short arrays without their heads (a byte each), and the context as it is.
        return b"".join((bytes((0x90 | _FIELDS,)), before[1:], self.context, after[1:]))

    @classmethod
    def unpack(cls, data: bytes) -> Envelope:
        """Read the wire form from bytes that no one trusts. Its ids are bounded as at the door.

        Raises:
            EnvelopeError: not an envelope of this version, or out of bounds.
        """
        fields = _whole(data)
        if not isinstance(fields, list) or len(fields) != _FIELDS or fields[0] != WIRE_VERSION:
            raise EnvelopeError("not an envelope of version 1")
        _check_fields(fields)
        _, case, tenant_id, event_id, emitted_at, context, payload, fallback, metadata = fields
        packed = cast("bytes", msgpack.packb(context))
        tenant_id, event_id = bounded_id(tenant_id), bounded_id(event_id)
        return cls(case, tenant_id, event_id, emitted_at, packed, payload, fallback, metadata)


def is_of_later_version(data: bytes) -> bool:
    """Whether *data*, whose checksum was right, is the envelope of a version after this one."""
    unpacker = msgpack.Unpacker(max_buffer_size=_MAX_HEAD_BYTES)
    unpacker.feed(data[:_MAX_HEAD_BYTES])  # no more than a head and a number: no room is made
    try:
        fields = unpacker.read_array_header()
        version = unpacker.unpack() if fields else None
    except Exception:  # noqa: BLE001 -- msgpack raises a dozen kinds for bad bytes
        return False
    return type(version) is int and version > WIRE_VERSION


Item = tuple[Ticket, Envelope]


def claim_of(item: Item) -> tuple[str, str, int | str]:
    """Whose an event's id is: tenant, event id, and the holder of its claim (g09).

    The holder is the admission that the event was first given: its serial, or for an event that
    came here from outside (journal, dead letter, bridge) the ``origin`` that it brings along.
    So an event that is met again passes its own claim.
    """
    ticket, envelope = item
    origin = envelope.metadata.get("origin") if envelope.metadata else None
    if origin is None:
        return envelope.tenant_id, envelope.event_id, ticket.serial
    parts = origin if isinstance(origin, list | tuple) else (origin,)
    return envelope.tenant_id, envelope.event_id, ":".join(map(str, parts))


def charge_of(envelope: Envelope) -> int:
    """Bytes that an event is charged: all that it holds. `emit()` adds up the same in place.

    (Its tenant's id is in the context, and bounded.)
    """
    size = len(envelope.context) + len(envelope.event_id)
    size += len(envelope.payload or b"") + len(envelope.payload_fallback or b"")
    if envelope.metadata:
        size += len(msgpack.packb(envelope.metadata))
    return size + OVERHEAD_BYTES


def is_degraded(envelope: Envelope) -> bool:
    """Whether its payload is the fallback of one that did not come back."""
    return envelope.metadata is not None and envelope.metadata.get(DEGRADED) is True


def with_origin(item: Item, process: str) -> Envelope:
    """The envelope as it leaves this process: it says whose it is, if it doesn't already.

    Args:
        process: uuid of this life of the gateway; serials are unique in it.
    """
    ticket, envelope = item
    if envelope.is_from_outside:
        return envelope
    origin = {"origin": [process, ticket.serial]}
    return envelope._replace(metadata={**(envelope.metadata or {}), **origin})


_TYPES: tuple[type | tuple[type, ...], ...] = (
    int,
    str,
    str,
    str,
    int,
    dict,
    (bytes, type(None)),
    (bytes, type(None)),
    (dict, type(None)),
)


def _check_fields(fields: list[Any]) -> None:
    for number, (value, allowed) in enumerate(zip(fields, _TYPES, strict=True)):
        if not isinstance(value, allowed) or isinstance(value, bool):
            raise EnvelopeError(f"field {number} is a {type(value).__name__}")
    if len(fields[1]) > _MAX_TEXT_BYTES:
        raise EnvelopeError("field 1 is too long")
    fallback = fields[7]
    if fallback is not None and len(fallback) > PAYLOAD_FALLBACK_MAX_BYTES:
        raise EnvelopeError(f"field 7 has {len(fallback)} bytes, at most 64KB are allowed")


def _text_keys(pairs: list[tuple[object, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        found[distinct(key if type(key) is str else key_text(key), found)] = value
    return found


def _has_bytes_key(value: object) -> bool:
    if type(value) is dict:
        return any(type(key) is bytes for key in value) or any(map(_has_bytes_key, value.values()))
    return type(value) is list and any(map(_has_bytes_key, value))


def unpack_map(data: bytes) -> dict[str, Any]:
    """A packed payload or context, with text keys throughout.

    Raises:
        EnvelopeError: not one msgpack map, or out of bounds.
    """
    value = _whole(data)
    if not isinstance(value, dict):
        raise EnvelopeError(f"a {type(value).__name__}, not a map")
    return value


def base64_bytes(text: str) -> bytes | None:
    r"""The bytes of base64 in any form: either alphabet, line ends, with padding or without.

    Null: it is none of them.

    >>> base64_bytes("-_8="), base64_bytes("+/8"), base64_bytes("+/ 8\n"), base64_bytes("{}")
    (b'\xfb\xff', b'\xfb\xff', b'\xfb\xff', None)
    """
    bare = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _whole(data: bytes) -> object:
    try:
        value = decoded(data)
    except TooLarge:
        raise
    except EnvelopeError:  # keys that are no texts
        return decoded(data, strict_map_key=False, object_pairs_hook=_text_keys)
    # One of these is before any packed bytes. (In UTF-8, too: where there is none, are none.)
    if (0xC4 in data or 0xC5 in data or 0xC6 in data) and _has_bytes_key(value):
        return decoded(data, strict_map_key=False, object_pairs_hook=_text_keys)
    return value


class TelemetryEnvelope(BaseModel):
    """The JSON form, which other systems exchange with us (eras S and M).

    ``payload_fallback`` is bytes here and base64 in JSON: upstream meant raw bytes, which
    JSON can't hold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64")

    case: str = Field(max_length=_MAX_TEXT_BYTES)
    tenant_id: str = Field(max_length=_MAX_TEXT_BYTES)
    event_id: str = Field(max_length=_MAX_TEXT_BYTES)
    payload: dict[str, object]
    payload_fallback: bytes | None = None
    metadata: dict[str, Any] | None = None

    @field_validator("payload_fallback", mode="before")
    @classmethod
    def _from_base64(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found = base64_bytes(value)
        if found is None:
            raise ValueError("payload_fallback is not base64")
        return found

    @field_validator("payload_fallback")
    @classmethod
    def _at_most_64_kb(cls, value: bytes | None) -> bytes | None:
        if value is not None and len(value) > PAYLOAD_FALLBACK_MAX_BYTES:
            raise ValueError(f"payload_fallback has {len(value)} bytes, at most 64KB are allowed")
        return value

    @field_serializer("payload_fallback", when_used="json")
    def _to_base64(self, value: bytes | None) -> str | None:
        return None if value is None else base64.b64encode(value).decode("ascii")
