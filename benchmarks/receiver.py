"""An OTLP/HTTP receiver that answers 200 and looks at nothing, until it is asked what has come.

A process of its own, so that its cost is no contestant's. It keeps the bodies of requests as they
came; decoding them (`benchmarks.wire`) is the business of whoever asks, after the run. One that
keeps nothing counts requests and bytes.

``python -m benchmarks.receiver`` prints its port and serves until its stdin ends.
"""

from __future__ import annotations

import http.client
import json
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgpack

from benchmarks.wire import Request, counted

__all__ = ["Receiver", "running_receiver"]

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n"
_EMPTY = _HEAD % 0
_MOST_BYTES = 2**30  # of bodies that are kept; a scenario sends less


class Receiver(NamedTuple):
    """A running one, from outside."""

    port: int

    @property
    def endpoint(self) -> str:
        """Base URL of OTLP/HTTP."""
        return f"http://127.0.0.1:{self.port}"

    def take(self) -> list[Request]:
        """All requests so far that it has kept; it forgets them."""
        return [Request(*one) for one in msgpack.unpackb(self._ask("/_take"))]

    def counts(self) -> dict[str, int]:
        """Log records, spans, requests and bytes so far; records only of what it has kept."""
        found: dict[str, int] = json.loads(self._ask("/_counts"))
        return found

    def _ask(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()


@contextmanager
def running_receiver(*, keep: bool = True) -> Iterator[Receiver]:
    """One that runs for the length of the block.

    Args:
        keep: the bodies of requests.
    """
    command = [sys.executable, "-m", "benchmarks.receiver", *([] if keep else ["--drop"])]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield Receiver(int(process.stdout.readline()))
        finally:
            process.terminate()


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        while (request := self._read_request()) is not None:
            path, body = request
            if path.startswith("/_"):
                answer = self.server.answer_to(path)
                self.wfile.write(_HEAD % len(answer) + answer)
            else:
                self.server.note(path, body)
                self.wfile.write(_EMPTY)

    def _read_request(self) -> tuple[str, bytes] | None:
        line = self.rfile.readline(65_536)
        if not line:
            return None
        path, length = line.split(b" ", 2)[1].decode(), 0
        while line not in (b"\r\n", b"\n", b""):
            line = self.rfile.readline(65_536)
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = self.rfile.read(length)
        return (path, body) if len(body) == length else None


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, *, keep: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._keep = keep
        self._lock = threading.Lock()
        self._kept: list[tuple[str, bytes]] = []
        self._looked_at = 0
        self._counts = {"logs": 0, "spans": 0, "requests": 0, "bytes": 0}

    def note(self, path: str, body: bytes) -> None:
        with self._lock:
            self._counts["requests"] += 1
            self._counts["bytes"] += len(body)
            if self._keep and self._counts["bytes"] < _MOST_BYTES:
                self._kept.append((path, body))

    def answer_to(self, path: str) -> bytes:
        with self._lock:
            if path == "/_take":
                taken, self._kept, self._looked_at = self._kept, [], 0
                packed: bytes = msgpack.packb(taken)
                return packed
            return json.dumps(self._up_to_date()).encode()

    def _up_to_date(self) -> dict[str, Any]:
        new, self._looked_at = self._kept[self._looked_at :], len(self._kept)
        for kind, count in counted([Request(*one) for one in new]).items():
            self._counts[kind] += count
        return self._counts


def main() -> None:
    """Serve until stdin ends (whoever started this is gone) or a signal comes."""
    with _Server(keep="--drop" not in sys.argv) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
