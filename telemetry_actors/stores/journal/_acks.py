"""Which events of a segment have their outcome: a file of small records beside it.

    value 4 | crc32 of the value 4        value = number of the event, bit 31: *measured*

A record that is damaged or cut off is ignored: its event is sent once more, never lost. So
nothing here is synced. ADR-0012.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from zlib import crc32

from telemetry_actors.stores.journal._files import open_regular

MEASURED = 1 << 31
"""No outcome yet, but its measurements are recorded and have been exported."""

_VALUE, _BOTH = struct.Struct("<I"), struct.Struct("<II")
_READ_BYTES = 64 * 1024


def write_acks(path: Path, values: Iterable[int]) -> None:
    """Append *values* to the file at *path*, in one write.

    Raises:
        OSError: it can't be written; what is there stays readable.
    """
    data = b"".join([_BOTH.pack(v, crc32(_VALUE.pack(v))) for v in values])
    fd = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        rest = os.fstat(fd).st_size % _BOTH.size
        if rest:  # the end of a write that was cut off
            os.ftruncate(fd, os.fstat(fd).st_size - rest)
        if os.write(fd, data) != len(data):
            raise OSError(28, "no space left for acknowledgements")
    finally:
        os.close(fd)


def acked(path: Path) -> Iterator[int]:
    """The values in the file at *path*; none if there is no such file.

    Raises:
        OSError: it can't be read.
    """
    try:
        fd = open_regular(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    with os.fdopen(fd, "rb") as file:
        while data := file.read(_READ_BYTES):
            for value, checksum in _BOTH.iter_unpack(data[: len(data) // 8 * 8]):
                if crc32(_VALUE.pack(value)) == checksum:
                    yield value
