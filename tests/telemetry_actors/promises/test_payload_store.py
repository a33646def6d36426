"""g11: an off-loaded payload comes back whole, its object goes, and what can't come back is said.

Real directories, real files, real damage.
"""

import json
import os

import msgpack
import pytest

from supervisors.testing import DeterministicRuntime, crash
from telemetry_actors.event.envelope import PAYLOAD_SIZE_THRESHOLD_BYTES
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.testing import running_gateway
from tests.telemetry_actors.promises.stores import (
    WITHIN_S,
    cut_off_fallback,
    files,
    held_store,
    settled_store,
    until,
)

CONTEXT = {"tenant_id": "t1"}
LARGE = "x" * 2_000_000


def a_message(n, text=LARGE, **more):
    return {"message_id": f"m{n}", "status": "succeeded", "inputs": text, **more}


def of_packed_size(size_bytes):
    """A message that packs to exactly so many bytes."""
    short = len(msgpack.packb(a_message(1, "y" * 1_000_000)))
    made = a_message(1, "y" * (1_000_000 + size_bytes - short))
    assert len(msgpack.packb(made)) == size_bytes
    return made


def a_gateway(directory, **settings):
    store = {"directory": directory, **settings.pop("payload_store", {})}
    settings = {"enterprise_include_content": True, **settings}
    return running_gateway(payload_store=store, **settings)


def test_g11_a_large_payload_comes_back_whole_and_its_object_is_deleted(tmp_path):
    with a_gateway(tmp_path) as (gateway, recording):
        assert gateway.emit("message_run", CONTEXT, a_message(1), event_id="e1")
        assert gateway.flush()
        store = settled_store(gateway)

        assert recording.logs[0].attributes["dify.message.inputs"] == LARGE
        assert "dify.telemetry.degraded" not in recording.logs[0].attributes
        assert (store.written, store.read, store.deleted, store.failed) == (1, 1, 1, 0)
        assert files(tmp_path) == []
        assert gateway.ledger().balanced()


@pytest.mark.parametrize(("over", "written"), [(0, 0), (1, 1)])
def test_g11_one_mebibyte_exactly_stays_inline_and_one_byte_more_does_not(tmp_path, over, written):
    payload = of_packed_size(PAYLOAD_SIZE_THRESHOLD_BYTES + over)
    with a_gateway(tmp_path) as (gateway, recording):
        assert gateway.emit("message_run", CONTEXT, payload)
        assert gateway.flush()

        assert recording.logs[0].attributes["dify.message.inputs"] == payload["inputs"]
        assert gateway.status().payload_store.written == written


def test_g11_an_object_is_the_json_text_of_the_payload_under_its_key(tmp_path):
    payload = a_message(1, more={"ä": [1, None, True, 2.5, -(2**63), 2**64 - 1, "\U0001f600"]})
    with held_store(a_gateway(tmp_path)) as (gateway, _, gate):
        assert gateway.emit("message_run", CONTEXT, payload, event_id="e1")
        gate.wait_for("get")
        (file,) = files(tmp_path)

        assert file.relative_to(tmp_path).as_posix() == "telemetry/t1/e1.json"
        assert json.loads(file.read_bytes()) == payload
        assert file.stat().st_mode & 0o077 == 0


def test_g11_an_empty_payload_is_a_payload(tmp_path):
    with a_gateway(tmp_path) as (gateway, recording):
        assert gateway.emit("generate_name", CONTEXT, {})
        assert gateway.flush()

        assert [log.event_name for log in recording.logs] == ["dify.generate_name.execution"]


def test_g11_two_events_of_one_id_do_not_share_an_object(tmp_path):
    """The second is a duplicate; it takes nothing away from the first."""
    with held_store(a_gateway(tmp_path)) as (gateway, recording, gate):
        for text in ("x", "y"):
            assert gateway.emit(
                "message_run", CONTEXT, a_message(1, text * 2_000_000), event_id="e"
            )
        gate.wait_for("get")
        until(lambda: gateway.ledger().duplicate == 1)
        gate.release()
        assert gateway.flush()

        assert recording.logs[0].attributes["dify.message.inputs"] == LARGE
        assert settled_store(gateway).deleted == 1
        assert gateway.ledger().balanced()


def test_g11_an_object_of_another_process_is_left_alone(tmp_path):
    theirs = tmp_path / "telemetry" / "t1" / "e1.json"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs")
    with a_gateway(tmp_path) as (gateway, recording):
        assert gateway.emit("message_run", CONTEXT, a_message(1), event_id="e1")
        assert gateway.flush()

        assert recording.logs[0].attributes["dify.message.inputs"] == LARGE
        assert settled_store(gateway).inline == 1
    assert theirs.read_text() == "theirs"


@pytest.mark.parametrize("how", ["no sink", "rejected", "shutdown"])
def test_g11_the_object_goes_whatever_becomes_of_the_event(tmp_path, how):
    with held_store(a_gateway(tmp_path), hold=["get"] if how == "shutdown" else []) as held:
        gateway, recording, gate = held
        if how == "no sink":
            router = gateway._life.places.slots["root", "stages", "router"].current.actor
            router._has_sink = False
        if how == "rejected":
            recording.export = lambda *_: ExportResult(Verdict.REFUSED)
        assert gateway.emit("message_run", CONTEXT, a_message(1))
        if how == "shutdown":
            gate.wait_for("get")
        gateway.stop(1.0 if how == "shutdown" else 5.0)

        assert gateway.ledger().dropped == {how.replace(" ", "_"): 1}
        assert gateway.ledger().balanced()
        assert files(tmp_path) == []


def test_g11_what_nobody_waits_for_is_swept_by_age_at_the_start(tmp_path):
    old, young = (tmp_path / "telemetry" / "t9" / name for name in ("old.json", "young.json"))
    old.parent.mkdir(parents=True)
    for file in (old, young):
        file.write_text("{}")
    foreign = old.with_name("README")
    foreign.write_text("mine")
    for file in (old, foreign):
        os.utime(file, (1_000_000, 1_000_000))
    with a_gateway(tmp_path) as (gateway, _):
        until(lambda: gateway.status().payload_store.swept == 1)

    assert files(tmp_path) == [foreign, young]


# -- what can't be written ------------------------------------------------------------------------


def read_only(root):
    root.joinpath("telemetry").write_text("a file where the folder should be")


def a_link_in_the_way(root):
    root.joinpath("telemetry").symlink_to("/")


@pytest.mark.parametrize("damage", [read_only, a_link_in_the_way])
def test_g11_what_can_not_be_written_travels_inline(tmp_path, damage):
    damage(tmp_path)
    with a_gateway(tmp_path) as (gateway, recording):
        for n in range(3):
            assert gateway.emit("message_run", CONTEXT, a_message(n))
        assert gateway.flush()
        status = gateway.status()

        assert [log.attributes["dify.message.inputs"] for log in recording.logs] == [LARGE] * 3
        assert status.payload_store.failed >= 1
        assert status.payload_store.healthy is False
        assert any("the payload store fails" in problem for problem in status.problems)


def test_g11_a_store_that_hangs_costs_its_time_out_and_then_no_more(tmp_path):
    late = {"timeout_s": 0.2}
    with held_store(a_gateway(tmp_path, payload_store=late), hold=["put"]) as held:
        gateway, recording, gate = held
        for n in range(5):
            assert gateway.emit("message_run", CONTEXT, a_message(n))
        assert gateway.flush(WITHIN_S / 2)

        assert [log.attributes["dify.message.id"] for log in recording.logs] == [
            f"m{n}" for n in range(5)
        ]
        gate.release()
        assert settled_store(gateway).objects == 0
        assert files(tmp_path) == []  # what was written at last has been deleted


@pytest.mark.parametrize("bounds", [{"max_events": 2}, {"max_bytes": 5_000_000}], ids=str)
def test_g11_no_more_is_on_its_way_out_than_is_allowed(tmp_path, bounds):
    with held_store(a_gateway(tmp_path, payload_store=bounds), hold=["put"]) as held:
        gateway, recording, gate = held
        for n in range(6):
            tenant = {"tenant_id": f"t{n}"}
            assert gateway.emit("message_run", tenant, a_message(n))
        until(lambda: len(recording.logs) == 4)
        store = gateway.status().payload_store
        assert (store.objects, store.inline) == (2, 4)
        assert store.in_flight_bytes == 2 * len(msgpack.packb(a_message(1)))

        gate.release()
        assert gateway.flush()
        assert len(recording.logs) == 6


def test_g11_what_json_can_not_carry_travels_inline_as_it_is(tmp_path):
    with a_gateway(tmp_path) as (gateway, recording):
        assert gateway.emit("message_run", CONTEXT, a_message(1, outputs={"raw": b"\xff"}))
        assert gateway.flush()

        assert recording.logs[0].attributes["dify.message.inputs"] == LARGE
        store = gateway.status().payload_store
        assert (store.inline, store.failed, store.healthy) == (1, 0, True)


# -- what can't be read back ----------------------------------------------------------------------


def gone(file):
    file.unlink()


def cut_short(file):
    file.write_bytes(file.read_bytes()[:-100])


def no_map(file):
    file.write_text("[1]")


def too_deep(file):
    file.write_text("[" * 100_000)


def a_pipe(file):
    file.unlink()
    os.mkfifo(file)


def a_link(file):
    target = file.with_name("elsewhere")
    file.rename(target)
    file.symlink_to(target)


DAMAGES = [gone, cut_short, no_map, too_deep, a_pipe, a_link]


@pytest.mark.parametrize("damage", DAMAGES)
def test_g11_where_the_object_can_not_be_read_the_fallback_is_used_and_said(tmp_path, damage):
    payload = a_message(1, outputs="short", conversation_id="c1")
    with held_store(a_gateway(tmp_path)) as (gateway, recording, gate):
        assert gateway.emit("message_run", CONTEXT, payload)
        gate.wait_for("get")
        damage(files(tmp_path)[0])
        gate.release()
        assert gateway.flush()
        (log,) = recording.logs

        assert log.attributes["dify.telemetry.degraded"] is True
        assert log.attributes["dify.message.id"] == "m1"
        assert log.attributes["dify.message.outputs"] == "short"
        assert log.attributes["dify.conversation.id"] == "c1"
        assert "dify.message.inputs" not in log.attributes
        assert gateway.ledger().exported == 1
        assert gateway.status().payload_store.failed == 1


def test_g11_a_degraded_span_says_so_too(tmp_path):
    run = {"workflow_id": "w", "workflow_run_id": "r", "status": "succeeded", "inputs": LARGE}
    with held_store(a_gateway(tmp_path)) as (gateway, recording, gate):
        assert gateway.emit("workflow_run", CONTEXT, run)
        gate.wait_for("get")
        gone(files(tmp_path)[0])
        gate.release()
        assert gateway.flush()

        assert recording.spans[0].attributes["dify.telemetry.degraded"] is True


def test_g11_a_store_that_hangs_on_reading_costs_its_time_out(tmp_path):
    late = {"timeout_s": 0.2}
    with held_store(a_gateway(tmp_path, payload_store=late), hold=["get"]) as held:
        gateway, recording, _ = held
        assert gateway.emit("message_run", CONTEXT, a_message(1))
        assert gateway.flush(WITHIN_S / 2)

        assert recording.logs[0].attributes["dify.telemetry.degraded"] is True


def test_g11_when_nothing_is_left_one_diagnostic_log_says_so(tmp_path):
    with held_store(a_gateway(tmp_path)) as (gateway, recording, gate):
        cut_off_fallback(gateway)
        assert gateway.emit("message_run", CONTEXT, a_message(1), event_id="e1")
        gate.wait_for("get")
        gone(files(tmp_path)[0])
        gate.release()
        assert gateway.flush()
        ledger = gateway.ledger()

        assert [log.event_name for log in recording.logs] == ["dify.telemetry.rehydration_failed"]
        assert recording.logs[0].attributes["dify.telemetry.correlation_id"] == "e1"
        assert recording.logs[0].attributes["log.record.uid"] != "e1"
        assert recording.spans == recording.metrics() == []
        assert ledger.dropped == {"rehydration_failed": 1}
        assert (ledger.signals.logs.diagnostic, ledger.signals.logs.exported) == (1, 1)
        assert ledger.balanced()
        assert [letter.reason for letter in gateway.dead_letters()] == ["rehydration_failed"]


def test_g11_a_fallback_without_what_is_required_is_nothing(tmp_path):
    with held_store(a_gateway(tmp_path)) as (gateway, recording, gate):
        assert gateway.emit("message_run", CONTEXT, {"message_id": LARGE, "status": "succeeded"})
        gate.wait_for("get")
        gone(files(tmp_path)[0])
        gate.release()
        assert gateway.flush()

        assert [log.event_name for log in recording.logs] == ["dify.telemetry.rehydration_failed"]
        assert gateway.ledger().dropped == {"rehydration_failed": 1}
        assert gateway.ledger().balanced()


# -- beside the way -------------------------------------------------------------------------------


def test_g11_a_lane_that_ends_while_it_waits_goes_on_where_it_was(tmp_path):
    with held_store(a_gateway(tmp_path), hold=["put"]) as (gateway, recording, gate):
        assert gateway.emit("message_run", CONTEXT, a_message(1))
        gate.wait_for("put")
        crash(gateway._ref("stages/offload"), ValueError("ended by the test"))
        assert gateway.emit("message_run", CONTEXT, a_message(2, "small"))
        gate.release()
        assert gateway.flush()

        assert [log.attributes["dify.message.id"] for log in recording.logs] == ["m1", "m2"]
        assert len(gate.keys["put"]) == 1
        assert settled_store(gateway).deleted == 1
        assert gateway.ledger().balanced()


@pytest.mark.parametrize("lane", ["offload", "recall"])
def test_g11_a_crash_in_the_lane_costs_the_event_in_hand_and_leaves_no_object(tmp_path, lane):
    with a_gateway(tmp_path) as (gateway, recording):
        crash(gateway._ref(f"stages/{lane}"), ValueError("ended by the test"), in_hand=True)
        assert gateway.emit("message_run", CONTEXT, a_message(1))
        until(lambda: gateway.ledger().dropped)
        assert gateway.emit("message_run", CONTEXT, a_message(2))
        assert gateway.flush()

        assert gateway.ledger().dropped == {"stage_crash": 1}
        assert [log.attributes["dify.message.id"] for log in recording.logs] == ["m2"]
        assert settled_store(gateway).objects == 0
        assert files(tmp_path) == []
        assert gateway.ledger().balanced()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_g11_the_child_of_a_fork_leaves_the_parents_objects_alone(tmp_path):
    with held_store(a_gateway(tmp_path)) as (gateway, recording, gate):
        assert gateway.emit("message_run", CONTEXT, a_message(1))
        gate.wait_for("get")
        child = os.fork()
        if not child:
            gateway.emit("message_run", CONTEXT, a_message(2))
            well = gateway.flush() and settled_store(gateway).deleted == 1
            os._exit(0 if well and len(files(tmp_path)) == 1 else 1)
        assert os.waitpid(child, 0)[1] == 0
        gate.release()
        assert gateway.flush()

        assert recording.logs[0].attributes["dify.message.inputs"] == LARGE
        assert "dify.telemetry.degraded" not in recording.logs[0].attributes


def test_a_trace_manager_gets_the_whole_payload_of_an_off_loaded_event(tmp_path):
    given = []
    run = {"workflow_id": "w", "workflow_run_id": "r", "status": "succeeded", "inputs": LARGE}
    with a_gateway(tmp_path) as (gateway, _):
        assert gateway.emit("workflow_run", CONTEXT, run, lambda *call: given.append(call))
        assert gateway.flush()
        until(lambda: given)

        assert given[0][1]["inputs"] == LARGE
        assert settled_store(gateway).written == 1


def test_g21_with_content_off_no_content_is_in_the_store(tmp_path):
    payload = a_message(1, "secret words", outputs="more secret", error="e" * 2_000_000)
    with held_store(a_gateway(tmp_path, enterprise_include_content=False)) as held:
        gateway, _, gate = held
        assert gateway.emit("message_run", CONTEXT, payload)
        gate.wait_for("get")
        text = files(tmp_path)[0].read_text()

        assert "secret" not in text
        assert json.loads(text)["inputs"] == "[gated]"


def test_switched_off_everything_travels_inline(tmp_path):
    with a_gateway(tmp_path, payload_store={"enabled": False}) as (gateway, recording):
        assert gateway.emit("message_run", CONTEXT, a_message(1))
        assert gateway.flush()

        assert recording.logs[0].attributes["dify.message.inputs"] == LARGE
        assert gateway.status().payload_store is None


def test_on_one_thread_and_virtual_time_it_is_all_the_same(tmp_path):
    with a_gateway(tmp_path, runtime=DeterministicRuntime()) as (gateway, recording):
        for n in range(3):
            assert gateway.emit("message_run", CONTEXT, a_message(n, LARGE if n else "small"))
        assert gateway.flush()
        store = gateway.status().payload_store

        assert [log.attributes["dify.message.id"] for log in recording.logs] == ["m0", "m1", "m2"]
        assert (store.written, store.read, store.deleted) == (2, 2, 2)


def test_a_lane_takes_in_what_weighs_as_much_as_a_batch_and_leaves_the_rest_where_it_is(tmp_path):
    """Each once: what was put in hand and not taken out of the mailbox came twice."""
    with a_gateway(tmp_path, gateway={"batch_bytes": 3_000_000}) as (gateway, recording):
        for n in range(12):
            assert gateway.emit("message_run", CONTEXT, a_message(n), event_id=f"e{n}")
        assert gateway.flush()

        assert [log.attributes["dify.message.id"] for log in recording.logs] == [
            f"m{n}" for n in range(12)
        ]
        assert gateway.ledger().balanced()
        assert gateway.status().pressure.events == 0
