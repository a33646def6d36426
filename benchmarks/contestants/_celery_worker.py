"""The application of `benchmarks.contestants.celery`, at both of its ends.

The caller imports it for its task; the worker runs it, each process of its pool with an SDK of its
own. What both are told is in the environment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from celery import Celery, signals

from benchmarks.contestants.sdk import Sdk
from benchmarks.shapes import Plan, plans_from_json
from benchmarks.workloads import WORKLOADS, id_in_round

_told = {"BENCHMARKS_BROKER": "memory://", "BENCHMARKS_ENDPOINT": ""} | os.environ
_sdk: list[Sdk] = []
_plans: list[Plan] = []

app = Celery("benchmarks", broker=_told["BENCHMARKS_BROKER"], set_as_current=False)
app.conf.broker_connection_retry_on_startup = True


@app.task(name="telemetry", ignore_result=True, shared=False)  # type: ignore[misc,untyped-decorator,unused-ignore]
def task(
    case: str,
    context: Mapping[str, Any],
    payload: Mapping[str, Any],
    event_id: str,
    place: int,
    number: int,
) -> None:
    """Make the signals of one event."""
    template = WORKLOADS[_told["BENCHMARKS_WORKLOAD"]].templates[place]
    ids = {mark: id_in_round(mark, number) for mark in template.marks}
    _sdk[0].signals.emit(_plans[place], ids)


def _start(**_said: Any) -> None:
    plans = plans_from_json(json.loads(Path(_told["BENCHMARKS_PLANS"]).read_text()))
    _plans.extend(plans)
    _sdk.append(Sdk(_told["BENCHMARKS_ENDPOINT"], instance=str(os.getpid())))
    _sdk[0].prepare(plans)


def _end(**_said: Any) -> None:
    for sdk in _sdk:
        sdk.shutdown()


signals.worker_process_init.connect(_start, weak=False)
signals.worker_process_shutdown.connect(_end, weak=False)
