"""The way out, to kombu's broker in memory: what a message is, and what may be seen of us."""

import json
import sys

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.errors import SettingsError
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.ports import Verdict
from telemetry_actors.settings import CelerySettings
from telemetry_actors.sinks.celery import TASK_NAME, CelerySink
from telemetry_actors.testing import RecordingSink

kombu = pytest.importorskip("kombu")
celery = pytest.importorskip("celery")

TENANT = {"tenant_id": "t", "user_id": "u"}
APP = {"app_id": "a1"}


@pytest.fixture
def queue(request):
    name = f"q-{request.node.name}"
    with kombu.Connection("memory://") as connection:
        found = connection.SimpleQueue(name)
        found.clear()
        yield name, found
        found.close()


def settings(name="q", url="memory://", **more):
    return TelemetrySettings.enabled(
        transport="celery", celery={"broker_url": url, "queue": name}, **more
    )


def test_each_event_is_one_task_of_the_platforms_name(queue):
    name, found = queue
    with TelemetryGateway(settings(name)) as gateway:
        for _ in range(3):
            assert gateway.emit("app_created", TENANT, APP, event_id="same")
        assert gateway.flush()
        ledger = gateway.ledger()
        messages = [found.get(block=False) for _ in range(3)]

    bodies = [message.payload for message in messages]
    events = [json.loads(arguments[0]) for arguments, _named, _embedded in bodies]
    origins = [tuple(event["metadata"]["origin"]) for event in events]
    assert {m.headers["task"] for m in messages} == {TASK_NAME}
    assert [m.headers["id"] for m in messages] == [f"{p}:{n}" for p, n in origins]
    assert len(set(origins)) == 3
    assert len({process for process, _ in origins}) == 1
    assert events[0]["payload"] == APP
    assert events[0]["metadata"]["context"] == TENANT
    assert ledger.exported == 3, "dedup is the workers' business"
    assert ledger.signals.bridge.exported == 3
    assert ledger.signals.logs.made == 0
    assert ledger.balanced()


def test_a_messages_headers_do_not_repeat_the_payload(queue):
    name, found = queue
    with TelemetryGateway(settings(name)) as gateway:
        gateway.emit("app_created", TENANT, {"app_id": "very-long-id"})
        gateway.flush()
    assert "very-long-id" not in repr(found.get(block=False).headers)


def test_trace_managers_get_their_calls_in_the_process_that_emits(queue):
    name, _ = queue
    calls = []
    with TelemetryGateway(settings(name)) as gateway:
        gateway.emit("message_run", TENANT, {"message_id": "m"}, lambda *call: calls.append(call))
        assert gateway.flush()
        assert gateway.ledger().exported == 1
    assert len(calls) == 1


def test_the_tree_has_only_what_it_needs(queue):
    name, _ = queue
    with TelemetryGateway(settings(name)) as gateway:
        paths = {node.path for node in gateway.status().tree if "/" in node.path}
        kinds = {sink.kind for sink in gateway.status().sinks}
    assert paths == {"sinks/bridge", "sinks/providers", "stages/router", "stages/gateway"}
    assert kinds == {"bridge"}


def test_sinks_that_are_handed_in_come_before_the_transport():
    recording = RecordingSink()
    with TelemetryGateway(settings(), sinks=[recording]) as gateway:
        gateway.emit("app_created", TENANT, APP)
        assert gateway.flush()
    assert len(recording.logs) == 1


def test_a_file_for_the_whole_tree_may_be_used_with_either_transport(queue, tmp_path):
    name, _ = queue
    file = tmp_path / "tree.toml"
    file.write_text(
        "[children.stages.children.dedup]\nshutdown_s = 1.0\n"
        "[children.handlers]\nshutdown_s = 1.0\n"
        "[children.sinks.children.logs]\nshutdown_s = 1.0\n"
    )
    with TelemetryGateway(settings(name, config=file)) as gateway:
        assert gateway.status().state == "running"


def test_g05_the_hosts_own_application_stays_the_current_one():
    before = celery._state._tls.current_app, celery._state.default_app
    CelerySink(CelerySettings(broker_url="memory://")).close()
    assert (celery._state._tls.current_app, celery._state.default_app) == before


def test_g30_neither_status_nor_settings_show_the_password():
    url = "redis://me:s3cret@127.0.0.1:1/0"
    chosen = settings(url=url)
    sink = CelerySink(chosen.celery)
    event = ("id", "{}")
    result = sink.export(SignalKind.BRIDGE, [event], 1.0)

    assert (result.verdict, result.unconfirmed) == (Verdict.RETRY, False)
    assert sink.endpoint_of(SignalKind.BRIDGE) == "redis://127.0.0.1:1"
    for shown in (result.message, repr(sink), repr(chosen), chosen.model_dump_json()):
        assert "s3cret" not in shown


def test_a_broker_is_needed_and_its_address_must_look_like_one():
    with pytest.raises(SettingsError, match=r"celery\.broker_url"):
        TelemetrySettings.enabled(transport="celery")
    with pytest.raises(SettingsError, match=r"celery\.broker_url") as refused:
        TelemetrySettings.enabled(celery={"broker_url": "s3cret"})
    assert "s3cret" not in str(refused.value)


def test_a_process_without_celery_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "celery", None)
    with pytest.raises(ModuleNotFoundError, match=r"telemetry-actors\[celery\]"):
        CelerySink(CelerySettings(broker_url="memory://"))


def test_the_way_out_is_shown_by_status_and_prometheus_as_other_sinks_are(queue):
    name, _ = queue
    with TelemetryGateway(settings(name)) as gateway:
        gateway.emit("app_created", TENANT, APP)
        gateway.emit("message_run", TENANT, {"message_id": "m"})
        assert gateway.flush()
        status = gateway.status()

    (sink,) = status.sinks
    assert (sink.kind, sink.exported, sink.part) == ("bridge", 2, "sinks/bridge")
    assert sum(sum(request.timing.counts) for request in sink.requests) == 2
    said = status.to_prometheus()
    assert 'telemetry_actors_queue_size{telemetry_actors_part="sinks/bridge"} 0' in said
    (line,) = [s for s in said.splitlines() if s.startswith("telemetry_actors_bridge_exported_t")]
    assert line.endswith('component_name="CelerySink_event_exporter/celery"} 2')
    assert "otel_sdk_exporter_operation_duration" in said
    assert "telemetry_actors_sink_healthy{" in said and "telemetry_actors_breaker_failures{" in said
    assert "telemetry_actors_payload_store" not in said and "telemetry_actors_dedup" not in said


def test_a_broker_that_is_not_there_is_in_the_numbers():
    """Each failure, by its error, while the event waits for a better time."""
    gateway = TelemetryGateway(settings("nowhere", url="redis://127.0.0.1:1/0")).start()
    gateway.emit("app_created", TENANT, APP)
    gateway.flush(0.5)
    gateway.stop(0.2)
    said = gateway.status().to_prometheus().splitlines()

    (healthy,) = [line for line in said if line.startswith("telemetry_actors_sink_healthy{")]
    assert healthy.endswith(" 0")
    counts = [
        s for s in said if s.startswith("telemetry_actors_sink_request_duration_seconds_count")
    ]
    assert counts and all('error_type="unreachable"' in line for line in counts)


def test_what_is_large_leaves_whole(queue):
    """An object would be gone with its event's outcome here, which comes before a worker reads."""
    name, found = queue
    with TelemetryGateway(settings(name)) as gateway:
        gateway.emit("app_created", TENANT, APP | {"more": "x" * 1_100_000})
        assert gateway.flush()
    (sent,) = found.get(block=False).payload[0]
    assert len(json.loads(sent)["payload"]["more"]) == 1_100_000


def test_what_the_journal_keeps_goes_out_by_the_next_process(queue, tmp_path):
    name, found = queue
    kept = {"journal": {"directory": tmp_path}}
    refused = "redis://127.0.0.1:1/0"
    with TelemetryGateway(settings(name, url=refused, **kept)) as gateway:
        assert gateway.emit("app_created", TENANT, APP, event_id="kept")
        gateway.flush(0.1)
        assert gateway.stop(0.3).kept == 1
    with TelemetryGateway(settings(name, **kept)) as gateway:
        gateway.flush()
        message = found.get(timeout=5)
        assert gateway.flush()
        assert gateway.ledger().sources == {"emit": 0, "journal": 1}
    event = json.loads(message.payload[0][0])
    assert (event["event_id"], event["payload"]) == ("kept", APP)
