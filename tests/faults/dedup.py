"""A gateway beside a real Redis: what the tests of dedup under fire share."""

import itertools
import time
from contextlib import contextmanager

from telemetry_actors.testing import running_gateway

TENANT = {"tenant_id": "t"}
APP = {"app_id": "a1"}
PASSWORD = "p4ss/w:rd@ 7"
QUICK = {"timeout_s": 0.2, "breaker_open_s": 0.1, "breaker_max_s": 0.2}
NUMBERS = itertools.count()


@contextmanager
def gateway_with(url, **dedup):
    with running_gateway(
        redis_url=url, dedup={**QUICK, **dedup}, gateway={"linger_s": 0.0}, sink={"linger_s": 0.0}
    ) as (gateway, _):
        yield gateway


def emit(gateway, events, repeats=0):
    """So many new events, and the first of them again; return the ids."""
    ids = [f"e{next(NUMBERS)}" for _ in range(events)]
    for event_id in ids + ids[:repeats]:
        assert gateway.emit("app_created", TENANT, APP, event_id=event_id)
    return ids


def until(holds, within_s=8.0):
    deadline = time.monotonic() + within_s
    while not (found := holds()):
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)
    return found


def dedup_of(gateway):
    return gateway.status().dedup


def known(redis, ids):
    return {f"telemetry:dedup:t:{event_id}" for event_id in ids} <= set(redis.keys())


def known_after_flush(gateway, redis, ids):
    assert gateway.flush(5)
    return known(redis, ids)
