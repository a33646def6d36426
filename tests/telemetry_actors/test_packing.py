"""What the door packs: a snapshot, and whose event it is."""

import gc

import pytest

from telemetry_actors import TelemetryContext, TelemetryGateway, TelemetrySettings
from telemetry_actors.door._packing import pack_context, pack_event
from telemetry_actors.event.envelope import unpack_map


@pytest.fixture
def entry():
    return TelemetryGateway(TelemetrySettings.enabled(), sinks=[])._life.door.entries[
        "workflow_run"
    ]


def test_both_are_packed_and_the_tenant_is_the_payloads(entry):
    context, tenant_id, payload = pack_event(entry, {"tenant_id": "c"}, {"tenant_id": "p", "x": 1})

    assert (unpack_map(context), tenant_id) == ({"tenant_id": "c"}, "p")
    assert unpack_map(payload) == {"tenant_id": "p", "x": 1}


@pytest.mark.parametrize(
    ("context", "payload", "tenant_id"),
    [
        ({"tenant_id": "c"}, {"tenant_id": ""}, "c"),
        ({"tenant_id": "c"}, {}, "c"),
        ({"tenant_id": "c", "x": 2**70}, {"x": {1}}, "c"),
        ({"tenant_id": 42}, {}, "42"),
        ({}, {"tenant_id": 42, "x": {1}}, "42"),
        (None, {}, ""),
        (TelemetryContext(tenant_id="c"), {}, "c"),
        ({"tenant_id": "x\ud800"}, {}, "x\ufffd"),
    ],
)
def test_whose_it_is_however_it_is_packed(entry, context, payload, tenant_id):
    assert pack_event(entry, context, payload)[1] == tenant_id


@pytest.mark.parametrize(("context", "payload"), [([], {}), ({}, []), ({}, None), ("c", {})])
def test_what_is_no_map_is_not_packed(entry, context, payload):
    assert pack_event(entry, context, payload) is None


def test_a_key_that_lies_about_what_it_equals_costs_nothing(entry):
    class Liar(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, _other):
            raise RuntimeError

    packed = pack_event(entry, {"tenant_id": "c"}, {Liar("tenant_id"): "p", "x": 1})

    assert packed[1] == "p"
    gc.collect()


def test_memory_that_has_run_out_is_not_taken_for_a_value_that_can_not_be_packed(
    entry, monkeypatch
):
    class Full:
        def pack(self, _value):
            raise MemoryError

    monkeypatch.setattr("telemetry_actors.door._packing._Packer", Full)
    with pytest.raises(MemoryError):
        pack_event(entry, {"tenant_id": "c"}, {})
    with pytest.raises(MemoryError):
        pack_context({"tenant_id": "c"})
