"""Dedup claims in this process's memory: exact, bounded, and cheap for the collector.

Two plain dicts that rotate: new claims go into the young one; when it is full or has been
young for a whole window, the old one is forgotten at once and the young becomes the old. Plain
tuples of str, int and float are left alone by Python's collector after its first look.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from supervisors import Clock
from supervisors.system.native import Lock
from telemetry_actors.ports import Claim, DedupStatus

_Key = tuple[str, str]
_Held = tuple[int | str, float]


class MemoryDedupStore:
    """Claims by (tenant_id, event_id). Thread-safe.

    Args:
        max_ids: claims kept at most; beyond it the oldest half is forgotten first.
    """

    def __init__(self, ttl_s: float, max_ids: int, clock: Clock) -> None:
        self._ttl_s = ttl_s
        self._half = max(1, max_ids // 2)
        self._clock = clock
        self._lock = Lock()
        self._young: dict[_Key, _Held] = {}
        self._old: dict[_Key, _Held] = {}
        self._young_since_s = clock.now_s()
        self._asked = 0
        self._given = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    @property
    def reaches_out(self) -> bool:
        """It doesn't."""
        return False

    def claim(self, keys: Sequence[Claim]) -> list[bool]:
        """See `DedupStore.claim`. A claim exactly ``ttl_s`` old still counts."""
        now_s = self._clock.now_s()
        with self._lock:
            found = [self._claim((tenant, event), holder, now_s) for tenant, event, holder in keys]
            self._asked += len(found)
            self._given += sum(found)
        return found

    def _claim(self, key: _Key, holder: int | str, now_s: float) -> bool:
        held = self._young.get(key) or self._old.get(key)
        if held is not None and now_s - held[1] <= self._ttl_s:
            return held[0] == holder
        self._rotate(now_s)
        self._old.pop(key, None)
        self._young[key] = (holder, now_s)
        return True

    def _rotate(self, now_s: float) -> None:
        if len(self._young) >= self._half or now_s - self._young_since_s > self._ttl_s:
            self._old, self._young = self._young, {}
            self._young_since_s = now_s

    def keep(self, keys: Iterable[Claim]) -> None:
        """Nothing to do: it has its whole time from the claim on."""

    def release(self, keys: Iterable[Claim]) -> None:
        """See `DedupStore.release`."""
        self.give_up(keys)

    def give_up(self, keys: Iterable[Claim]) -> list[Claim]:
        """`release`, and say which of *keys* were held. Any thread."""
        with self._lock:
            return [key for key in keys if self._give_up(key)]

    def _give_up(self, key: Claim) -> bool:
        event, holder = key[:2], key[2]
        for claims in (self._young, self._old):
            held = claims.get(event)
            if held is not None and held[0] == holder:
                del claims[event]
                return True
        return False

    def settle(self) -> None:
        """Nothing is ever left undone."""

    def health(self) -> DedupStatus:
        """See `DedupStore.health`."""
        with self._lock:
            given = self._given
            return DedupStatus(ids=len(self), hits=self._asked - given, misses=given)

    def close(self, timeout_s: float) -> None:
        """Nothing to let go: what is remembered stays readable."""
