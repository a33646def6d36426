"""How many events were accepted: a page in memory that the kernel keeps over ``kill -9``.

Each producer thread counts in a row of its own (`_shards.py`), with one load and one store
and no system call. The tree's threads keep beside it, by case, what else the next start has
to know:

- *safe*: events that the journal holds, or held until their outcome. Written together with the
  position up to which it counts, as one of two blocks of which a single word says which
  one is valid; so a kill never finds it half written.
- *ended*: outcomes of events that the journal did not hold.
- *base*: what was counted before this page was there.

lost on crash = accepted (rows and base) - safe - ended. ADR-0012.
"""

from __future__ import annotations

import mmap
import os
import struct
from array import array
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgpack

__all__ = ["LivePage", "Lived", "read_live"]

_HEAD = struct.Struct("<8sII")
_MAGIC = b"TAlive1\n"
_ROWS = 512
_MOST_BYTES = 64 * 1024 * 1024
_WORD = 8
_MOST_CASES = 4096
_MOST_EVENTS = 2**40
"""No process has accepted more: the page is damaged. (It changes with each event, and so
can't have a checksum.)"""


class Lived(NamedTuple):
    """What a page says after its process is gone. Lists are by case, in the order of *cases*."""

    cases: list[str]
    accepted: list[int]
    safe: list[int]
    ended: list[int]
    segment: int
    """Number of the segment that *safe* counts up to, and …"""
    records: int
    """… how many of its records are counted."""


class _Layout:
    """Where things stand, in words from the end of the head."""

    def __init__(self, cases: int, rows: int) -> None:
        self.cases = cases
        self.block = [1, 1 + 2 + cases]
        self.ended = self.block[1] + 2 + cases
        self.base = self.ended + cases
        self.rows = self.base + cases
        self.words = self.rows + rows * cases


class LivePage:
    """The page of a process that lives. Rows: any thread; the rest: under the journal's lock.

    Args:
        path: of the file, which is made.
        cases: names, in the order of the rows.

    Raises:
        OSError: it can't be made, or there is no room for it.
    """

    def __init__(self, path: Path, cases: Sequence[str]) -> None:
        head = msgpack.packb({"cases": list(cases), "rows": _ROWS})
        start = -(-(_HEAD.size + len(head)) // _WORD) * _WORD
        layout = self._layout = _Layout(len(cases), _ROWS)
        size = start + layout.words * _WORD
        data = _HEAD.pack(_MAGIC, len(head), crc32(head)) + head
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _write_all(fd, data.ljust(size, b"\0"))  # really written: a hole could fail later
            self._words = memoryview(mmap.mmap(fd, size))[start:].cast("Q")
        finally:
            os.close(fd)
        self._next_row = count()
        self.base = self._part(layout.base)
        self.ended = self._part(layout.ended)

    def _part(self, at: int) -> memoryview[int]:
        return self._words[at : at + self._layout.cases]

    def row(self) -> memoryview[int] | None:
        """A row for one producer thread; None when all are given out. Any thread."""
        number = next(self._next_row)
        if number >= _ROWS:
            return None
        return self._part(self._layout.rows + number * self._layout.cases)

    def mark(self, segment: int, records: int, safe: Sequence[int]) -> None:
        """Write *safe* and the position up to which it counts, as one."""
        other = 1 - self._words[0]
        at = self._layout.block[other]
        self._words[at] = segment
        self._words[at + 1] = records
        self._words[at + 2 : at + 2 + len(safe)] = memoryview(array("Q", safe))
        self._words[0] = other


def read_live(path: Path) -> Lived | None:
    """What the page at *path* says; None: there is none, or it can't be believed.

    Raises:
        OSError: it can't be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except FileNotFoundError:
        return None
    if len(data) < _HEAD.size:
        return None
    magic, length, checksum = _HEAD.unpack_from(data)
    head = data[_HEAD.size : _HEAD.size + length]
    if magic != _MAGIC or crc32(head) != checksum:
        return None
    start = -(-(_HEAD.size + length) // _WORD) * _WORD
    try:
        said = msgpack.unpackb(head)
        cases, rows = [str(case) for case in said["cases"]], int(said["rows"])
    except Exception:  # noqa: BLE001 -- whatever msgpack raises for bytes that are not ours
        return None
    return _lived(cases, rows, data[start:]) if len(cases) <= _MOST_CASES else None


def _lived(cases: list[str], rows: int, data: bytes) -> Lived | None:
    layout = _Layout(len(cases), rows)
    if not cases or len(data) != layout.words * _WORD:
        return None
    words = memoryview(data).cast("Q")
    if words[0] > 1:
        return None

    def part(at: int) -> list[int]:
        return list(words[at : at + len(cases)])

    block = layout.block[words[0]]
    if max(words) > _MOST_EVENTS:
        return None
    accepted = part(layout.base)
    for row in range(rows):
        accepted = list(map(int.__add__, accepted, part(layout.rows + row * len(cases))))
    return Lived(
        cases, accepted, part(block + 2), part(layout.ended), words[block], words[block + 1]
    )


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
