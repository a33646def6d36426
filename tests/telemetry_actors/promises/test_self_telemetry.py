"""What the gateway says about itself is true: books, status, own metrics and receiver agree.

Mostly in the deterministic runtime: drops, refusals, restarts and a parked case, and then
one set of numbers, seen in five ways.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from itertools import pairwise

import pytest
from prometheus_client.parser import text_string_to_metric_families

from supervisors.run.deterministic import DeterministicRuntime
from supervisors.testing import crash
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.event.own_metrics import SELF_METRICS
from telemetry_actors.handlers import DEFINITIONS, CaseDefinition
from telemetry_actors.observe._samples import points
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.sinks import OtlpSink
from telemetry_actors.testing import RecordingSink, running_gateway
from tests.receivers.faulty import FaultyReceiver, answer

APP = {"app_id": "a1", "mode": "chat"}
TENANT = {"tenant_id": "acme"}
SECRET = "s3cr3t-key-of-ours"
PATIENT = {"intensity": 5, "period_s": 10.0, "park_probe_min_s": 30.0}
KINDS = {metric.name: metric.kind for metric in SELF_METRICS}


class Judge(RecordingSink):
    """A receiver that takes some, refuses some, and is busy at times."""

    name = "judge"

    def __init__(self):
        super().__init__()
        self.requests = 0

    def endpoint_of(self, kind):
        return "http://judge:4318"

    def export(self, kind, encoded, timeout_s):
        self.requests += 1
        if self.requests % 5 == 2:
            return ExportResult(Verdict.RETRY, message="busy", status_code=503)
        if self.requests % 5 == 4 and len(encoded) > 2:
            super().export(kind, encoded[:-2], timeout_s)
            return ExportResult(Verdict.ACCEPTED, rejected=2, message="odd", status_code=200)
        return super().export(kind, encoded, timeout_s)


@pytest.fixture
def fragile(monkeypatch):
    """The mapping of app_deleted is broken altogether, until it is mended."""
    good, broken = DEFINITIONS["app_deleted"], [True]

    def mapping(facts, payload, settings):
        if broken[0]:
            raise ZeroDivisionError("bad")
        return good.map(facts, payload, settings)

    definition = CaseDefinition(good.case, good.model, mapping)
    monkeypatch.setattr(
        "telemetry_actors.tree.whole.DEFINITIONS", {**DEFINITIONS, good.case: definition}
    )
    return broken


def flood(gateway, runtime):
    """Duplicates, bad payloads, an unknown case, a full mailbox, restarts and a parked case."""
    for round_ in range(8):
        for n in range(40):
            gateway.emit("app_created", TENANT, APP, event_id=f"{round_}-{n // 2}")
        gateway.emit("workflow_run", TENANT, {"status": 7})
        gateway.emit("no such case", TENANT, {})
        gateway.emit("message_run", TENANT, {"message_id": "m", "status": "succeeded"})
        if round_ == 3:
            crash(gateway._ref("stages/router"), ValueError("x"))
            crash(gateway._ref("sinks/logs"), ValueError("x"))
        if round_ in (2, 7):
            for n in range(100):  # more than the mailbox takes
                gateway.emit("feedback_created", TENANT, {"message_id": f"m{n}"})
        runtime.advance(0.5)


def by_series(found):
    """Own points by name and attributes."""
    return {
        (p.instrument.name, *sorted(zip(p.label_keys, map(str, p.label_values), strict=True))): p
        for p in found
    }


def total(found, name, **attributes):
    """Sum over the points of *name* whose attributes end so."""
    wanted = {key: str(value) for key, value in attributes.items()}
    result = 0
    for point in found:
        labels = {
            key.rpartition(".")[2]: str(value)
            for key, value in zip(point.label_keys, point.label_values, strict=True)
        }
        if point.instrument.name == name and wanted.items() <= labels.items():
            result += point.value
    return result


def counted_in(found):
    """Per case: what the points say that its events came to."""
    cases: dict[str, Counter] = {}
    for point in found:
        labels = dict(zip(point.label_keys, point.label_values, strict=True))
        case = labels.pop("telemetry_actors.case", None)
        if case is not None:
            cases.setdefault(case, Counter())[tuple(labels.values())] = point.value
    return cases


def counted_by(ledger):
    """The same, by the ledger."""
    cases = {}
    for name, case in ledger.by_case.items():
        counts = Counter({("accepted",): case.accepted, ("exported",): case.exported})
        counts.update({("duplicate",): case.duplicate})
        counts.update({(word,): n for word, n in case.refused.items()})
        counts.update({("dropped", word): n for word, n in case.dropped.items()})
        cases[name] = +counts
    return cases


@pytest.fixture
def flooded(fragile):
    """After the flood, in rest: gateway, receiver, runtime; app_deleted is parked."""
    runtime, judge = DeterministicRuntime(1), Judge()
    settings = TelemetrySettings.enabled(
        gateway={"mailbox_events": 100}, supervision=PATIENT, metrics={"interval_s": 3600}
    )
    with TelemetryGateway(settings, sinks=[judge], runtime=runtime) as gateway:
        flood(gateway, runtime)
        for _ in range(20):  # in one batch, so that no life of the handler makes progress
            gateway.emit("app_deleted", TENANT, APP)
        runtime.advance(0.5)
        for _ in range(7):
            gateway.emit("app_deleted", TENANT, APP)
        assert gateway.flush(30)
        yield gateway, judge, runtime


def test_books_status_own_metrics_and_receiver_agree(flooded):
    gateway, judge, _ = flooded
    ledger, status, own = gateway.ledger(), gateway.status(), judge.self_metrics()

    assert ledger.balanced() and ledger.settled
    assert {"mailbox_full", "unknown_case", "parked"} <= set(ledger.refused)
    assert {"invalid_payload", "handler_crash", "rejected"} <= set(ledger.dropped)
    assert min(ledger.duplicate, status.restarts) > 0
    assert status.parked == ["app_deleted"]

    assert counted_in(own) == counted_by(ledger)
    assert counted_in(points(status)) == counted_by(ledger)
    logs = ledger.signals.logs
    assert total(own, "otel.sdk.log.created") == logs.made
    assert total(own, "otel.sdk.exporter.log.exported") == logs.made
    assert total(own, "otel.sdk.exporter.log.exported", type="rejected") == logs.dropped["rejected"]
    arrived = len({log.attributes["log.record.uid"] for log in judge.logs})
    assert logs.exported == arrived
    assert total(own, "telemetry_actors.dedup.hits") == ledger.duplicate
    assert total(own, "telemetry_actors.restarts") == status.restarts
    assert total(own, "telemetry_actors.cases.parked") == 1
    assert total(own, "telemetry_actors.dead_letters.kept") == len(gateway.dead_letters())


def test_success_is_what_the_receiver_has_said_and_nothing_else(flooded):
    """The reference's self-telemetry counts a rejected batch as exported without `error.type`."""
    gateway, judge, _ = flooded
    own = judge.self_metrics()
    durations = [
        (dict(zip(p.label_keys, p.label_values, strict=True)), p.measurements)
        for p in own
        if p.instrument.name == "otel.sdk.exporter.operation.duration"
    ]
    of_logs = [(a, n) for a, n in durations if "log" in a["otel.component.type"]]

    # A 503 was followed by a yes: one export, from its first request to the end of its last answer.
    assert {a.get("error.type") for a, _ in of_logs} == {None, "rejected"}
    assert {a["server.address"] for a, _ in durations} == {"judge"}
    assert {a["server.port"] for a, _ in durations} == {4318}
    records = [sink for sink in gateway.status().sinks if sink.kind != "metrics"]
    asked = [request for sink in records for request in sink.requests]
    assert "503" in {request.error_type for request in asked}
    assert sum(sum(request.timing.counts) for request in asked) == judge.requests


def test_the_text_for_prometheus_says_the_same(flooded):
    """As a parser reads it that isn't ours."""
    gateway, _, _ = flooded
    status = gateway.status()
    families = {f.name: f for f in text_string_to_metric_families(status.to_prometheus())}
    texts = {
        (s.name, *sorted(s.labels.items())): s.value for f in families.values() for s in f.samples
    }

    wanted = Counter()
    for point in points(status):
        if point.instrument.kind != "histogram":
            wanted[point.instrument.kind] += point.value
    families_of = {
        kind: [f for f in families.values() if f.type == kind] for kind in ("counter", "gauge")
    }
    assert sum(s.value for f in families_of["counter"] for s in f.samples) == wanted["counter"]
    of_numbers = [f for f in families_of["gauge"] if f.name != "telemetry_actors_info"]
    gauges = sum(s.value for f in of_numbers for s in f.samples)
    assert gauges == pytest.approx(wanted["gauge"] + wanted["updown_counter"], rel=1e-12)
    assert all(f.documentation for f in families.values())
    assert (
        texts[
            "telemetry_actors_events_total",
            ("telemetry_actors_case", "workflow_run"),
            ("telemetry_actors_outcome", "dropped"),
            ("telemetry_actors_reason", "invalid_payload"),
        ]
        == gateway.ledger().by_case["workflow_run"].dropped["invalid_payload"]
    )


def test_the_status_is_plain_json(flooded):
    gateway, _, _ = flooded
    status = gateway.status()
    plain = json.loads(json.dumps(status.model_dump(mode="json")))

    assert type(status).model_validate(plain) == status


def test_parking_is_seen_and_what_was_refused_meanwhile_is_counted(flooded, fragile, caplog):
    """One line when it parks, none for a probe that fails, one when it is back."""
    gateway, _, runtime = flooded
    (parking,) = gateway.status().parkings
    refused = gateway.ledger().by_case["app_deleted"].refused["parked"]
    dropped, since_ns = gateway.ledger().by_case["app_deleted"].dropped["parked"], parking.since

    assert refused == 7
    assert (parking.part, parking.parked, parking.times) == ("handlers/app_deleted", True, 1)
    assert parking.refused == refused
    assert 0 < parking.since <= gateway.status().now

    fragile[0] = False
    caplog.clear()
    runtime.advance(100.0)
    (parking,) = gateway.status().parkings
    assert (parking.parked, parking.times, parking.refused) == (False, 1, refused)
    assert gateway.status().parked == []
    assert not caplog.records  # its children are up, and may crash at the first event as before
    gateway.emit("app_deleted", TENANT, {"app_id": "mended"})
    runtime.advance(100.0)
    lines = [r for r in caplog.records if "app_deleted" in r.getMessage()]
    assert since_ns < parking.since
    assert dropped
    assert [re.sub("[0-9]+ s;", "N s;", r.getMessage()) for r in lines] == [
        (
            f"handlers/app_deleted is back after N s; {refused} events were refused"
            f" and {dropped} dropped meanwhile (parked)"
        )
    ]
    assert total(points(gateway.status()), "telemetry_actors.parked") == 0
    assert total(points(gateway.status()), "telemetry_actors.parkings") == 1


def test_g06_a_probe_that_fails_is_no_change_and_is_not_said_again(monkeypatch, caplog):
    runtime = DeterministicRuntime(1)
    with running_gateway(runtime=runtime, supervision={"park_probe_min_s": 1.0}) as (gateway, _):
        for _ in range(6):
            crash(gateway._ref("handlers"), MemoryError())
            runtime.run_until_idle()
        monkeypatch.setattr("telemetry_actors.handlers.actor.HandlerActor.on_start", broken)
        runtime.advance(60.0)
        assert gateway.status().state == "parked"
        (parking,) = gateway.status().parkings
        monkeypatch.undo()

    said = [r for r in caplog.records if "is parked" in r.getMessage()]
    assert (parking.part, parking.times) == ("root", 1)
    # Once when it happens; and then once for all the times that it was tried, a minute later.
    assert [r.levelname for r in said] in (["ERROR"], ["ERROR"] * 2)


def broken(_self):
    raise OSError("not yet")


# -- no feedback ----------------------------------------------------------------------------------


def test_g03_own_metrics_make_no_event_and_no_measurement():
    """A quiet gateway tells of itself at each interval, for an hour, and nothing grows by it."""
    runtime = DeterministicRuntime(1)
    sink = CountsCollections()
    settings = TelemetrySettings.enabled(metrics={"interval_s": 10.0})
    with TelemetryGateway(settings, sinks=[sink], runtime=runtime) as gateway:
        gateway.emit("app_created", TENANT, APP)
        assert gateway.flush(5)
        before, series = gateway.ledger(), set(by_series(sink.self_metrics()))
        sizes = []
        for _ in range(360):
            runtime.advance(10.0)
            sizes.append(len(sink.self_metrics()))
        after, status = gateway.ledger(), gateway.status()

    assert sink.collections >= 360
    assert after == before
    assert after.signals.measurements.made == after.signals.measurements.recorded == 2
    assert {i.name: i.label_sets for i in status.instruments} == {
        "dify.app.created.total": 1,
        "dify.requests.total": 1,
    }
    # After its first export a metric sink has a request to tell of; then there is nothing new.
    assert len(set(sizes[1:])) == 1
    assert sizes[-1] - len(series) <= 2
    assert len(sink.logs) == 1


class CountsCollections(RecordingSink):
    def __init__(self):
        super().__init__()
        self.collections = 0

    def export_metrics(self, points, timeout_s):
        self.collections += 1
        return super().export_metrics(points, timeout_s)


def test_own_metrics_can_be_switched_off():
    sink = CountsCollections()
    settings = TelemetrySettings.enabled(metrics={"self_telemetry": False})
    with TelemetryGateway(settings, sinks=[sink]) as gateway:
        gateway.emit("app_created", TENANT, APP)
        assert gateway.flush(5)
        assert gateway.status().to_prometheus()

    assert len(sink.metrics()) == 2
    assert sink.self_metrics() == []


# -- what a series is -----------------------------------------------------------------------------


def test_series_are_cumulative_since_the_gateway_was_made():
    """One start for all and for ever; no counter falls."""
    runtime = DeterministicRuntime(1)
    with running_gateway(runtime=runtime) as (gateway, recording):
        made_ns = gateway._life.phase.began_ns
        seen = []
        for _ in range(4):
            runtime.advance(5.0)
            gateway.emit("app_created", TENANT, APP)
            crash(gateway._ref("stages/dedup"), ValueError("x"))
            assert gateway.flush(5)
            seen.append(by_series(recording.self_metrics()))

    assert {p.start_ns for found in seen for p in found.values()} == {made_ns}
    assert [len({p.time_ns for p in found.values()}) for found in seen] == [1] * 4
    for earlier, later in pairwise(seen):
        for series, point in earlier.items():
            if KINDS[series[0]] in ("counter", "histogram"):
                assert later[series].value >= point.value
                assert later[series].measurements >= point.measurements
    assert total(seen[-1].values(), "telemetry_actors.restarts") == 4


@pytest.mark.timeout(60)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_g24_a_child_counts_from_its_own_start():
    read_end, write_end = os.pipe()
    with running_gateway() as (gateway, recording):
        for _ in range(50):
            gateway.emit("app_created", TENANT, APP)
        assert gateway.flush(5)
        began_ns = gateway.status().since
        if os.fork() == 0:
            try:
                gateway.emit("app_created", TENANT, APP)
                gateway.stop(5.0)
                own = recording.self_metrics()
                said = [total(own, "telemetry_actors.admissions"), {p.start_ns for p in own}.pop()]
                os.write(write_end, json.dumps(said).encode())
            finally:
                os._exit(0)
        os.wait()
        os.close(write_end)
        with os.fdopen(read_end) as answered:
            admitted, child_began_ns = json.load(answered)
        assert gateway.flush(5)

    assert admitted == 1
    assert child_began_ns > began_ns
    assert total(recording.self_metrics(), "telemetry_actors.admissions") == 50


# -- what must not be there -----------------------------------------------------------------------


def test_g30_no_secret_and_no_tenant_is_in_what_it_says_of_itself():
    with FaultyReceiver(answer(401, body=f"no key {SECRET}".encode())) as receiver:
        sink = OtlpSink(receiver.endpoint, headers={"authorization": f"Bearer {SECRET}"})
        gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[sink]).start()
        gateway.emit("app_created", {"tenant_id": "tenant-0815"}, APP, event_id="event-4711")
        gateway.flush(0.2)
        gateway.stop(0.5)
        text, own = gateway.status().to_prometheus(), list(points(gateway.status()))
        bodies = b"".join(r.body for r in receiver.requests if r.path == "/v1/metrics")

    assert 'error_type="401"' in text
    for forbidden in (SECRET, "event-4711"):
        assert forbidden not in text + repr(own)
        assert forbidden.encode() not in bodies
    assert "tenant-0815" not in text + repr(own)
    assert SECRET not in gateway.status().model_dump_json()


# -- cost -----------------------------------------------------------------------------------------


def test_a_collection_costs_the_same_with_full_mailboxes(monkeypatch):
    """It looks at each mailbox, and at nothing that is in it but the first."""
    runtime = DeterministicRuntime(1)
    with running_gateway(runtime=runtime, gateway={"linger_s": 60.0}) as (gateway, _):
        monkeypatch.setattr("supervisors.run.mailbox.Mailbox.held", never)
        monkeypatch.setattr("telemetry_actors.batch.places.Places.held", never)
        empty = gateway._life.running.tree and len(list(points(gateway.status())))
        for _ in range(5000):
            gateway.emit("app_created", TENANT, APP)
        status = gateway.status()
        monkeypatch.undo()

    (door,) = [m for m in status.mailboxes if m.path == "stages/gateway"]
    assert door.items == 5000
    assert len(list(points(status))) == empty + 1  # the admissions
    assert len(list(points(status))) < 200


def never(*_):
    raise AssertionError("walks through all that is held")
