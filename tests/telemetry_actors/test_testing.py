"""What a host's tests are given: a gateway for a block, and what was emitted."""

import pytest

from telemetry_actors import Admission, emit, get_gateway
from telemetry_actors.testing import RecordingSink, Telemetry, running_gateway, use_gateway

TENANT, APP = {"tenant_id": "acme"}, {"app_id": "a1", "mode": "chat"}


def test_in_the_block_everybody_s_emit_is_that_gateway_s():
    with running_gateway() as (gateway, recording):
        with use_gateway(gateway) as used:
            assert get_gateway() is used is gateway
            assert emit("app_created", TENANT, APP)
        assert emit("app_created", TENANT, APP) is Admission.GATEWAY_OFF  # as it was before
        assert gateway.flush(5)
        assert len(recording.logs) == 1


def test_blocks_nest_and_an_error_ends_them():
    with running_gateway() as (outer, _), running_gateway() as (inner, _), use_gateway(outer):
        with pytest.raises(ZeroDivisionError), use_gateway(inner):
            (get_gateway() is inner) / 0
        assert get_gateway() is outer


def test_looking_waits_for_the_outcome():
    with running_gateway() as (gateway, recording):
        telemetry = Telemetry(gateway, recording)
        gateway.emit("app_created", TENANT, APP)
        assert len(telemetry.logs) == 1
        assert telemetry.spans == []
        gateway.emit("app_created", TENANT, APP)
        assert {point.value for point in telemetry.metrics()} == {2}
        telemetry.clear()
        assert telemetry.logs == []


def test_a_look_that_can_not_wait_any_longer_says_how_things_stand(monkeypatch):
    monkeypatch.setattr("telemetry_actors.testing._SETTLED_WITHIN_S", 0.0)
    with running_gateway(gateway={"linger_s": 5.0}) as (gateway, _):
        gateway.emit("app_created", TENANT, APP)
        with pytest.raises(TimeoutError, match="in_flight=1"):
            _ = Telemetry(gateway, RecordingSink()).logs
