"""Counting on the caller's thread: one shard per OS thread, no lock, no call in a step.

``cells[i] += 1`` is one load and one store with no call between them, so neither another
thread nor a signal handler of the same thread can come between (CPython 3.11-3.13 with
the GIL looks for both only at calls and backward jumps; `tests/contracts` pins it).
A thread that ends leaves its shard behind; the next thread with its ident goes on with it,
and shards of idents that are no more are folded into one when there are many.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

from supervisors.system.native import Lock, get_ident
from telemetry_actors.books.ledger import Admission

ADMISSIONS = tuple(Admission)
_WIDTH = len(ADMISSIONS)
_FOLD_ABOVE = 256


if TYPE_CHECKING:
    Row = list[int] | memoryview[int]


class Page(Protocol):
    """Where the accepted are counted so that a ``kill -9`` does not undo it."""

    @property
    def base(self) -> Row:
        """Takes what was counted elsewhere."""

    def row(self) -> Row | None:
        """A row for one thread; None: there are no more."""


class Shard:
    """The counts of one thread: flat lists, a row per case."""

    __slots__ = ("accepted", "emitted", "given", "refused")

    def __init__(self, cases: int, accepted: Row) -> None:
        self.emitted = [0] * cases
        self.accepted = accepted
        """A list, or a row of the journal's live page. `Shards` sums rows by itself."""
        self.refused = [0] * (cases * _WIDTH)
        """By case and `Admission`; the column of `Admission.ACCEPTED` stays 0."""
        self.given = [0, 0]
        """Trace managers handed in; of these, those that `emit()` itself found no room for."""

    def add(self, other: Shard) -> None:
        """Fold *other*, which no thread uses any more, into this one."""
        for mine, theirs in (
            (self.emitted, other.emitted),
            (self.refused, other.refused),
            (self.given, other.given),
        ):
            mine[:] = map(int.__add__, mine, theirs)


class Shards:
    """All shards of one gateway."""

    def __init__(self, cases: int) -> None:
        self._cases = cases
        self.by_thread: dict[int, Shard] = {}
        self._retired: list[Shard] = []
        self._folded = Shard(cases, [])
        self._rows: list[Row] = []
        """All rows of accepted events that were ever given out: they are summed, not shards."""
        self._free: list[Row] = []
        self._reading = Lock()
        self._page: Page | None = None
        self._elsewhere: list[Row] = []
        """Rows that are not in the page."""

    def mine(self) -> Shard:
        """The calling thread's shard. Re-entrant; takes no lock."""
        ident = get_ident()
        shard = self.by_thread.get(ident)
        if shard is None:
            made = Shard(self._cases, self._row())
            shard = self.by_thread.setdefault(ident, made)
            if shard is not made:
                self._free.append(made.accepted)
        return shard

    def _row(self) -> Row:
        try:
            return self._free.pop()
        except IndexError:
            pass
        page = self._page
        row = page.row() if page is not None else None
        if row is None:
            row = [0] * self._cases
            self._elsewhere.append(row)
        self._rows.append(row)
        return row

    def snapshot(self) -> Shard:
        """The sum over all threads. Any thread; takes a lock that `emit()` never takes."""
        with self._reading:  # folding is for one reader at a time
            return self._snapshot()

    def _snapshot(self) -> Shard:
        if len(self.by_thread) > _FOLD_ABOVE:
            self._fold()
        total = Shard(self._cases, self._sum(self._rows))
        for shard in (self._folded, *self._retired, *list(self.by_thread.values())):
            total.add(shard)
        return total

    def _sum(self, rows: list[Row]) -> list[int]:
        return list(map(sum, zip([0] * self._cases, *list(rows), strict=True)))

    def _fold(self) -> None:
        """Fold shards of dead threads, one look after they were taken out.

        A new thread may have got hold of a shard just before it was taken out; it is done
        with it long before the next look.
        """
        for shard in self._retired:
            self._folded.add(shard)
            self._free.append(shard.accepted)
        living = sys._current_frames().keys()
        gone = [ident for ident in self.by_thread if ident not in living]
        self._retired = [self.by_thread.pop(ident) for ident in gone]

    # -- the journal's page ------------------------------------------------------------------------

    def use(self, page: Page) -> None:
        """Count the accepted in *page* from now on. The tree's thread.

        What a thread is counting at this moment may still go to its old row; `refresh` takes it
        along.
        """
        self._page = page
        self._elsewhere = list(self._rows)
        self._free.clear()
        self.refresh(page)

    def refresh(self, page: Page) -> None:
        """Move shards that do not count in *page* into it, and tell it what is elsewhere."""
        elsewhere = {id(row) for row in self._elsewhere}
        for shard in list(self.by_thread.values()):
            if id(shard.accepted) in elsewhere:
                row = page.row()
                if row is None:
                    break
                self._rows.append(row)
                shard.accepted = row
        for case, n in enumerate(self._sum(self._elsewhere)):
            page.base[case] = n


def column(case_index: int, admission: Admission) -> int:
    """The cell of `Shard.refused`."""
    return case_index * _WIDTH + ADMISSIONS.index(admission)
