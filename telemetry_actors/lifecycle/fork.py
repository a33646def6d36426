"""A fork waits for an import of ours, so that no child inherits a lock that nobody releases.

A fork in the middle of another thread's import leaves the module's lock in the child with
nobody to release it, and whoever imports that module there waits for ever. So a tree imports all
that it needs in one go when it is built, and a fork waits for that. The hook is registered with
the first tree that is built, and not at import (g05).

What begins anew in the child of a fork, and how it is noticed, is
`supervisors/system/process.py`'s.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from supervisors import SystemClock
from supervisors.system.native import begin, get_ident
from supervisors.system.process import ProcessLock

_LONGEST_IMPORT_S = 5.0
_now_s = SystemClock().now_s


class _Imports:
    """Who imports, or forks."""

    lock = ProcessLock()
    hooked = False
    holder: int | None = None
    """Ident of the thread that holds the lock for a fork."""
    depth = 0
    """Forks that it is in: another's hook may fork in the middle of one."""
    interrupted = False
    """Ctrl-C came while it waited, where nothing can be raised."""


@contextmanager
def importing() -> Iterator[None]:
    """No fork happens during the block, where Python's hooks run."""
    if not _Imports.hooked:
        _Imports.hooked = True
        os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
    with _Imports.lock.here():
        yield


def _before() -> None:
    """The thread that forks. What is raised in a hook reaches nobody."""
    me = get_ident()
    if _Imports.holder != me and _has_come_in():
        _Imports.holder, _Imports.depth = me, 0
    if _Imports.holder == me:
        _Imports.depth += 1


def _has_come_in() -> bool:
    until_s = _now_s() + _LONGEST_IMPORT_S
    while True:
        try:
            return _Imports.lock.here().acquire(timeout=max(0.0, until_s - _now_s()))
        except KeyboardInterrupt:
            _Imports.interrupted = True


def _in_parent() -> None:
    if _Imports.holder == get_ident():
        _Imports.depth -= 1
        if not _Imports.depth:
            _Imports.holder = None
            _Imports.lock.here().release()
    if _Imports.interrupted:
        _Imports.interrupted = False
        with suppress(RuntimeError):  # no thread can be started
            begin(_interrupt)


def _interrupt() -> None:
    """Ctrl-C once more, on a thread of its own: when it is at work the hook has come to its end."""
    os.kill(os.getpid(), signal.SIGINT)


def _in_child() -> None:
    _Imports.holder, _Imports.depth, _Imports.interrupted = None, 0, False
