"""The way in, without a broker: one process, its tree, and what a task says to Celery."""

import base64
import contextlib
import json
import pickle
import sys

import pytest

from telemetry_actors import TelemetrySettings
from telemetry_actors.books.ledger import Admission
from telemetry_actors.bridges.celery import TASK_NAME, CeleryBridge, register
from telemetry_actors.testing import RecordingSink
from tests.forks import as_in_a_child

celery = pytest.importorskip("celery")

OLD = {"case": "app_created", "tenant_id": "t", "event_id": "e", "payload": {"app_id": "a"}}
AT = 1_700_000_000_000_000_000


def ours(serial=1, **fields):
    metadata = {"origin": ["p", serial], "emitted_at": AT, "context": {"user_id": "u"}}
    return json.dumps({**OLD, "metadata": metadata, **fields})


@pytest.fixture
def recording():
    return RecordingSink()


@pytest.fixture
def bridge(recording):
    made = CeleryBridge(TelemetrySettings.enabled(), sinks=[recording])
    yield made
    made.stop()


def test_an_event_has_its_outcome_when_the_task_returns(bridge, recording):
    assert bridge.take(ours())
    ledger = bridge.ledger()

    assert (ledger.emitted, ledger.accepted, ledger.exported) == (1, 1, 1)
    assert ledger.sources == {"emit": 0, "celery": 1}
    assert ledger.balanced()
    assert recording.logs[0].time_ns == AT


def test_what_is_emitted_here_and_what_is_taken_in_are_counted_apart(bridge):
    assert bridge.take(ours())
    assert bridge.gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": "a"})
    assert bridge.gateway.flush()
    assert bridge.ledger().sources == {"emit": 1, "celery": 1}


def test_g09_a_redelivered_task_passes_its_own_claim_and_anothers_does_not(bridge):
    assert bridge.take(json.dumps(OLD), "task-1")
    assert bridge.take(json.dumps(OLD), "task-1")
    assert bridge.take(json.dumps(OLD), "task-2")
    assert bridge.take(ours(serial=1), "task-1")
    ledger = bridge.ledger()

    assert (ledger.exported, ledger.duplicate) == (2, 2)


def test_c6_events_without_an_id_are_different_events(bridge, recording):
    for task in ("task-1", "task-2", "task-3", "task-3"):
        assert bridge.take(json.dumps(OLD | {"event_id": ""}), task)
    ledger = bridge.ledger()

    assert (ledger.exported, ledger.duplicate) == (4, 0)  # its own claim lets the last one pass
    assert len({log.attributes["log.record.uid"] for log in recording.logs}) == 3


def test_b1_the_tenant_of_an_old_producers_event_is_decided_as_by_emit(bridge, recording):
    event = {"app_id": "a", "tenant_id": 7}
    assert bridge.take(json.dumps(OLD | {"payload": event}), "task-1")
    assert bridge.gateway.emit("app_created", {}, event, event_id="e")
    assert bridge.gateway.flush()

    assert [log.attributes["dify.tenant_id"] for log in recording.logs] == ["7"]
    assert bridge.ledger().duplicate == 1


def test_b7_times_are_read_as_by_emit(bridge, recording):
    payload = {"workflow_id": "w", "workflow_run_id": "r", "status": "succeeded"}
    payload |= {"start_time": 1_795_162_530, "end_time": 1_795_162_538.5}
    assert bridge.take(json.dumps(OLD | {"case": "workflow_run", "payload": payload}))

    span = recording.spans[0]
    assert (span.start_ns, span.end_ns - span.start_ns) == (1_795_162_530 * 10**9, 8_500_000_000)


def test_c9_the_warning_of_a_refused_envelope_names_its_task(bridge, caplog):
    assert not bridge.take("{", "task-17")
    assert "the envelope of task task-17 is refused as invalid" in caplog.text


def test_c9_the_letter_of_a_fallback_that_is_a_pickle_names_the_switch(bridge):
    fallback = base64.b64encode(pickle.dumps({"app_id": "a"})).decode()
    bridge.take(ours(payload={}, payload_fallback=fallback))
    (letter,) = bridge.gateway.dead_letters()

    assert "rehydrator.allow_pickle_fallback" in letter.error


def test_g21_an_old_producers_content_is_taken_out_at_the_door(bridge, recording):
    payload = {"message_id": "m", "inputs": {"q": "secret"}, "outputs": "secret"}
    bridge.take(json.dumps(OLD | {"case": "message_run", "payload": payload}))
    held = bridge.gateway.dead_letters()

    assert b"secret" not in b"".join(letter.envelope.payload for letter in held)
    assert "secret" not in repr(recording.logs)


@pytest.mark.parametrize(
    ("text", "verdict", "case"),
    [
        ("{", Admission.INVALID, "unknown"),
        (None, Admission.INVALID, "unknown"),
        (ours(case="nonsense"), Admission.UNKNOWN_CASE, "unknown"),
        (ours(payload={"x": "y" * 17_000_000}), Admission.TOO_LARGE, "app_created"),
    ],
    ids=["no json", "nothing", "no case", "too large"],
)
def test_what_is_refused_is_counted(text, verdict, case, bridge):
    assert bridge.take(text) is verdict
    ledger = bridge.ledger()

    assert ledger.by_case[case].refused == {str(verdict): 1}
    assert ledger.sources == {"emit": 0, "celery": 1}
    assert ledger.balanced()


def test_an_event_without_its_payload_ends_as_it_would_at_home(bridge):
    bridge.take(ours(payload={}, payload_fallback="AAAA"))
    assert bridge.ledger().dropped == {"rehydration_failed": 1}


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_what_can_not_be_put_in_is_counted_once(bridge, monkeypatch, error):
    def broken_off(_item, _size):
        raise error

    monkeypatch.setattr(bridge.gateway._life.door.mailbox, "append", broken_off)
    with contextlib.suppress(KeyboardInterrupt):
        assert bridge.take(ours())
    ledger = bridge.ledger()

    assert (ledger.emitted, ledger.accepted) == (1, 1)
    assert ledger.dropped == {"stage_crash": 1}
    assert ledger.balanced()


def test_the_settings_of_a_producer_do_not_send_a_workers_events_round(recording):
    settings = TelemetrySettings.enabled(transport="celery", celery={"broker_url": "memory://"})
    bridge = CeleryBridge(settings)
    assert bridge.gateway._life.outlets.bridging is False
    bridge.stop()


def test_in_the_child_of_a_fork_its_gateway_begins_anew(bridge):
    mine = bridge.gateway._life
    with as_in_a_child():
        assert bridge.ledger().emitted == 0
        assert bridge.gateway._life is not mine


# -- the task -------------------------------------------------------------------------------------


@pytest.fixture
def app():
    made = celery.Celery("tests", broker="memory://", set_as_current=False)
    made.conf.update(task_always_eager=True, task_eager_propagates=True)
    return made


def registered(app, recording, **celery_part):
    return register(app, settings=TelemetrySettings.enabled(celery=celery_part), sinks=[recording])


def test_the_task_has_the_platforms_name_and_is_acknowledged_late(app, recording):
    registered(app, recording)
    task = app.tasks[TASK_NAME]

    assert TASK_NAME == "process_enterprise_telemetry"
    assert (task.acks_late, task.reject_on_worker_lost, task.ignore_result) == (True, True, True)


def test_nothing_comes_out_of_a_task(app, recording):
    bridge = registered(app, recording)
    for arguments in [(ours(),), ("{",), (None,), (), (b"\xff",), (ours(), "more")]:
        assert app.tasks[TASK_NAME].apply(arguments, throw=False).state == "SUCCESS"
    bridge.stop()

    assert bridge.ledger().emitted == 6
    assert bridge.ledger().balanced()


def test_a_fault_of_ours_stays_in_the_task(app, recording, monkeypatch, caplog):
    bridge = registered(app, recording)
    monkeypatch.setattr(bridge, "take", lambda *_: 1 / 0)
    assert app.tasks[TASK_NAME].apply((ours(),), throw=False).state == "SUCCESS"
    assert "ZeroDivisionError" in caplog.text


def test_a_task_of_a_worker_that_can_make_no_gateway_goes_back_to_the_queue(app, recording, caplog):
    twice = [recording, recording]
    register(app, settings=TelemetrySettings.enabled(celery={"room_timeout_s": 0}), sinks=twice)

    assert app.tasks[TASK_NAME].apply((ours(),), throw=False).state == "REJECTED"
    assert "events stay in the queue: sinks" in caplog.text


def test_a_task_that_finds_no_room_goes_back_to_the_queue(app, recording):
    bridge = registered(app, recording, room_timeout_s=0)
    bridge.gateway.stop()
    assert app.tasks[TASK_NAME].apply((ours(),), throw=False).state == "REJECTED"
    assert bridge.ledger().refused == {"stopping": 1}


def test_a_full_tree_is_waited_for_and_then_refuses(recording):
    settings = TelemetrySettings.enabled(
        gateway={"mailbox_events": 1}, celery={"room_timeout_s": 0.01, "outcome_timeout_s": 0.0}
    )
    bridge = CeleryBridge(settings, sinks=[recording])
    enqueuer = bridge.gateway._life.door.enqueuer
    enqueuer.asleep, enqueuer._awaken = True, lambda: True  # nobody takes anything

    assert bridge.take(ours())
    assert bridge.take(ours(2)) is Admission.MAILBOX_FULL
    ledger = bridge.ledger()
    assert (ledger.in_flight, ledger.refused) == (1, {"mailbox_full": 1})
    bridge.stop()
    assert bridge.gateway._life.books._followed == {}


def test_a_process_without_celery_is_told_what_to_install(monkeypatch, recording):
    monkeypatch.setitem(sys.modules, "celery", None)
    with pytest.raises(ModuleNotFoundError, match=r"telemetry-actors\[celery\]"):
        register(object(), settings=TelemetrySettings.enabled(), sinks=[recording])
