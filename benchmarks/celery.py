"""What the caller pays to hand an event to Celery: our transport beside plain ``.delay()``.

Microseconds of single calls, one thread, both in this process, taking turns, with the same
events and the same real Redis on loopback as their broker (so add the network's round trip to
``.delay()``, whose caller waits for it). handed_us is per event until the broker has all of
them. stalled_ms is the longest call while the broker answers nothing for a second. The plain
task gets the JSON text of the event, made within the call, as the platform's own producer does;
``emit()`` gates, packs and counts. Not measured: the workers.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter_ns
from typing import Any, NamedTuple

import celery
import redis

from benchmarks.dedup import redis_server, running_redis
from telemetry_actors import TelemetryEnvelope, TelemetryGateway, TelemetrySettings

__all__ = ["COLUMNS", "HEADER", "run"]

HEADER = (__doc__ or "").partition("\n\n")[2].partition("\n\n")[0]
COLUMNS = ("subject", "p50_us", "p99_us", "max_us", "handed_us", "stalled_ms", "calls")

_TENANT = {"tenant_id": "tenant-1", "user_id": "u-1"}
_STALL_MS = 1000
_WARM_UP_CALLS = 50


class _Subject(NamedTuple):
    call: Callable[[int], Any]
    finish: Callable[[], Any]
    """Returns when the broker has all."""


def run(events: int, repeats: int, server: str | None = None) -> list[dict[str, Any]]:
    """Measure both.

    Args:
        events: calls in each turn.
        repeats: turns of each.
        server: path of a ``redis-server``; see `benchmarks.dedup.redis_server`.

    Raises:
        FileNotFoundError: there is none.
    """
    server = server or redis_server()
    if server is None:
        raise FileNotFoundError("no redis-server on the PATH; name one by --server")
    with running_redis(server) as url, _subjects(str(url)) as subjects:
        times: dict[str, list[int]] = {name: [] for name in subjects}
        handed: dict[str, list[float]] = {name: [] for name in subjects}
        for _ in range(repeats):
            for name, subject in subjects.items():
                _flood(subject, events, times[name], handed[name])
        stalled = {name: _stalled_ms(s, str(url)) for name, s in subjects.items()}
    return [_row(name, times[name], handed[name], stalled[name]) for name in subjects]


@contextmanager
def _subjects(url: str) -> Iterator[dict[str, _Subject]]:
    settings = TelemetrySettings.enabled(transport="celery", celery={"broker_url": url})
    app = celery.Celery("plain", broker=url, set_as_current=False)

    @app.task(name="plain", ignore_result=True, shared=False)  # type: ignore[misc,untyped-decorator,unused-ignore]
    def task(text: str) -> None:
        """Nobody runs it."""

    def delay(number: int) -> None:
        model = TelemetryEnvelope(
            case="message_run",
            tenant_id="tenant-1",
            event_id=f"e{number}",
            payload=_payload(number),
        )
        task.delay(model.model_dump_json())

    with TelemetryGateway(settings) as gateway:
        yield {
            "telemetry_actors": _Subject(
                lambda number: gateway.emit("message_run", _TENANT, _payload(number)),
                lambda: gateway.flush(60),
            ),
            "plain .delay()": _Subject(delay, lambda: None),
        }
    app.close()


def _payload(number: int) -> dict[str, Any]:
    return {
        "message_id": f"m{number}",
        "status": "succeeded",
        "model_name": "gpt-4o",
        "prompt_tokens": 1234,
        "completion_tokens": 56,
        "outputs": "It left the warehouse this morning. " * 5,
    }


def _flood(subject: _Subject, events: int, times: list[int], handed: list[float]) -> None:
    for number in range(_WARM_UP_CALLS):
        subject.call(number)
    subject.finish()
    began = perf_counter_ns()
    times.extend(_timed(subject, number) for number in range(events))
    subject.finish()
    handed.append((perf_counter_ns() - began) / events / 1000)


def _timed(subject: _Subject, number: int) -> int:
    began = perf_counter_ns()
    subject.call(number)
    return perf_counter_ns() - began


def _stalled_ms(subject: _Subject, url: str) -> float:
    with redis.Redis.from_url(url) as client:
        client.execute_command("CLIENT", "PAUSE", _STALL_MS, "ALL")
        slowest = max(_timed(subject, number) for number in range(20))
    subject.finish()
    return slowest / 1e6


def _row(name: str, times: list[int], handed: list[float], stalled_ms: float) -> dict[str, Any]:
    cuts = statistics.quantiles(times, n=100)
    return {
        "subject": name,
        "p50_us": round(cuts[49] / 1000, 1),
        "p99_us": round(cuts[98] / 1000, 1),
        "max_us": round(max(times) / 1000, 1),
        "handed_us": round(statistics.median(handed), 1),
        "stalled_ms": round(stalled_ms, 2),
        "calls": len(times),
    }
