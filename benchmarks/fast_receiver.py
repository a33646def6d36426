"""An OTLP/HTTP receiver that reads a request, answers 200, and looks at nothing.

Runs as a process of its own, so that its cost is not the producer's:
``python -m benchmarks.fast_receiver`` prints its port and serves until its stdin ends.
"""

from __future__ import annotations

import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["running_fast_receiver"]

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while self._read_request():
            self.wfile.write(_ANSWER)

    def _read_request(self) -> bool:
        length = 0
        line = self.rfile.readline(65_536)
        if not line:
            return False
        while line not in (b"\r\n", b"\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            line = self.rfile.readline(65_536)
        while length > 0:
            piece = self.rfile.read(min(length, 1 << 20))
            if not piece:
                return False
            length -= len(piece)
        return True


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def running_fast_receiver() -> Iterator[str]:
    """The base URL of a fast receiver that runs for the length of the block."""
    command = [sys.executable, "-m", "benchmarks.fast_receiver"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def main() -> None:
    """Serve until stdin ends (whoever started this is gone) or a signal comes."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
