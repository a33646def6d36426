"""Appends to the newest segment of a folder, and syncs it as set.

One caller at a time. What a failed append has written is taken away again, so that nothing is
in the journal that was said not to be.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from supervisors import Clock
from telemetry_actors.settings import JournalSettings
from telemetry_actors.stores.journal._files import write_all


class Writer:
    """Writes the segments of one folder."""

    def __init__(self, settings: JournalSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._fd, self._path = -1, Path()
        self._size = self._before = 0
        self._synced_s = clock.now_s()
        self._dirty = False

    def begin(self, path: Path) -> None:
        """Begin the segment at *path*; the one before is finished.

        Raises:
            OSError: it can't be made.
        """
        self.finish()
        self._path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        self._size = self._before = 0
        if self._settings.fsync != "never":
            _sync_folder(path.parent)

    def append(self, data: bytes) -> None:
        """Write *data* at the end, all of it or nothing, and sync as set.

        Raises:
            OSError: it isn't there; begin another segment.
        """
        try:
            write_all(self._fd, data)
            if not self._is_at_its_place():
                raise FileNotFoundError(2, "the segment has been removed, or moved")
            self._dirty = True
            if self._settings.fsync == "always":
                self.sync()
            else:
                self.sync_if_due()
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, self._size)
                os.lseek(self._fd, self._size, os.SEEK_SET)
            raise
        self._before, self._size = self._size, self._size + len(data)

    def _is_at_its_place(self) -> bool:
        """Where the next process looks. In a folder that was renamed nobody does."""
        here, there = os.fstat(self._fd), self._path.stat()
        return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)

    def take_back(self) -> None:
        """Take away what the last `append` has written.

        Raises:
            OSError: it is still there.
        """
        os.ftruncate(self._fd, self._before)
        os.lseek(self._fd, self._before, os.SEEK_SET)
        self._size = self._before

    def sync_if_due(self) -> float | None:
        """With ``interval``: sync when it is time. Seconds until then; None: nothing to sync.

        Raises:
            OSError: it failed.
        """
        if not self._dirty or self._settings.fsync != "interval":
            return None
        left_s = self._synced_s + self._settings.fsync_interval_s - self._clock.now_s()
        if left_s > 0:
            return left_s
        self.sync()
        return None

    def sync(self) -> None:
        """Have the kernel write all out now.

        Raises:
            OSError: it failed.
        """
        os.fsync(self._fd)
        self._synced_s = self._clock.now_s()
        self._dirty = False

    def finish(self) -> None:
        """Close the segment; sync it first, if that is set.

        Raises:
            OSError: the sync failed.
        """
        fd = self._fd
        if fd < 0:
            return
        try:
            if self._dirty and self._settings.fsync != "never":
                self.sync()
        finally:
            self._fd, self._dirty = -1, False
            os.close(fd)


def _sync_folder(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
