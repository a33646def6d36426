"""A real Celery worker, as a child process with a session of its own.

with Worker(tmp_path, redis.url, tap.endpoint, pool="prefork") as worker:
    ...
    worker.kill()     # SIGKILL to all of its processes at once
worker.books()        # the ledgers of its processes, once it has ended gently
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

__all__ = ["Worker"]

_STOP_S = 20.0


class Worker:
    """Takes tasks from when it is up; the queue keeps them until then."""

    def __init__(
        self,
        folder: Path,
        broker_url: str,
        otlp: str,
        *,
        pool: str,
        processes: int = 1,
        visibility_s: int = 60,
        dedup_url: str = "",
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.output_path = folder / "worker.out"
        self._folder = folder
        self._command = [
            *(sys.executable, "-m", "celery", "-A", "tests.servers.worker_app", "worker"),
            *("-P", pool, "-c", str(processes), "-Q", "enterprise_telemetry"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "INFO"),
        ]
        self._environment = {
            **os.environ,
            "FLEET_BROKER": broker_url,
            "FLEET_FOLDER": str(folder),
            "FLEET_OTLP": otlp,
            "FLEET_VISIBILITY_S": str(visibility_s),
            "TELEMETRY_ACTORS__REDIS_URL": dedup_url,
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.output_path.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """A warm shutdown: what is in hand is finished."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        os.killpg(process.pid, signal.SIGCONT)  # a test may have failed while it stood still
        try:
            process.wait(_STOP_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def kill(self) -> None:
        """As the kernel does when memory is short: all of it, in the middle of whatever it does."""
        process, self._process = self._process, None
        assert process is not None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def freeze(self) -> None:
        """All of its processes are to stand still, wherever they are."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)

    def stands_still(self) -> bool:
        """All of them do."""
        assert self._process is not None
        return set(_states(self._process.pid)) <= {"T", "Z"}

    def thaw(self) -> None:
        """They go on."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGCONT)

    def books(self) -> list[dict[str, Any]]:
        """The ledgers of all processes that ended gently."""
        return [json.loads(file.read_text()) for file in self._folder.glob("*.json")]

    def accepted(self) -> Counter[str]:
        """Of all processes, by case."""
        total: Counter[str] = Counter()
        for book in self.books():
            total.update({case: line["accepted"] for case, line in book["by_case"].items()})
        return total


def _states(group: int) -> Iterator[str]:
    """Of all processes of the group, as the kernel calls them: R, S, T (stopped) ..."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            state, _parent, its_group = file.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group:
                yield state
