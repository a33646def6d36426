"""What else may go wrong in a storm: Redis, the disk, forks, finalisers, a host that raises.

Each part is told when a life begins, strikes when it is asked to, and heals before the
end. A storm is given some of them by its seed (`tempest.py`). What a part may cost is in *excuses*.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from random import Random
from typing import Any, NamedTuple, Self

import redis as redis_py

from telemetry_actors import TelemetryGateway
from telemetry_actors.stores.journal import _acks, _disk_health, _live, _writer
from tests.chaos.disk import Disk
from tests.chaos.rude_host import Hollow, RaisingFilter, RaisingManager, raising
from tests.chaos.storm import poll
from tests.servers.proxy import Proxy
from tests.servers.redis import Redis

__all__ = ["PARTS", "Part", "Peer"]

APP = {"app_id": "a1", "mode": "chat"}
TENANT = {"tenant_id": "t"}
_CHILD_S = 15.0


class Peer(NamedTuple):
    """The Redis that the storms of a module share, behind a proxy of ours."""

    redis: Redis
    proxy: Proxy

    @property
    def url(self) -> str:
        """By way of the proxy."""
        return self.redis.url_for("", "", port=self.proxy.port)


class Part(AbstractContextManager["Part"]):
    """Nothing; the others are of this form.

    Args:
        rng: of this part alone, so that another part changes none of its choices.
        emit: emits one event, and keeps its id if it was accepted.
        peer: the Redis.
    """

    excuses: frozenset[str] = frozenset()
    """Reasons that events may be dropped for, any number of them."""

    def __init__(self, rng: Random, emit: Callable[[str], Any], peer: Peer | None) -> None:
        self.rng, self.emit, self.peer = rng, emit, peer
        self.wrongs: list[str] = []
        self._undo = ExitStack()

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def settings(self) -> dict[str, Any]:
        """Of each life."""
        return {}

    def begin(self, gateway: TelemetryGateway) -> None:
        """A life has begun."""

    def strike(self, gateway: TelemetryGateway) -> None:
        """Now."""

    def heal(self) -> None:
        """The last life is to end well."""


class RedisFails(Part):
    """Redis is paused, stopped and started (with all forgotten), a replica, or slow."""

    def settings(self) -> dict[str, Any]:
        """A Redis that is missed for a short time only."""
        assert self.peer is not None
        quick = {"timeout_s": 0.1, "breaker_open_s": 0.05, "breaker_max_s": 0.1}
        lease_s = self.rng.choice([1.0, 60.0])
        return {"redis_url": self.peer.url, "dedup": {**quick, "lease_s": lease_s}}

    def __enter__(self) -> Self:
        self._now = ""
        return self

    def strike(self, gateway: TelemetryGateway) -> None:
        """One fault, until the next strike."""
        self.heal()
        self._now = self.rng.choice(["pause", "stop", "replica", "slow", "", ""])
        assert self.peer is not None
        if self._now == "pause":
            self.peer.redis.pause()
        elif self._now == "stop":
            self.peer.redis.stop()
        elif self._now == "replica":
            self.peer.redis.do("REPLICAOF", "127.0.0.1", "1")
            if self.rng.random() < 0.5:  # as at a failover: everybody is thrown out as well
                self.peer.redis.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        elif self._now == "slow":
            self.peer.proxy.delay_s = 0.15

    def heal(self) -> None:
        """As before; what was claimed is forgotten where it was stopped."""
        was, self._now = self._now, ""
        assert self.peer is not None
        if was == "pause":
            self.peer.redis.go_on()
        elif was == "stop":
            self.peer.redis.start()
        elif was == "replica":
            self.peer.redis.do("REPLICAOF", "NO", "ONE")
        self.peer.proxy.delay_s = 0.0

    def __exit__(self, *_: object) -> None:
        self.heal()
        with suppress(redis_py.RedisError):
            assert self.peer is not None
            self.peer.redis.do("FLUSHALL")


class DiskFails(Part):
    """A journal on a disk that is full, or stands still, now and then."""

    excuses = frozenset({"shutdown"})  # what a stop finds that is in no journal

    def __enter__(self) -> Self:
        self.disk = Disk(self.rng)
        for module in (_writer, _acks, _live):
            self._put(module, "os", self.disk)
        self._put(_disk_health, "_FIRST_RETRY_S", 0.02)
        self._put(_disk_health, "_LAST_RETRY_S", 0.1)
        return self

    def _put(self, module: Any, name: str, value: Any) -> None:
        self._undo.callback(setattr, module, name, getattr(module, name))
        setattr(module, name, value)

    def settings(self) -> dict[str, Any]:
        """Each way to sync, and many segments."""
        fsync = self.rng.choice(["never", "interval", "always"])
        return {"journal": {"fsync": fsync, "segment_bytes": self.rng.choice([20_000, 8_000_000])}}

    def strike(self, gateway: TelemetryGateway) -> None:
        """Another mood."""
        self.disk.become(self.rng.choice(["well", "well", "full", "frozen"]))

    def heal(self) -> None:
        """There is room again."""
        self.disk.become("well")


class Child(NamedTuple):
    """A forked process, and what it is to be called in a report."""

    pid: int
    name: str


class Forks(Part):
    """Children that emit one event, flush, and leave by `os._exit`."""

    MOST = 2

    def __enter__(self) -> Self:
        self._children: list[Child] = []
        return self

    def strike(self, gateway: TelemetryGateway) -> None:
        """One more child, of the gateway as it is."""
        if len(self._children) >= self.MOST or self.rng.random() < 0.5:
            return
        name = f"child-{len(self._children)}-{self.rng.random()}"
        pid = os.fork()
        if pid == 0:
            code = 99
            try:
                code = _as_a_child(gateway, name)
            finally:
                os._exit(code)
        self._children.append(Child(pid, name))

    def __exit__(self, *_: object) -> None:
        """All of them, also where the storm has failed."""
        self.reap()

    def reap(self) -> None:
        """Wait for them; what they say is in *wrongs*."""
        children, self._children = self._children, []
        for child in children:
            ended: list[tuple[int, int]] = []

            def is_over(child: Child = child, ended: list[tuple[int, int]] = ended) -> int:
                ended.append(os.waitpid(child.pid, os.WNOHANG))
                return ended[-1][0]

            if not poll(is_over, _CHILD_S):
                os.kill(child.pid, signal.SIGKILL)
                os.waitpid(child.pid, 0)
                self.wrongs.append(f"{child.name} hung")
            elif code := os.waitstatus_to_exitcode(ended[-1][1]):
                self.wrongs.append(f"{child.name}: {_CODES.get(code, code)}")

    def heal(self) -> None:
        """None is left."""
        self.reap()


_CODES = {
    2: "its event was refused",
    3: "its flush was not in time",
    4: "its books don't balance",
    5: "its event was not exported",
    99: "something was raised into it",
}


def _as_a_child(gateway: TelemetryGateway, name: str) -> int:
    """Its exit code. It has one thread, and what others held is held for ever."""
    for module in (_writer, _acks, _live):
        if isinstance(module.os, Disk):
            module.os.mood = "well"
    for sink in gateway._sinks or ():
        sink.calm = True  # type: ignore[attr-defined]
    if gateway.is_stopped():
        return 0
    if not gateway.emit("app_created", TENANT, APP, event_id=name):
        return 2
    if not gateway.flush(10.0):
        return 3
    ledger = gateway.ledger()
    if not ledger.balanced():
        return 4
    return 0 if ledger.by_case["app_created"].exported >= 1 else 5


class Finalisers(Part):
    """Garbage that emits when it is collected, by whoever is at work at that moment."""

    def __enter__(self) -> Self:
        self._made = 0
        before = gc.get_threshold()
        self._undo.callback(gc.set_threshold, *before)
        gc.set_threshold(200)
        return self

    def strike(self, gateway: TelemetryGateway) -> None:
        """Make some; it goes when it goes."""
        for _ in range(self.rng.randrange(20)):
            self._made += 1
            _Garbage(self.emit, f"garbage-{self._made}")
        if self.rng.random() < 0.3:
            gc.collect()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.emit = lambda _name: None
        gc.collect()

    def heal(self) -> None:
        """All of it goes now."""
        gc.collect()


class _Garbage:
    """In a circle, so that only the collector finds it."""

    def __init__(self, emit: Callable[[str], Any], name: str) -> None:
        self._emit, self._name = emit, name
        self._circle = self

    def __del__(self) -> None:
        self._emit(self._name)


class HostRaises(Part):
    """Every callback of the host raises: filters, providers, managers, and what they are shown."""

    def __enter__(self) -> Self:
        for name in ("telemetry_actors", "supervisors"):
            logger, one = logging.getLogger(name), RaisingFilter(self.rng)
            logger.addFilter(one)
            self._undo.callback(logger.removeFilter, one)
        return self

    def begin(self, gateway: TelemetryGateway) -> None:
        """Providers, on each life."""
        gateway.register_trace_provider(RaisingManager(self.rng))
        gateway.register_trace_provider(raising(self.rng))

    @property
    def manager(self) -> Any:
        """For an event."""
        return self.rng.choice([RaisingManager(self.rng), raising(self.rng), Hollow(), object()])

    @property
    def value(self) -> Any:
        """For a payload."""
        return Hollow()


PARTS: dict[str, type[Part]] = {
    "redis": RedisFails,
    "disk": DiskFails,
    "forks": Forks,
    "finalisers": Finalisers,
    "host": HostRaises,
}
