"""Opens files in folders that others may write to: none that hangs us, or leads elsewhere."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def open_regular(path: Path, flags: int) -> int:
    """A descriptor of the regular file at *path*; for this user alone, where it is made.

    Raises:
        OSError: it can't be had, or is a pipe, a link, a device.
    """
    fd = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise OSError(errno.EINVAL, f"{path.name} is not a regular file")


def write_all(fd: int, data: bytes) -> None:
    """All of *data*, in as many pieces as it takes."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
