"""A folder of this user's on a file system that is memory: for what `emit()` touches.

A page of a file on a disk stands still with its file system (a snapshot, a hanging NFS server),
and whoever touches it stands still with the interpreter's lock held, and so does the whole host. A
page of a memory file system never waits, and outlives ``kill -9`` as well; it goes with the
machine or the container. ADR-0019.

The journal's thread alone. Linux; elsewhere there is none.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_MEMORY: Final = ("tmpfs", "ramfs")
_OLD_S: Final = 7 * 86_400
"""After which a file is swept whose owner is gone, and that nobody has asked for."""


def new_file(directory: Path | None, name: str) -> tuple[int, Path] | None:
    """A new file *name*, locked for as long as the descriptor is open; None: there is no place.

    Args:
        directory: where; None: in a folder of this user's in ``/dev/shm``, or else in
            ``$XDG_RUNTIME_DIR``.
        name: unique in the machine.
    """
    for folder in _folders(directory):
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=directory is not None, exist_ok=True)
            if not _is_mine(folder):
                continue
            path = folder / name
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _sweep(folder, os.fstat(fd).st_mtime)
            return fd, path
    return None


def is_memory(directory: Path | None) -> bool:
    """Whether what `new_file` makes in *directory* is in memory; None: its own choice is."""
    return directory is None or _is_memory(directory.absolute())


def files_called(directory: Path | None, name: str) -> Iterator[Path]:
    """Where a file *name* that `new_file` has made may be."""
    for folder in _folders(directory):
        path = folder / name
        with suppress(OSError):
            if _is_mine(folder) and stat.S_ISREG(path.lstat().st_mode):
                yield path


def _folders(directory: Path | None) -> Iterator[Path]:
    if directory is not None:
        yield directory
        return
    for place in ("/dev/shm", os.environ.get("XDG_RUNTIME_DIR", "")):  # noqa: S108 -- checked below
        if place and _is_memory(Path(place)):
            yield Path(place) / f"telemetry-actors-{os.getuid()}"


def _is_memory(place: Path) -> bool:
    """By the longest of the mount points above it."""
    best, kind = "", ""
    with suppress(OSError), Path("/proc/self/mounts").open(encoding="utf-8") as mounts:
        for line in mounts:
            _, point, found, *_ = line.split(" ")
            if place == Path(point) or Path(point) in place.parents:
                best, kind = max((best, kind), (point, found), key=lambda pair: len(pair[0]))
    return kind in _MEMORY


def _is_mine(folder: Path) -> bool:
    """Nobody else may have put anything there."""
    found = folder.lstat()
    mine = found.st_uid == os.getuid() and not found.st_mode & 0o022
    return stat.S_ISDIR(found.st_mode) and mine


def _sweep(folder: Path, now_s: float) -> None:
    """Files of processes that were killed, and whose journal nobody has taken over since."""
    before_s = now_s - _OLD_S
    for path in folder.iterdir():
        with suppress(OSError):
            if path.lstat().st_mtime < before_s:
                _remove_if_free(path)


def _remove_if_free(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(fd)
