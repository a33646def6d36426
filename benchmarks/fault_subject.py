"""One subject of `benchmarks.faults` and `benchmarks.collector`, in a process of its own.

``python -m benchmarks.fault_subject`` reads a job as JSON from its stdin: so many events at a
rate to an endpoint, then the subject's own end. What it claims of them, what that cost,
and how long the end took goes to its stdout, as JSON.

Both are used as their documentation says, with their defaults. The SDK's own metrics are on,
since they are its books (tried with SDK 1.45; older ones have none).
"""

from __future__ import annotations

import json
import logging
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

__all__ = ["SUBJECTS", "Job", "Report", "run_subject"]

_ODD: dict[str, Callable[[], Any]] = {
    "object()": object,
    "lone surrogate": lambda: "\ud800",
    "2**70": lambda: 2**70,
    "70 MB": lambda: "x" * 70_000_000,
}
_SLICES_PER_S = 200  # a wait for each single event would cost more than the event
_NEVER = threading.Event()
_MARKED = "marked-by-the-test"


class Job(NamedTuple):
    """What a subject is asked to do."""

    subject: str
    endpoint: str
    events: int
    rate_per_s: float
    """0: as fast as it goes."""
    stop_s: float = 5.0
    """Given to who takes a limit."""
    odd: str = ""
    """What the event in the middle holds (see `_ODD`), or ``mark``: nothing but a marked id."""


class Report(NamedTuple):
    """What came of it, in the subject's own words where it is about events."""

    emitted: int
    claimed: int
    """Said to be exported."""
    told_lost: dict[str, int]
    """Said to be refused or lost, by reason."""
    emit_s: float
    stop_s: float
    cpu_s: float
    """Of the whole process from the first event to the end, its pacing loop included."""
    peak_rss_mb: float


class _Subject(Protocol):
    def emit(self, event_id: str, odd: Any) -> object:
        """Hand one event over."""
        ...

    def stop(self, timeout_s: float) -> None:
        """End it as a host would."""
        ...

    def books(self) -> tuple[int, dict[str, int]]:
        """Claimed as exported; told as lost, by reason."""
        ...


class _Ours:
    def __init__(self, endpoint: str) -> None:
        from telemetry_actors import TelemetryGateway, TelemetrySettings

        settings = TelemetrySettings.enabled(enterprise_otlp_endpoint=endpoint)
        self._gateway = TelemetryGateway(settings).start()

    def emit(self, event_id: str, odd: Any) -> object:
        payload = {"app_id": "a1", "mode": "chat" if odd is None else odd}
        return self._gateway.emit(
            "app_created", {"tenant_id": "acme", "app_id": "a1"}, payload, event_id=event_id
        )

    def stop(self, timeout_s: float) -> None:
        self._gateway.stop(timeout_s)

    def books(self) -> tuple[int, dict[str, int]]:
        ledger = self._gateway.ledger()
        assert ledger.balanced(), ledger
        return ledger.exported, {**ledger.refused, **ledger.dropped}


class _Sdk:
    queue: int | None = None  # the SDK's own default

    def __init__(self, endpoint: str) -> None:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader

        self._reader = InMemoryMetricReader()
        meters = MeterProvider(metric_readers=[self._reader], shutdown_on_exit=False)
        exporter = OTLPLogExporter(endpoint=f"{endpoint}/v1/logs", meter_provider=meters)
        self._provider = LoggerProvider(shutdown_on_exit=False, meter_provider=meters)
        self._provider.add_log_record_processor(
            BatchLogRecordProcessor(exporter, max_queue_size=self.queue, meter_provider=meters)
        )
        self._logger = self._provider.get_logger("benchmarks")

    def emit(self, event_id: str, odd: Any) -> object:
        from opentelemetry._logs import SeverityNumber

        self._logger.emit(
            severity_number=SeverityNumber.INFO,
            body="telemetry.metric_only" if odd is None else odd,
            event_name="dify.app.created",
            attributes={
                "log.record.uid": event_id,
                "dify.event.name": "dify.app.created",
                "dify.event.signal": "metric_only",
                "dify.event.id": event_id,
                "dify.tenant_id": "acme",
                "dify.app_id": "a1",
                "dify.app.mode": "chat",
            },
        )
        return None

    def stop(self, timeout_s: float) -> None:
        self._provider.shutdown()  # takes no limit

    def books(self) -> tuple[int, dict[str, int]]:
        exported = self._points("otel.sdk.exporter.log.exported")
        processed = self._points("otel.sdk.processor.log.processed")
        claimed = exported.pop("", 0)
        processed.pop("", None)  # handed to the exporter, which counts it
        return claimed, {**processed, **exported}

    def _points(self, name: str) -> dict[str, int]:
        """Sums of one of its metrics by ``error.type`` ("" = none)."""
        found: dict[str, int] = {}
        data = self._reader.get_metrics_data()
        for resource_metrics in data.resource_metrics if data else ():
            for scope in resource_metrics.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points if metric.name == name else ():
                        key = str((point.attributes or {}).get("error.type", ""))
                        found[key] = found.get(key, 0) + int(point.value)  # type: ignore[union-attr]
        return found


class _SdkLargeQueue(_Sdk):
    queue = 1_000_000


SUBJECTS: dict[str, Callable[[str], _Subject]] = {
    "telemetry-actors": _Ours,
    "opentelemetry-sdk": _Sdk,
    "sdk, queue 1M": _SdkLargeQueue,
}


def run_subject(job: Job, *, within_s: float = 300.0) -> Report:
    """Do *job* in a new process."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ENTERPRISE_"))}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fault_subject"],
        input=json.dumps(job._asdict()),
        capture_output=True,
        text=True,
        check=False,
        timeout=within_s,
        env={**environ, "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "true"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return Report(**json.loads(done.stdout))


def main() -> None:
    """Do the job that stdin holds."""
    logging.disable()  # both warn of each failure; here their books are read
    job = Job(**json.loads(sys.stdin.read()))
    subject = SUBJECTS[job.subject](job.endpoint)
    began_s, began_cpu_s = time.perf_counter(), _cpu_s()
    _emit(subject, job)
    emitted_s = time.perf_counter()
    subject.stop(job.stop_s)
    ended_s = time.perf_counter()
    claimed, told_lost = subject.books()
    report = Report(
        emitted=job.events,
        claimed=claimed,
        told_lost=told_lost,
        emit_s=round(emitted_s - began_s, 3),
        stop_s=round(ended_s - emitted_s, 3),
        cpu_s=round(_cpu_s() - began_cpu_s, 3),
        peak_rss_mb=_peak_rss_mb(),
    )
    print(json.dumps(report._asdict()))


def _emit(subject: _Subject, job: Job) -> None:
    odd = _ODD[job.odd]() if job.odd in _ODD else None
    middle = job.events // 2 if job.odd else -1
    slice_size = max(1, int(job.rate_per_s / _SLICES_PER_S))
    began_s = time.perf_counter()
    for n in range(job.events):
        if job.rate_per_s and n % slice_size == 0:
            _wait_until(began_s + n / job.rate_per_s)
        if n != middle:
            subject.emit(f"e-{n}", None)
        elif job.odd == "mark":
            subject.emit(f"{_MARKED}-{n}", None)
        else:
            subject.emit(f"e-{n}", odd)


def _wait_until(due_s: float) -> None:
    wait_s = due_s - time.perf_counter()
    if wait_s > 0:
        _NEVER.wait(wait_s)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_rss_mb() -> float:
    """Of this program alone: `ru_maxrss` may be its parent's, from before the exec."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


if __name__ == "__main__":
    main()
