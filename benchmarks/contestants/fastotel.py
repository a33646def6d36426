"""fastotel: the SDK makes the span, Rust batches, encodes and sends it. One span an event.

Set up as its page says, with more room. It exports spans alone, so that an event's log record is a
span here, with the same attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fastotel import OTLPSpanProcessor
from opentelemetry.sdk.trace import TracerProvider

from benchmarks.contestants.base import FLUSH_S, ROOM, Event
from benchmarks.contestants.nothing import Nothing
from benchmarks.workloads import Workload


class _Fastotel(Nothing):
    def __init__(self, processor: OTLPSpanProcessor, provider: TracerProvider) -> None:
        self._processor = processor
        self._start = provider.get_tracer("application").start_span
        self._flushed = 0

    def emit(self, event: Event) -> object:
        for record in event.plan.logs or event.plan.spans:
            self._start(record.name, attributes=record.with_ids(event.ids)).end()
        return None

    def in_flight(self, handed: int) -> int:
        """It has no public count; where too many may wait, it is asked to send all."""
        if handed - self._flushed > _MOST:
            self.flush()
            self._flushed = handed
        return 0

    def settle(self) -> None:
        self.flush()

    def flush(self) -> None:
        assert self._processor.force_flush(FLUSH_S * 1000), "not flushed"
        self._flushed = 0


_MOST = 100_000


@contextmanager
def running(endpoint: str, workload: Workload, options: Mapping[str, Any]) -> Iterator[_Fastotel]:
    """The SDK's provider with its processor."""
    processor = OTLPSpanProcessor(endpoint=f"{endpoint}/v1/traces", max_queue_size=ROOM)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    try:
        yield _Fastotel(processor, provider)
    finally:
        provider.shutdown()
