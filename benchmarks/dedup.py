"""What finding repeats costs: memory and Redis, per event, at batches of 1, 16 and 256.

Microseconds per event of one claim() of a whole batch: new ids, and ids that this process
has seen. Median of many batches; subjects take turns. Redis is a real one on loopback, so
its part is the processor's, not a network's: add a round trip per batch, never per event.
Not measured: releases, TLS, what the rest of the tree does.
"""

from __future__ import annotations

import itertools
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import tenacity

from supervisors import SystemClock
from telemetry_actors.ports import Claim, DedupStore
from telemetry_actors.settings import DedupSettings
from telemetry_actors.stores import MemoryDedupStore
from telemetry_actors.stores.redis_dedup import RedisDedupStore

__all__ = ["COLUMNS", "HEADER", "redis_server", "run", "running_redis"]

HEADER = (__doc__ or "").partition("\n\n")[2].partition("\n\n")[0]
COLUMNS = ("store", "batch", "new_us", "seen_us", "batch_p99_us", "batches")


def redis_server() -> str | None:
    """The ``redis-server`` on the PATH, else the one beside this Python (of the dev extra)."""
    here = str(Path(sys.executable).parent)
    return shutil.which("redis-server") or shutil.which("redis-server", path=here)


def run(batches: Sequence[int], events: int, server: str | None = None) -> list[dict[str, Any]]:
    """Measure each store at each size of batch.

    Args:
        batches: events in one claim.
        events: new ids for each store and size.
        server: path of a ``redis-server``; see `redis_server`. Without one only memory is
            measured.
    """
    server = server or redis_server()
    rows = []
    with running_redis(server) as url:
        for size in batches:
            stores = _stores(url)
            times: dict[str, list[list[int]]] = {name: [[], []] for name in stores}
            for keys in _batches(size, events):
                for name, store in stores.items():
                    times[name][0].append(_timed(store, keys))
                    times[name][1].append(_timed(store, [(t, e, 0) for t, e, _ in keys]))
            rows += [_row(name, size, *found) for name, found in times.items()]
            for store in stores.values():
                store.close(1.0)
    return rows


def _stores(url: str | None) -> dict[str, DedupStore]:
    clock, settings = SystemClock(), DedupSettings(timeout_s=5.0)
    memory, before_redis = (MemoryDedupStore(3600, 1_000_000, clock) for _ in range(2))
    stores: dict[str, DedupStore] = {"memory": memory}
    if url is not None:
        stores["redis"] = RedisDedupStore.at(
            url, before_redis, settings, clock, lambda: None, "here"
        )
        stores["redis"].settle()  # it connects
    return stores


_NUMBERS = itertools.count(1)


def _batches(size: int, events: int) -> Iterator[list[Claim]]:
    for _ in range(max(20, events // size)):
        numbers = list(itertools.islice(_NUMBERS, size))
        yield [(f"tenant-{n % 50}", f"0b5e1c1e-0000-4000-8000-{n:012x}", n) for n in numbers]


def _timed(store: DedupStore, keys: list[Any]) -> int:
    began = perf_counter_ns()
    store.claim(keys)
    return perf_counter_ns() - began


def _row(name: str, size: int, new: list[int], seen: list[int]) -> dict[str, Any]:
    return {
        "store": name,
        "batch": size,
        "new_us": round(statistics.median(new) / size / 1000, 2),
        "seen_us": round(statistics.median(seen) / size / 1000, 2),
        "batch_p99_us": round(statistics.quantiles(new, n=100)[98] / 1000, 1),
        "batches": len(new),
    }


@contextmanager
def running_redis(server: str | None) -> Iterator[str | None]:
    """A Redis on a free port of loopback, or none."""
    if server is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        command = [
            server,
            "--bind",
            "127.0.0.1",
            "--port",
            str(port),
            "--save",
            "",
            "--dir",
            folder,
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _until_it_listens(port)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@tenacity.retry(wait=tenacity.wait_fixed(0.02), stop=tenacity.stop_after_delay(10))
def _until_it_listens(port: int) -> None:
    socket.create_connection(("127.0.0.1", port)).close()
