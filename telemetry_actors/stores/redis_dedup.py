"""Dedup claims in Redis, so that processes know of each other's ids; memory in front.

A batch costs one pipelined round trip: for each id that this process has not seen itself a
``SET key holder NX PX lease`` and a ``GET key`` for the holder. Until its event has its outcome
a claim is a lease, so that a process that is killed leaves none behind; what follows from the
outcome (the claim lasts, or is free) goes in the same round trip as the next claims and before
them, and so do renewals. Nothing here needs more than Redis 2.6, and no command names two keys,
so a cluster's proxy will do as well.

Whatever becomes of Redis, no event waits longer than ``timeout_s`` here and none is lost: it
passes, and this process's own memory goes on finding its own repeats (g10). What is not
promised: ids that were claimed while Redis was away are not told to it later.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from supervisors import Clock
from supervisors.system.native import Lock
from telemetry_actors.base.breaker import Breaker, BreakerState
from telemetry_actors.base.outage import Outage
from telemetry_actors.ports import Claim, DedupStatus
from telemetry_actors.settings import DedupSettings
from telemetry_actors.stores._claim_notes import ClaimNotes, Note
from telemetry_actors.stores._keys import dedup_key, encoded_id
from telemetry_actors.stores._redis_link import Command, LinkError, RedisLink, shown
from telemetry_actors.stores.advice import for_redis, then
from telemetry_actors.stores.memory import MemoryDedupStore

_RELEASE = "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) end"
_KEEP = (
    "local held=redis.call('get',KEYS[1]) if not held or held==ARGV[1] "
    "then redis.call('set',KEYS[1],ARGV[1],'PX',ARGV[2]) return 1 end return 0"
)
_PROBE = "telemetry:dedup:~probe"
"""No claim's key: those have a tenant and an event. It is written, since a full or read-only
Redis reads well."""
_PROBE_MS = 1000

_AT_ONCE = 500
"""Notes in one round trip."""
_SOON_S = 0.05


class RedisDedupStore:
    """Claims by (tenant_id, event_id) in Redis. See `DedupStore` for threads.

    Args:
        local: this process's own memory; belongs to the life of the gateway.
        settings: lease, time-to-live, time-out, breaker.
        wake: asks for `settle` on the stage's thread. Called on any thread; must not wait.
        process: names this life of the gateway, as in the journal and in letters; serials are
            unique within it.
    """

    def __init__(
        self,
        link: RedisLink,
        local: MemoryDedupStore,
        settings: DedupSettings,
        clock: Clock,
        wake: Callable[[], None],
        process: str,
    ) -> None:
        self._link = link
        self._local = local
        self._timeout_s = settings.timeout_s
        self._notes = ClaimNotes(settings.lease_s, settings.ttl_s)
        self._clock = clock
        self._wake = wake
        self._process = process
        self._breaker = Breaker(
            clock.now_s(),
            failures=settings.breaker_failures,
            open_s=settings.breaker_open_s,
            longest_s=settings.breaker_max_s,
            probe_limit_s=2 * settings.timeout_s,
            rng=random.Random(process),  # noqa: S311 -- spreads probes
            growth=2.0,
        )
        self._lock = Lock()  # for the fields below; never held in a round trip
        self._awake_s = math.inf
        """When `settle` will be called, as far as we know."""
        self._looked = False
        self._healthy = True
        self._outage = Outage(f"dedup {link.place}")
        self._hits = self._misses = self._unchecked = self._failures = 0
        self._last_failure = ""

    @classmethod
    def at(
        cls,
        url: str,
        local: MemoryDedupStore,
        settings: DedupSettings,
        clock: Clock,
        wake: Callable[[], None],
        process: str,
    ) -> RedisDedupStore:
        """The store at *url*. Doesn't connect yet."""
        return cls(RedisLink(url, clock.now_s), local, settings, clock, wake, process)

    def __repr__(self) -> str:
        return f"<RedisDedupStore {self._breaker.state}>"

    @property
    def reaches_out(self) -> bool:
        """A round trip waits up to ``timeout_s``."""
        return True

    # -- claims -----------------------------------------------------------------------------------

    def claim(self, keys: Sequence[Claim]) -> list[bool]:
        """See `DedupStore.claim`. Waits for Redis, at most ``timeout_s``."""
        firsts = self._local.claim(keys)
        asked = [n for n, first in enumerate(firsts) if first]
        found = self._claim_there([keys[n] for n in asked]) if asked else []
        others = []
        for n, first in zip(asked, found, strict=True):
            if first is False:
                firsts[n] = False
                others.append(keys[n])
        # The other holder may yet release it: what Redis says then must not be hidden by us.
        self._local.release(others)
        self._count(firsts, unchecked=sum(first is None for first in found))
        return firsts

    def _claim_there(self, keys: Sequence[Claim]) -> list[bool | None]:
        """True: ours. False: another's. None: it can't be known."""
        now_s = self._clock.now_s()
        until_s = now_s + self._timeout_s
        replies = self._exchange([c for key in keys for c in self._claiming(key)], until_s)
        if replies is None:
            return [None] * len(keys)
        found = [
            _read(replies[2 * n], replies[2 * n + 1], self._named(key[2]))
            for n, key in enumerate(keys)
        ]
        ours = [n for n, first in enumerate(found) if first is True]
        self._notes.lease([keys[n] for n in ours if replies[2 * n] is not None], now_s)
        again = [n for n, first in enumerate(found) if first is _VANISHED]
        if again:
            self._claim_vanished(found, again, keys, until_s)
        met = [n for n in (*ours, *again) if found[n] is True and replies[2 * n] is None]
        self._notes.find([keys[n] for n in met], now_s)
        self._want(self._notes.due_s())
        bad = [reply for reply in replies if _is_error(reply)]
        if bad:  # somebody's key of another type: this id alone can't be known
            self._note_failure(shown(bad[0]), len(bad))
        return [first if type(first) is bool else None for first in found]

    def _claim_vanished(
        self, found: list[object], again: Sequence[int], keys: Sequence[Claim], until_s: float
    ) -> None:
        """The holder's claim ended between our two commands: claim those once more."""
        commands = [c for n in again for c in self._claiming(keys[n])]
        replies = self._exchange(commands, until_s)
        for m, n in enumerate(again if replies is not None else ()):
            found[n] = _read(replies[2 * m], replies[2 * m + 1], self._named(keys[n][2]))  # type: ignore[index]

    def _claiming(self, claim: Claim) -> tuple[Command, Command]:
        key, lease_ms = dedup_key(*claim[:2]), _ms(self._notes.lease_s)
        return ("SET", key, self._named(claim[2]), "NX", "PX", lease_ms), ("GET", key)

    def _named(self, holder: int | str) -> str:
        """One name of an admission, whether it is met here or comes from elsewhere (g09)."""
        return encoded_id(f"{self._process}:{holder}" if type(holder) is int else str(holder))

    # -- outcomes ---------------------------------------------------------------------------------

    def keep(self, keys: Iterable[Claim]) -> None:
        """See `DedupStore.keep`. What Redis has not given to this process, it isn't told of."""
        if self._notes.outcome(keys, self._clock.now_s()):
            self._want(self._notes.due_s())

    def release(self, keys: Iterable[Claim]) -> None:
        """See `DedupStore.release`. Free in this process at once, elsewhere soon after.

        What this process has not claimed itself Redis isn't asked to release.
        """
        claims = list(keys)
        if self._notes.release(claims, self._local.give_up(claims), self._clock.now_s()):
            self._want(self._notes.due_s())

    def _want(self, at_s: float | None) -> None:
        """`settle` is to be called at *at_s*, at the latest."""
        with self._lock:
            wake = at_s is not None and at_s < self._awake_s
            if wake:
                self._awake_s = -math.inf
        if wake:
            self._wake()

    def _saying(self, note: Note, now_s: float) -> Command:
        tenant, event, holder = note.claim
        key, ms = dedup_key(tenant, event), _ms(note.keep_s)
        if not note.keep_s:
            return ("EVAL", _RELEASE, 1, key, self._named(holder))
        if now_s < note.sure_until_s:  # nobody else can have it: a third of what a script costs
            return ("SET", key, self._named(holder), "XX", "PX", ms)
        return ("EVAL", _KEEP, 1, key, self._named(holder), ms)

    def _hear(self, notes: Sequence[Note], replies: Sequence[Any], now_s: float) -> None:
        pairs = list(zip(notes, replies, strict=True))
        done = [note for note, reply in pairs if reply and not _is_error(reply)]
        self._notes.renewed((note for note in done if note.renews), now_s)
        self._notes.lost(note.claim for note, reply in pairs if note.renews and reply == 0)
        errors = [reply for reply in replies if _is_error(reply)]
        if errors:
            self._note_failure(shown(errors[0]), len(errors))
        # None: a claim that is to be kept is not there any more. `_KEEP` makes it anew.
        gone = [note for note, reply in pairs if note.keep_s and reply is None]
        self._notes.find((note.claim for note in gone if note.renews), now_s)
        again = [note for note in gone if not note.renews]
        self._notes.refused([*again, *(n for n, reply in pairs if _is_error(reply))])

    # -- round trips ------------------------------------------------------------------------------

    def _exchange(self, commands: Sequence[Command], until_s: float) -> list[Any] | None:
        """Notes that wait, then *commands* (a write among them), in one round trip.

        Returns:
            The replies to *commands*; None: Redis could not be asked, or refuses writes.
        """
        now_s, trip = self._clock.now_s(), object()
        if now_s >= until_s or self._breaker.ask(now_s, trip) is not None:
            return None
        notes = self._notes.take(_AT_ONCE, now_s)
        # They are sure of their claims when it arrives, too.
        pipeline = [*(self._saying(note, until_s) for note in notes), *commands]
        try:
            replies = self._link.ask(pipeline, until_s - now_s)
        except LinkError as error:
            self._fail(trip, str(error), notes)
            return None
        mine = replies[len(notes) :]
        refusal = next(filter(_refuses, mine), None)
        if refusal is not None:
            self._fail(trip, shown(refusal), notes)
            return None
        self._succeed(trip)
        self._hear(notes, replies[: len(notes)], now_s)
        return mine

    def settle(self) -> float | None:
        """See `DedupStore.settle`: what Redis is still to be told; whether it is there."""
        with self._lock:
            self._awake_s = -math.inf  # we are awake: nobody need wake us
        if self._has_cause():
            self._probe(self._timeout_s)
        with self._lock:
            wait_s = self._wait_s()
            self._awake_s = math.inf if wait_s is None else self._clock.now_s() + wait_s
        return wait_s

    def _has_cause(self) -> bool:
        due_s = self._notes.due_s()
        due = due_s is not None and due_s <= self._clock.now_s()
        return due or not (self._looked and self._healthy)

    def _wait_s(self) -> float | None:
        now_s, due_s = self._clock.now_s(), self._notes.due_s()
        if not self._healthy:
            return max(_SOON_S, self._breaker.wait_s(now_s) or 0.0)
        return None if due_s is None else max(_SOON_S, due_s - now_s)

    def _probe(self, timeout_s: float) -> bool:
        command: Command = ("SET", _PROBE, self._process, "PX", _PROBE_MS)
        return self._exchange([command], self._clock.now_s() + timeout_s) is not None

    def close(self, timeout_s: float) -> None:
        """See `DedupStore.close`. Leases of events without an outcome end by themselves."""
        until_s = self._clock.now_s() + timeout_s
        while any(self._notes.waiting()) and self._probe(until_s - self._clock.now_s()):
            pass
        self._notes.give_up()
        self._link.close()

    # -- how it fares -----------------------------------------------------------------------------

    def health(self) -> DedupStatus:
        """See `DedupStore.health`."""
        releases, outcomes = self._notes.waiting()
        with self._lock:
            return DedupStatus(
                store="redis",
                healthy=self._healthy,
                ids=len(self._local),
                hits=self._hits,
                misses=self._misses,
                breaker=str(self._breaker.state),
                unchecked=self._unchecked,
                failures=self._failures,
                last_failure=self._last_failure,
                leases=self._notes.leased(),
                releases_waiting=releases,
                releases_lost=self._notes.releases_lost,
                outcomes_waiting=outcomes,
                outcomes_lost=self._notes.outcomes_lost,
            )

    def _count(self, firsts: Sequence[bool], unchecked: int) -> None:
        given = sum(firsts)
        with self._lock:
            self._hits += len(firsts) - given
            self._misses += given
            self._unchecked += unchecked

    def _note_failure(self, words: str, times: int = 1) -> None:
        with self._lock:
            self._failures += times
            self._last_failure = words

    def _fail(self, trip: object, words: str, notes: Sequence[Note]) -> None:
        self._notes.unsaid(notes)
        self._note_failure(words)
        self._breaker.told(self._clock.now_s(), trip, failed=True)
        opened = self._breaker.state is not BreakerState.CLOSED
        with self._lock:
            self._healthy, self._looked = False, True
        if opened:  # one failure alone is the status's to tell: a store at its limit has many
            self._outage.failed(
                self._clock.now_s(),
                "dedup: Redis at %s fails (%s); ids are remembered in this process only",
                self._link.place,
                then(words, for_redis(words)),
            )
        self._want(self._clock.now_s())  # to find out when it is back, also where no event asks

    def _succeed(self, trip: object) -> None:
        self._breaker.told(self._clock.now_s(), trip, failed=False)
        with self._lock:
            self._healthy = self._looked = True
        self._outage.over("dedup: Redis is back; ids are remembered across processes again")


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))


class _Vanished:
    """Somebody had the claim, and then nobody."""


_VANISHED = _Vanished()


def _read(set_reply: Any, get_reply: object, holder: str) -> object:
    """True: ours. False: another's. None: unreadable. `_VANISHED`: nobody's any more."""
    if set_reply is not None:
        return True
    if _is_error(get_reply):
        return None
    if get_reply is None:
        return _VANISHED
    return get_reply == holder.encode()


def _is_error(reply: object) -> bool:
    return isinstance(reply, Exception)


def _refuses(reply: object) -> bool:
    """READONLY, OOM, NOPERM and the like say that all will be refused; one key's type doesn't."""
    return _is_error(reply) and not str(reply).startswith("WRONGTYPE")
