"""An OTLP/HTTP receiver that looks at the key before it takes anything.

with KeyedReceiver("Bearer old") as receiver:
    ...
    receiver.wanted = "Bearer new"  # from now on 401 for the old one
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

__all__ = ["KeyedReceiver", "uids_of"]


def uids_of(body: bytes) -> list[str]:
    """The ``log.record.uid`` of each record in a request for logs."""
    request = ExportLogsServiceRequest.FromString(body)
    return [
        attribute.value.string_value
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
        for attribute in record.attributes
        if attribute.key == "log.record.uid"
    ]


class KeyedReceiver:
    """A running server, as a context manager; *wanted* is what ``authorization`` has to be."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.requests: list[tuple[str, str, bool]] = []
        """Path, authorization, and whether it was taken."""
        self.uids: list[str] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver._take(self.path, self.headers.get("authorization", ""), body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, path: str, key: str, body: bytes) -> int:
        with self._lock:
            taken = key == self.wanted
            self.requests.append((path, key, taken))
            if taken and path == "/v1/logs":
                self.uids += uids_of(body)
        return 200 if taken else 401
