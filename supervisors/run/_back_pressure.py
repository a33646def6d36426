"""Who waits for whom to get room: how pressure runs back from a full mailbox.

A part of `run/mailbox.py`. Whoever takes from a mailbox waits for room in those downstream; a
sender that blocks waits for room in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from supervisors.system.clock import Clock, Token, new_token, release, wait_until


class Fed(Protocol):
    """A mailbox, as another one knows it that it feeds or is fed by."""

    def has_room(self, size: int = 0) -> bool: ...
    def room_below(self) -> None: ...


M = TypeVar("M", bound=Fed)


class BackPressure(Generic[M]):
    """Of one mailbox: whom it feeds, who feeds it, and who waits for it.

    Any thread, no lock. The mailboxes are wired before the tree runs.
    """

    def __init__(self) -> None:
        self.down: tuple[M, ...] = ()
        self.up: list[M] = []
        self.senders: list[Token] = []
        """Of those that block until there is room."""
        self.blocked = False
        """Its consumer is to be told as soon as a mailbox of *down* has room."""

    def has_room_below(self) -> bool:
        """Whether all downstream have room. If not, the consumer is told when one gets some."""
        self.blocked = False
        if all(m.has_room() for m in self.down):
            return True
        self.blocked = True  # then look again: room made before the flag was up wakes no one
        if all(m.has_room() for m in self.down):
            self.blocked = False
            return True
        return False

    def wait(self, fits: Callable[[], bool], clock: Clock) -> None:
        """Until *fits*. The sender's thread."""
        token = new_token()
        self.senders.append(token)
        try:
            wait_until(fits, clock, token)
        finally:
            self.senders.remove(token)

    def wake_senders(self) -> None:
        """Let whoever waits for room (``block``) look again."""
        for token in list(self.senders):
            release(token)

    def made_room(self) -> None:
        """Something was taken out: tell senders, and whoever feeds this mailbox."""
        self.wake_senders()
        for mailbox in self.up:
            mailbox.room_below()
