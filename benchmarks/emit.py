"""What a call costs its caller: ``emit()`` at 1, 8 and 32 threads.

    p50/p99 of single calls in microseconds, in a flood of a fixed number of events, by
    producer threads that do nothing else. Subjects take turns within each repetition, in one
    process, and get the same events with the same ids. Collected garbage counts: it is part
    of what a call costs. Not measured: throughput, CPU, what the receiver does.

The SDK is favoured: its attributes are made beforehand; ``emit()`` gets the payload as a
platform has it and gates, packs and counts it within the call.
"""

from __future__ import annotations

import gc
import random
import statistics
import threading
import uuid
from collections.abc import Sequence
from time import perf_counter_ns
from typing import Any

from benchmarks.fast_receiver import running_fast_receiver
from benchmarks.subjects import SUBJECTS, Event, Subject

__all__ = ["HEADER", "Event", "events_of", "run"]

HEADER = (__doc__ or "").partition("\n\n")[2].partition("\n\n")[0]
_WARM_UP_EVENTS = 500


def run(threads: Sequence[int], events: int, repeats: int) -> list[dict[str, Any]]:
    """Measure every subject at every count of *threads*.

    Args:
        threads: counts of producer threads.
        events: events in each flood, over all threads together.
        repeats: floods of each subject at each thread count; subjects take turns.

    Returns:
        One row for each subject and thread count, ready for JSON.
    """
    made = events_of(events)
    rows = []
    with running_fast_receiver() as endpoint:
        for count in threads:
            floods: dict[str, list[list[int]]] = {name: [] for name in SUBJECTS}
            for _ in range(repeats):
                for name, subject in SUBJECTS.items():
                    with subject(endpoint) as running:
                        floods[name].append(_flood(running, made, count))
            rows += [_row(name, count, times) for name, times in floods.items()]
    return rows


def _flood(subject: Subject, events: list[Event], threads: int) -> list[int]:
    """Nanoseconds of each call."""
    for event in events_of(_WARM_UP_EVENTS, seed=1):
        subject.emit(event)
    subject.flush()
    gc.collect()
    times: list[list[int]] = [[] for _ in range(threads)]
    barrier = threading.Barrier(threads)

    def produce(index: int) -> None:
        mine, emit, append = events[index::threads], subject.emit, times[index].append
        barrier.wait()
        for event in mine:
            began = perf_counter_ns()
            emit(event)
            append(perf_counter_ns() - began)

    producers = [threading.Thread(target=produce, args=(i,)) for i in range(threads)]
    for producer in producers:
        producer.start()
    for producer in producers:
        producer.join()
    subject.flush()
    return [ns for one in times for ns in one]


def _row(name: str, threads: int, floods: list[list[int]]) -> dict[str, Any]:
    """Percentiles of each flood, then the median over the floods."""
    cuts = [statistics.quantiles(times, n=1000) for times in floods]
    return {
        "subject": name,
        "threads": threads,
        "calls": sum(map(len, floods)),
        "p50_us": _median_us([c[499] for c in cuts]),
        "p99_us": _median_us([c[989] for c in cuts]),
        "max_us": _median_us([float(max(times)) for times in floods]),
        "p50_us_each": [round(c[499] / 1000, 3) for c in cuts],
        "p99_us_each": [round(c[989] / 1000, 3) for c in cuts],
    }


def _median_us(nanoseconds: list[float]) -> float:
    return round(statistics.median(nanoseconds) / 1000, 3)


def events_of(count: int, seed: int = 0) -> list[Event]:
    """So many runs of messages, the same for the same *seed*."""
    rng = random.Random(seed)
    return [_event(rng) for _ in range(count)]


def _event(rng: random.Random) -> Event:
    event_id, run_id, message_id = (
        str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(3)
    )
    context = {"tenant_id": f"tenant-{rng.randrange(20)}", "app_id": "app-1", "user_id": "u-1"}
    payload = {
        "message_id": message_id,
        "workflow_run_id": run_id,
        "conversation_id": message_id,
        "conversation_mode": "chat",
        "status": "succeeded",
        "from_source": "api",
        "model_provider": "openai",
        "model_name": "gpt-4o",
        "prompt_tokens": 1234,
        "completion_tokens": 56,
        "time_to_first_token": 0.25,
        "start_time": 1_700_000_000_000_000_000,
        "end_time": 1_700_000_001_500_000_000,
        "inputs": {"query": "Where is my order 4711? " * 5},
        "outputs": "It left the warehouse this morning. " * 5,
    }
    flat = {k: v for k, v in payload.items() if not isinstance(v, dict)}
    return Event(event_id, context, payload, {"log.record.uid": event_id, **context, **flat})
