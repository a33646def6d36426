"""LinesFile: a file that whole lines are added to, and that is put aside when it is large.

Knows nothing of telemetry. Either all of what is appended is in the file afterwards, or none
of it: what a full disk took in part is cut off again. A line that somebody else left
without its end (a machine that lost power) is ended first.

One process should write to a file. Lines of several don't mix (``O_APPEND``), but two that
put it aside at the same moment may put aside one too many.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from supervisors.system.process import ProcessLock

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_MODE = 0o640


class LinesFile:
    """Any thread. Opened at the first append, and anew after an error or if it was moved away.

    Args:
        path: its name; ``.1``, ``.2`` … are added for those put aside, ``.1`` the youngest.
        max_bytes: what would make it larger than this goes into a new one.
        keep: files put aside that are kept; the oldest go.
    """

    def __init__(self, path: Path, *, max_bytes: int, keep: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._fd: int | None = None
        self._lock = ProcessLock()

    def append(self, lines: bytes) -> None:
        """Add *lines*, each with its end. Blocks for as long as the disk does.

        Raises:
            OSError: nothing was added (no room, no permission, no directory ...).
        """
        with self._lock.here():
            try:
                self._write(self._opened(len(lines)), lines)
            except BaseException:
                self._close()
                raise

    def close(self) -> None:
        """Close the file. It is opened again when something is appended."""
        with self._lock.here():
            self._close()

    # -- with the lock held -----------------------------------------------------------------------

    def _opened(self, more_bytes: int) -> int:
        if self._fd is not None and not self._is_at_its_path(self._fd):
            self._close()
        fd = self._open() if self._fd is None else self._fd
        size = os.fstat(fd).st_size
        if size and size + more_bytes > self._max_bytes:
            self._close()
            self._put_aside()
            fd = self._open()
        return fd

    def _open(self) -> int:
        self._fd = fd = os.open(self._path, _FLAGS, _MODE)
        return fd

    def _is_at_its_path(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), self._path.stat())
        except FileNotFoundError:
            return False

    def _write(self, fd: int, lines: bytes) -> None:
        before = os.fstat(fd).st_size
        if before and os.pread(fd, 1, before - 1) != b"\n":
            lines = b"\n" + lines
        view, written = memoryview(lines), 0
        try:
            while written < len(lines):
                written += os.write(fd, view[written:])
        except OSError:
            if written and os.fstat(fd).st_size == before + written:
                os.ftruncate(fd, before)
            raise

    def _put_aside(self) -> None:
        names = [self._path, *(self._aside(n) for n in range(1, self._keep + 1))]
        if not self._keep:
            self._path.unlink(missing_ok=True)
        for older, younger in zip(reversed(names), reversed(names[:-1]), strict=False):
            with suppress(FileNotFoundError):
                younger.replace(older)

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            with suppress(OSError):
                os.close(fd)
