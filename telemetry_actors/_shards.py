"""Counting on the caller's thread: one shard per OS thread, no lock, no call in a step.

``cells[i] += 1`` is one load and one store with no call between them, so neither another
thread nor a signal handler of the same thread can come between (CPython 3.11-3.13 with
the GIL looks for both only at calls and backward jumps; `tests/contracts` pins it).
A thread that ends leaves its shard behind; the next thread with its ident goes on with it,
and shards of idents that are no more are folded into one when there are many.
"""

from __future__ import annotations

import sys
from _thread import get_ident

from telemetry_actors.ledger import Admission

__all__ = ["ADMISSIONS", "CELERY", "SOURCES", "Shard", "Shards"]

ADMISSIONS = tuple(Admission)
SOURCES = ("celery",)
"""Ways in beside ``emit()``, counted apart."""
CELERY = SOURCES.index("celery")
_WIDTH = len(ADMISSIONS)
_FOLD_ABOVE = 256


class Shard:
    """The counts of one thread: flat lists, a row per case."""

    __slots__ = ("admissions", "emitted", "given", "taken_in")

    def __init__(self, cases: int) -> None:
        self.emitted = [0] * cases
        self.admissions = [0] * (cases * _WIDTH)
        self.given = [0, 0]
        """Trace managers handed in; of these, those that `emit()` itself found no room for."""
        self.taken_in = [0] * len(SOURCES)
        """Of the emitted, those that came by each of `SOURCES`."""

    def add(self, other: Shard) -> None:
        """Fold *other*, which no thread uses any more, into this one."""
        for mine, theirs in (
            (self.emitted, other.emitted),
            (self.admissions, other.admissions),
            (self.given, other.given),
            (self.taken_in, other.taken_in),
        ):
            mine[:] = map(int.__add__, mine, theirs)


class Shards:
    """All shards of one gateway."""

    def __init__(self, cases: int) -> None:
        self._cases = cases
        self.by_thread: dict[int, Shard] = {}
        self._retired: list[Shard] = []
        self._folded = Shard(cases)

    def mine(self) -> Shard:
        """The calling thread's shard. Re-entrant; takes no lock."""
        ident = get_ident()
        shard = self.by_thread.get(ident)
        if shard is None:
            shard = self.by_thread.setdefault(ident, Shard(self._cases))
        return shard

    def snapshot(self) -> Shard:
        """The sum over all threads. One reader at a time (the caller holds the books' lock)."""
        if len(self.by_thread) > _FOLD_ABOVE:
            self._fold()
        total = Shard(self._cases)
        for shard in (self._folded, *self._retired, *list(self.by_thread.values())):
            total.add(shard)
        return total

    def _fold(self) -> None:
        """Fold shards of dead threads, one look after they were taken out.

        A new thread may have got hold of a shard just before it was taken out; it is done
        with it long before the next look.
        """
        for shard in self._retired:
            self._folded.add(shard)
        living = sys._current_frames().keys()
        gone = [ident for ident in self.by_thread if ident not in living]
        self._retired = [self.by_thread.pop(ident) for ident in gone]


def column(case_index: int, admission: Admission) -> int:
    """The cell of `Shard.admissions`."""
    return case_index * _WIDTH + ADMISSIONS.index(admission)
