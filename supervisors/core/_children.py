"""The children of one supervisor, in start order, and the state of each.

Part of the pure core. Every change of a child's ``life`` goes through
`Children.set_life`, which keeps the two counts that would otherwise cost a
walk over all children at each event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import takewhile
from typing import TYPE_CHECKING

from supervisors.core.protocol import ChildDown, ChildState, ChildView, TimerKey

if TYPE_CHECKING:
    from supervisors.core.spec import ChildSpec


class Life(Enum):
    """Where a child is; what OTP keeps in the place of the pid."""

    stopped = "stopped"
    """OTP's ``undefined``."""
    starting = "starting"
    """`StartChild` is out. OTP's supervisor is blocked meanwhile."""
    running = "running"
    stopping = "stopping"
    """`StopChild` is out. OTP's supervisor is blocked meanwhile."""
    restarting = "restarting"
    """Its last start failed, or it waits for its back-off."""
    parked = "parked"
    """It waits for the supervisor's next probe."""


_ABSENT = (Life.stopped, Life.starting)
"""Not a child that the end of the significant ones would have to wait for."""

_SHOWN: dict[Life, ChildState] = {
    Life.stopped: "stopped",
    Life.starting: "restarting",
    Life.running: "running",
    Life.stopping: "running",
    Life.restarting: "restarting",
    Life.parked: "restarting",
}


@dataclass(slots=True, eq=False)
class Child:
    """One child: its spec, and what has become of it."""

    spec: ChildSpec
    incarnation: int
    """Number of the last start attempt."""
    extra_args: tuple[object, ...] = ()
    life: Life = Life.stopped
    starts: int = 0
    """Starts that succeeded."""
    lived: int = 0
    """The last incarnation that was up."""
    down: ChildDown | None = None
    """It has gone down by itself, and that has not been dealt with yet."""
    failures: int = 0
    """Crashes and failed starts in a row, for the back-off."""
    timer: TimerKey | None = None
    """The back-off that it waits for."""
    wanted: bool = True
    """False once it was stopped by hand, ended for good or chose not to run."""

    @property
    def id(self) -> str:
        """The spec's id; a dynamic child's spec has its label for one."""
        return self.spec.id

    @property
    def shown(self) -> ChildState:
        """The life in the three words that users see."""
        return _SHOWN[self.life]

    @property
    def alive(self) -> bool:
        """Really running: up, and not known to be down."""
        return self.life is Life.running and self.down is None

    def view(self) -> ChildView:
        """What which_children shows of it."""
        return ChildView(self.id, self.shown, self.spec.type, self.incarnation, self.starts)


class Children:
    """The table. Iterates in start order; all else is a dictionary's work."""

    __slots__ = ("_by_id", "_floor", "_significant", "restarting_count")

    def __init__(self, floor: int = 0) -> None:
        self._by_id: dict[str, Child] = {}
        self._significant = 0
        self._floor = floor
        self.restarting_count = 0

    def __iter__(self) -> Iterator[Child]:
        return iter(self._by_id.values())

    def __reversed__(self) -> Iterator[Child]:
        return reversed(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, child_id: str) -> bool:
        return child_id in self._by_id

    def __getitem__(self, child_id: str) -> Child:
        return self._by_id[child_id]

    def get(self, child_id: str) -> Child | None:
        """The child, or None."""
        return self._by_id.get(child_id)

    def add(self, spec: ChildSpec, extra_args: tuple[object, ...] = ()) -> Child:
        """A new last child, stopped.

        Its incarnations are numbered from above those of all that were
        removed, so that a late event about a namesake can't be taken for its.
        """
        child = Child(spec, self._floor, extra_args)
        self._by_id[child.id] = child
        return child

    def remove(self, child: Child) -> None:
        """Forget *child*, which must be stopped."""
        self._floor = max(self._floor, child.incarnation)
        del self._by_id[child.id]

    def set_life(self, child: Child, life: Life) -> None:
        """The only way to change a child's life."""
        if child.spec.significant:
            self._significant += (life not in _ABSENT) - (child.life not in _ABSENT)
        self.restarting_count += (life is Life.restarting) - (child.life is Life.restarting)
        child.life = life

    def any_significant(self) -> bool:
        """Whether a significant child is running, or about to be restarted."""
        return self._significant > 0

    def from_on(self, child: Child) -> list[Child]:
        """*child* and all that were started after it, in start order."""
        behind = takewhile(lambda other: other is not child, reversed(self))
        return [*behind, child][::-1]

    def respec(self, specs: Iterable[ChildSpec]) -> None:
        """Take over new specs: known ids keep their lives, unknown ones are added stopped.

        The order is that of *specs*; children that are in none of them are
        kept, behind.
        """
        old, self._by_id = self._by_id, {}
        for spec in specs:
            child = old.pop(spec.id, None)
            if child is None:
                self.add(spec).wanted = False
            else:
                child.spec = spec
                self._by_id[child.id] = child
        self._by_id.update(old)
        self._recount()

    def respec_all(self, template: ChildSpec) -> None:
        """Take over a new template: it counts from each child's next start."""
        for child in self:
            child.spec = template.named(child.id)

    def _recount(self) -> None:
        self._significant = sum(c.spec.significant and c.life not in _ABSENT for c in self)
