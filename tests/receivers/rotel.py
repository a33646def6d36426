"""The rotel collector (Streamfold, Rust, from PyPI) as a judge of what arrives.

    with Rotel(tmp_path) as rotel:
        ...                                   # send to rotel.endpoint
        rotel.stop()                          # it writes out all that it has accepted
        assert rotel.received().distinct_logs == 30_000

It prints each record in full, a few lines each, without escaping: a text with line breaks
takes several. Records are printed whole, never interleaved, after the answer has been sent;
SIGTERM makes it print what is left. 30,000 log records and 30,000 spans (92 MB of text)
took it 0.6 s, and 1.8 s with both cores busy, on the machine this was written on.
It answers 413 above 20 MiB, 400 to what is no OTLP, and unpacks gzip.
"""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tests.receivers._collector import Collector, SeenLog, SeenSpan

__all__ = [
    "Received",
    "Rotel",
    "log_uids",
    "metric_points",
    "read_received",
    "seen_logs",
    "seen_spans",
    "span_ids",
]

# Several lines each, so that a text with line breaks can't be taken for one by accident.
_LOG = re.compile(rb"\nLogRecord #\d+\nObservedTimestamp: \d+\nTimestamp: \d+\n")
_LOG_END = b"\nFlags: "
_UID = re.compile(rb"\n     -> log\.record\.uid: Str\(([^\n]*)\)\n")
_EVENT = re.compile(rb"\nEventName: ([^\n]*)\nBody: ")
_SPAN = re.compile(
    rb"\nSpan #\d+\n    Trace ID       : ([0-9a-f]*)\n    Parent ID      : ([0-9a-f]*)\n"
    rb"    ID             : ([0-9a-f]*)\n    Name           : ([^\n]*)\n"
)
_LOG_IDS = re.compile(rb"\n    Trace ID       : ([0-9a-f]*)\n    Span ID        : ([0-9a-f]*)$")
_POINT = re.compile(rb"\n(?:Number|Histogram)DataPoints #\d+\n")


class Received(NamedTuple):
    """Counts of what has been printed."""

    logs: int
    distinct_logs: int
    """Distinct ``log.record.uid``; a record without one isn't counted here."""
    spans: int
    distinct_spans: int
    points: int
    """Points in all collections, not series."""
    by_event: dict[str, int]
    """Records, repeated ones too, by event name."""


class Rotel(Collector):
    """A running rotel; sends nothing on."""

    name = "rotel"
    ports_count = 2

    @property
    def grpc_endpoint(self) -> str:
        """Host and port of OTLP/gRPC."""
        return f"127.0.0.1:{self.ports[1]}"

    def command(self, ports: list[int]) -> list[str]:
        """The binary of the wheel; three signals, everything printed."""
        http, grpc = ports
        debug = [
            word for signal in ("logs", "traces", "metrics") for word in ("--debug-log", signal)
        ]
        return [
            *(str(_binary()), "start", "--exporter", "blackhole"),
            *("--otlp-http-endpoint", f"127.0.0.1:{http}"),
            *("--otlp-grpc-endpoint", f"127.0.0.1:{grpc}"),
            *debug,
            *("--debug-log-verbosity", "detailed"),
            *("--pid-file", str(self._folder / "rotel.pid")),
            *("--log-file", str(self._folder / "rotel.log")),
        ]

    def received(self) -> Received:
        """What it has printed so far."""
        return read_received(self.output())

    def spans(self) -> list[SeenSpan]:
        """The spans that it has printed so far."""
        return seen_spans(self.output())

    def logs(self) -> list[SeenLog]:
        """The log records that it has printed so far."""
        return seen_logs(self.output())


def read_received(output: bytes) -> Received:
    """Count the records in rotel's *output*."""
    uids = log_uids(output)
    spans = span_ids(output)
    return Received(
        logs=len(uids),
        distinct_logs=len(set(uids) - {b""}),
        spans=len(spans),
        distinct_spans=len(set(spans)),
        points=metric_points(output),
        by_event=_by_event(output),
    )


def log_uids(output: bytes) -> list[bytes]:
    """``log.record.uid`` of each log record, in order; ``b""`` where it has none."""
    return [match[1] if (match := _UID.search(log)) else b"" for log in _log_texts(output)]


def span_ids(output: bytes) -> list[tuple[bytes, bytes]]:
    """Trace id and span id of each span, in order, in hexadecimal."""
    return [(trace_id, span_id) for trace_id, _, span_id, _ in _SPAN.findall(output)]


def seen_spans(output: bytes) -> list[SeenSpan]:
    """Each span's place in its trace, in order."""
    return [
        SeenSpan(name.decode(), trace_id.decode(), span_id.decode(), parent_id.decode())
        for trace_id, parent_id, span_id, name in _SPAN.findall(output)
    ]


def seen_logs(output: bytes) -> list[SeenLog]:
    """Whose log each is, in order."""
    found = []
    for log in _log_texts(output):
        name, ids = _EVENT.search(log), _LOG_IDS.search(log)
        assert name is not None
        found.append(
            SeenLog(name[1].decode(), *(i.decode() for i in (ids.groups() if ids else (b"", b""))))
        )
    return found


def metric_points(output: bytes) -> int:
    """Points of sums and histograms, in all collections."""
    return len(_POINT.findall(output))


def _by_event(output: bytes) -> dict[str, int]:
    names = (match[1] for log in _log_texts(output) if (match := _EVENT.search(log)))
    return dict(Counter(name.decode("utf-8", "replace") for name in names))


def _log_texts(output: bytes) -> list[bytes]:
    """The lines of each log record that is there to its end."""
    starts = _LOG.split(output)[1:]
    return [text[:end] for text in starts if (end := text.rfind(_LOG_END)) >= 0]


def _binary() -> Path:
    spec = importlib.util.find_spec("rotel")
    assert spec is not None, "pip install rotel"
    return Path(str(spec.origin)).with_name("rotel-agent")
