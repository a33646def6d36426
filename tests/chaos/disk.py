"""A disk that is full, or stands still: `os` as the journal sees it, changed by a storm."""

from __future__ import annotations

import errno
import os
import threading
from random import Random
from typing import Any

__all__ = ["Disk"]

_FROZEN_S = 1.0


class Disk:
    """`os`, as the journal sees it, with writes that fail, are short, or stand still."""

    def __init__(self, rng: Random) -> None:
        self.mood = "well"
        self._rng, self._thaw = rng, threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def write(self, fd: int, data: bytes) -> int:
        """As the kernel would, on such a disk."""
        mood = self.mood
        if mood == "frozen":
            return self._frozen(fd, data)
        if mood == "full" and self._rng.random() < 0.5:
            if self._rng.random() < 0.5 and len(data) > 1:
                return os.write(fd, memoryview(data)[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.write(fd, data)

    def fsync(self, fd: int) -> None:
        """Fails as writes do."""
        if self.mood == "full" and self._rng.random() < 0.5:
            raise OSError(errno.ENOSPC, "No space left on device")
        os.fsync(fd)

    def _frozen(self, fd: int, data: bytes) -> int:
        """A write that waits in the kernel has its file, whoever closes it meanwhile."""
        held = os.dup(fd)
        try:
            self._thaw.wait(_FROZEN_S)
            return os.write(held, data)
        finally:
            os.close(held)

    def become(self, mood: str) -> None:
        """``well``, ``full`` or ``frozen``."""
        self._thaw.set()
        self._thaw = threading.Event()
        self.mood = mood
