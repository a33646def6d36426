"""What the journal costs: off, and with each ``fsync``.

p50/p99 of single `emit()` calls in microseconds, and processor time and wall time per
event of the whole process, from the first call to the last acknowledgement (flush). A
flood from one thread; modes take turns within each repetition, in one process. The
directory is on the disk that the temporary files are on. Not measured: replay, spill.
"""

from __future__ import annotations

import gc
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from typing import Any

from benchmarks.emit import Event, events_of
from benchmarks.fast_receiver import running_fast_receiver
from telemetry_actors import TelemetryGateway, TelemetrySettings

__all__ = ["COLUMNS", "HEADER", "run"]

HEADER = (__doc__ or "").partition("\n\n")[2].partition("\n\n")[0]
COLUMNS = ("journal", "emit_p50_us", "emit_p99_us", "cpu_us", "wall_us", "bytes_per_event")
MODES = ("off", "never", "interval", "always")
_WARM_UP_EVENTS = 500


def run(events: int, repeats: int) -> list[dict[str, Any]]:
    """Measure every mode.

    Args:
        events: in each flood.
        repeats: floods of each mode; modes take turns.

    Returns:
        One row for each mode, ready for JSON; medians over the floods.
    """
    made = events_of(events)
    floods: dict[str, list[dict[str, float]]] = {mode: [] for mode in MODES}
    with running_fast_receiver() as endpoint:
        for repeat in range(repeats):
            shift = repeat % len(MODES)  # whoever is first is not always the same
            for mode in (*MODES[shift:], *MODES[:shift]):
                with _gateway(endpoint, mode, events) as gateway:
                    floods[mode].append(_flood(gateway, made))
    return [_row(mode, floods[mode]) for mode in MODES]


@contextmanager
def _gateway(endpoint: str, mode: str, events: int) -> Iterator[TelemetryGateway]:
    with tempfile.TemporaryDirectory() as directory:
        journal = {} if mode == "off" else {"directory": Path(directory), "fsync": mode}
        settings = TelemetrySettings.enabled(
            enterprise_otlp_endpoint=endpoint,
            journal=journal,
            gateway={"mailbox_events": events + 1_000, "mailbox_bytes": 2**30},
        )
        with TelemetryGateway(settings) as gateway:
            yield gateway


def _flood(gateway: TelemetryGateway, events: Sequence[Event]) -> dict[str, float]:
    for event in events_of(_WARM_UP_EVENTS, seed=1):
        gateway.emit("message_run", event.context, event.payload, event_id=event.event_id)
    gateway.flush(60)
    gc.collect()
    times: list[int] = []
    emit, append = gateway.emit, times.append
    wall, cpu = perf_counter_ns(), process_time_ns()
    for event in events:
        began = perf_counter_ns()
        emit("message_run", event.context, event.payload, event_id=event.event_id)
        append(perf_counter_ns() - began)
    assert gateway.flush(60)
    wall, cpu = perf_counter_ns() - wall, process_time_ns() - cpu
    cuts = statistics.quantiles(times, n=1000)
    return {
        "emit_p50_us": cuts[499] / 1000,
        "emit_p99_us": cuts[989] / 1000,
        "cpu_us": cpu / 1000 / len(events),
        "wall_us": wall / 1000 / len(events),
        "bytes_per_event": _bytes_per_event(gateway, events),
    }


def _bytes_per_event(gateway: TelemetryGateway, events: Sequence[Event]) -> float:
    journal = gateway.status().journal
    if journal is None or journal.segments != 1:
        return 0.0  # earlier segments are gone already
    return journal.journal_bytes / (len(events) + _WARM_UP_EVENTS)


def _row(mode: str, floods: list[dict[str, float]]) -> dict[str, Any]:
    medians = {name: round(statistics.median(f[name] for f in floods), 3) for name in floods[0]}
    return {"journal": mode, **medians, "each": floods}
