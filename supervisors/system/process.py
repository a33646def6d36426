"""Which process is this? One rule, for everything that a fork must not share.

A fork copies all of a process but its threads, so whatever was made before it is found in the
child as well, and is still the parent's: ids that were drawn, trees that run there, connections,
locks that nobody will release. Who made such a thing remembers `this_process`, or keeps it by
`of_this_process`, or is renewed by `when_forked`; nobody compares process ids.

A process id can't be asked for on a hot path (a system call), and a hook of `os.register_at_fork`
is not enough: servers that fork in C (uWSGI, ``libc.fork``) run none, and in those that do, a
finaliser or another's hook may run before ours. So there is a page of memory that the kernel fills
with zeros in the child of any fork (``MADV_WIPEONFORK``, Linux 4.14): `SAME[0]` is 0 there
until `notice_fork` has been called, at one look in an array. Where the kernel lacks it, `SAME[0]`
asks for the process id (ADR-0017).

Any thread, re-entrant: no lock. Nothing here is called while nothing has forked, but for the look.
"""

from __future__ import annotations

import mmap
import os
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar, cast

from supervisors.system.native import Lock

T = TypeVar("T")

_MADV_WIPEONFORK: Final = 18
"""As in ``linux/mman.h``; Python's `mmap` has no name for it."""


class Process:
    """One process, from its fork on: told from every other one by ``is``."""

    __slots__ = ("__weakref__", "heir", "own", "pid", "settled")

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.own: dict[object, Any] = {}
        """What belongs to this process alone (`of_this_process`)."""
        self.heir: dict[str, Process] = {}
        """In the memory of a child: the child. The parent's own copy stays empty."""
        self.settled = False
        """Everything has been renewed for it."""

    def __repr__(self) -> str:
        return f"<Process {self.pid}>"


class Forkable(Protocol):
    """Something that has to begin anew in the child of a fork."""

    def _after_fork(self, process: Process) -> None:
        """Begin anew in *process*, the child. The thread that looks first.

        It may be called again for the same process, even in the middle of itself (a finaliser
        looks, too): only the first to come to an end counts.
        """


class _Present:
    """The process that everything was last renewed for."""

    process = Process()


_KNOWN: Final[weakref.WeakSet[Forkable]] = weakref.WeakSet()


def _wiped_page() -> memoryview[int] | None:
    """A page that reads 0 in the child of any fork; None: the kernel has no such thing."""
    if not sys.platform.startswith("linux"):
        return None
    with suppress(OSError, ValueError):
        page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        page.madvise(_MADV_WIPEONFORK)
        return memoryview(page)
    return None


class _ByProcessId:
    """In place of the page: a system call for each look."""

    def __getitem__(self, _index: int) -> int:
        return os.getpid() == _Present.process.pid

    def __setitem__(self, _index: int, _value: int) -> None:
        pass


SAME: Final = _wiped_page() or cast("memoryview[int]", _ByProcessId())
"""``SAME[0]`` is 0 in the child of a fork, until `notice_fork` has been called there."""


def this_process() -> Process:
    """The process that the caller runs in."""
    if not SAME[0]:
        notice_fork()
    return _Present.process


def of_this_process(key: object, make: Callable[[], T]) -> T:
    """What this process has under *key*; made at the first call in it.

    Of two threads that are first at the same time both get the same one.
    """
    own = this_process().own
    found = own.get(key)
    return cast("T", own.setdefault(key, make()) if found is None else found)


class ProcessLock:
    """A lock that belongs to the process that takes it: in a child nobody holds the parent's.

    For what outlives a fork in use. What is only found in the child as a copy of the parent's, and
    let go, needs none. Taken by ``with lock.here():``, since a ``with`` of ours could be broken off
    by Ctrl-C when the lock has been taken and the block not begun.

    Args:
        make: of one process's lock; `RLock` where a signal handler may come by again.
    """

    __slots__ = ("_locks", "_make")

    def __init__(self, make: Callable[[], object] = Lock) -> None:
        self._locks: dict[Process, object] = {}
        self._make = make

    def here(self) -> Lock:
        """This process's lock."""
        process = this_process()
        return cast(
            "Lock", self._locks.get(process) or self._locks.setdefault(process, self._make())
        )


class InChild:
    """Calls *renew* once in each child, before what it renews is used there; while it is held.

    Args:
        renew: quick, and harmless when two threads are in it at the same time.
    """

    def __init__(self, renew: Callable[[], None]) -> None:
        self._renew = renew
        self._process = this_process()
        when_forked(self)

    def _after_fork(self, process: Process) -> None:
        if self._process is not process:
            self._process = process
            self._renew()


def copy_of(weak: weakref.WeakSet[T]) -> list[T]:
    """Its members, though other threads add some meanwhile. Any thread, no lock."""
    while True:
        try:
            return list(weak)
        except RuntimeError:  # it changed size: once more
            continue


def when_forked(one: Forkable, *, hook: bool = False) -> None:
    """Have *one* renewed in the child of a fork before it is used, for as long as it is held.

    Args:
        hook: `hook_forks` as well. Not at import.
    """
    _KNOWN.add(one)
    if hook:
        hook_forks()


def notice_fork() -> None:
    """This process is the child of a fork: renew all that is to be renewed. Idempotent.

    Any thread: several may look first at the same time, and one may be interrupted by a
    finaliser that looks, too. The page is marked last, so that none of them is let past before
    all is renewed. What can't be renewed (memory has run out) is tried again at the next look.
    """
    process = _identify()
    complete = True
    for one in copy_of(_KNOWN):
        try:
            one._after_fork(process)
        except Exception:  # noqa: BLE001 -- the others are to be renewed all the same
            complete = False
    if complete:
        SAME[0] = 1
        process.settled = True


def _identify() -> Process:
    """The process that this is; made for it if nobody has looked before.

    While the page is unmarked, the present one is this process only if it was made here and is
    not settled yet. (Process ids alone don't tell: in a new pid namespace parent and child may
    both be 1.)
    """
    found = _Present.process
    while not SAME[0] and (found.settled or found.pid != os.getpid()):
        found = found.heir.setdefault("process", Process())
    _Present.process = found
    return found


class _Hook:
    registered = False


def hook_forks() -> None:
    """Have forks noticed at once where Python's hooks run. Never at import. Idempotent.

    Nothing depends on it: who looks first notices as well. Hooks are inherited, so once is enough
    for a process and all its children.
    """
    if not _Hook.registered:
        _Hook.registered = True
        os.register_at_fork(after_in_child=notice_fork)


SAME[0] = 1
_Present.process.settled = True
