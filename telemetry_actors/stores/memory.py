"""Dedup claims in this process's memory: exact, bounded, and cheap for the collector.

Two plain dicts that rotate: new claims go into the young one; when it is full or has been
young for a whole window, the old one is forgotten at once and the young becomes the old. Plain
tuples of str, int and float are left alone by Python's collector after its first look.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from supervisors import Clock

__all__ = ["MemoryDedupStore"]

_Key = tuple[str, str]
_Claim = tuple[int, float]


class MemoryDedupStore:
    """Claims by (tenant_id, event_id). Thread-safe.

    Args:
        ttl_s: seconds for which a claim is kept.
        max_ids: claims kept at most; beyond it the oldest half is forgotten first.
        clock: tells the time.
    """

    def __init__(self, ttl_s: float, max_ids: int, clock: Clock) -> None:
        self._ttl_s = ttl_s
        self._half = max(1, max_ids // 2)
        self._clock = clock
        self._lock = threading.Lock()
        self._young: dict[_Key, _Claim] = {}
        self._old: dict[_Key, _Claim] = {}
        self._young_since_s = clock.now_s()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def claim(self, keys: Sequence[tuple[str, str, int]]) -> list[bool]:
        """See `DedupStore.claim`. A claim exactly ``ttl_s`` old still counts."""
        now_s = self._clock.now_s()
        with self._lock:
            return [self._claim((tenant, event), serial, now_s) for tenant, event, serial in keys]

    def _claim(self, key: _Key, serial: int, now_s: float) -> bool:
        held = self._young.get(key) or self._old.get(key)
        if held is not None and now_s - held[1] <= self._ttl_s:
            return held[0] == serial
        self._rotate(now_s)
        self._old.pop(key, None)
        self._young[key] = (serial, now_s)
        return True

    def _rotate(self, now_s: float) -> None:
        if len(self._young) >= self._half or now_s - self._young_since_s > self._ttl_s:
            self._old, self._young = self._young, {}
            self._young_since_s = now_s

    def release(self, keys: Iterable[tuple[str, str, int]]) -> None:
        """See `DedupStore.release`."""
        with self._lock:
            for tenant, event, serial in keys:
                for claims in (self._young, self._old):
                    held = claims.get((tenant, event))
                    if held is not None and held[0] == serial:
                        del claims[(tenant, event)]
