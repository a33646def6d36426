"""g11: an off-loaded payload comes back whole, its object goes, and what can't come back is said.

Real directories, real files, real damage.
"""

import json

import msgpack
import pytest

from telemetry_actors.envelope import PAYLOAD_SIZE_THRESHOLD_BYTES
from telemetry_actors.testing import running_gateway
from tests.telemetry_actors.promises.stores import files, held_store, settled_store

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
