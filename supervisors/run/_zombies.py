"""Threads that were left behind: what they still send reaches nobody.

A thread can't be killed (`run/_watch.py`, ``shutdown_s``), so one that hangs is left where it is,
and its actor's place is filled anew. If it comes back it may be in the middle of a message
that the next incarnation has long gone on from, and whatever it tells others is a ghost's
word. An Erlang process that was killed can send nothing; here its messages are refused.

Senders pay one look at an empty dict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from supervisors.system.native import get_ident
from supervisors.system.process import InChild

if TYPE_CHECKING:
    from supervisors.thread import Thread

LEFT_BEHIND: dict[int, Thread] = {}
"""By thread id. An id is used again when its thread has ended, so it alone proves nothing."""

_RENEWAL: Final = InChild(LEFT_BEHIND.clear)
"""A thread of the parent's is not in the child, whatever its `Thread` says there."""


def leave_behind(thread: Thread) -> None:
    """*thread* was given up with its actor. Any thread of the tree."""
    if thread.ident is not None:
        LEFT_BEHIND[thread.ident] = thread


def is_left_behind() -> bool:
    """Whether the calling thread was given up."""
    ident = get_ident()
    thread = LEFT_BEHIND.get(ident)
    if thread is None:
        return False
    if thread.is_alive():
        return True
    LEFT_BEHIND.pop(ident, None)  # it has ended, and another thread has its id
    return False
