"""A host on gevent, and how late its hub is: run as a program, never imported by a test.

    python hub_program.py {early|late} {us|control} SECONDS EVENTS_A_SECOND

Greenlets serve requests, each of which emits a handful of events; another one sleeps for 5 ms
again and again and notes by how much it wakes too late. The start (imports, building, the first
two seconds) is noted apart. Says one line of JSON at its end; then the interpreter ends with
events that were emitted just before. In a control nothing of ours is imported, and all else is
the same.
"""
# ruff: noqa: E402 -- what is imported before the patch, and what after it, is the point

from __future__ import annotations

import sys

PATCHED, WHO, SECONDS, RATE = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
START_S, STEP_S, A_REQUEST = 2.0, 0.005, 5

from gevent import monkey

if PATCHED == "early":
    monkey.patch_all()
    if WHO == "us":
        import telemetry_actors
else:
    if WHO == "us":
        import telemetry_actors
    monkey.patch_all()

import json
import os
import threading
import time

import gevent

NODE = {
    "workflow_id": "w", "workflow_run_id": "r", "node_execution_id": "n", "node_id": "llm",
    "node_type": "llm", "title": "Answer", "status": "succeeded", "index": 1,
    "elapsed_time": 0.25, "start_time": 1_790_000_000_000_000_000,
    "end_time": 1_790_000_000_250_000_000, "invoke_from": "web-app", "from_end_user_id": "u",
    "inputs": {"query": "May I return a parcel that I have opened? " * 10},
    "outputs": {"answer": "The invoice lists two deliveries that nobody has booked. " * 10},
    "model_provider": "anthropic", "model_name": "m", "prompt_tokens": 10, "completion_tokens": 5,
}  # fmt: skip
RUN = {
    **{name: NODE[name] for name in ("workflow_id", "workflow_run_id", "status", "elapsed_time")},
    **{name: NODE[name] for name in ("start_time", "end_time", "inputs", "outputs")},
    "version": "1", "triggered_from": "web-app", "query": "q", "total_tokens": 15,
}  # fmt: skip
accepted = [0]
late: list[float] = []
own: list[float] = []
"""Without what the machine took away: the hub's thread was ready, and had no processor."""
busy: list[float] = []
"""How long the hub's thread itself was at work in each step."""
try:
    STATISTICS = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
except OSError:
    STATISTICS = None


def statistics() -> tuple[float, float]:
    """Of this thread: for how long it has run, and for how long it was ready and not let run."""
    if STATISTICS is None:
        return time.thread_time(), 0.0
    ran, waited, _ = os.pread(STATISTICS, 100, 0).split()
    return int(ran) / 1e9, int(waited) / 1e9


def look() -> None:
    while True:
        (ran_s, waited_s), due = statistics(), time.perf_counter() + STEP_S
        gevent.sleep(STEP_S)
        late_s, after = time.perf_counter() - due, statistics()
        late.append(late_s)
        own.append(max(0.0, late_s - (after[1] - waited_s)))
        busy.append(after[0] - ran_s)


def emit_one(case: str, payload: dict) -> None:
    if WHO == "us":
        accepted[0] += bool(telemetry_actors.emit(case, {"tenant_id": "t", "app_id": "a"}, payload))
    else:
        json.dumps(payload)


def request() -> None:
    for _ in range(A_REQUEST - 1):
        emit_one("node_execution", NODE)
        gevent.sleep(0.001)
    emit_one("workflow_run", RUN)


def serve(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        gevent.spawn(request)
        gevent.sleep(A_REQUEST / RATE)


def figures(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)

    def at(share: float) -> float:
        return round(1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)

    return {"p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "max": at(1.0)}


def main() -> None:
    looking = gevent.spawn(look)
    gevent.sleep(0.5)  # the loop itself has begun
    said = {}
    for phase, seconds in (("start", START_S), ("steady", SECONDS)):
        late.clear(), own.clear(), busy.clear()
        serve(seconds)
        said[phase], said[f"{phase} own"] = figures(late), figures(own)
        said[f"{phase} busy"] = figures(busy)
    looking.kill()
    for _ in range(20):  # for the exit
        emit_one("app_created", {"app_id": "a"})
    sys.stdout.write(json.dumps({**said, "accepted": accepted[0]}) + "\n")
    sys.stdout.flush()


main()
