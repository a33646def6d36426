"""Who holds how much: a table of bounded size, however many tenants there are (g13).

Beside the way: `emit()` adds to a tenant's cell on the caller's thread, the books take
away where an event ends. A cell is there while its tenant has something in flight; the ticket
carries it, so an event is taken away where it was added, whatever became of the table.

The first `OWN_CELLS` tenants have cells of their own, and are counted exactly. Those that come
while so many others have events in flight share `SHARED_CELLS` by hash: each of them counts
for all in its cell, so that the one who is met by a flood there is refused with it. (A
flood under a million names is thus refused before those who were there first.)

No lock: a cell is changed in one step with no call in it (ADR-0006).
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["OWN_CELLS", "RefusedTenant", "RefusedTenants", "TenantTable"]

OWN_CELLS: Final = 4096
SHARED_CELLS: Final = 256
_PLACES: Final = 1024
_LONGEST_NAME: Final = 200

Cell = list[int]
"""Events in flight, and their bytes."""


_NOTHING: Final[Cell] = [0, 0]


class TenantTable:
    """Events and bytes in flight by tenant."""

    __slots__ = ("_shared", "own")

    def __init__(self) -> None:
        self.own: dict[str, Cell] = {}
        self._shared: list[Cell] = [[0, 0] for _ in range(SHARED_CELLS)]

    def cell_of(self, tenant_id: str) -> Cell:
        """The cell that counts *tenant_id*. Any thread, re-entrant.

        The books may drop it just before the caller adds to it; then it counts for its
        events alone, and the next event gets a new one.
        """
        cell = self.own.get(tenant_id)
        if cell is not None:
            return cell
        if len(self.own) < OWN_CELLS:
            return self.own.setdefault(tenant_id, [0, 0])
        return self._shared[hash(tenant_id) % SHARED_CELLS]

    def held_by(self, tenant_id: str) -> Cell:
        """What *tenant_id* has in flight, or all that share its cell. Any thread; makes no cell."""
        if len(self.own) < OWN_CELLS:
            return self.own.get(tenant_id, _NOTHING)
        return self.own.get(tenant_id) or self._shared[hash(tenant_id) % SHARED_CELLS]

    def take_away(self, tenant_id: str, cell: Cell, charged_bytes: int) -> None:
        """An event that was added to *cell* has its outcome. The books' lock is held."""
        cell[0] -= 1
        cell[1] -= charged_bytes
        if not cell[0] and self.own.get(tenant_id) is cell:
            del self.own[tenant_id]

    def active(self) -> int:
        """How many tenants hold something; never above `OWN_CELLS` by more than a few."""
        return len(self.own)


class RefusedTenant(NamedTuple):
    """A tenant for which there was no room, and how often."""

    tenant_id: str
    """Its first 200 characters."""
    refused: int
    """Exact, unless another tenant fell into the same of 1024 places: then at least so many."""


class RefusedTenants:
    """Names the tenants that are refused most. Any thread; fixed size, no lock.

    One place per part of the hash, held by whoever is refused there most often: a newcomer
    takes it over once all others together were refused more often than the holder.
    """

    __slots__ = ("_places",)

    def __init__(self) -> None:
        self._places: list[_Place | None] = [None] * _PLACES

    def count(self, tenant_id: str) -> None:
        """One more. Caller's thread, re-entrant."""
        index = hash(tenant_id) % _PLACES
        name, place = tenant_id[:_LONGEST_NAME], self._places[index]
        if place is None or (place.name != name and place.others > place.own):
            self._places[index] = _Place(name)
        elif place.name == name:
            place.own += 1
        else:
            place.others += 1

    def most(self, count: int = 10) -> list[RefusedTenant]:
        """The *count* that were refused most, the most refused first."""
        found = [RefusedTenant(p.name, p.own) for p in list(self._places) if p is not None]
        return sorted(found, key=lambda tenant: (-tenant.refused, tenant.tenant_id))[:count]


class _Place:
    __slots__ = ("name", "others", "own")

    def __init__(self, name: str) -> None:
        self.name = name
        self.own = 1
        self.others = 0
