"""g16 and g24 in the product: an actor that hangs, and a process that forks."""

import json
import os
import threading
import time

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.handlers import DEFINITIONS, CaseDefinition
from telemetry_actors.handlers.app_created import DEFINITION
from telemetry_actors.testing import RecordingSink, running_gateway

APP = {"app_id": "a1", "mode": "chat"}
TENANT = {"tenant_id": "acme"}


def uids(recording):
    return [record.attributes["log.record.uid"] for record in recording.logs]


# -- g16: a hang -----------------------------------------------------------------------------------


@pytest.mark.timeout(30)
def test_g16_a_hung_handler_costs_its_event_and_the_others_go_on(monkeypatch):
    """It runs past its deadline and does not come back; what it does later reaches nobody."""
    release = threading.Event()
    real = DEFINITION.map

    def mapping(facts, payload, settings):
        if payload.get("app_id") == "hang":
            while not release.is_set():  # it moves, so it is not merely starved
                sum(range(1000))
        return real(facts, payload, settings)

    broken = CaseDefinition(DEFINITION.case, DEFINITION.model, mapping)
    monkeypatch.setattr(
        "telemetry_actors.tree.whole.DEFINITIONS", {**DEFINITIONS, broken.case: broken}
    )
    supervision = {"hang_deadline_s": 0.3, "sweep_interval_s": 0.05}
    with running_gateway(supervision=supervision) as (gateway, recording):
        for n in range(20):
            app = {"app_id": "hang" if n == 7 else "well"}
            assert gateway.emit("app_created", TENANT, app, event_id=f"e{n}")
        message = {"message_id": "m", "status": "succeeded"}
        assert gateway.emit("message_run", TENANT, message, event_id="other")
        assert gateway.flush(10)
        ledger = gateway.ledger()
        assert ledger.dropped == {"abandoned": 1}
        assert ledger.exported == 20
        assert gateway.dead_letters()[0].envelope.event_id == "e7"
        release.set()
        until_s = time.monotonic() + 5
        while gateway._life.running.root.runtime.left_behind.now() and time.monotonic() < until_s:
            time.sleep(0.01)
        assert gateway._life.running.root.runtime.left_behind.now() == 0
        assert gateway.flush(5)
        assert gateway.ledger().exported == 20
        assert gateway.ledger().balanced()

    assert sorted(uids(recording)) == sorted([*(f"e{n}" for n in range(20) if n != 7), "other"])


# -- g24: a fork -----------------------------------------------------------------------------------


def in_child(act):
    """Fork; what *act* returns in the child comes back as JSON."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write_end, json.dumps(act()).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return json.loads(said)


@pytest.mark.timeout(60)
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_g24_a_forked_child_gets_a_fresh_tree_and_the_parent_does_not_notice():
    """While events flow in three threads of the parent."""
    sink, stop, accepted = RecordingSink(), threading.Event(), []

    def chatter(who):
        n = 0
        while not stop.is_set():
            accepted.append(bool(gateway.emit("app_created", TENANT, APP, event_id=f"{who}-{n}")))
            n += 1
            time.sleep(0.0005)

    def life_of_the_child():
        sink.clear()
        admission = gateway.emit("app_created", TENANT, APP, event_id="mine")
        flushed = gateway.flush(10)
        ledger = gateway.ledger()
        return [str(admission), flushed, ledger.emitted, ledger.exported, uids(sink)]

    with TelemetryGateway(TelemetrySettings.enabled(), sinks=[sink]) as gateway:
        threads = [threading.Thread(target=chatter, args=(who,)) for who in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(20):
                assert in_child(life_of_the_child) == ["accepted", True, 1, 1, ["mine"]]
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert gateway.flush(10)
        ledger = gateway.ledger()
        assert gateway.status().restarts == 0

    assert ledger.exported == sum(accepted) == len(sink.logs)
    assert "mine" not in uids(sink)
    assert ledger.balanced()


@pytest.mark.timeout(30)
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_g24_what_the_parent_had_queued_is_not_sent_by_the_child():
    with running_gateway(gateway={"linger_s": 60}) as (gateway, recording):
        for n in range(50):
            gateway.emit("app_created", TENANT, APP, event_id=f"parent-{n}")

        def look():
            flushed = gateway.flush(5)
            gateway.stop(2)
            return [flushed, gateway.ledger().emitted, uids(recording)]

        assert in_child(look) == [True, 0, []]
        assert gateway.flush(5)
        assert len(recording.logs) == 50


@pytest.mark.timeout(30)
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_g24_ids_of_parent_and_child_differ():
    with running_gateway() as (gateway, recording):

        def child():
            recording.clear()
            for _ in range(5):
                gateway.emit("app_created", TENANT, APP)
            gateway.flush(5)
            return uids(recording)

        theirs = in_child(child)
        for _ in range(5):
            gateway.emit("app_created", TENANT, APP)
        gateway.flush(5)

    assert len(theirs) == 5
    assert not set(theirs) & set(uids(recording))
