"""What whoever starts a tree is told of its threads, before and beside what the root reports.

A part of `run/runtime.py`; `run/root.py` fills it in.
"""

from __future__ import annotations

from collections.abc import Callable


class Owner:
    """Who has started the tree. Told on any thread of the tree; must not wait, nor raise."""

    def __init__(self) -> None:
        self.is_starting = False
        """The tree is being started: of what fails there its starter hears, by an exception."""
        self.on_refused: Callable[[BaseException], None] = _not_minding
        """Told that a shared thread is gone and could not be replaced."""
        self.on_lost: Callable[[], None] = _not_here
        """Told in the child of a fork: the tree that ran is not here."""


def _not_minding(_error: BaseException) -> None:
    """Nobody is starting the tree at this moment: the next look tries again."""


def _not_here() -> None:
    """Nobody asks."""
