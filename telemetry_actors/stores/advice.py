"""What to do about a directory or a Redis that can't be used: the end of the one line that says so.

Pure: it looks at an error, and knows nothing of the store that has met it. Any thread.
"""

from __future__ import annotations

import errno
from typing import Final

_IN_THE_WAY: Final = "a file stands where a directory is wanted: remove it, or set %s to another"
_NO_RIGHT: Final = "let this process's user write there, or set %s to another directory"
_FULL: Final = "free some room there, or set %s to a directory on another disk"
_BY_ERRNO: Final = {
    errno.EACCES: _NO_RIGHT,
    errno.EPERM: _NO_RIGHT,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: "nothing can be written to that file system: set %s to a directory on another",
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EEXIST: _IN_THE_WAY,
    errno.ENOENT: "it was removed, or can't be made there: set %s to a directory that can be made",
    errno.EMFILE: "this process has as many files open as it may: raise its limit (ulimit -n)",
    errno.ENFILE: "the machine has as many files open as it may (fs.file-max)",
    errno.EIO: "the disk is failing: see the kernel's log, and set %s to a directory on another",
}

_URL: Final = "TELEMETRY_ACTORS__REDIS_URL"
_BY_WORDS: Final = (
    (("Authentication required",), f"put user and password into {_URL}"),
    (("AUTH <password> called",), f"it wants no password: leave it out of {_URL}"),
    (("AuthenticationError",), f"user or password in {_URL} is another one there"),
    (("NoPermissionError",), "let its user run GET, SET, EVALSHA and SCRIPT (ACL SETUSER)"),
    (("Connection refused",), f"is Redis running, and is that its port? It is set by {_URL}"),
    (("not known", "name resolution", "No address"), f"the name of the host in {_URL} is unknown"),
    (("ReadOnlyError", "MasterDownError"), f"that is a replica: put the primary into {_URL}"),
    (("BusyLoadingError",), "it reads its data; this is over by itself"),
    (("OutOfMemoryError",), "its memory is full: raise its maxmemory, or let it evict keys"),
    (("MISCONF",), "it can't write to its disk: see its log"),
    (
        ("ClusterDownError", "MovedError"),
        f"that is a cluster's: put one server with all keys into {_URL}",
    ),
    (("WRONG_VERSION_NUMBER", "SSL"), f"rediss:// is with TLS, redis:// without: see {_URL}"),
    (("max number of clients",), "raise its maxclients, or see who holds its connections"),
    (("DB index",), f"it has no database of that number: see the path in {_URL}"),
    (("timed out", "TimeoutError"), "is it overloaded, or behind a firewall?"),
)
"""The first whose words occur counts. For most codes (``LOADING``) redis-py has a type."""


def for_directory(error: object, variable: str) -> str:
    """What to do about *error*, met in a directory; "" where nothing is known to help.

    Args:
        error: as raised, or what was raised as text; only an `OSError` is known.
        variable: of the environment, that sets the directory.
    """
    words = _BY_ERRNO.get(getattr(error, "errno", None) or 0, "")
    return words % variable if "%s" in words else words


def for_redis(words: str) -> str:
    """What to do where Redis or the way to it fails with *words*; "" where nothing is known."""
    return next((do for signs, do in _BY_WORDS if any(sign in words for sign in signs)), "")


def then(words: str, advice: str) -> str:
    """*words* with *advice* behind them, if there is any.

    >>> then("it fails", "mend it"), then("it fails", "")
    ('it fails: mend it', 'it fails')
    """
    return f"{words.removesuffix('.')}: {advice}" if advice else words
