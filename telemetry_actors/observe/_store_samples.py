"""Rows of own metrics about stores: dedup, payloads, dead letters on disk, journal.

Beside `observe/_samples.py`, whose table holds them; each is a field of `stores/status.py`. A store
that is off has no rows: a 0 would say that it is there and well. Pure; no lock, no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeVar

from telemetry_actors.observe._models import Snapshot
from telemetry_actors.ports import DedupStatus
from telemetry_actors.stores.status import JournalStatus, LetterFilesStatus, PayloadStoreStatus

_Row = tuple[tuple[str | int | None, ...], float]
_Rows = Callable[[Snapshot], Iterable[_Row]]
_Store = TypeVar("_Store")

_BREAKER: Final = ("closed", "open", "half_open")


def _dedup(status: Snapshot) -> DedupStatus | None:
    """None: this process leaves it to others, as with a broker behind the router."""
    parts = {node.path for node in status.tree}
    return None if parts and "stages/dedup" not in parts else status.dedup


def _redis(status: Snapshot) -> DedupStatus | None:
    found = _dedup(status)
    return None if found is None or found.store == "memory" else found


def _hits(status: Snapshot) -> Iterator[_Row]:
    """By the books, which have them by case too."""
    if _dedup(status) is not None:
        yield (), sum(case.duplicate for case in status.cases)


def _one(
    store: Callable[[Snapshot], _Store | None], read: Callable[[_Store], float]
) -> Callable[[Snapshot], Iterator[_Row]]:
    def rows(status: Snapshot) -> Iterator[_Row]:
        found = store(status)
        if found is not None:
            yield (), read(found)

    return rows


def _states(
    store: Callable[[Snapshot], _Store | None], read: Callable[[_Store], str], words: Iterable[str]
) -> Callable[[Snapshot], Iterator[_Row]]:
    def rows(status: Snapshot) -> Iterator[_Row]:
        found = store(status)
        if found is not None:
            yield from (((word,), int(read(found) == word)) for word in words)

    return rows


def _claims(read: Callable[[DedupStatus], float]) -> _Rows:
    return _one(_dedup, read)


def _shared(read: Callable[[DedupStatus], float]) -> _Rows:
    return _one(_redis, read)


def _payloads(read: Callable[[PayloadStoreStatus], float]) -> _Rows:
    return _one(lambda status: status.payload_store, read)


def _letters(read: Callable[[LetterFilesStatus], float]) -> _Rows:
    return _one(lambda status: status.dead_letter_files, read)


def _journal(read: Callable[[JournalStatus], float]) -> _Rows:
    return _one(lambda status: status.journal, read)


STORE_ROWS: Final[Mapping[str, _Rows]] = {
    "telemetry_actors.dedup.hits": _hits,
    "telemetry_actors.dedup.ids": _claims(lambda d: d.ids),
    "telemetry_actors.dedup.misses": _claims(lambda d: d.misses),
    "telemetry_actors.dedup.healthy": _claims(lambda d: int(d.healthy)),
    "telemetry_actors.dedup.unchecked": _shared(lambda d: d.unchecked),
    "telemetry_actors.dedup.failures": _shared(lambda d: d.failures),
    "telemetry_actors.dedup.leases": _shared(lambda d: d.leases),
    "telemetry_actors.dedup.releases_waiting": _shared(lambda d: d.releases_waiting),
    "telemetry_actors.dedup.releases_lost": _shared(lambda d: d.releases_lost),
    "telemetry_actors.dedup.outcomes_waiting": _shared(lambda d: d.outcomes_waiting),
    "telemetry_actors.dedup.outcomes_lost": _shared(lambda d: d.outcomes_lost),
    "telemetry_actors.dedup.breaker.state": _states(_redis, lambda d: d.breaker, _BREAKER),
    "telemetry_actors.payload_store.healthy": _payloads(lambda p: int(p.healthy)),
    "telemetry_actors.payload_store.objects": _payloads(lambda p: p.objects),
    "telemetry_actors.payload_store.in_flight": _payloads(lambda p: p.in_flight),
    "telemetry_actors.payload_store.in_flight_memory": _payloads(lambda p: p.in_flight_bytes),
    "telemetry_actors.payload_store.written": _payloads(lambda p: p.written),
    "telemetry_actors.payload_store.read": _payloads(lambda p: p.read),
    "telemetry_actors.payload_store.deleted": _payloads(lambda p: p.deleted),
    "telemetry_actors.payload_store.failures": _payloads(lambda p: p.failed),
    "telemetry_actors.payload_store.delete_failures": _payloads(lambda p: p.delete_failed),
    "telemetry_actors.payload_store.swept": _payloads(lambda p: p.swept),
    "telemetry_actors.payload_store.inline": _payloads(lambda p: p.inline),
    "telemetry_actors.payload_store.breaker.state": _states(
        lambda status: status.payload_store, lambda p: p.breaker, _BREAKER
    ),
    "telemetry_actors.dead_letters.written": _letters(lambda f: f.written),
    "telemetry_actors.dead_letters.unwritten": _letters(lambda f: f.unwritten),
    "telemetry_actors.dead_letters.waiting": _letters(lambda f: f.waiting),
    "telemetry_actors.dead_letters.waiting_memory": _letters(lambda f: f.waiting_bytes),
    "telemetry_actors.dead_letters.errors": _letters(lambda f: f.errors),
    "telemetry_actors.dead_letters.evicted": _letters(lambda f: f.evicted),
    "telemetry_actors.dead_letters.files": _letters(lambda f: f.letters),
    "telemetry_actors.dead_letters.size": _letters(lambda f: f.directory_bytes),
    "telemetry_actors.dead_letters.healthy": _letters(lambda f: int(not f.problem)),
    "telemetry_actors.journal.state": _states(
        lambda status: status.journal, lambda j: j.state, ("on", "out", "closed")
    ),
    "telemetry_actors.journal.page_healthy": _journal(lambda j: int(j.page_healthy)),
    "telemetry_actors.journal.durable": _journal(lambda j: j.durable),
    "telemetry_actors.journal.held": _journal(lambda j: j.held),
    "telemetry_actors.journal.spilled": _journal(lambda j: j.spilled),
    "telemetry_actors.journal.replays": _journal(lambda j: j.replays),
    "telemetry_actors.journal.size": _journal(lambda j: j.journal_bytes),
    "telemetry_actors.journal.segments": _journal(lambda j: j.segments),
    "telemetry_actors.journal.oldest_age": _journal(lambda j: j.oldest_age_s),
    "telemetry_actors.journal.evicted": _journal(lambda j: j.evicted),
    "telemetry_actors.journal.recovered": _journal(lambda j: j.recovered),
    "telemetry_actors.journal.lost_on_crash": _journal(lambda j: j.lost_on_crash),
    "telemetry_actors.journal.lost_unknown": _journal(lambda j: j.lost_unknown),
    "telemetry_actors.journal.damaged": _journal(lambda j: j.damaged),
    "telemetry_actors.journal.adoptable": _journal(lambda j: j.adoptable),
    "telemetry_actors.journal.refused_folders": _journal(lambda j: j.refused_folders),
    "telemetry_actors.journal.foreign_files": _journal(lambda j: j.foreign_files),
    "telemetry_actors.journal.errors": _journal(lambda j: j.errors),
}
