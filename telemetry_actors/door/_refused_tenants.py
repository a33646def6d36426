"""Who was refused for want of room, and how often: a table of fixed size (g13).

Beside the way: `emit()` counts here what it refuses, `status()` reads.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_PLACES: Final = 1024
_LONGEST_NAME: Final = 200


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
