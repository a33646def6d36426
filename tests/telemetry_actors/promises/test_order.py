"""g07: per producer thread, tenant and case, events arrive in the order of `emit()`.

With payloads that are off-loaded among them: those hold back their own, and nobody else.
"""

import random
import threading
from collections import defaultdict

from supervisors.testing import crash
from telemetry_actors.testing import running_gateway
from tests.telemetry_actors.promises.stores import held_store, settled_store, until

LARGE = "x" * 1_100_000


def a_gateway(directory, **settings):
    return running_gateway(
        enterprise_include_content=True, payload_store={"directory": directory}, **settings
    )


def emit(gateway, name, *, tenant="t1", text=""):
    payload = {"message_id": name, "status": "succeeded", "inputs": text}
    assert gateway.emit("message_run", {"tenant_id": tenant}, payload, event_id=name)


def arrived(recording):
    return [log.attributes["log.record.uid"] for log in list(recording.logs)]


def in_a_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def emit_around_a_large_one(gateway):
    emit(gateway, "before")
    emit(gateway, "large", text=LARGE)
    emit(gateway, "behind")
    emit(gateway, "other tenant", tenant="t2")
    assert gateway.emit("app_updated", {"tenant_id": "t1"}, {"app_id": "a"}, event_id="other case")
    in_a_thread(lambda: emit(gateway, "other thread"))


OTHERS = {"before", "other tenant", "other case", "other thread"}


def test_g07_a_payload_on_its_way_out_holds_back_only_its_thread_tenant_and_case(tmp_path):
    with held_store(a_gateway(tmp_path), hold=["put"]) as (gateway, recording, gate):
        emit_around_a_large_one(gateway)
        gate.wait_for("put")
        until(lambda: len(recording.logs) == len(OTHERS))
        assert set(arrived(recording)) == OTHERS

        gate.release()
        assert gateway.flush()
        assert arrived(recording)[len(OTHERS) :] == ["large", "behind"]


def test_g07_a_payload_on_its_way_back_holds_back_only_its_thread_tenant_and_case(tmp_path):
    with held_store(a_gateway(tmp_path), hold=["get"]) as (gateway, recording, gate):
        emit_around_a_large_one(gateway)
        gate.wait_for("get")
        until(lambda: len(recording.logs) == len(OTHERS))
        assert set(arrived(recording)) == OTHERS

        gate.release()
        assert gateway.flush()
        assert arrived(recording)[len(OTHERS) :] == ["large", "behind"]


def test_g07_one_large_payload_does_not_wait_for_another_ones(tmp_path):
    with held_store(a_gateway(tmp_path), hold=["put"]) as (gateway, recording, gate):
        emit(gateway, "first", text=LARGE)
        gate.wait_for("put")
        emit(gateway, "second", tenant="t2", text=LARGE)
        gate.wait_for("put")

        gate.release()
        assert gateway.flush()
        assert set(arrived(recording)) == {"first", "second"}


def test_g07_order_is_kept_where_small_and_large_mix_and_the_lanes_die(tmp_path):
    """Each lane is ended again and again in the middle of it."""
    chance = random.Random(7)
    with a_gateway(tmp_path, supervision={"intensity": 1000}, gateway={"linger_s": 0}) as running:
        gateway, recording = running

        def produce(thread):
            for n in range(40):
                large = LARGE if chance.random() < 0.15 else ""
                emit(gateway, f"{thread}-{n % 2}-{n}", tenant=f"t{n % 2}", text=large)

        threads = [threading.Thread(target=produce, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(10):
            for path in ("stages/offload", "stages/recall"):
                crash(gateway._ref(path), ValueError("ended by the test"))
        for thread in threads:
            thread.join()
        assert gateway.flush(20)

        numbers = defaultdict(list)
        for name in arrived(recording):
            thread, tenant, n = name.split("-")
            numbers[thread, tenant].append(int(n))
        assert {key: len(found) for key, found in numbers.items()} == {
            (str(thread), str(tenant)): 20 for thread in range(3) for tenant in range(2)
        }
        assert [found for found in numbers.values() if found != sorted(found)] == []
        assert gateway.status().restarts >= 2
        assert settled_store(gateway).failed == 0
        assert gateway.ledger().balanced()
