"""How many events were accepted: a page of memory that the kernel keeps over ``kill -9``.

The page is a file of a memory file system, since `emit()` writes to it and may never wait for a
disk (`_memory_folder.py`); the file ``live`` in the journal's folder says so. A process that ends
in good order leaves the page itself in ``live``, as earlier versions did while they lived.

Each producer thread counts in a row of its own (`books/shards.py`), with one load and one store
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
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgpack

from telemetry_actors.stores.journal._files import open_regular, write_all
from telemetry_actors.stores.journal._memory_folder import files_called, new_file

_HEAD = struct.Struct("<8sII")
_MAGIC = b"TAlive1\n"
_ELSEWHERE = b"TAlive2\n"
"""All that ``live`` holds while the page is in memory."""
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


class PageGone(Exception):
    """The page was in memory, and that is no more: nobody knows what it said."""


class LivePage:
    """The page of a process that lives. Rows: any thread; the rest: under the journal's lock.

    Args:
        folder: of the journal, whose name the page has; its file ``live`` is made.
        cases: names, in the order of the rows.
        directory: see `new_file`.

    Raises:
        OSError: ``live`` can't be made.
    """

    def __init__(self, folder: Path, cases: Sequence[str], directory: Path | None) -> None:
        head = msgpack.packb({"cases": list(cases), "rows": _ROWS})
        start = -(-(_HEAD.size + len(head)) // _WORD) * _WORD
        layout = self._layout = _Layout(len(cases), _ROWS)
        data = _HEAD.pack(_MAGIC, len(head), crc32(head)) + head
        data = data.ljust(start + layout.words * _WORD, b"\0")
        self._in_folder = folder / "live"
        _replace(self._in_folder, _ELSEWHERE)
        self._fd = -1
        self._path: Path | None = None
        self._page: mmap.mmap | bytearray = bytearray(data)
        with suppress(OSError):
            self._map(new_file(directory, folder.name), data)
        self._words = memoryview(self._page)[start:].cast("Q")
        self._next_row = count()
        self.base = self._part(layout.base)
        self.ended = self._part(layout.ended)

    def _map(self, made: tuple[int, Path] | None, data: bytes) -> None:
        if made is None:
            return
        self._fd, self._path = made
        try:
            write_all(self._fd, data)  # really written: a hole could fail later
            self._page = mmap.mmap(self._fd, len(data))
        except OSError:
            self.remove()
            raise

    @property
    def outlives_us(self) -> bool:
        """Whoever comes after a ``kill -9`` can read it."""
        return self._path is not None

    def lay_down(self) -> None:
        """The process ends in good order: what the page says is in the journal's folder now.

        Raises:
            OSError: it can't be written.
        """
        _replace(self._in_folder, bytes(self._page))
        self.remove()

    def remove(self) -> None:
        """Nobody needs its file any more. It may be counted in all the same."""
        path, self._path = self._path, None
        self.forsake()
        if path is not None:
            with suppress(OSError):
                path.unlink()

    def forsake(self) -> None:
        """In the child of a fork: the file is the parent's."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

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


def read_live(folder: Path, directory: Path | None) -> Lived | None:
    """What the page of *folder* says; None: there is none, or it can't be believed.

    Args:
        directory: see `new_file`.

    Raises:
        OSError: it can't be read.
        PageGone: nobody can know.
    """
    try:
        data = _bytes_of(folder / "live")
    except FileNotFoundError:
        return None
    if data != _ELSEWHERE:
        return _read(data)
    for path in files_called(directory, folder.name):
        return _read(_bytes_of(path))
    raise PageGone


def forget_live(folder: Path, directory: Path | None) -> None:
    """Remove the page of *folder*, wherever it is: what it says has been counted.

    Raises:
        OSError: it can't be removed.
    """
    for path in files_called(directory, folder.name):
        path.unlink(missing_ok=True)
    (folder / "live").unlink(missing_ok=True)


def _bytes_of(path: Path) -> bytes:
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
        return file.read(_MOST_BYTES)


def _read(data: bytes) -> Lived | None:
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


def _replace(path: Path, data: bytes) -> None:
    """The file at *path* holds *data*, or what it held before."""
    unfinished = path.with_name("live.new")
    fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        write_all(fd, data)
    finally:
        os.close(fd)
    unfinished.rename(path)
