"""DirectoryPayloadStore: payload objects as files, the store that needs nothing else.

One file per object, ``telemetry/<tenant>/<event>.json`` below the root, readable by this user
alone. A file is there whole or not at all (written beside its place, then linked into it), and
not synced: what it holds is lost with the machine's memory in any case. Each step goes by the
open folder and follows no symbolic link, so nothing that lies about in the folder can lead a
write, a read or a deletion somewhere else (g29).
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Final

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Not blocking: a pipe of the right name must not hold the reader.
_OLD: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_TEMPORARY: Final = ".writing-"
_NO_LINKS: Final = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_ATTEMPTS: Final = 3  # a sweep may take an empty folder away under a writer


def private_directory() -> Path:
    """The folder that is used where none is configured.

    It is this user's own, below the system's temporary directory, and the same for all processes
    of the user, so that one sweeps what another that was killed has left.
    """
    return Path(tempfile.gettempdir()) / f"telemetry-actors-{os.geteuid()}"


class DirectoryPayloadStore:
    """See `PayloadStore`. Any thread, several at a time.

    Args:
        root: made, with its parents, when the first object is written.
        private: refuse a root that isn't a folder of this user's alone: someone else may have
            made it, to read along.
    """

    def __init__(self, root: Path, *, private: bool = False) -> None:
        self._root = root
        self._private = private
        self._names = count()

    def __repr__(self) -> str:
        return f"<DirectoryPayloadStore {self._root}>"

    # -- the store --------------------------------------------------------------------------------

    def put(self, key: str, data: bytes) -> bool:
        """See `PayloadStore.put`. False as well for a name that is too long for the disk."""
        for _ in range(_ATTEMPTS - 1):
            with suppress(FileNotFoundError):
                return self._put(key, data)
        return self._put(key, data)

    def _put(self, key: str, data: bytes) -> bool:
        try:
            with self._folder(key, make=True) as (folder, name):
                return self._write(folder, name, data)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return False
            raise

    def _write(self, folder: int, name: str, data: bytes) -> bool:
        temporary = f"{_TEMPORARY}{os.getpid()}-{next(self._names)}-{os.urandom(4).hex()}"
        file = os.open(temporary, _NEW, 0o600, dir_fd=folder)
        try:
            try:
                _write_all(file, data)
            finally:
                os.close(file)
            return _into_place(folder, temporary, name)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)

    def get(self, key: str, max_bytes: int) -> bytes:
        """See `PayloadStore.get`."""
        with self._folder(key) as (folder, name), _opened(name, folder, _OLD) as file:
            size = _size_of_file(file)
            if size > max_bytes:
                raise ValueError(f"{size} bytes, at most {max_bytes} are allowed")
            return _read_all(file, size)

    def delete(self, key: str) -> None:
        """See `PayloadStore.delete`."""
        with suppress(FileNotFoundError), self._folder(key) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def sweep(self, older_than_ns: int) -> int:
        """See `PayloadStore.sweep`. Folders that are empty then go, too."""
        with (
            suppress(FileNotFoundError),
            self._open_root() as root,
            _opened("telemetry", root) as top,
        ):
            return _sweep(top, older_than_ns, depth=1)
        return 0

    def close(self) -> None:
        """Nothing is open between two calls."""

    # -- folders ----------------------------------------------------------------------------------

    @contextmanager
    def _folder(self, key: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The open folder of *key*, and the name in it."""
        *folders, name = _parts(key)
        with self._open_root(make=make) as root:
            here = os.dup(root)
            try:
                for part in folders:
                    if make:
                        with suppress(FileExistsError):
                            os.mkdir(part, 0o700, dir_fd=here)
                    below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=here)
                    os.close(here)
                    here = below
                yield here, name
            finally:
                os.close(here)

    @contextmanager
    def _open_root(self, *, make: bool = False) -> Iterator[int]:
        if make:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root = os.open(self._root, _FOLDER | (os.O_NOFOLLOW if self._private else 0))
        try:
            if self._private:
                _check_private(root, self._root)
            yield root
        finally:
            os.close(root)


def _parts(key: str) -> list[str]:
    """Of an object's name. An id is written without a separator (`_keys.py`): trust no one."""
    parts = [part for part in key.split("/") if part]
    if not parts or any(part in (".", "..") or "\0" in part for part in parts):
        raise ValueError("not the name of an object")
    return parts


def _check_private(folder: int, path: Path) -> None:
    found = os.fstat(folder)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise PermissionError(errno.EPERM, "not a folder of this user's alone", str(path))


def _into_place(folder: int, temporary: str, name: str) -> bool:
    """Give the whole file its name, unless another one has it."""
    try:
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    return True


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _size_of_file(file: int) -> int:
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("not a file")
    return found.st_size


def _read_all(file: int, size: int) -> bytes:
    pieces = []
    while size > 0:
        piece = os.read(file, size)
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


@contextmanager
def _opened(name: str, folder: int, flags: int = _FOLDER | os.O_NOFOLLOW) -> Iterator[int]:
    file = os.open(name, flags, dir_fd=folder)
    try:
        yield file
    finally:
        os.close(file)


def _sweep(folder: int, older_than_ns: int, depth: int) -> int:
    swept = 0
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        with suppress(OSError):  # another process sweeps, too; the rest still counts
            if depth and entry.is_dir(follow_symlinks=False):
                with _opened(entry.name, folder) as below:
                    swept += _sweep(below, older_than_ns, depth - 1)
                os.rmdir(entry.name, dir_fd=folder)  # if it is empty now
            elif _is_ours(entry.name) and _is_old(entry, older_than_ns):
                os.unlink(entry.name, dir_fd=folder)
                swept += 1
    return swept


def _is_ours(name: str) -> bool:
    return name.endswith(".json") or name.startswith(_TEMPORARY)


def _is_old(entry: os.DirEntry[str], older_than_ns: int) -> bool:
    found = entry.stat(follow_symlinks=False)
    return stat.S_ISREG(found.st_mode) and found.st_mtime_ns < older_than_ns
