"""How an event stands in a segment: a head with its own checksum, then the body.

    mark 4 | number 4 | length 4 | crc32 of the body 4 | crc32 of these sixteen 4 | body

Little-endian. The *number* counts the records of a segment from 0, so that a gap shows how
many are missing. A body that is damaged costs itself, since its head says where the next
one begins; a head that is damaged costs its record, and the next mark with a sound head
goes on from there. Nothing is ever believed without its checksum, and no more than one
record is in memory at a time (g28). No file is opened here. ADR-0012.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple
from zlib import crc32

MARK = b"TAj1"
MAX_BODY_BYTES = 64 * 1024 * 1024
"""A longer body is taken for damage. (`Envelope.unpack` has the same bound.)"""

_SIXTEEN = struct.Struct("<4sIII")
_CRC = struct.Struct("<I")
HEAD_BYTES = _SIXTEEN.size + _CRC.size
_WINDOW_BYTES = 256 * 1024
_SLACK = 10_000
"""Records that may be missing from a file before a number is taken for damage."""

Read = Callable[[int, int], bytes]
"""``(offset, length) -> bytes``; fewer at the end of the file."""


class Found(NamedTuple):
    """One record, or a stretch of bytes that is none."""

    number: int
    """-1: bytes that are no record."""
    end: int
    """Offset at which the next one begins."""
    body: bytes | None
    """None: damaged."""


def framed(number: int, body: bytes) -> bytes:
    """*body* with its head.

    >>> len(framed(0, b"body")) == HEAD_BYTES + 4
    True
    """
    head = _SIXTEEN.pack(MARK, number, len(body), crc32(body))
    return b"".join((head, _CRC.pack(crc32(head)), body))


def scan(read: Read, size: int, start: int = 0) -> Iterator[Found]:
    """Every record of a file of *size* bytes from offset *start* on, in order.

    A record that is cut off at the end of the file is damage like any other.
    """
    window = _Window(read, size)
    most = most_records(size)
    at = start
    while at < size:
        head = _head(window.bytes_at(at, HEAD_BYTES), most)
        if head is None:
            at = _next_mark(window, at + 1, size)
            yield Found(-1, at, None)
            continue
        number, length, checksum = head
        body = window.bytes_at(at + HEAD_BYTES, length)
        at = min(at + HEAD_BYTES + length, size)
        yield Found(number, at, body if crc32(body) == checksum else None)


def is_newer(data: bytes) -> bool:
    """Whether a file that begins so has records of a version after this one.

    Those have another mark of the same family, in a head whose checksum is in the same place.
    """
    if len(data) < HEAD_BYTES or data[:3] != MARK[:3] or data.startswith(MARK):
        return False
    (checksum,) = _CRC.unpack_from(data, _SIXTEEN.size)
    return crc32(data[: _SIXTEEN.size]) == int(checksum)


def most_records(size: int) -> int:
    """How many records a file of *size* bytes may have had before something was cut out of it."""
    return size // HEAD_BYTES + _SLACK


def _head(data: bytes, most: int) -> tuple[int, int, int] | None:
    """Number, length and checksum of a record that begins so; None: none does."""
    if len(data) < HEAD_BYTES or not data.startswith(MARK):
        return None
    (checksum,) = _CRC.unpack_from(data, _SIXTEEN.size)
    if crc32(data[: _SIXTEEN.size]) != checksum:
        return None
    _, number, length, body_checksum = _SIXTEEN.unpack_from(data)
    # A number counts the records before it, and each takes (or took) at least a head.
    if length > MAX_BODY_BYTES or number > most:
        return None
    return number, length, body_checksum


def _next_mark(window: _Window, at: int, size: int) -> int:
    """Offset of the next mark at or after *at*; the end of the file if there is none."""
    while at < size:
        data = window.bytes_at(at, _WINDOW_BYTES)
        found = data.find(MARK)
        if found >= 0:
            return at + found
        at += max(1, len(data) - len(MARK) + 1)
    return size


class _Window:
    """A part of the file in memory, so that a small record costs no system call."""

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self._size = size
        self._from = 0
        self._data = b""

    def bytes_at(self, offset: int, length: int) -> bytes:
        """*length* bytes; fewer at the end of the file."""
        length = min(length, self._size - offset)
        if offset < self._from or offset + length > self._from + len(self._data):
            self._data = self._read(offset, max(length, min(_WINDOW_BYTES, self._size - offset)))
            self._from = offset
        begin = offset - self._from
        return self._data[begin : begin + length]
