"""A word to stop, and who waits for the end of the life that it names.

A life that is over reads its lane no more, and the next one may be long in coming, or never
(ADR-0002). So whoever ends a life answers the words that were for it and takes them out:
whoever waits is to hear, and a lane that is not empty is looked at for ever (`run/_watch.py`).

Any thread of the tree, and senders: whoever puts a word there looks afterwards whether the life
is over, and who ends it answers after it is. So one of the two sees the other.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pykka._envelope import Envelope

from supervisors.run.words import ShutDown

if TYPE_CHECKING:
    from supervisors.run._ports import Home


def answer_stops(slot: Home, number: int, in_hand: Envelope[object] | None = None) -> None:
    """The life *number* is over: answer and take out the words that were for it, or for older ones.

    Args:
        slot: whose lane it is.
        number: of the life.
        in_hand: what it was at when it ended.
    """
    lane = slot.mailbox.system
    waiting = [item for item in slot.mailbox.steering() if _is_for(item, number)]
    for word in waiting:
        with suppress(ValueError):  # the next life was quicker; it passes it over
            lane.remove(word)
    for word in [in_hand, *waiting]:
        if _is_for(word, number) and word.reply_to is not None:
            word.reply_to.set(None)


def _is_for(item: object, number: int) -> bool:
    return (
        type(item) is Envelope
        and isinstance(item.message, ShutDown)
        and item.message.number <= number
    )
