"""What was dropped, kept for a while: a ring bounded in number and in bytes (g18)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.envelope import Envelope, charge_of

_IDS_KEPT = 512
_OVERHEAD_BYTES = 192
"""Of a letter, beside its envelope."""


class Among(NamedTuple):
    """Events of one request, of which the receiver rejected a number without saying which."""

    event_ids: tuple[str, ...]
    """In the order of the request; of a very large one the last few hundred."""
    rejected: int
    """How many it named."""
    size_bytes: int
    """What each of the rejected weighs for it: they share the one tuple."""

    @classmethod
    def of(cls, event_ids: Sequence[str], rejected: int) -> Among:
        """*rejected* (at least one) of *event_ids*."""
        kept = tuple(event_ids[-_IDS_KEPT:])
        return cls(kept, rejected, sum(len(id_) + 64 for id_ in kept) // rejected)


class DeadLetter(NamedTuple):
    """One dropped event. Its payload holds no gated content unless content is on (g21)."""

    envelope: Envelope
    reason: Reason
    stage: str
    """Where it ended: ``router``, ``handlers/app_created``, ``sinks/logs`` …"""
    error: str
    """Type and digest of what went wrong; never content."""
    among: Among | None = None
    """Where the event is one of several that it may have been."""
    measured: bool = False
    """Its measurements were recorded before it was dropped; a replay doesn't record them again."""
    serial: int = 0
    """Its admission serial in the process that dropped it."""

    @property
    def attribution(self) -> str:
        """``assumed``: the receiver may have meant another one of `among`. Else ``""``."""
        return "assumed" if self.among is not None else ""

    @property
    def size_bytes(self) -> int:
        """What it weighs in the ring."""
        own = charge_of(self.envelope) + len(self.stage) + len(self.error) + _OVERHEAD_BYTES
        return own + (self.among.size_bytes if self.among is not None else 0)


class DeadLetters:
    """The last dropped events. Not locked: the books' lock is held by whoever calls `keep`."""

    def __init__(self, max_count: int, max_bytes: int) -> None:
        self._ring: deque[DeadLetter] = deque()
        self._sizes: deque[int] = deque()
        """Of each in the ring: a letter is weighed once."""
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._bytes = 0
        self.forgotten = 0
        """Letters that had to make room for newer ones."""

    def __len__(self) -> int:
        return len(self._ring)

    def keep(self, letter: DeadLetter) -> None:
        """Keep *letter*; the oldest make room."""
        size_bytes = letter.size_bytes
        self._ring.append(letter)
        self._sizes.append(size_bytes)
        self._bytes += size_bytes
        while len(self._ring) > self._max_count or self._bytes > self._max_bytes:
            self._ring.popleft()
            self._bytes -= self._sizes.popleft()
            self.forgotten += 1

    def keep_all(self, letters: Sequence[DeadLetter], to_come: int = 0) -> None:
        """As `keep` for each. Those that later ones push out at once aren't weighed.

        Args:
            to_come: how many more there will be right behind these.
        """
        gone = min(max(0, len(letters) + to_come - self._max_count), len(letters))
        self.forgotten += gone
        for letter in letters[gone:]:
            self.keep(letter)

    def list(self) -> list[DeadLetter]:
        """Oldest first."""
        return list(self._ring)
