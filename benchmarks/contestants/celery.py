"""Celery as a platform uses it: ``.delay()`` of each event, a real Redis, a worker that exports.

The worker (`_celery_worker.py`) has Celery's default pool, a process for each core, and makes the
signals with the OpenTelemetry SDK. Redis is on loopback: add the network's round trip to a call.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import Any

import redis

from benchmarks.contestants.base import FLUSH_S, Event
from benchmarks.dedup import running_redis
from benchmarks.workloads import Workload
from tests.servers.redis import redis_server

_QUEUE = "celery"
_LOOK_S = 0.02
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class _Celery:
    def __init__(self, task: Any, broker: Any, worker: subprocess.Popen[bytes]) -> None:
        self._delay = task.delay
        self._broker = broker
        self._worker = worker
        self._pause = threading.Event()
        self._handed = 0
        self._began = perf_counter(), 0.0
        self._figures: dict[str, float] = {}

    def emit(self, event: Event) -> object:
        self._handed += 1
        return self._delay(
            event.case, event.context, event.payload, event.event_id, event.place, event.round
        )

    def in_flight(self, handed: int) -> int:
        return int(self._broker.llen(_QUEUE))

    def settle(self) -> None:
        self._until_taken()
        self._handed = 0
        self._began = perf_counter(), _cpu_s(self._worker.pid)

    def flush(self) -> None:
        self._until_taken()
        if self._worker.poll() is None:
            began, cpu = self._began
            self._figures = {
                "events_per_s": self._handed / (perf_counter() - began),
                "worker_cpu_us": (_cpu_s(self._worker.pid) - cpu) * 1e6 / self._handed,
            }
            self._worker.terminate()  # what its processes have in hand is done, and exported
            self._worker.wait(FLUSH_S)

    def _until_taken(self) -> None:
        until = perf_counter() + FLUSH_S
        while self.in_flight(0) or self._broker.hlen("unacked"):
            assert self._worker.poll() is None, "the worker has ended"
            assert perf_counter() < until, "not flushed"
            self._pause.wait(_LOOK_S)

    def figures(self) -> dict[str, float]:
        """Until the last task was taken; the end of a worker is a second by itself."""
        return self._figures


def _cpu_s(group: int) -> float:
    """Of the worker and its pool."""
    total = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            found = file.read_text().rpartition(")")[2].split()
            if int(found[2]) == group:
                total += int(found[11]) + int(found[12])
    return total / _TICKS_PER_S


@contextmanager
def running(endpoint: str, workload: Workload, options: Mapping[str, Any]) -> Iterator[_Celery]:
    """A Redis, a worker, and this process's application."""
    with tempfile.TemporaryDirectory() as folder, running_redis(redis_server()) as url:
        environment = {
            **os.environ,
            "BENCHMARKS_BROKER": str(url),
            "BENCHMARKS_ENDPOINT": endpoint,
            "BENCHMARKS_WORKLOAD": workload.name,
            "BENCHMARKS_PLANS": options["plans_file"],
        }
        os.environ.update(environment)
        from benchmarks.contestants import _celery_worker

        command = [sys.executable, "-m", "celery", "-A", _celery_worker.__name__, "worker"]
        with (
            (Path(folder) / "worker.out").open("ab") as output,
            redis.Redis.from_url(str(url)) as broker,
            subprocess.Popen(
                command, env=environment, stdout=output, stderr=output, start_new_session=True
            ) as worker,
        ):
            try:
                yield _Celery(_celery_worker.task, broker, worker)
            finally:
                if worker.poll() is None:
                    os.killpg(worker.pid, signal.SIGKILL)
