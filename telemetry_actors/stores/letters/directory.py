"""LetterDirectory: one file for each dead letter, and nothing else in it is touched.

A file comes by write and rename, so that a process that is killed in mid-write leaves a file that
is told apart by its ending; length and checksum say the rest (`stores/letters/form.py`). Names are
made of time, process and number, then tenant and event id, encoded so that they can't leave their
place (g29). Several processes may share a directory.
"""

from __future__ import annotations

import os
import re
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from telemetry_actors.errors import EnvelopeError
from telemetry_actors.stores._keys import encoded_id
from telemetry_actors.stores.letters._redaction import without_values
from telemetry_actors.stores.letters.form import (
    MAX_FILE_BYTES,
    StoredLetter,
    pack_letter,
    unpack_letter,
)

_ENDING: Final = ".letter"
_OURS: Final = re.compile(r"[0-9a-f]{16}-[0-9a-f]{8}-[0-9]+@[^/]*\.letter")
_UNFINISHED: Final = ".tmp"
_LONGEST_PART: Final = 80
_UNFINISHED_FOR_NS: Final = 3600 * 10**9
"""After that nobody is going to finish it."""
_LOOK_AGAIN_AFTER: Final = 256
"""Files written between two looks at what others have written."""


class BadLetter(NamedTuple):
    """A file that is no whole letter, and why. It stops nothing."""

    name: str
    reason: str


class _Kept(NamedTuple):
    name: str
    size_bytes: int
    at_ns: int


class LetterDirectory:
    """Reads and writes letters. One thread at a time; processes don't disturb one another.

    Args:
        path: made on the first write.
        max_files: letters kept; the oldest go first.
        max_bytes: bytes of all letters; the oldest go first.
        max_age_s: seconds for which a letter is kept.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_files: int = 2**40,
        max_bytes: int = 2**40,
        max_age_s: float = 31_536_000.0,
    ) -> None:
        self.path = path
        self.evicted = 0
        """Letters that had to go for want of room, or for their age."""
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._max_age_ns = int(max_age_s * 1e9)
        self._known: deque[_Kept] = deque()
        self._bytes = 0
        self._until_look = 0
        self._number = 0

    @property
    def count(self) -> int:
        """Letters that were there at the last look, or were written since. Any thread."""
        return len(self._known)

    @property
    def size_bytes(self) -> int:
        """Of these. Any thread."""
        return self._bytes

    # -- reading ----------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Names of all letters, oldest first.

        Raises:
            OSError: the directory can't be read.
        """
        return sorted(name for name in self._entries() if _OURS.fullmatch(name))

    def letters(self) -> Iterator[StoredLetter | BadLetter]:
        """Each letter, oldest first, read when it is its turn; then what was never finished.

        Raises:
            OSError: the directory can't be read.
        """
        for name in self.names():
            try:
                yield self.read(name)
            except FileNotFoundError:
                continue  # somebody else has replayed or purged it meanwhile
            except EnvelopeError as error:
                yield BadLetter(name, str(error))
            except OSError as error:
                yield BadLetter(name, error.strerror or type(error).__name__)
        for name in self.unfinished():
            yield BadLetter(name, "unfinished: its process ended in mid-write, or is writing")

    def unfinished(self) -> list[str]:
        """Names of files that were begun and not finished."""
        found = (name for name in self._entries() if name.endswith(_UNFINISHED))
        return sorted(name for name in found if _OURS.fullmatch(name.removesuffix(_UNFINISHED)))

    def _entries(self) -> Iterator[str]:
        with os.scandir(self.path) as entries:
            for entry in entries:
                yield entry.name

    def read(self, name: str) -> StoredLetter:
        """One letter.

        Raises:
            EnvelopeError: it is torn, damaged, no file, or too large.
            OSError: it can't be read.
        """
        # Neither through a link nor into a pipe that nobody writes to.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        handle = os.open(self._place(name), flags)
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise EnvelopeError("not a file")
            if found.st_size > MAX_FILE_BYTES:
                raise EnvelopeError(f"{found.st_size} bytes, at most {MAX_FILE_BYTES} are read")
            return unpack_letter(file.read(MAX_FILE_BYTES + 1), name)

    def _place(self, name: str) -> Path:
        if os.sep in name or name in ("", ".", ".."):
            raise EnvelopeError("not the name of a letter")
        return self.path / name

    # -- writing ----------------------------------------------------------------------------------

    def prepare(self, now_ns: int) -> None:
        """Make the directory, see what is there, and let go of what is too old or too much.

        Raises:
            OSError: it can't be made, read or written.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in self.unfinished():
            with suppress(OSError):
                if now_ns - (self.path / name).stat().st_mtime_ns > _UNFINISHED_FOR_NS:
                    (self.path / name).unlink()
        self._look()
        self._make_room(now_ns)
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", str(self.path))

    def write(self, stored: StoredLetter, now_ns: int) -> str:
        """Write one letter to a file of its own, and make room for it.

        Returns:
            The file's name.

        Raises:
            OSError: the disk is full, read-only, gone; nothing is left of it.
        """
        self._number += 1
        name = _name_of(stored, self._number)
        data = _bytes_of(stored)
        try:
            self._put(name, data)
        except FileNotFoundError:  # the directory was taken away
            self._until_look = 0
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._put(name, data)
        self._known.append(_Kept(name, len(data), stored.at_ns))
        self._bytes += len(data)
        self._until_look -= 1
        if self._until_look < 0:
            self._look()
        self._make_room(now_ns)
        return name

    def replace(self, stored: StoredLetter) -> None:
        """Write *stored* over its own file.

        Raises:
            OSError: it can't be written; the old one is still there.
        """
        self._put(stored.name, _bytes_of(stored))

    def remove(self, name: str) -> bool:
        """Take one letter away; False: it was gone already.

        Raises:
            OSError: it can't be taken away.
        """
        try:
            self._place(name).unlink()
        except FileNotFoundError:
            return False
        return True

    def _put(self, name: str, data: bytes) -> None:
        place = self._place(name)
        begun = place.with_name(f"{name}{_UNFINISHED}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(begun, flags, 0o600), "wb") as file:
                file.write(data)
            begun.rename(place)
        except BaseException:
            with suppress(OSError):
                begun.unlink()
            raise

    # -- room -------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Take in what is there now, others' letters too."""
        found = []
        with os.scandir(self.path) as entries:
            for entry in entries:
                if _OURS.fullmatch(entry.name):
                    with suppress(OSError):
                        size = entry.stat(follow_symlinks=False).st_size
                        found.append(_Kept(entry.name, size, int(entry.name[:16], 16)))
        self._known = deque(sorted(found))
        self._bytes = sum(kept.size_bytes for kept in found)
        self._until_look = min(_LOOK_AGAIN_AFTER, self._max_files // 4)

    def _make_room(self, now_ns: int) -> None:
        while self._known and (
            len(self._known) > self._max_files
            or self._bytes > self._max_bytes
            or now_ns - self._known[0].at_ns > self._max_age_ns
        ):
            oldest = self._known.popleft()
            self._bytes -= oldest.size_bytes
            if self.remove(oldest.name):
                self.evicted += 1


def _bytes_of(stored: StoredLetter) -> bytes:
    """The text of the error without what the payload says (g21)."""
    letter = stored.letter
    error = without_values(letter.error, letter.envelope.payload)
    return pack_letter(stored._replace(letter=letter._replace(error=error)))


def _name_of(stored: StoredLetter, number: int) -> str:
    envelope = stored.letter.envelope
    ids = f"{_part(envelope.tenant_id)}@{_part(envelope.event_id)}"
    return f"{stored.at_ns:016x}-{stored.process[:8]}-{number:06}@{ids}{_ENDING}"


def _part(text: str) -> str:
    """As in a store's key, and short enough for two of them in a file name."""
    written = encoded_id(text)
    if len(written) <= _LONGEST_PART:
        return written
    return "~" + sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
