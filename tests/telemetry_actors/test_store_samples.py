"""Numbers of the stores, beside what is really there: files, bytes, a Redis that isn't."""

import pytest

from supervisors.run.deterministic import DeterministicRuntime
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.observe._samples import samples
from telemetry_actors.observe._store_samples import STORE_ROWS
from telemetry_actors.testing import RecordingSink, running_gateway

TENANT = {"tenant_id": "acme"}
APP = {"app_id": "a"}
OF_EVERY_GATEWAY = {"dedup.hits", "dedup.ids", "dedup.misses", "dedup.healthy"}


def numbers(gateway):
    """Of stores: the value by name, or by name and state."""
    found = [s for s in samples(gateway.status()) if s.metric.name in STORE_ROWS]
    names = [".".join([s.metric.name, *(str(value) for _, value in s.attributes)]) for s in found]
    ours = (name.removeprefix("telemetry_actors.") for name in names)
    return dict(zip(ours, (s.value for s in found), strict=True))


def of(gateway, store):
    """The same, of one store alone."""
    found = numbers(gateway).items()
    return {name.partition(".")[2]: n for name, n in found if name.startswith(f"{store}.")}


def test_what_is_off_has_no_number_not_even_a_0():
    with running_gateway(payload_store={"enabled": False}) as (gateway, _):
        assert gateway.emit("app_created", TENANT, APP)
        assert gateway.flush(5)

        assert set(numbers(gateway)) == OF_EVERY_GATEWAY


def test_where_a_broker_has_the_events_nothing_is_deduplicated_or_put_away():
    pytest.importorskip("celery")
    settings = TelemetrySettings.enabled(
        transport="celery", celery={"broker_url": "redis://127.0.0.1:1/0"}
    )
    with TelemetryGateway(settings) as gateway:
        assert numbers(gateway) == {}


def test_g18_dead_letters_are_counted_as_they_lie_there(tmp_path):
    place = tmp_path / "letters"
    with running_gateway(dead_letters={"directory": place}) as (gateway, _):
        for n in range(3):
            gateway.emit("workflow_run", TENANT, {"status": n})
        assert gateway.flush(5)
    found = of(gateway, "dead_letters")

    assert (found["written"], found["files"], found["unwritten"], found["errors"]) == (3, 3, 0, 0)
    assert found["size"] == sum(file.stat().st_size for file in place.iterdir()) > 0
    assert (found["waiting"], found["waiting_memory"], found["healthy"]) == (0, 0, 1)


def test_g18_a_disk_that_says_no_is_counted_for_each_letter(tmp_path):
    place = tmp_path / "no directory"
    place.write_text("")
    with running_gateway(dead_letters={"directory": place}) as (gateway, _):
        for n in range(3):
            gateway.emit("workflow_run", TENANT, {"status": n})
        assert gateway.flush(5)
    found = of(gateway, "dead_letters")

    assert (found["written"], found["unwritten"], found["files"], found["healthy"]) == (0, 3, 0, 0)
    assert found["errors"] == 4  # with the look at the start


def test_the_journals_numbers_are_those_of_its_files(tmp_path):
    place = tmp_path / "journal"
    runtime = DeterministicRuntime(1)
    journal = {"directory": place, "memory_directory": tmp_path / "memory"}
    with running_gateway(runtime=runtime, journal=journal) as (gateway, recording):
        recording.export = lambda *_: pytest.fail("held back")
        for _ in range(5):
            gateway.emit("app_created", TENANT, APP)
        runtime.advance(0.2)
        found = of(gateway, "journal")
        size_bytes = sum(file.stat().st_size for file in place.rglob("*.seg"))
        del recording.export

        assert (found["durable"], found["held"], found["segments"]) == (5, 5, 1)
        assert found["size"] <= size_bytes < found["size"] + 100  # with the file's head
        assert (found["state.on"], found["state.out"], found["state.closed"]) == (1, 0, 0)
        assert (found["errors"], found["lost_on_crash"], found["oldest_age"] > 0) == (0, 0, True)


def test_a_large_payload_is_counted_on_its_way_out_and_back(tmp_path):
    runtime = DeterministicRuntime(1)
    message = {"message_id": "m", "status": "succeeded", "inputs": "x" * 2_000_000}
    settings = {"payload_store": {"directory": tmp_path}, "enterprise_include_content": True}
    with running_gateway(runtime=runtime, **settings) as (gateway, _):
        gateway.emit("message_run", TENANT, message)
        assert gateway.flush(5)
        found = of(gateway, "payload_store")

    counts = [found[name] for name in ("written", "read", "deleted", "failures", "inline")]
    assert counts == [1, 1, 1, 0, 0]
    under_way = [found[name] for name in ("objects", "in_flight", "in_flight_memory")]
    assert under_way == [0, 0, 0]
    assert (found["healthy"], found["breaker.state.closed"]) == (1, 1)


def test_g10_a_redis_that_is_not_there_is_in_the_numbers():
    redis = {"redis_url": "redis://127.0.0.1:1/0", "dedup": {"breaker_failures": 1}}
    gateway = TelemetryGateway(TelemetrySettings.enabled(**redis), sinks=[RecordingSink()])
    with gateway:
        gateway.emit("app_created", TENANT, APP)
        assert gateway.flush(5)
        found = of(gateway, "dedup")

    assert (found["healthy"], found["misses"], found["unchecked"]) == (0, 1, 1)
    assert found["failures"] >= 1
    assert (found["breaker.state.closed"], found["leases"]) == (0, 0)
