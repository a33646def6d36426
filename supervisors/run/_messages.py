"""Messages as a mailbox sees them: how large, who waits for an answer, how to take all.

Beside `run/mailbox.py`, which looks at a message for nothing else.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from itertools import islice, repeat, starmap
from typing import Any

from pykka._envelope import Envelope

from supervisors.errors import MailboxFull


def own_size(item: object) -> int:
    """Bytes of a message that has a length in bytes; 0 for any other."""
    message = bare(item)
    if isinstance(message, bytes | bytearray | str):
        return len(message)
    size = getattr(message, "size_bytes", 0)
    return size if type(size) is int else 0


def answer(item: Any, error: MailboxFull) -> None:
    """Whoever asked is told that the question was dropped."""
    if is_question(item):
        item.reply_to.set_exception((MailboxFull, error, None))


def is_question(item: object) -> bool:
    """Whether somebody waits for an answer."""
    return type(item) is Envelope and item.reply_to is not None


def bare(item: object) -> Any:
    return item.message if type(item) is Envelope else item


def first(lane: deque[object], count: int) -> list[Any]:
    """A copy of the first *count* items: one C call, so no sender comes between."""
    while True:
        try:
            return list(islice(lane, count))
        except RuntimeError:  # a finaliser put an item in the middle of the copy
            continue


def emptied(lane: deque[object], into: list[object]) -> list[Any]:
    """Move all of *lane* to the end of *into*, in C calls: an item is never in neither."""
    while lane:
        with suppress(IndexError):  # a sender dropped the oldest
            into.extend(starmap(lane.popleft, repeat((), len(lane))))
    return into
