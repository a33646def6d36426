"""Messages that nobody will handle, kept for a while: dead letters and quarantine.

A *dead letter* was sent to an address that has ended, or by an actor that was given up. A
*quarantined* message is one that an actor crashed on as often as its spec allows. Neither is
silent: both are counted for ever and kept in a bounded ring, newest last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple


class Letter(NamedTuple):
    """One message that was not handled."""

    path: str
    """Of the address that it was for."""
    message: object
    cause: str
    """Why: ``ended``, ``sender was given up``, or the crash in words."""
    incarnation: int
    """Whose crash it was; 0 for a dead letter."""


class Letters:
    """A bounded ring. Appending is atomic; any thread."""

    def __init__(self, size: int = 256) -> None:
        self._ring: deque[Letter] = deque(maxlen=size)
        self.count = 0
        """All that there ever were, also those that have left the ring."""

    def __len__(self) -> int:
        return len(self._ring)

    def keep(self, letter: Letter) -> None:
        """Keep *letter*; the oldest makes room."""
        self.count += 1
        self._ring.append(letter)

    def list(self) -> Sequence[Letter]:
        """Oldest first."""
        return tuple(self._ring)

    def take(self) -> Sequence[Letter]:
        """All letters, out of the ring: to replay them or to let them go."""
        taken = []
        while self._ring:
            taken.append(self._ring.popleft())
        return tuple(taken)
