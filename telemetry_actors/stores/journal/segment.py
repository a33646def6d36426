"""One segment: a file of records, and in memory what has become of each of them.

Eleven bytes per event in memory, whatever the event weighs. Not locked: the journal's lock is
held by whoever calls, but for `read`, which only looks at the file.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

from telemetry_actors.stores.journal._files import open_regular
from telemetry_actors.stores.journal._record import Found, scan

OUT, DONE, PENDING = 0, 1, 2
"""In the tree; it has its outcome (or can't be read); on disk alone, to be read back."""

ADOPTED = 1 << 30
"""Bit of the uid of a segment whose events another process has accepted."""

_NUMBER_BITS = 32


def place_of(uid: int, number: int) -> int:
    """Where an event is: the segment's uid and the event's number in it, as one int."""
    return uid << _NUMBER_BITS | number


def uid_and_number(place: int) -> tuple[int, int]:
    """The segment's uid, and the event's number in it."""
    return place >> _NUMBER_BITS, place & ((1 << _NUMBER_BITS) - 1)


def is_adopted(place: int) -> bool:
    """Whether another process has accepted the event."""
    return bool(place >> _NUMBER_BITS & ADOPTED)


class Segment:
    """See the module.

    Args:
        uid: of the segment, unique in this process; `ADOPTED` included where it applies.
        number: in its folder.
    """

    def __init__(self, uid: int, number: int, path: Path) -> None:
        self.uid = uid
        self.number = number
        self.path = path
        self.cases = array("H")
        self.serials = array("Q")
        self.states = bytearray()
        self.measured: set[int] = set()
        """Numbers of events whose measurements are known to have been exported."""
        self.size_bytes = 0
        self.born_ns = 0
        """When its oldest event was emitted, by the wall clock."""
        self.since_s = 0.0
        """Since when it is kept here, by this process's own clock."""
        self.sealed = False
        """Nothing is appended any more."""
        self.cursor = 0
        """Everything before this offset has been read back."""

    @property
    def ack_path(self) -> Path:
        """The file beside it that says which events are done."""
        return self.path.with_suffix(".ack")

    @property
    def adopted(self) -> bool:
        """Another process has accepted its events."""
        return bool(self.uid & ADOPTED)

    def add(self, serials: Sequence[int], cases: Sequence[int], state: int, born_ns: int) -> None:
        """More events, as they come in the file."""
        if not self.states:
            self.born_ns = born_ns
        self.serials.extend(serials)
        self.cases.extend(cases)
        self.states.extend(bytes((state,)) * len(serials))

    def left(self) -> int:
        """Events without an outcome."""
        return len(self.states) - self.states.count(DONE)

    def numbers(self, state: int) -> Iterator[int]:
        """Numbers of the events in that state."""
        at = self.states.find(state)
        while at >= 0:
            yield at
            at = self.states.find(state, at + 1)

    def read(self, start: int = 0) -> Iterator[Found]:
        """Its records from offset *start* on. The file is open only while it is being read.

        Raises:
            OSError: it can't be read.
        """
        fd = open_regular(self.path, os.O_RDONLY)
        try:
            size = os.fstat(fd).st_size
            yield from scan(lambda offset, length: os.pread(fd, length, offset), size, start)
        finally:
            os.close(fd)
