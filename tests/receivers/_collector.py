"""Third-party receivers as child processes, with their output in a file.

They are judges: what they print is read, and nothing of ours runs in them.
"""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import tenacity

__all__ = ["Collector", "SeenLog", "SeenSpan"]

_START_S = 30.0
_STOP_S = 15.0
_POLL_S = 0.02


class SeenSpan(NamedTuple):
    """Where a span stands in its trace; ids in hexadecimal, "" = none."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str


class SeenLog(NamedTuple):
    """Whose log it is."""

    event_name: str
    trace_id: str
    span_id: str


class _EndedEarlyError(Exception):
    """The process has ended before it listened: most likely somebody took its port."""


class Collector:
    """A running receiver, as a context manager. Subclasses know its command and its output.

    Args:
        folder: where its output goes, such as ``tmp_path``.
        ports: to listen on, as of an earlier one that has stopped; free ones by default.
    """

    name = "collector"
    ports_count = 1

    def __init__(self, folder: Path, ports: list[int] | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self._wanted = ports
        self.output_path = folder / f"{self.name}.out"
        self.ports: list[int] = []
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Base URL of OTLP/HTTP."""
        return f"http://127.0.0.1:{self.ports[0]}"

    def command(self, ports: list[int]) -> list[str]:
        """What to run; the first port is OTLP/HTTP's."""
        raise NotImplementedError

    def environment(self, ports: list[int]) -> dict[str, str]:
        """Variables of its own."""
        return {}

    def received(self) -> Any:
        """What has been received so far, from the output."""
        raise NotImplementedError

    def start(self) -> None:
        """Return once it accepts connections; other ports are tried where one was taken."""
        for attempt in tenacity.Retrying(
            stop=tenacity.stop_after_attempt(5),
            retry=tenacity.retry_if_exception_type(_EndedEarlyError),
            reraise=True,
        ):
            with attempt:
                self._start_once()

    def stop(self) -> None:
        """End it gently, so that it writes out what it has. What was received stays readable."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def output(self) -> bytes:
        """All that it has printed."""
        return self.output_path.read_bytes()

    def wait_until(self, condition: Any, *, within_s: float = 30.0) -> Any:
        """What has been received, once *condition* of it holds; fails after *within_s* seconds."""
        return tenacity.Retrying(
            stop=tenacity.stop_after_delay(within_s),
            wait=tenacity.wait_exponential(multiplier=_POLL_S, max=0.5),
            retry=tenacity.retry_if_not_result(condition),
            retry_error_callback=self._too_late,
        )(self.received)

    def __enter__(self) -> Any:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start_once(self) -> None:
        self.ports = self._wanted or _free_ports(self.ports_count)
        with self.output_path.open("wb") as output:
            self._process = subprocess.Popen(
                self.command(self.ports),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_clean_environment() | self.environment(self.ports),
            )
        try:
            for port in self.ports:
                self._until_it_listens(port)
        except BaseException:
            self.stop()
            raise

    @tenacity.retry(
        stop=tenacity.stop_after_delay(_START_S),
        wait=tenacity.wait_fixed(_POLL_S),
        retry=tenacity.retry_if_exception_type(OSError),
        reraise=True,
    )
    def _until_it_listens(self, port: int) -> None:
        assert self._process is not None
        if self._process.poll() is not None:
            raise _EndedEarlyError(self.output()[-500:])
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()

    def _too_late(self, state: tenacity.RetryCallState) -> None:
        raise AssertionError(f"{self.name} has only got {self.received()}")


def _clean_environment() -> dict[str, str]:
    """A developer's own settings of a receiver never reach it."""
    foreign = ("OTEL_", "ROTEL_", "PHOENIX_")
    return {k: v for k, v in os.environ.items() if not k.startswith(foreign)}


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on just now; all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(socket.socket())) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
