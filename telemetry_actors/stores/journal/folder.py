"""Whose is it? A folder of segments belongs to whoever holds the lock on a file in it.

    <directory>/<pid>-<uuid>/lock      flock'ed for as long as its owner lives
                             live      counts of accepted events (`_live.py`)
                             N.seg     records (`_record.py`)
                             N.ack     which of them have their outcome (`_acks.py`)

The kernel gives a lock back when its process ends, however it ends; the next process takes
the folders whose lock it can get. A folder gets its name only once it is locked, so nobody
finds one that is not. Several processes, and several gateways of one process, share a
directory in this way. ADR-0012.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from telemetry_actors.stores.journal._files import open_regular

_NAME = re.compile(r"\d+-[0-9a-f]{32}")
_UNFINISHED = ".new-"
_SEGMENT = re.compile(r"(\d{1,10})\.seg")
_OURS = re.compile(r"lock|live|live\.new|\d{1,10}\.(seg|ack)")


class Folder:
    """A folder that this process owns. Not locked against other threads.

    Args:
        lock_fd: of its lock file, with the lock held.
    """

    def __init__(self, path: Path, lock_fd: int) -> None:
        self.path = path
        self._lock_fd = lock_fd

    @classmethod
    def create(cls, directory: Path) -> Folder:
        """A new one in *directory*, which is made if it isn't there.

        Raises:
            OSError: it can't be made.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = directory / f"{_UNFINISHED}{uuid4().hex}"
        unfinished.mkdir(mode=0o700)
        path = directory / f"{os.getpid()}-{uuid4().hex}"
        with _undone(unfinished):
            fd = os.open(unfinished / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                unfinished.rename(path)
            except OSError:
                os.close(fd)
                raise
        return cls(path, fd)

    @classmethod
    def take(cls, path: Path) -> Folder | None:
        """The folder at *path*, unless somebody else has it or it is gone.

        Raises:
            OSError: it can't be had, now or ever: another user's, say.
        """
        try:
            fd = open_regular(path / "lock", os.O_RDWR | os.O_CREAT)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it may have removed it between our open and our lock.
            if os.path.samestat(os.fstat(fd), (path / "lock").stat()):
                return cls(path, fd)
        except (BlockingIOError, FileNotFoundError):
            pass  # it has an owner, or is no more
        except OSError:
            os.close(fd)
            raise
        os.close(fd)
        return None

    def segments(self) -> list[tuple[int, Path]]:
        """Number and path of each segment, oldest first.

        Raises:
            OSError: the folder can't be read.
        """
        found = [(_SEGMENT.fullmatch(path.name), path) for path in self.path.iterdir()]
        named = sorted((int(m[1]), path) for m, path in found if m)
        for _, path in named:
            if not stat.S_ISREG(path.lstat().st_mode):
                raise OSError(errno.EINVAL, f"{path.name} is not a regular file")
        return named

    def foreign(self) -> list[str]:
        """Names in the folder that are none of ours."""
        with suppress(OSError):
            return sorted(p.name for p in self.path.iterdir() if not _OURS.fullmatch(p.name))
        return []

    def remove(self) -> None:
        """Remove it, if it holds nothing but what we know to be done with; give the lock back."""
        with suppress(OSError):
            if not self.segments() and not self.foreign():
                for path in self.path.glob("*.ack"):  # of a segment that was removed before
                    path.unlink()
                for name in ("live.new", "live"):
                    (self.path / name).unlink(missing_ok=True)
                (self.path / "lock").unlink(missing_ok=True)
                self.path.rmdir()
        self.close()

    def close(self) -> None:
        """Give the lock back; whoever comes next may take the folder. Idempotent."""
        fd, self._lock_fd = self._lock_fd, -1
        if fd >= 0:
            os.close(fd)


@contextmanager
def _undone(unfinished: Path) -> Iterator[None]:
    """Nothing of it is left if it can't be finished (no locks here, say)."""
    try:
        yield
    except OSError:
        with suppress(OSError):
            (unfinished / "lock").unlink(missing_ok=True)
            unfinished.rmdir()
        raise


def abandoned(directory: Path) -> list[Path]:
    """Folders in *directory* that may have lost their owner, oldest first.

    Raises:
        OSError: the directory can't be read.
    """
    folders = [
        path
        for path in directory.iterdir()
        if (_NAME.fullmatch(path.name) or path.name.startswith(_UNFINISHED))
        and path.is_dir()
        and not path.is_symlink()
    ]
    return sorted(folders, key=_age)


def _age(path: Path) -> tuple[int, str]:
    try:
        return path.stat().st_mtime_ns, path.name
    except OSError:
        return 0, path.name
