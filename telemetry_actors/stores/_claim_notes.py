"""What a remote store is still to be told about claims: leases, outcomes, releases.

A claim is a lease until its event has its outcome (g09). This keeps the leases that are held, says
which are to be renewed, and lines up what the store is to hear with the next round trip: that a
claim is to last (its event was exported), or that it is free again (its event was dropped).

It owns no connection and never waits; any thread. `redis_dedup` sends what it says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, NamedTuple

from supervisors.system.native import Lock
from telemetry_actors.ports import Claim

_WAITING: Final = 10_000
"""Notes that may wait for the store to come back; beyond it the oldest are given up."""
_ATTEMPTS: Final = 3
"""Round trips after which a note that the store refuses, alone, is given up."""
_OUTCOME_WITHIN_S: Final = 1.0
"""An outcome waits that long for a round trip that is made anyway."""
_RENEW_AFTER: Final = 1 / 3
_SURE: Final = 0.9
"""Shares of a lease: when it is renewed, and how long nobody else can have it, whatever the clocks
do. (Twice may a renewal fail before the lease ends.)"""


class _Lease(NamedTuple):
    holder: int | str
    sure_until_s: float
    renew_at_s: float


class Note(NamedTuple):
    """One thing to say about a claim."""

    claim: Claim
    keep_s: float
    """Seconds for which it is to be kept from now on; 0: it is free."""
    sure_until_s: float = 0.0
    """Until then nobody else can have it."""
    renews: bool = False
    """Its event has no outcome yet: it need not be said if the lease ends meanwhile."""
    attempts: int = 0


class ClaimNotes:
    """See the module.

    Args:
        lease_s: for which a claim is kept at a time before its event's outcome.
        ttl_s: for which it is kept after that.
    """

    def __init__(self, lease_s: float, ttl_s: float) -> None:
        self.lease_s = min(lease_s, ttl_s)
        self._ttl_s = ttl_s
        self._lock = Lock()
        self._leases: dict[tuple[str, str], _Lease] = {}
        """In the order in which they are to be renewed."""
        self._waiting: deque[Note] = deque()
        self._due_s = 0.0
        """When the first of those that wait is to be said, at the latest."""
        self.releases_lost = self.outcomes_lost = 0

    # -- what happens to claims -------------------------------------------------------------------

    def lease(self, claims: Iterable[Claim], now_s: float) -> None:
        """The store has given *claims* to us at or after *now_s*, with a lease."""
        until_s, renew_s = now_s + self.lease_s * _SURE, now_s + self.lease_s * _RENEW_AFTER
        with self._lock:
            for tenant, event, holder in claims:
                self._leases.pop((tenant, event), None)
                self._leases[tenant, event] = _Lease(holder, until_s, renew_s)

    def find(self, claims: Iterable[Claim], now_s: float) -> None:
        """*claims* are ours from before, and nobody knows how long they last: renew them soon."""
        with self._lock:
            later = self._leases
            self._leases = {}
            for tenant, event, holder in claims:
                later.pop((tenant, event), None)
                self._leases[tenant, event] = _Lease(holder, 0.0, now_s)
            self._leases.update(later)

    def outcome(self, claims: Iterable[Claim], now_s: float) -> bool:
        """Events are exported: their claims are to last. True: there is something to say."""
        with self._lock:
            notes = [
                Note(claim, self._ttl_s, lease.sure_until_s)
                for claim in claims
                if (lease := self._end_lease(claim)) is not None
            ]
            self._add(notes, now_s + _OUTCOME_WITHIN_S)
        return bool(notes)

    def release(self, claims: Iterable[Claim], held: Sequence[Claim], now_s: float) -> bool:
        """Events were dropped: free are those of *claims* that are leased, and *held*."""
        with self._lock:
            leased = [claim for claim in claims if self._end_lease(claim) is not None]
            notes = [Note(claim, 0.0) for claim in dict.fromkeys((*leased, *held))]
            self._add(notes, now_s)
        return bool(notes)

    def _end_lease(self, claim: Claim) -> _Lease | None:
        tenant, event, holder = claim
        lease = self._leases.get((tenant, event))
        if lease is None or lease.holder != holder:
            return None
        return self._leases.pop((tenant, event))

    def _add(self, notes: Sequence[Note], due_s: float) -> None:
        if notes:
            self._due_s = min(due_s, self._due_s) if self._waiting else due_s
            self._waiting += notes
            self._forget_oldest()

    # -- what is to be said -----------------------------------------------------------------------

    def take(self, at_most: int, now_s: float) -> list[Note]:
        """The next notes, renewals that are due among them.

        What did not get there is given back by `unsaid`, what was refused by `refused`.
        """
        with self._lock:
            notes = [self._waiting.popleft() for _ in range(min(at_most, len(self._waiting)))]
            self._due_s = now_s
            due: list[tuple[tuple[str, str], _Lease]] = []
            for key, lease in islice(self._leases.items(), at_most - len(notes)):
                if lease.renew_at_s > now_s:
                    break
                due.append((key, lease))
            for key, lease in due:
                del self._leases[key]
                again_s = now_s + self.lease_s * _RENEW_AFTER
                self._leases[key] = lease._replace(renew_at_s=again_s)
                claim = (*key, lease.holder)
                notes.append(Note(claim, self.lease_s, lease.sure_until_s, renews=True))
        return notes

    def unsaid(self, notes: Iterable[Note]) -> None:
        """*notes* did not get there; renewals come up again by themselves."""
        with self._lock:
            self._waiting.extendleft(reversed([note for note in notes if not note.renews]))
            self._forget_oldest()

    def renewed(self, notes: Iterable[Note], now_s: float) -> None:
        """The store has prolonged these leases at or after *now_s*."""
        with self._lock:
            for note in notes:
                tenant, event, holder = note.claim
                lease = self._leases.get((tenant, event))
                if lease is not None and lease.holder == holder:
                    sure_s = now_s + self.lease_s * _SURE
                    self._leases[tenant, event] = lease._replace(sure_until_s=sure_s)

    def lost(self, claims: Iterable[Claim]) -> None:
        """Their leases ended before they were renewed, and others have them now."""
        with self._lock:
            for claim in claims:
                self._end_lease(claim)

    def refused(self, notes: Iterable[Note]) -> None:
        """Refused alone, by a rule for scripts, say: a few more times, then never."""
        again = [n._replace(attempts=n.attempts + 1, sure_until_s=0.0) for n in notes]
        with self._lock:
            self._lose(note for note in again if note.attempts >= _ATTEMPTS)
        self.unsaid(note for note in again if note.attempts < _ATTEMPTS)

    def give_up(self) -> None:
        """Nobody will be told any more."""
        with self._lock:
            self._lose(self._waiting)
            self._waiting.clear()

    def _forget_oldest(self) -> None:
        while len(self._waiting) > _WAITING:
            self._lose([self._waiting.popleft()])

    def _lose(self, notes: Iterable[Note]) -> None:
        for note in notes:
            if not note.keep_s:
                self.releases_lost += 1
            elif not note.renews:
                self.outcomes_lost += 1

    # -- looking ----------------------------------------------------------------------------------

    def due_s(self) -> float | None:
        """When there is something to say, by the clock that was given; None: not in sight."""
        with self._lock:
            due = [self._due_s] if self._waiting else []
            due += [lease.renew_at_s for lease in islice(self._leases.values(), 1)]
            return min(due, default=None)

    def waiting(self) -> tuple[int, int]:
        """Releases and outcomes that are still to be said."""
        with self._lock:
            releases = sum(not note.keep_s for note in self._waiting)
            return releases, len(self._waiting) - releases

    def leased(self) -> int:
        """Claims whose events have no outcome yet."""
        return len(self._leases)
