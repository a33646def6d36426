"""Dedup claims in Redis, so that processes know of each other's ids; memory in front.

A batch costs one pipelined round trip: for each id that this process has not seen itself a
``SET key holder NX PX ttl`` and a ``GET key`` for the holder. A claim is released by
compare-and-delete, in the same round trip as the next claims and before them. Nothing here
needs more than Redis 2.6, and no command names two keys, so a cluster's proxy will do as well.

Whatever becomes of Redis, no event waits longer than ``timeout_s`` here and none is lost: it
passes, and this process's own memory goes on finding its own repeats (g10). What is not
promised: ids that were claimed while Redis was away are not told to it later.
"""

from __future__ import annotations

import random
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from supervisors import Clock
from supervisors._native import Lock
from telemetry_actors._breaker import Breaker, BreakerState
from telemetry_actors._say import warn
from telemetry_actors.ports import Claim, DedupHealth
from telemetry_actors.settings import DedupSettings
from telemetry_actors.stores._keys import dedup_key, encoded_id
from telemetry_actors.stores._redis_link import Command, LinkError, RedisLink
from telemetry_actors.stores.memory import MemoryDedupStore

__all__ = ["RedisDedupStore"]

_RELEASE = "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) end"
_PROBE = "telemetry:dedup:~probe"
"""No claim's key: those have a tenant and an event. It is written, since a full or read-only
Redis reads well."""
_PROBE_MS = 1000

_WAITING = 10_000
"""Releases that may wait for Redis to come back; beyond it the oldest are given up."""
_AT_ONCE = 500
"""Releases in one round trip."""
_ATTEMPTS = 3
"""Round trips after which a release that Redis refuses, alone, is given up."""
_SOON_S = 0.05


class _Release(NamedTuple):
    key: str
    holder: str
    attempts: int = 0


class RedisDedupStore:
    """Claims by (tenant_id, event_id) in Redis. See `DedupStore` for threads.

    Args:
        link: to Redis.
        local: this process's own memory; belongs to the life of the gateway.
        settings: time-to-live, time-out, breaker.
        clock: the tree's.
        wake: asks for `settle` on the stage's thread. Called on any thread; must not wait.
    """

    def __init__(
        self,
        link: RedisLink,
        local: MemoryDedupStore,
        settings: DedupSettings,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._link = link
        self._local = local
        self._timeout_s = settings.timeout_s
        self._ttl_ms = max(1, round(settings.ttl_s * 1000))
        self._clock = clock
        self._wake = wake
        self._origin = str(uuid.uuid4())  # serials are unique within one life of a gateway
        self._breaker = Breaker(
            clock.now_s(),
            failures=settings.breaker_failures,
            open_s=settings.breaker_open_s,
            longest_s=settings.breaker_max_s,
            probe_limit_s=2 * settings.timeout_s,
            rng=random.Random(self._origin),  # noqa: S311 -- spreads probes
            growth=2.0,
        )
        self._lock = Lock()  # for the fields below; never held in a round trip
        self._waiting: deque[_Release] = deque()
        self._awaited = False
        self._looked = False
        self._healthy = True
        self._said = False
        self._hits = self._misses = self._unchecked = self._failures = self._lost = 0
        self._last_failure = ""

    @classmethod
    def at(
        cls,
        url: str,
        local: MemoryDedupStore,
        settings: DedupSettings,
        clock: Clock,
        wake: Callable[[], None],
    ) -> RedisDedupStore:
        """The store at *url*. Doesn't connect yet."""
        return cls(RedisLink(url, clock.now_s), local, settings, clock, wake)

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
        pairs = [(dedup_key(tenant, event), self._named(holder)) for tenant, event, holder in keys]
        until_s = self._clock.now_s() + self._timeout_s
        replies = self._exchange([c for pair in pairs for c in self._claiming(*pair)], until_s)
        if replies is None:
            return [None] * len(keys)
        found = [
            _read(replies[2 * n], replies[2 * n + 1], holder) for n, (_, holder) in enumerate(pairs)
        ]
        again = [n for n, first in enumerate(found) if first is _VANISHED]
        if again:
            self._claim_vanished(found, again, pairs, until_s)
        bad = [reply for reply in replies if _is_error(reply)]
        if bad:  # somebody's key of another type: this id alone can't be known
            self._note_failure(self._link.words_of(bad[0]), len(bad))
        return [first if type(first) is bool else None for first in found]

    def _claim_vanished(
        self,
        found: list[Any],
        again: Sequence[int],
        pairs: Sequence[tuple[str, str]],
        until_s: float,
    ) -> None:
        """The holder's claim ended between our two commands: claim those once more."""
        commands = [c for n in again for c in self._claiming(*pairs[n])]
        replies = self._exchange(commands, until_s)
        for m, n in enumerate(again if replies is not None else ()):
            found[n] = _read(replies[2 * m], replies[2 * m + 1], pairs[n][1])  # type: ignore[index]

    def _claiming(self, key: str, holder: str) -> tuple[Command, Command]:
        return ("SET", key, holder, "NX", "PX", self._ttl_ms), ("GET", key)

    def _named(self, holder: int | str) -> str:
        return f"{self._origin}:{holder}" if type(holder) is int else encoded_id(str(holder))

    # -- releases ---------------------------------------------------------------------------------

    def release(self, keys: Iterable[Claim]) -> None:
        """See `DedupStore.release`. Free in this process at once, elsewhere soon after.

        What this process has not claimed itself, or has had to forget (``max_ids``), Redis isn't
        asked to release.
        """
        held = self._local.give_up(keys)
        if not held:
            return
        with self._lock:
            self._waiting += [_Release(dedup_key(t, e), self._named(h)) for t, e, h in held]
            self._forget_oldest()
            wake, self._awaited = not self._awaited, True
        if wake:
            self._wake()

    def _take_waiting(self) -> list[_Release]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]

    def _put_back(self, releases: Sequence[_Release]) -> None:
        with self._lock:
            self._waiting.extendleft(reversed(releases))
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        while len(self._waiting) > _WAITING:
            self._waiting.popleft()
            self._lost += 1

    def _settle_releases(self, releases: Sequence[_Release], replies: Sequence[Any]) -> None:
        """Refused alone, by a rule for scripts, say: a few more times, then never."""
        refused = [(r, e) for r, e in zip(releases, replies, strict=True) if _is_error(e)]
        if not refused:
            return
        self._note_failure(self._link.words_of(refused[0][1]), len(refused))
        again = [r._replace(attempts=r.attempts + 1) for r, _ in refused]
        with self._lock:
            self._lost += sum(r.attempts >= _ATTEMPTS for r in again)
        self._put_back([r for r in again if r.attempts < _ATTEMPTS])

    # -- round trips ------------------------------------------------------------------------------

    def _exchange(self, commands: Sequence[Command], until_s: float) -> list[Any] | None:
        """Releases that wait, then *commands* (a write among them), in one round trip.

        Returns:
            The replies to *commands*; None: Redis could not be asked, or refuses writes.
        """
        now_s, trip = self._clock.now_s(), object()
        if now_s >= until_s or self._breaker.ask(now_s, trip) is not None:
            return None
        releases = self._take_waiting()
        pipeline = [*(("EVAL", _RELEASE, 1, r.key, r.holder) for r in releases), *commands]
        try:
            replies = self._link.ask(pipeline, until_s - now_s)
        except LinkError as error:
            self._fail(trip, str(error), releases)
            return None
        mine = replies[len(releases) :]
        refusal = next(filter(_refuses, mine), None)
        if refusal is not None:
            self._fail(trip, self._link.words_of(refusal), releases)
            return None
        self._succeed(trip)
        self._settle_releases(releases, replies[: len(releases)])
        return mine

    def settle(self) -> float | None:
        """See `DedupStore.settle`: releases that wait; whether Redis is there."""
        with self._lock:
            self._awaited = True  # we are awake: see below
        if self._has_cause():
            self._probe(self._timeout_s)
        with self._lock:
            self._awaited = bool(self._waiting) or not self._healthy
            if not self._awaited:
                return None
        return max(_SOON_S, self._breaker.wait_s(self._clock.now_s()) or 0.0)

    def _has_cause(self) -> bool:
        return bool(self._waiting) or not (self._looked and self._healthy)

    def _probe(self, timeout_s: float) -> bool:
        command: Command = ("SET", _PROBE, self._origin, "PX", _PROBE_MS)
        return self._exchange([command], self._clock.now_s() + timeout_s) is not None

    def close(self, timeout_s: float) -> None:
        """See `DedupStore.close`."""
        until_s = self._clock.now_s() + timeout_s
        while self._waiting and self._probe(until_s - self._clock.now_s()):
            pass
        with self._lock:
            self._lost += len(self._waiting)
            self._waiting.clear()
        self._link.close()

    # -- how it fares -----------------------------------------------------------------------------

    def health(self) -> DedupHealth:
        """See `DedupStore.health`."""
        with self._lock:
            return DedupHealth(
                store="redis",
                healthy=self._healthy,
                ids=len(self._local),
                hits=self._hits,
                misses=self._misses,
                breaker=str(self._breaker.state),
                unchecked=self._unchecked,
                failures=self._failures,
                last_failure=self._last_failure,
                releases_waiting=len(self._waiting),
                releases_lost=self._lost,
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

    def _fail(self, trip: object, words: str, releases: Sequence[_Release]) -> None:
        self._put_back(releases)
        self._note_failure(words)
        self._breaker.told(self._clock.now_s(), trip, failed=True)
        opened = self._breaker.state is not BreakerState.CLOSED
        with self._lock:
            self._healthy, self._looked = False, True
            say, self._said = opened and not self._said, opened
            wake, self._awaited = not self._awaited, True
        if say:  # one failure alone is the status's to tell: a store at its limit has many
            warn("dedup: Redis fails (%s); ids are remembered in this process only", words)
        if wake:  # to find out when it is back, also where no event asks
            self._wake()

    def _succeed(self, trip: object) -> None:
        self._breaker.told(self._clock.now_s(), trip, failed=False)
        with self._lock:
            self._healthy = self._looked = True
            back, self._said = self._said, False
        if back:
            warn("dedup: Redis is back; ids are remembered across processes again")


class _Vanished:
    """Somebody had the claim, and then nobody."""


_VANISHED = _Vanished()


def _read(set_reply: Any, get_reply: Any, holder: str) -> Any:
    """True: ours. False: another's. None: unreadable. `_VANISHED`: nobody's any more."""
    if set_reply is not None:
        return True
    if _is_error(get_reply):
        return None
    if get_reply is None:
        return _VANISHED
    return get_reply == holder.encode()


def _is_error(reply: Any) -> bool:
    return isinstance(reply, Exception)


def _refuses(reply: Any) -> bool:
    """READONLY, OOM, NOPERM and the like say that all will be refused; one key's type doesn't."""
    return _is_error(reply) and not str(reply).startswith("WRONGTYPE")
