"""What is over a limit is cut where a person sees it, and what is counted stays exact."""

import json
import logging

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from supervisors.testing import crash
from telemetry_actors import Admission, TelemetryGateway, TelemetrySettings
from telemetry_actors.testing import running_gateway
from tests.receivers.faulty import FaultyReceiver, answer
from tests.telemetry_actors.promises.test_content import VALID

TENANT = {"tenant_id": "acme"}
APP = {"app_id": "a1", "mode": "chat"}
TEN_MB = 10 * 1024 * 1024
REQUESTS = "dify.requests.total"
OVERFLOW = ("otel.metric.overflow",)


def records_of(case, payload, **settings):
    """Logs and spans of one event with content on."""
    with running_gateway(enterprise_include_content=True, **settings) as (gateway, recording):
        assert gateway.emit(case, TENANT, {**VALID[case], **payload}) is Admission.ACCEPTED
        assert gateway.flush(10)
        assert gateway.ledger().exported == 1
    return [*recording.logs, *recording.spans]


def texts_of(records, ending):
    return [v for r in records for k, v in r.attributes.items() if k.endswith(ending)]


# -- attributes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", VALID)
def test_g20_a_text_of_ten_megabytes_is_cut_with_a_mark(case):
    texts = texts_of(records_of(case, {"inputs": "x" * TEN_MB}), "inputs")

    assert texts
    for text in texts:
        assert len(text.encode()) == 4_194_304
        assert text.endswith("x…[cut: 10485760 characters]")


def test_g20_json_text_is_cut_in_the_same_way():
    inputs, limits = {"text": "é" * 1000}, {"attribute_bytes": 500}
    whole = texts_of(records_of("workflow_run", {"inputs": inputs}), "inputs")[0]
    short = texts_of(records_of("workflow_run", {"inputs": inputs}, limits=limits), "inputs")[0]

    assert json.loads(whole) == inputs
    assert len(short.encode()) in (499, 500)
    assert short.endswith(f"é…[cut: {len(whole)} characters]")
    assert whole.startswith(short.partition("…")[0])


def test_g20_every_text_of_a_log_and_a_span_has_the_limit():
    """The description of a span's status, too."""
    long = "e" * 1000
    payload = {"status": "failed", "error": long, "node_type": long, "model_name": long}
    records = records_of("node_execution", payload, limits={"attribute_bytes": 64})
    texts = [v for r in records for v in r.values if isinstance(v, str)]

    assert len(texts) > 20
    assert max(len(text.encode()) for text in texts) == 64
    assert [r.error for r in records if hasattr(r, "error")] == [
        "e" * 39 + "…[cut: 1000 characters]"
    ]


def test_g20_the_bytes_that_are_sent_hold_the_cut_text():
    """Of characters of several bytes, none is cut in two."""
    with FaultyReceiver(answer(200)) as receiver:
        settings = {
            "enterprise_otlp_endpoint": receiver.endpoint,
            "enterprise_include_content": True,
            "limits": {"attribute_bytes": 101},
        }
        with TelemetryGateway(TelemetrySettings.enabled(**settings)) as gateway:
            payload = {**VALID["message_run"], "inputs": "\U0001f600" * 99}
            assert gateway.emit("message_run", TENANT, payload)
            assert gateway.flush(5)
        (body,) = [r.body for r in receiver.requests if r.path == "/v1/logs"]

    (record,) = ExportLogsServiceRequest.FromString(body).resource_logs[0].scope_logs[0].log_records
    (text,) = [a.value.string_value for a in record.attributes if a.key.endswith("inputs")]
    assert text == "\U0001f600" * 19 + "…[cut: 99 characters]"


@pytest.mark.parametrize(
    ("inputs", "cut"),
    [
        ({"many": list(range(9))}, {"many": [0, 1, 2, "<cut: 6 more>"]}),
        (dict.fromkeys("abcde", 1), {"a": 1, "b": 1, "c": 1, "<cut: 2 more>": None}),
        ({"deep": [[[1]]]}, {"deep": [["<cut: nested too deep>"]]}),
        ({"a": [[1]], "b": 2, "c": 3}, {"a": [[1]], "b": 2, "c": 3}),
    ],
    ids=["list", "map", "nesting", "within"],
)
def test_g20_lists_and_nesting_have_limits_that_can_be_set(inputs, cut):
    limits = {"list_items": 3, "nesting_levels": 3}
    text = texts_of(records_of("workflow_run", {"inputs": inputs}, limits=limits), "inputs")[0]

    assert json.loads(text) == cut


# -- label sets -----------------------------------------------------------------------------------


def points_of(recording, name=REQUESTS):
    return [p for p in recording.metrics() if p.instrument.name == name]


def test_what_is_over_the_label_sets_of_an_instrument_is_seen_counted_and_said_once(caplog):
    caplog.set_level(logging.WARNING)
    with running_gateway(metrics={"cardinality_limit": 10}) as (gateway, recording):
        for n in range(25):
            assert gateway.emit("app_created", {"tenant_id": f"t{n}"}, APP)
        assert gateway.flush(5)
        status, points = gateway.status(), points_of(recording)

    overflow = [p for p in points if p.label_keys == OVERFLOW]
    assert (len(points), sum(p.value for p in points)) == (11, 25)
    assert [p.value for p in overflow] == [15]
    seen = {i.name: (i.label_sets, i.overflowed) for i in status.instruments}
    assert seen[REQUESTS] == (10, 15)
    assert any(REQUESTS in problem and "15" in problem for problem in status.problems)
    said = [r for r in caplog.records if REQUESTS in r.getMessage()]
    assert [r.levelname for r in said] == ["WARNING"]


def test_a_restart_forgets_neither_the_label_sets_nor_the_overflow():
    """The aggregates belong to the slot (g17)."""
    with running_gateway(metrics={"cardinality_limit": 10}) as (gateway, recording):
        for n in range(60):
            assert gateway.emit("app_created", {"tenant_id": f"t{n % 20}"}, APP)
            if n in (15, 30, 45):
                assert gateway.flush(5)
                for path in ("sinks/metrics", "handlers/app_created"):
                    crash(gateway._ref(path), ValueError("ended by the test"))
        assert gateway.flush(5)
        points, restarts = points_of(recording), gateway.status().restarts

    own = {p.label_values[0]: p.value for p in points if p.label_keys != OVERFLOW}
    assert restarts == 6
    assert own == {f"t{n}": 3 for n in range(10)}
    assert sum(p.value for p in points) == 60


def test_status_names_no_instrument_before_there_is_a_tree_or_a_value():
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[])
    assert gateway.status().instruments == []
    with gateway:
        assert gateway.status().instruments == []
