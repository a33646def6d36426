"""APP_CREATED, rule by rule (payloads.md 2.11)."""

import pytest

LOG_KEYS = {
    "dify.event.name",
    "dify.event.signal",
    "dify.app_id",
    "dify.tenant_id",
    "dify.event.id",
    "dify.app.created_at",
    "dify.app.mode",
    "log.record.uid",
}


def test_one_log_with_exactly_these_attributes(signals_of):
    (log,) = signals_of("app_created", {"app_id": "a", "mode": "chat"}, event_id="e").logs

    assert set(log.keys) == LOG_KEYS
    assert log.attributes == {
        "dify.event.name": "dify.app.created",
        "dify.event.signal": "metric_only",
        "dify.app_id": "a",
        "dify.tenant_id": "t",
        "dify.event.id": "e",
        "dify.app.created_at": "2026-11-20T08:15:40.000001Z",
        "dify.app.mode": "chat",
        "log.record.uid": "e",
    }


def test_no_ids_no_span(signals_of):
    signals = signals_of("app_created", {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"})

    assert (signals.logs[0].trace_id, signals.logs[0].span_id) == (b"", b"")
    assert (signals.spans, signals.spans_sampled_out) == ((), 0)


def test_an_empty_payload_is_a_payload(signals_of, measured):
    signals = signals_of("app_created", {}, context={"app_id": "context-a"})

    assert signals.logs[0].attributes["dify.app_id"] == "context-a"
    assert "dify.app.mode" not in signals.logs[0].attributes
    assert measured(signals)["dify.app.created.total"] == [
        ({"tenant_id": "t", "app_id": "context-a", "mode": ""}, 1)
    ]


def test_it_counts_in_both_sets(signals_of, measured):
    assert measured(signals_of("app_created", {"app_id": "a", "mode": "chat"})) == {
        "dify.app.created.total": [({"tenant_id": "t", "app_id": "a", "mode": "chat"}, 1)],
        "dify.requests.total": [({"tenant_id": "t", "type": "app.created"}, 1)],
    }


@pytest.mark.parametrize(
    ("off", "left"),
    [
        ({"app_counters": False}, {"dify.requests.total"}),
        ({"app_requests_counter": False}, {"dify.app.created.total"}),
        ({"app_counters": False, "app_requests_counter": False}, set()),
    ],
)
def test_a_setting_turns_either_set_off(signals_of, measured, off, left):
    assert set(measured(signals_of("app_created", {}, **off))) == left
