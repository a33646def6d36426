"""An OTLP/HTTP server that counts what is distinct: the program behind `receiver`.

Not a collector: it keeps ids, not records. Loopback only. It ends when its standard
input does, and so with whoever started it.

Run as a file, it imports nothing of the package, and is up in a tenth of a second.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

MAX_REQUEST_BYTES = 64 * 1024 * 1024
_UID = "log.record.uid"
_HOST = "127.0.0.1"


class Counts:
    """What has been received. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._logs: set[str] = set()
        self._spans: set[bytes] = set()
        self._points: dict[tuple[str, bytes], object] = {}
        self._by_event: Counter[str] = Counter()
        self._repeated_logs = 0
        self._repeated_spans = 0
        self._requests = 0

    def logs(self, body: bytes) -> None:
        """Count the records of an ``ExportLogsServiceRequest``.

        Raises:
            DecodeError: it is none.
        """
        request = ExportLogsServiceRequest.FromString(body)
        records = [
            r for rl in request.resource_logs for sl in rl.scope_logs for r in sl.log_records
        ]
        uids = _uids(records)
        with self._lock:
            self._requests += 1
            for uid, record in zip(uids, records, strict=True):
                if uid in self._logs:
                    self._repeated_logs += 1
                else:
                    self._logs.add(uid)
                    self._by_event[record.event_name] += 1

    def traces(self, body: bytes) -> None:
        """Count the spans of an ``ExportTraceServiceRequest``.

        Raises:
            DecodeError: it is none.
        """
        request = ExportTraceServiceRequest.FromString(body)
        spans = [s for rs in request.resource_spans for ss in rs.scope_spans for s in ss.spans]
        ids = [span.trace_id + span.span_id for span in spans]
        with self._lock:
            before = len(self._spans)
            self._spans.update(ids)
            self._repeated_spans += len(ids) - (len(self._spans) - before)
            self._requests += 1

    def metrics(self, body: bytes) -> None:
        """Keep the latest value of each series of an ``ExportMetricsServiceRequest``.

        Raises:
            DecodeError: it is none.
        """
        request = ExportMetricsServiceRequest.FromString(body)
        every = [
            m for rm in request.resource_metrics for sm in rm.scope_metrics for m in sm.metrics
        ]
        latest = dict(item for metric in every for item in _latest(metric))
        with self._lock:
            self._points |= latest
            self._requests += 1

    def stats(self) -> dict[str, Any]:
        """The counts, as ``GET /stats`` gives them."""
        with self._lock:
            return {
                "logs": len(self._logs),
                "spans": len(self._spans),
                "points": len(self._points),
                "repeated_logs": self._repeated_logs,
                "repeated_spans": self._repeated_spans,
                "requests": self._requests,
                "by_event": dict(sorted(self._by_event.items())),
            }


def _uids(records: Iterable[Any]) -> list[str]:
    """Each record's id. It stands at the same place in most, which saves looking for it."""
    uids = []
    place = 0
    for record in records:
        attributes = record.attributes
        if place >= len(attributes) or attributes[place].key != _UID:
            place = next((i for i, pair in enumerate(attributes) if pair.key == _UID), 0)
        found = bool(attributes) and attributes[place].key == _UID
        # Without an id a record can't repeat another; its place in memory won't do as one.
        uids.append(attributes[place].value.string_value if found else os.urandom(16).hex())
    return uids


def _latest(metric: Any) -> Iterable[tuple[tuple[str, bytes], float]]:
    if metric.HasField("histogram"):
        for point in metric.histogram.data_points:
            yield (metric.name, _labels(point)), point.count
    else:
        for point in metric.sum.data_points:
            yield (metric.name, _labels(point)), point.as_int or point.as_double


def _labels(point: Any) -> bytes:
    return b"".join(sorted(pair.SerializeToString() for pair in point.attributes))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive
    disable_nagle_algorithm = True
    timeout = 60.0  # seconds for a client that has connected and says nothing
    server: _Server

    def do_POST(self) -> None:
        count = self.server.routes.get(self.path)
        body = self._body()
        if body is None:
            return
        if count is None:
            self._answer(404)
            return
        try:
            count(body)
        except DecodeError:
            self._answer(400)
        else:
            self._answer(200, content_type="application/x-protobuf")

    def do_GET(self) -> None:
        if self.path != "/stats":
            self._answer(404)
            return
        self._answer(200, json.dumps(self.server.counts.stats()).encode(), "application/json")

    def log_message(self, *_: object) -> None:
        """Nothing: standard error is the demo's."""

    def _body(self) -> bytes | None:
        """The request's body, unpacked; None: it has been refused."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_REQUEST_BYTES:
            self.close_connection = True  # what follows isn't read
            self._answer(413 if length.isdigit() else 411)
            return None
        body = self.rfile.read(int(length))
        if self.headers.get("Content-Encoding", "identity") != "gzip":
            return body
        try:
            with gzip.open(BytesIO(body)) as packed:
                body = packed.read(MAX_REQUEST_BYTES + 1)
        except (OSError, EOFError):
            self._answer(400)
            return None
        if len(body) > MAX_REQUEST_BYTES:
            self._answer(413)
            return None
        return body

    def _answer(self, status: int, body: bytes = b"", content_type: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int) -> None:
        super().__init__((_HOST, port), _Handler)
        self.counts = Counts()
        self.routes: dict[str, Callable[[bytes], None]] = {
            "/v1/logs": self.counts.logs,
            "/v1/traces": self.counts.traces,
            "/v1/metrics": self.counts.metrics,
        }

    def server_bind(self) -> None:
        # Not HTTPServer's: that one looks up its own name, which may take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = _HOST, self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone away is no news."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description="Count what arrives over OTLP/HTTP.")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one")
    server = _Server(parser.parse_args(arguments).port)
    threading.Thread(target=server.serve_forever, name="receiver", daemon=True).start()
    sys.stdout.write(json.dumps({"port": server.server_port}) + "\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        sys.stdin.buffer.read()
    # Nothing to tidy up: all threads are daemons, and the system closes the sockets.


if __name__ == "__main__":
    main()
