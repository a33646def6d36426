"""The receiver of ``make demo``: a process that counts what arrives over OTLP/HTTP.

A process of its own, so that it takes no processor time from the pipeline's interpreter;
it ends with whoever started it. What it counts, and how: `_receiver_server`.

    python -m telemetry_actors.demo.receiver --port 0

prints one line of JSON, ``{"port": ...}``, then serves until its standard input ends.
``GET /stats`` says what has come.
"""

from __future__ import annotations

import http.client
import json
import selectors
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

_SERVER = Path(__file__).with_name("_receiver_server.py")
_HOST = "127.0.0.1"


class ReceiverProcess:
    """A running receiver, as a context manager.

    Args:
        start_timeout_s: seconds for the process to come up.
        port: on loopback; 0 takes a free one.
    """

    def __init__(self, *, start_timeout_s: float = 30.0, port: int = 0) -> None:
        self._start_timeout_s = start_timeout_s
        self._wanted_port = port
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        """Where it listens; 0 until it is started."""

    def __repr__(self) -> str:
        return f"<ReceiverProcess {self.endpoint}>"

    @property
    def endpoint(self) -> str:
        """Base URL for an `OtlpSink`."""
        return f"http://{_HOST}:{self.port}"

    def start(self) -> None:
        """Start the process and return once it listens.

        Raises:
            RuntimeError: it has ended, or was not up in time.
        """
        self._process = process = subprocess.Popen(  # noqa: S603 -- our own file
            # By its path and with -P: no import of the package, and none from this folder.
            [sys.executable, "-P", str(_SERVER), "--port", str(self._wanted_port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the demo, which then still drains into us
        )
        try:
            self.port = json.loads(_line(process.stdout, self._start_timeout_s))["port"]
        except ValueError:
            self.close()
            raise RuntimeError("the receiver did not start") from None

    def stats(self, timeout_s: float = 10.0) -> dict[str, Any]:
        """What has been received: ``logs``, ``spans``, ``points`` (distinct), ``by_event`` ...

        Raises:
            OSError: it doesn't answer.
        """
        connection = http.client.HTTPConnection(_HOST, self.port, timeout=timeout_s)
        try:
            connection.request("GET", "/stats")
            stats: dict[str, object] = json.load(connection.getresponse())
            return stats
        finally:
            connection.close()

    def close(self, timeout_s: float = 5.0) -> None:
        """End the process; its counts are gone. A second call does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        with process:  # closes both pipes, and the server ends with its input
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _line(stream: IO[bytes] | None, timeout_s: float) -> bytes:
    """The first line of *stream*, or ``b""`` when it ends or *timeout_s* is over before."""
    if stream is None:
        return b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        return stream.readline() if selector.select(timeout_s) else b""


if __name__ == "__main__":
    from telemetry_actors.demo._receiver_server import main

    main()
