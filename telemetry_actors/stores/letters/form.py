"""One dead letter as bytes, and back from bytes that no one trusts (g28).

    magic | length of the body | CRC-32 of the body | body: one msgpack array

Length and checksum tell a torn or damaged file from a whole one, whatever the file system
made of it when the machine went down.
"""

from __future__ import annotations

import zlib
from struct import Struct
from typing import Any, Final, NamedTuple, cast

import msgpack

from telemetry_actors.books.dead_letters import Among, DeadLetter
from telemetry_actors.books.ledger import Reason
from telemetry_actors.errors import EnvelopeError
from telemetry_actors.event.decoding import decoded
from telemetry_actors.event.envelope import Envelope

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""A larger file is not read. (An envelope's own bound; by default an event has 16 MiB.)"""

_MAGIC: Final = b"tadead1\n"
_HEAD: Final = Struct(">8sII")
_MAX_IDS: Final = 4096
_TYPES: Final[tuple[type | tuple[type, ...], ...]] = (
    int,  # when
    str,  # process
    int,  # pid
    int,  # replays
    str,  # reason
    str,  # stage
    str,  # error
    bool,  # measured
    int,  # serial
    (list, type(None)),  # among
    bytes,  # envelope
)


class StoredLetter(NamedTuple):
    """A dead letter as it is kept in a directory."""

    letter: DeadLetter
    at_ns: int
    """When the event was dropped first, in ns since the epoch."""
    process: str
    """Of the gateway that wrote it: 32 hex digits, new for each life."""
    pid: int
    replays: int = 0
    """How often it was replayed, and dropped again."""
    name: str = ""
    """Of its file."""

    @property
    def id(self) -> str:
        """Short and unique in the directory; sorts by time."""
        return self.name.partition("@")[0]


def pack_letter(stored: StoredLetter) -> bytes:
    """The whole file. The envelope carries its ``origin``, as all that leaves a process."""
    letter = stored.letter
    among = letter.among
    fields = [
        stored.at_ns,
        stored.process,
        stored.pid,
        stored.replays,
        str(letter.reason),
        _text(letter.stage),
        _text(letter.error),
        letter.measured,
        letter.serial,
        None if among is None else [among.rejected, among.size_bytes, list(among.event_ids)],
        _with_origin(stored).pack(),
    ]
    body = cast("bytes", msgpack.packb(fields))
    return _HEAD.pack(_MAGIC, len(body), zlib.crc32(body)) + body


def _text(text: str) -> str:
    """An exception may say things that UTF-8 can't."""
    return text.encode("utf-8", "backslashreplace").decode()


def _with_origin(stored: StoredLetter) -> Envelope:
    envelope = stored.letter.envelope
    if envelope.is_from_outside:
        return envelope
    origin = {"origin": [stored.process, stored.letter.serial]}
    return envelope._replace(metadata={**(envelope.metadata or {}), **origin})


def unpack_letter(data: bytes, name: str = "") -> StoredLetter:
    """Read a file's bytes.

    Raises:
        EnvelopeError: torn, damaged, of another kind, or out of bounds. It names no content.
    """
    at_ns, process, pid, replays, *rest = _fields(_body(data))
    reason, stage, error, measured, serial, among, envelope = rest
    try:
        known = Reason(reason)
    except ValueError:
        raise EnvelopeError("a reason that this version doesn't know") from None
    letter = DeadLetter(
        Envelope.unpack(envelope), known, stage, error, _among(among), measured, serial
    )
    return StoredLetter(letter, at_ns, process, pid, replays, name)


def _body(data: bytes) -> bytes:
    if len(data) < _HEAD.size:
        raise EnvelopeError(f"torn: {len(data)} bytes")
    magic, length, checksum = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise EnvelopeError("not a dead letter of version 1")
    body = data[_HEAD.size :]
    if len(body) != length:
        raise EnvelopeError(f"torn: {len(body)} of {length} bytes")
    if zlib.crc32(body) != checksum:
        raise EnvelopeError("damaged: the checksum differs")
    return body


def _fields(body: bytes) -> list[Any]:
    fields = decoded(body, max_array_len=_MAX_IDS, max_map_len=0)
    if not isinstance(fields, list) or len(fields) != len(_TYPES):
        raise EnvelopeError("not a dead letter of version 1")
    for number, (value, allowed) in enumerate(zip(fields, _TYPES, strict=True)):
        if not isinstance(value, allowed) or (allowed is int and not _is_count(value)):
            raise EnvelopeError(f"field {number} is a {type(value).__name__}")
    return fields


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _among(found: list[Any] | None) -> Among | None:
    if found is None:
        return None
    match found:
        case [int(rejected), int(size_bytes), [*ids]] if (
            _is_count(rejected) and _is_count(size_bytes) and all(type(i) is str for i in ids)
        ):
            return Among(tuple(ids), rejected, size_bytes)
    raise EnvelopeError("field 9 is no list of ids")
