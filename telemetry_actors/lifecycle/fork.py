"""A fork waits for an import of ours, so that no child inherits a lock that nobody releases.

A fork in the middle of another thread's import leaves the module's lock in the child with
nobody to release it, and whoever imports that module there waits for ever. So a tree imports all
that it needs in one go when it is built, and a fork waits for that. The hook is registered with
the first tree that is built, and not at import (g05).

What begins anew in the child of a fork, and how it is noticed, is `supervisors/_process.py`'s.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from supervisors._process import ProcessLock

__all__ = ["importing"]

_LONGEST_IMPORT_S = 5.0


class _Imports:
    """Who imports, or forks."""

    lock = ProcessLock()
    hooked = False
    forking = False


@contextmanager
def importing() -> Iterator[None]:
    """No fork happens during the block, where Python's hooks run."""
    if not _Imports.hooked:
        _Imports.hooked = True
        os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
    with _Imports.lock:
        yield


def _before() -> None:
    _Imports.forking = _Imports.lock.acquire(_LONGEST_IMPORT_S)


def _in_parent() -> None:
    if _Imports.forking:
        _Imports.forking = False
        _Imports.lock.release()


def _in_child() -> None:
    _Imports.forking = False
