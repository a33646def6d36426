"""``memory://`` through fsspec, as it is; ``s3://`` is tried in tests/faults, on a server."""

import uuid
from datetime import UTC, datetime

import pytest

from telemetry_actors.testing import running_gateway
from tests.telemetry_actors.promises.stores import held_store, settled_store
from tests.telemetry_actors.stores.test_payload_directory import KEY, MOST

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (make install)")


@pytest.fixture
def url():
    """One of its own: the memory is one for the whole process."""
    return f"memory://{uuid.uuid4()}"


@pytest.fixture
def store(url):
    from telemetry_actors.stores.payload_fsspec import FsspecPayloadStore

    return FsspecPayloadStore(url, 5.0)


def test_what_is_put_is_got_until_it_is_deleted(store):
    assert store.put(KEY, b"text")
    assert store.put(KEY, b"another") is False
    assert store.get(KEY, MOST) == b"text"
    store.delete(KEY)
    store.delete(KEY)

    with pytest.raises(FileNotFoundError):
        store.get(KEY, MOST)


def test_an_object_that_is_larger_than_allowed_is_not_read(store):
    store.put(KEY, b"x" * 11)

    with pytest.raises(ValueError, match="11 bytes"):
        store.get(KEY, 10)


def test_only_what_is_old_is_swept(store):
    store.put(KEY, b"text")
    now_ns = int(datetime.now(tz=UTC).timestamp() * 1e9)

    assert store.sweep(now_ns - 10**12) == 0
    assert store.sweep(now_ns + 10**12) == 1


def test_g11_a_payload_comes_back_whole_out_of_memory_too(url):
    payload = {"message_id": "m", "status": "ok", "inputs": "x" * 1_500_000}
    running = running_gateway(enterprise_include_content=True, payload_store={"url": url})
    with held_store(running, hold=["get"]) as (gateway, recording, gate):
        assert gateway.emit("message_run", {"tenant_id": "t"}, payload, event_id="e")
        gate.wait_for("get")
        assert gate.store._fs.find(gate.store._path("")) == [f"/{url[9:]}/telemetry/t/e.json"]
        gate.release()
        assert gateway.flush()

        assert recording.logs[0].attributes["dify.message.inputs"] == payload["inputs"]
        assert settled_store(gateway).deleted == 1
        assert gate.store._fs.find(gate.store._path("")) == []
