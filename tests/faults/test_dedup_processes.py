"""g09 over processes, drops, stops and forks, with a real Redis between them."""

import json
import os
import subprocess
import sys

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.testing import RecordingSink
from tests.faults.dedup import (
    APP,
    QUICK,
    TENANT,
    dedup_of,
    emit,
    gateway_with,
    known,
    known_after_flush,
    until,
)
from tests.stopwatch import Stopwatch

PRODUCER = """
import json, sys
from telemetry_actors.testing import running_gateway
with running_gateway(redis_url=sys.argv[1], dedup={"timeout_s": 5.0}) as (gateway, _):
    gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": "a"})
    gateway.flush(10)
    print("ready", flush=True)
    sys.stdin.readline()
    for n in range(int(sys.argv[2])):
        gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": "a"}, event_id=f"same{n}")
    gateway.flush(10)
    print(json.dumps(gateway.ledger().model_dump(mode="json")))
"""


@pytest.mark.timeout(30)
def test_g09_of_an_id_that_two_processes_emit_at_the_same_time_exactly_one_is_exported(redis):
    command = [sys.executable, "-c", PRODUCER, redis.url, "500"]
    pipe = subprocess.PIPE
    producers = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    for producer in producers:
        assert producer.stdout.readline() == "ready\n"
    for producer in producers:
        producer.stdin.write("go\n")
        producer.stdin.flush()
    one, other = (json.loads(producer.communicate()[0]) for producer in producers)

    assert one["exported"] + other["exported"] == 502
    assert one["duplicate"] + other["duplicate"] == 500
    assert one["exported"] + one["duplicate"] == 501


def test_g09_what_is_dropped_here_may_be_sent_again_there(redis):
    """Refused by the receiver of one gateway; the other one's is well."""

    class Cross(RecordingSink):
        def export(self, kind, encoded, timeout_s):
            return ExportResult(Verdict.REFUSED, message="not now")

    chosen = TelemetrySettings.enabled(redis_url=redis.url, dedup=QUICK, sink={"linger_s": 0})
    with TelemetryGateway(chosen, sinks=[Cross()]) as here, gateway_with(redis.url) as there:
        ids = emit(here, 10)
        assert here.flush(5)
        until(lambda: not redis.keys())
        for event_id in ids:
            there.emit("app_created", TENANT, APP, event_id=event_id)
        assert there.flush(5)
        dropped, exported = here.ledger().dropped, there.ledger().exported

    assert (dropped, exported) == ({"rejected": 10}, 10)


def test_g09_what_a_stop_dropped_may_be_sent_again_after_it(redis):
    """The last releases are made when the tree has ended, within the time of the stop."""

    class Hangs(RecordingSink):
        def export(self, kind, encoded, timeout_s):
            return ExportResult(Verdict.RETRY, message="later")

    chosen = TelemetrySettings.enabled(redis_url=redis.url, dedup=QUICK, sink={"linger_s": 0})
    gateway = TelemetryGateway(chosen, sinks=[Hangs()]).start()
    ids = emit(gateway, 30)
    until(lambda: known(redis, ids))
    report = gateway.stop(0.5)

    assert gateway.ledger().dropped == {"shutdown": 30} or report.unconfirmed
    assert redis.keys() == {}


def test_a_release_that_finds_no_redis_is_made_when_it_is_back(redis):
    with gateway_with(redis.url) as gateway:
        ids = emit(gateway, 5)
        assert known_after_flush(gateway, redis, ids)
        redis.pause()
        gateway._life.stores.dedup.release([("t", e, n) for e in ids for n in range(20)])
        until(lambda: not dedup_of(gateway).healthy)
        assert dedup_of(gateway).releases_waiting == 5
        redis.go_on()
        until(lambda: dedup_of(gateway).healthy)

        until(lambda: not redis.keys())
        assert dedup_of(gateway).releases_lost == 0


@pytest.mark.timed
def test_stop_does_not_wait_for_a_redis_that_hangs(redis):
    with gateway_with(redis.url, timeout_s=5.0) as gateway:
        ids = emit(gateway, 5)
        assert known_after_flush(gateway, redis, ids)
        redis.pause()
        gateway._life.stores.local_claims.claim([("t", "x", 1)])
        watch = Stopwatch()
        gateway.stop(0.5)
        took_s = watch.took_s()

    assert took_s <= 0.7


# -- fork -----------------------------------------------------------------------------------------


def test_g09_the_child_of_a_fork_knows_its_parents_ids_by_redis_alone(redis):
    with gateway_with(redis.url, timeout_s=5.0) as gateway:
        ids = emit(gateway, 5)
        assert gateway.flush(5)
        child = os.fork()
        if child == 0:
            os._exit(_in_child(gateway, ids))
        _, status = os.waitpid(child, 0)
        emit(gateway, 5)
        assert gateway.flush(5)
        seen = dedup_of(gateway)

    assert os.waitstatus_to_exitcode(status) == 0
    assert seen.failures == 0


def _in_child(gateway, ids):
    for event_id in [*ids, "own"]:
        gateway.emit("app_created", TENANT, APP, event_id=event_id)
    done = gateway.flush(5)
    ledger = gateway.ledger()
    gateway.stop(2)
    return 0 if done and (ledger.exported, ledger.duplicate) == (1, 5) else 1
