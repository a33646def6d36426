"""What else may go wrong in a storm: Redis, the disk, forks, finalisers, a host that raises.

Each part is told when a life begins, strikes when it is asked to, and heals before the
end. A storm is given some of them by its seed (`tempest.py`). What a part may cost is in *excuses*.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from random import Random
from typing import Any, NamedTuple

import redis as redis_py

from telemetry_actors import TelemetryGateway
from telemetry_actors.stores.journal import _acks, _journal, _live, _writer
from tests.servers.proxy import Proxy
from tests.servers.redis import Redis

__all__ = ["PARTS", "Child", "Disk", "Part", "Peer", "until"]

APP = {"app_id": "a1", "mode": "chat"}
TENANT = {"tenant_id": "t"}
_FROZEN_S = 1.0
_CHILD_S = 15.0
_ERRORS = (ValueError, KeyError, RecursionError, MemoryError, OSError)


def until(holds: Callable[[], Any], within_s: float) -> bool:
    """Poll; False: it was not so in time."""
    deadline_s, pause = time.monotonic() + within_s, threading.Event()
    while not holds():
        if time.monotonic() > deadline_s:
            return False
        pause.wait(0.005)
    return True


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

    def __enter__(self) -> RedisFails:
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


class Disk:
    """`os`, as the journal sees it, with writes that fail, are short, or stand still."""

    def __init__(self, rng: Random) -> None:
        self.mood = "well"
        self._rng, self._thaw = rng, threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def write(self, fd: int, data: bytes) -> int:
        """As the kernel would, on such a disk."""
        mood = self.mood
        if mood == "frozen":
            return self._frozen(fd, data)
        if mood == "full" and self._rng.random() < 0.5:
            if self._rng.random() < 0.5 and len(data) > 1:
                return os.write(fd, memoryview(data)[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.write(fd, data)

    def fsync(self, fd: int) -> None:
        """Fails as writes do."""
        if self.mood == "full" and self._rng.random() < 0.5:
            raise OSError(errno.ENOSPC, "No space left on device")
        os.fsync(fd)

    def _frozen(self, fd: int, data: bytes) -> int:
        """A write that waits in the kernel has its file, whoever closes it meanwhile."""
        held = os.dup(fd)
        try:
            self._thaw.wait(_FROZEN_S)
            return os.write(held, data)
        finally:
            os.close(held)

    def become(self, mood: str) -> None:
        """``well``, ``full`` or ``frozen``."""
        self._thaw.set()
        self._thaw = threading.Event()
        self.mood = mood


class DiskFails(Part):
    """A journal on a disk that is full, or stands still, now and then."""

    excuses = frozenset({"shutdown"})  # what a stop finds that is in no journal

    def __enter__(self) -> DiskFails:
        self.disk = Disk(self.rng)
        for module in (_writer, _acks, _live):
            self._put(module, "os", self.disk)
        self._put(_journal, "_FIRST_RETRY_S", 0.02)
        self._put(_journal, "_LAST_RETRY_S", 0.1)
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

    def __enter__(self) -> Forks:
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

            if not until(is_over, _CHILD_S):
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

    def __enter__(self) -> Finalisers:
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

    def __enter__(self) -> HostRaises:
        for name in ("telemetry_actors", "supervisors"):
            logger, one = logging.getLogger(name), _Filter(self.rng)
            logger.addFilter(one)
            self._undo.callback(logger.removeFilter, one)
        return self

    def begin(self, gateway: TelemetryGateway) -> None:
        """Providers, on each life."""
        gateway.register_trace_provider(_Manager(self.rng))
        gateway.register_trace_provider(_raising(self.rng))

    @property
    def manager(self) -> Any:
        """For an event."""
        return self.rng.choice([_Manager(self.rng), _raising(self.rng), _Hollow(), object()])

    @property
    def value(self) -> Any:
        """For a payload."""
        return _Hollow()


class _Filter(logging.Filter):
    def __init__(self, rng: Random) -> None:
        super().__init__()
        self._rng = rng

    def filter(self, record: logging.LogRecord) -> bool:
        raise self._rng.choice(_ERRORS)("a filter")


def _raising(rng: Random) -> Callable[..., None]:
    def provider(*_args: Any) -> None:
        raise rng.choice((*_ERRORS, SystemExit, KeyboardInterrupt))("a provider")

    return provider


class _Manager:
    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def add_trace_task(self, *_args: Any) -> None:
        raise self._rng.choice((*_ERRORS, SystemExit))("a manager")


class _Hollow:
    """Raises, whatever is asked of it."""

    def _raise(self, *_args: Any) -> Any:
        raise ValueError("hollow")

    __repr__ = __str__ = __len__ = __iter__ = __bool__ = __eq__ = __getattr__ = _raise
    __hash__ = _raise  # type: ignore[assignment]


PARTS: dict[str, type[Part]] = {
    "redis": RedisFails,
    "disk": DiskFails,
    "forks": Forks,
    "finalisers": Finalisers,
    "host": HostRaises,
}


@contextmanager
def nothing_raised(wrongs: list[str]) -> Any:
    """What nobody catches in a thread or a finaliser is a wrong."""

    def in_a_thread(args: threading.ExceptHookArgs) -> None:
        wrongs.append(f"raised in {args.thread}: {args.exc_type.__name__}: {args.exc_value}")

    def unraisable(args: Any) -> None:
        wrongs.append(f"raised in {args.object!r:.80}: {args.exc_value!r}")

    import sys

    before = threading.excepthook, sys.unraisablehook
    threading.excepthook, sys.unraisablehook = in_a_thread, unraisable
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = before
