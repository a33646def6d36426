"""g07: per producer thread, tenant and case, events arrive in the order of `emit()`."""

from __future__ import annotations

import random
import threading
from collections import defaultdict

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from supervisors.testing import crash, end_thread
from telemetry_actors import TelemetryGateway, TelemetrySettings
from tests.receivers.faulty import answer
from tests.receivers.judge import ACCEPT, Judge, before

THREADS, TENANTS, EACH = 4, 3, 600
PAYLOADS = {
    "app_created": {"app_id": "a"},
    "feedback_created": {"rating": "like"},
    "message_run": {"message_id": "m", "status": "succeeded"},
}
ENDED = ["stages/gateway", "stages/router", "stages/dedup", "stages/rehydrator", "sinks/logs"]


class Flapping:
    """Every third request finds the receiver busy; what it takes is noted in order."""

    def __init__(self):
        self.uids, self._requests = [], 0

    def __call__(self, asked):
        self._requests += 1
        if self._requests % 3 == 0:
            return before(answer(503))
        if asked.records:  # none in a request with metrics
            self.uids += uids_of(asked.body)
        return ACCEPT


def uids_of(body):
    """Of a request with logs."""
    request = ExportLogsServiceRequest.FromString(body)
    return [
        attribute.value.string_value
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
        for attribute in record.attributes
        if attribute.key == "log.record.uid"
    ]


def produce(gateway, who, rng):
    """Tenants and cases as they come; the id says who, of what, and the how manyth."""
    counts = defaultdict(int)
    for _ in range(EACH):
        tenant, case = f"t{rng.randrange(TENANTS)}", rng.choice(list(PAYLOADS))
        counts[tenant, case] += 1
        event_id = f"{who}.{tenant}.{case}.{counts[tenant, case]}"
        assert gateway.emit(case, {"tenant_id": tenant}, PAYLOADS[case], event_id=event_id)


@pytest.mark.timeout(60)
def test_g07_order_is_kept_by_many_threads_tenants_and_cases_over_crashes_and_retries():
    plan, rng = Flapping(), random.Random(7)
    with Judge(plan) as judge:
        settings = TelemetrySettings.enabled(
            enterprise_otlp_endpoint=judge.endpoint,
            gateway={"linger_s": 0.005, "batch_events": 50},
            sink={"linger_s": 0.01, "batch_records": 64},
            otlp={"backoff_min_s": 0.01, "backoff_max_s": 0.02},
            supervision={"intensity": 1000},
        )
        with TelemetryGateway(settings) as gateway:
            threads = [
                threading.Thread(target=produce, args=(gateway, f"p{n}", random.Random(n)))
                for n in range(THREADS)
            ]
            for thread in threads:
                thread.start()
            for n in range(20):
                ref = gateway._ref(rng.choice(ENDED))
                end_thread(ref) if n % 2 else crash(ref, ValueError("x"))
            for thread in threads:
                thread.join()
            assert gateway.flush(30)
            ledger = gateway.ledger()

    assert (ledger.exported, ledger.dropped) == (THREADS * EACH, {})
    assert len(set(plan.uids)) == len(plan.uids) == THREADS * EACH
    numbers = defaultdict(list)
    for uid in plan.uids:
        key, _, number = uid.rpartition(".")
        numbers[key].append(int(number))
    assert len(numbers) == THREADS * TENANTS * len(PAYLOADS)
    assert [key for key, found in numbers.items() if found != sorted(found)] == []
