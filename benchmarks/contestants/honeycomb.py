"""honeycomb-pycpp: the C++ SDK under Python's names. One log record an event.

Or one span, if an event has no log record.

Set up by its configuration file, as its distribution's configurator does, with more room.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import honeycomb_pycpp

from benchmarks.contestants.base import ROOM, Event
from benchmarks.contestants.nothing import Nothing
from benchmarks.workloads import Workload

_CONFIGURATION = """\
file_format: "1.0"
tracer_provider:
  sampler:
    parent_based:
      root:
        always_on:
  processors:
    - batch:
        max_queue_size: {room}
        exporter:
          otlp_http:
            endpoint: {endpoint}/v1/traces
logger_provider:
  processors:
    - batch:
        max_queue_size: {room}
        exporter:
          otlp_http:
            endpoint: {endpoint}/v1/logs
"""


class _Honeycomb(Nothing):
    """Neither a flush nor a count of what waits: all is out when it is shut down."""

    def __init__(self, sdk: Any) -> None:
        self._sdk = sdk
        self._emit = sdk.logger_provider.get_logger("application").emit
        self._start = sdk.tracer_provider.get_tracer("application").start_span
        self._open = True

    def emit(self, event: Event) -> object:
        for record in event.plan.logs:
            self._emit(
                severity_number=honeycomb_pycpp.SeverityNumber.INFO,
                body=record.body,
                attributes=record.with_ids(event.ids),
                event_name=record.name,
            )
        if not event.plan.logs:
            for span in event.plan.spans:
                self._start(span.name, attributes=span.with_ids(event.ids)).end()
        return None

    def flush(self) -> None:
        if self._open:
            self._open = False
            self._sdk.shutdown()


@contextmanager
def running(endpoint: str, workload: Workload, options: Mapping[str, Any]) -> Iterator[_Honeycomb]:
    """A provider of log records."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "otel.yaml"
        file.write_text(_CONFIGURATION.format(room=ROOM, endpoint=endpoint))
        contestant = _Honeycomb(honeycomb_pycpp.SDK(str(file)))
        yield contestant
        contestant.flush()
