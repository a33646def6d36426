"""Instruments of a case of one's own, through the tree: books, restarts, replays, the wire."""

import gzip
import json
import logging

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from pydantic import BaseModel

from supervisors.testing import crash
from telemetry_actors import (
    CaseDefinition,
    CaseError,
    Instrument,
    Signals,
    TelemetryGateway,
    TelemetrySettings,
    register_case,
)
from telemetry_actors.bridges.celery import CeleryBridge
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.sinks import OtlpSink
from telemetry_actors.testing import RecordingSink, registered_case, running_gateway
from tests.receivers.faulty import FaultyReceiver, answer
from tests.telemetry_actors.promises.test_journal import until

TENANT = {"tenant_id": "acme"}
ORDERS = Instrument("shop.orders", "counter", "{order}")
REVENUE = Instrument("shop.revenue", "counter", "EUR", number=float)
OPEN = Instrument("shop.sessions", "updown_counter", "{session}")
QUEUE = Instrument("shop.queue", "gauge", "{job}")
WAIT = Instrument("shop.wait", "histogram", "s", buckets=(0.1, 1))
ALL = {each.name: each for each in (ORDERS, REVENUE, OPEN, QUEUE, WAIT)}
CUMULATIVE = 2


class Reading(BaseModel):
    name: str
    value: int | float
    shop: str = "s1"


def _reading(facts, reading, settings):
    log = facts.log("shop.reading", {"shop.id": reading.shop})
    return Signals((log,), (), (ALL[reading.name].measure(reading.value, shop=reading.shop),))


@pytest.fixture
def shop():
    definition = CaseDefinition("shop_reading", Reading, _reading, instruments=ALL.values())
    with registered_case(definition):
        yield definition


def emit(gateway, instrument, value, shop="s1"):
    payload = {"name": instrument.name, "value": value, "shop": shop}
    assert gateway.emit("shop_reading", TENANT, payload)


def values(recording):
    return {(p.instrument.name, p.label_values[0]): p.value for p in recording.metrics()}


def test_e8_money_is_counted_as_money(shop):
    with running_gateway() as (gateway, recording):
        for value in (12.5, 3, 0.25):
            emit(gateway, REVENUE, value)
        assert gateway.flush(5)

    (point,) = recording.metrics()
    assert (point.value, type(point.value)) == (15.75, float)
    line = gateway.ledger().signals.measurements
    assert (line.made, line.recorded, line.left_out) == (3, 3, 0)
    assert gateway.ledger().dropped == {}


@pytest.mark.parametrize(
    ("instrument", "value", "said"),
    [
        (ORDERS, 12.5, "a float that shop.orders can't take: this counter is declared int"),
        (QUEUE, 12.5, "a float that shop.queue can't take: this gauge is declared int"),
        (ORDERS, -12, "an int that shop.orders can't take: a counter takes no negative number"),
        (REVENUE, float("inf"), "a float that shop.revenue can't take: not finite, or too large"),
        (REVENUE, float("nan"), "a float that shop.revenue can't take: not finite, or too large"),
    ],
)
def test_g12_a_value_that_does_not_fit_costs_its_event_and_is_said(shop, instrument, value, said):
    with running_gateway() as (gateway, recording):
        emit(gateway, instrument, value)
        emit(gateway, OPEN, 2)
        assert gateway.flush(5)
    (letter,) = gateway.dead_letters()

    assert (letter.reason, letter.measured) == ("handler_crash", False)
    assert said in letter.error
    assert str(value).lstrip("-") not in letter.error
    assert values(recording) == {("shop.sessions", "s1"): 2}
    assert gateway.ledger().balanced()


def test_a_restart_of_handler_and_sink_loses_no_value_and_no_time(shop):
    with running_gateway() as (gateway, recording):
        for value in (5, -2, 4):
            for path in ("handlers/shop_reading", "sinks/metrics"):
                crash(gateway._ref(path), ValueError("ended by the test"))
            emit(gateway, OPEN, value)
            emit(gateway, QUEUE, value)
            emit(gateway, REVENUE, value * value + 0.5)
            assert gateway.flush(5)
        restarts = gateway.status().restarts

    assert restarts == 6
    assert values(recording) == {
        ("shop.sessions", "s1"): 7,
        ("shop.queue", "s1"): 4,
        ("shop.revenue", "s1"): 46.5,
    }


def test_a_gauges_values_without_a_place_are_counted_in_books_status_and_metrics(shop, caplog):
    caplog.set_level(logging.WARNING)
    with running_gateway(metrics={"cardinality_limit": 3}) as (gateway, recording):
        for n in range(8):
            emit(gateway, QUEUE, n, shop=f"s{n}")
        emit(gateway, QUEUE, 10, shop="s2")
        assert gateway.flush(5)
        status = gateway.status()

    assert values(recording) == {("shop.queue", f"s{n}"): v for n, v in enumerate((0, 1, 10))}
    line = gateway.ledger().signals.measurements
    assert (line.made, line.recorded, line.left_out) == (9, 4, 5)
    assert gateway.ledger().balanced()
    (state,) = [i for i in status.instruments if i.name == QUEUE.name]
    assert (state.label_sets, state.overflowed, state.left_out) == (3, 0, 5)
    problem = "shop.queue has 3 label sets: 5 values of others are left out (a gauge)"
    assert problem in status.problems
    assert 'metric_left_out_total{telemetry_actors_instrument="shop.queue"} 5' in (
        status.to_prometheus()
    )
    said = [r.getMessage() for r in caplog.records if QUEUE.name in r.getMessage()]
    assert len(said) == 1
    assert "values of any others are left out" in said[0]


# -- ways in that are late ------------------------------------------------------------------------


@pytest.mark.parametrize("replayed_last", [True, False])
def test_g18_a_replayed_letter_never_stands_before_a_newer_value(shop, replayed_last):
    with TelemetryGateway(TelemetrySettings.enabled(), sinks=[]) as sinkless:
        emit(sinkless, QUEUE, 5)
        emit(sinkless, OPEN, 5)
        assert sinkless.flush(5)
    letters = sinkless.dead_letters()
    assert [letter.measured for letter in letters] == [False, False]

    with running_gateway() as (gateway, recording):
        if not replayed_last:
            assert all(gateway.replay(letter) for letter in letters)
            assert gateway.flush(5)
            assert values(recording)["shop.queue", "s1"] == 5
        emit(gateway, QUEUE, 9)
        emit(gateway, OPEN, 9)
        assert gateway.flush(5)
        if replayed_last:
            assert all(gateway.replay(letter) for letter in letters)
            assert gateway.flush(5)

    assert values(recording) == {("shop.queue", "s1"): 9, ("shop.sessions", "s1"): 14}
    assert gateway.ledger().signals.measurements.recorded == 4
    assert gateway.ledger().balanced()


class Down(RecordingSink):
    """Takes nothing, for as long as it lives."""

    def export(self, kind, encoded, timeout_s):
        return ExportResult(Verdict.RETRY, message="HTTP 503")

    def export_metrics(self, points, timeout_s):
        return ExportResult(Verdict.RETRY, message="HTTP 503")


def test_g08_what_the_journal_replays_has_the_time_of_its_emit(shop, tmp_path):
    kept = TelemetrySettings.enabled(journal={"directory": tmp_path})
    gateway = TelemetryGateway(kept, sinks=[Down()]).start()
    before_ns = gateway._life.clock.now_ns()
    emit(gateway, QUEUE, 5)
    after_ns = gateway._life.clock.now_ns()
    until(lambda: gateway.status().journal.durable == 1)
    assert gateway.stop(0.4).kept == 1

    recording = RecordingSink()
    with TelemetryGateway(kept, sinks=[recording]) as gateway:
        until(lambda: gateway.ledger().exported == 1)
        assert gateway.flush(5)
        (replayed,) = recording.metrics()
        emit(gateway, QUEUE, 9)
        assert gateway.flush(5)
    (newer,) = recording.metrics()

    assert (replayed.value, newer.value) == (5, 9)
    assert before_ns <= replayed.time_ns <= after_ns < newer.time_ns


def test_what_the_celery_bridge_takes_in_counts_by_its_emit_time(shop):
    pytest.importorskip("celery")
    recording = RecordingSink()
    bridge = CeleryBridge(TelemetrySettings.enabled(), sinks=[recording])
    at_ns = 1_700_000_000_000_000_000
    try:
        for serial, (later_ns, value) in enumerate([(20, 2), (30, 3), (10, 1)]):
            payload = {"name": QUEUE.name, "value": value}
            metadata = {"origin": ["p", serial], "emitted_at": at_ns + later_ns}
            event = {"case": "shop_reading", "tenant_id": "t", "event_id": f"e{serial}"}
            assert bridge.take(json.dumps({**event, "payload": payload, "metadata": metadata}))
        assert bridge.gateway.flush(5)
    finally:
        bridge.stop()

    (point,) = recording.metrics()
    assert (point.value, point.time_ns) == (3, at_ns + 30)


# -- the wire -------------------------------------------------------------------------------------


def metrics_in(request):
    body = request.body
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    parsed = ExportMetricsServiceRequest.FromString(body)
    (scope,) = parsed.resource_metrics[0].scope_metrics
    return {metric.name: metric for metric in scope.metrics}


def test_a_stops_last_collection_has_all_kinds_on_the_wire(shop):
    with FaultyReceiver(answer(200)) as receiver:
        sink = OtlpSink(receiver.endpoint)
        gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[sink]).start()
        for instrument, value in (
            *((ORDERS, 2), (REVENUE, 12.5), (REVENUE, 3), (OPEN, 1), (OPEN, -3)),
            *((QUEUE, 7), (QUEUE, 4), (WAIT, 0.5), (WAIT, 2)),
        ):
            emit(gateway, instrument, value)
        assert gateway.stop(5).metrics_exported
        requests = [r for r in receiver.requests if r.path == "/v1/metrics"]

    found = metrics_in(requests[-1])
    orders, revenue, sessions = (found[each.name].sum for each in (ORDERS, REVENUE, OPEN))
    assert [each.is_monotonic for each in (orders, revenue, sessions)] == [True, True, False]
    assert {each.aggregation_temporality for each in (orders, revenue, sessions)} == {CUMULATIVE}
    assert orders.data_points[0].as_int == 2
    assert revenue.data_points[0].as_double == 15.5
    assert sessions.data_points[0].as_int == -2
    (queue,) = found[QUEUE.name].gauge.data_points
    assert (queue.as_int, queue.start_time_unix_nano) == (4, 0)
    assert queue.time_unix_nano <= orders.data_points[0].time_unix_nano
    (wait,) = found[WAIT.name].histogram.data_points
    assert (list(wait.explicit_bounds), list(wait.bucket_counts)) == ([0.1, 1], [0, 1, 1])


# -- between cases --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (REVENUE._replace(number=int), "number int and float"),
        (WAIT._replace(buckets=(0.1, 2)), "buckets (0.1, 2) and (0.1, 1.0)"),
        (QUEUE._replace(kind="updown_counter", unit="1"), "kind updown_counter and gauge, unit 1"),
    ],
)
def test_two_cases_agree_in_all_of_an_instrument_or_are_told_what_differs(shop, other, said):
    with pytest.raises(CaseError) as caught:
        register_case(CaseDefinition("other_shop", Reading, _reading, instruments=[other]))

    assert f"instrument {other.name} " in str(caught.value)
    assert "of case shop_reading; take another name, or declare the same" in str(caught.value)
    assert said in str(caught.value)


def test_two_cases_may_share_an_instrument_of_any_kind(shop):
    same = [Instrument(*each) for each in ALL.values()]
    other = CaseDefinition("other_shop", Reading, _reading, instruments=same)
    with registered_case(other), running_gateway() as (gateway, recording):
        emit(gateway, REVENUE, 1)
        assert gateway.emit("other_shop", TENANT, {"name": REVENUE.name, "value": 2})
        assert gateway.flush(5)

    assert values(recording) == {("shop.revenue", "s1"): 3.0}
