"""What a payload of 2 MB costs its caller, and what the small events beside it pay.

    Microseconds of single emit() calls by one thread: one event of 2 MB (a nested payload, mostly
    text), then twenty small ones, over and over, as fast as room is found for them; and the
    seconds until all have gone through the tree into a sink that keeps nothing. Subjects take
    turns. "caller writes" is the platform's own way: JSON and a file on the caller's thread,
    then emit() of what is small. Not measured: a network, a disk that is waited for (no sync).

The payload is the same object each time, and each event has an id of its own.
"""

from __future__ import annotations

import gc
import json
import statistics
import tempfile
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.event.signals import LogSignal, SignalKind, SpanSignal
from telemetry_actors.ports import ExportResult, MetricPoint, Verdict

__all__ = ["COLUMNS", "HEADER", "run"]

HEADER = (__doc__ or "").partition("\n\n")[2].partition("\n\n")[0]
COLUMNS = (
    "subject",
    "large_p50_us",
    "large_p99_us",
    "small_p50_us",
    "small_p99_us",
    "small_max_us",
    "seconds",
    "off_loaded",
)
_SUBJECTS = ("directory", "inline", "caller writes")
_SMALL_PER_LARGE = 20
_CONTEXT = {"tenant_id": "acme"}
_SMALL = {"message_id": "m", "status": "succeeded"}


class _Nowhere:
    """Accepts all and keeps nothing."""

    name = "nowhere"

    def encode(self, kind: SignalKind, record: LogSignal | SpanSignal) -> bytes:
        return b""

    def size_of(self, encoded: Any) -> int:
        return 1_000

    def export(self, kind: SignalKind, encoded: Sequence[Any], timeout_s: float) -> ExportResult:
        return ExportResult(Verdict.ACCEPTED)

    def export_metrics(self, points: Sequence[MetricPoint], timeout_s: float) -> ExportResult:
        return ExportResult(Verdict.ACCEPTED)

    def close(self) -> None:
        pass


def run(events: int, repeats: int) -> list[dict[str, Any]]:
    """Measure every subject.

    Args:
        events: large ones in each turn; each brings twenty small ones.
        repeats: turns of each subject.

    Returns:
        One row for each subject, ready for JSON.
    """
    payload = _large()
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in _SUBJECTS}
    for _ in range(repeats):
        for name in _SUBJECTS:
            with tempfile.TemporaryDirectory() as folder:
                turns[name].append(_turn(name, Path(folder), payload, events))
    return [_row(name, made) for name, made in turns.items()]


def _large() -> dict[str, Any]:
    documents = [
        {"id": str(n), "score": n / 7, "text": f"document {n} " + "words and more words " * 45}
        for n in range(2_000)
    ]
    return {"message_id": "m", "status": "succeeded", "inputs": {"documents": documents}}


def _turn(name: str, folder: Path, payload: dict[str, Any], events: int) -> dict[str, Any]:
    settings = TelemetrySettings.enabled(
        enterprise_include_content=True,
        payload_store={"directory": folder, "enabled": name == "directory"},
    )
    large: list[int] = []
    small: list[int] = []
    pause = threading.Event()
    gc.collect()
    with TelemetryGateway(settings, sinks=[_Nowhere()]) as gateway:
        began_ns = perf_counter_ns()
        for _ in range(events):
            while gateway.status().mailboxes[0].queued_bytes > 20_000_000:
                pause.wait(0.001)
            large.append(_timed(gateway, payload, folder if name == "caller writes" else None))
            small.extend(_timed(gateway, _SMALL, None) for _ in range(_SMALL_PER_LARGE))
        assert gateway.flush(120), "not flushed"
        ended_ns = perf_counter_ns()
        assert gateway.ledger().exported == events * (_SMALL_PER_LARGE + 1)
        store = gateway.status().payload_store
    return {
        "large": large,
        "small": small,
        "seconds": (ended_ns - began_ns) / 1e9,
        "off_loaded": store.written if store is not None else 0,
    }


def _timed(gateway: TelemetryGateway, payload: dict[str, Any], folder: Path | None) -> int:
    event_id = str(uuid.uuid4())
    began_ns = perf_counter_ns()
    if folder is not None:
        (folder / f"{event_id}.json").write_text(json.dumps(payload))
        payload = {"message_id": "m", "status": "succeeded"}
    assert gateway.emit("message_run", _CONTEXT, payload, event_id=event_id)
    return perf_counter_ns() - began_ns


def _row(name: str, turns: list[dict[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {"subject": name}
    for kind in ("large", "small"):
        times = sorted(ns / 1e3 for turn in turns for ns in turn[kind])
        row[f"{kind}_p50_us"] = statistics.median(times)
        row[f"{kind}_p99_us"] = times[min(len(times) - 1, len(times) * 99 // 100)]
        row[f"{kind}_max_us"] = times[-1]
    row["seconds"] = statistics.median(turn["seconds"] for turn in turns)
    row["off_loaded"] = sum(turn["off_loaded"] for turn in turns)
    row["calls"] = sum(len(turn["large"]) + len(turn["small"]) for turn in turns)
    return row
