"""APP_DELETED: what tells it from an app's making (payloads.md 2.13)."""

import pytest


def test_one_log_with_exactly_these_attributes(signals_of):
    (log,) = signals_of("app_deleted", {"app_id": "a", "mode": "chat"}, event_id="e").logs

    assert log.attributes == {
        "dify.event.name": "dify.app.deleted",
        "dify.event.signal": "metric_only",
        "dify.app_id": "a",
        "dify.tenant_id": "t",
        "dify.event.id": "e",
        "dify.app.deleted_at": "2026-11-20T08:15:40.000001Z",
        "log.record.uid": "e",
    }


def test_an_empty_payload_takes_the_app_of_the_context(signals_of, measured):
    found = measured(signals_of("app_deleted", {}, context={"app_id": "context-a"}))

    assert found == {
        "dify.app.deleted.total": [({"tenant_id": "t", "app_id": "context-a"}, 1)],
        "dify.requests.total": [({"tenant_id": "t", "type": "app.deleted"}, 1)],
    }


@pytest.mark.parametrize("unused", [{"mode": 7}, {"user_id": 7}, {"app_name": []}])
def test_what_is_not_used_is_not_looked_at(signals_of, unused):
    assert signals_of("app_deleted", unused).logs
