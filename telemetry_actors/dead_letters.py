"""What was dropped, kept for a while: a ring bounded in number and in bytes (g18)."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from telemetry_actors.envelope import Envelope
from telemetry_actors.ledger import Reason

__all__ = ["DeadLetter", "DeadLetters"]


class DeadLetter(NamedTuple):
    """One dropped event. Its payload holds no gated content unless content is on (g21)."""

    envelope: Envelope
    reason: Reason
    stage: str
    """Where it ended: ``router``, ``handlers/app_created``, ``sinks/logs`` …"""
    error: str
    """Type and digest of what went wrong; never content."""

    @property
    def size_bytes(self) -> int:
        """What it weighs in the ring."""
        return len(self.envelope.payload or b"") + len(self.envelope.context) + 512


class DeadLetters:
    """The last dropped events. Not locked: the books' lock is held by whoever calls `keep`."""

    def __init__(self, max_count: int, max_bytes: int) -> None:
        self._ring: deque[DeadLetter] = deque()
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._bytes = 0
        self.forgotten = 0
        """Letters that had to make room for newer ones."""

    def __len__(self) -> int:
        return len(self._ring)

    def keep(self, letter: DeadLetter) -> None:
        """Keep *letter*; the oldest make room."""
        self._ring.append(letter)
        self._bytes += letter.size_bytes
        while len(self._ring) > self._max_count or self._bytes > self._max_bytes:
            self._bytes -= self._ring.popleft().size_bytes
            self.forgotten += 1

    def list(self) -> list[DeadLetter]:
        """Oldest first."""
        return list(self._ring)
