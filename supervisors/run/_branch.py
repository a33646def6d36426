"""Where a slot stands in the tree: its path, what is above it, what is below.

A part of `run/slot.py`; `run/runtime.py` joins and parts them.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from supervisors.errors import NoSuchChild

S = TypeVar("S")


class Branch(Generic[S]):
    """Of one slot *S*. Changed by the thread that starts or ends a child; any may read."""

    def __init__(self, path: tuple[str, ...]) -> None:
        self.path = path
        self.name = "/".join(path[1:]) or path[0]
        """The path as text, without the root: ``handlers/app_created``."""
        self.above: S | None = None
        """The slot of its supervisor; None for the root."""
        self.below: dict[str, S] = {}
        """The slots of its children, if a supervisor is in it."""

    def child(self, id_: str) -> S:
        """The slot right below with this id.

        Raises:
            NoSuchChild: there is none.
        """
        found = self.below.get(id_)
        if found is None:
            raise NoSuchChild("/".join(self.path), id_, sorted(self.below))
        return found
