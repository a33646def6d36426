"""g12, g14, g15: one bad event costs one event, a crash the item in hand, data is no fault."""

import threading

import pytest

from supervisors.testing import crash, end_thread
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.definition import CaseDefinition
from telemetry_actors.handlers import app_created
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.testing import RecordingSink, running_gateway

APP = {"app_id": "a1", "mode": "chat"}
TENANT = {"tenant_id": "acme"}
ACTORS = [
    "stages/gateway",
    "stages/router",
    "stages/dedup",
    "stages/rehydrator",
    "handlers/app_created",
    "sinks/logs",
]
ENDS = {
    "raise": lambda ref, in_hand: crash(ref, ValueError("x"), in_hand=in_hand),
    "BaseException": lambda ref, in_hand: crash(ref, SystemExit(1), in_hand=in_hand),
    "thread gone": lambda ref, in_hand: end_thread(ref, in_hand=in_hand),
}


def emit_many(gateway, count, start=0):
    for n in range(start, start + count):
        assert gateway.emit("app_created", TENANT, APP, event_id=f"e{n}")


def uids(recording):
    return [record.attributes["log.record.uid"] for record in recording.logs]


@pytest.mark.parametrize("path", ACTORS)
@pytest.mark.parametrize("how", ENDS)
def test_g14_an_end_in_the_middle_of_an_item_costs_that_item_alone(path, how):
    with running_gateway() as (gateway, recording):
        ENDS[how](gateway._ref(path), True)
        emit_many(gateway, 300)
        assert gateway.flush(8)
        ledger = gateway.ledger()
        letters = gateway.dead_letters()

    reason = "handler_crash" if path.startswith("handlers") else "stage_crash"
    assert ledger.dropped == {reason: 1}
    assert ledger.exported == 299
    assert ledger.balanced()
    assert [letter.envelope.event_id for letter in letters] == ["e0"]
    assert letters[0].stage == path
    assert uids(recording) == [f"e{n}" for n in range(1, 300)]


@pytest.mark.parametrize("path", [*ACTORS, "sinks/spans", "sinks/metrics"])
@pytest.mark.parametrize("how", ENDS)
def test_g14_an_end_between_two_messages_costs_nothing(path, how):
    with running_gateway() as (gateway, recording):
        emit_many(gateway, 100)
        ENDS[how](gateway._ref(path), False)
        emit_many(gateway, 100, start=100)
        assert gateway.flush(8)
        assert gateway.ledger().exported == 200
        poll(lambda: gateway.status().restarts == 1)

    assert uids(recording) == [f"e{n}" for n in range(200)]


@pytest.mark.parametrize("crashes", [1, 2])
def test_g14_a_crash_in_the_claim_of_a_batch_costs_none_and_makes_no_duplicate(
    monkeypatch, crashes
):
    """Claims name their holder: the step is redone and finds its own."""
    with running_gateway() as (gateway, recording):
        store = gateway._life.stores.dedup
        claim, left = store.claim, [crashes]

        def claim_and_crash(keys):
            answer = claim(keys)
            if len(keys) > 1 and left[0]:
                left[0] -= 1
                raise ConnectionError("after the claim was made")
            return answer

        monkeypatch.setattr(store, "claim", claim_and_crash)
        emit_many(gateway, 50)
        assert gateway.flush(5)
        ledger = gateway.ledger()

    assert (ledger.exported, ledger.duplicate, ledger.dropped) == (50, 0, {})
    assert len(recording.logs) == 50


def test_g14_a_claim_that_crashes_for_one_event_costs_that_event(monkeypatch):
    with running_gateway() as (gateway, recording):
        store = gateway._life.stores.dedup
        claim = store.claim

        def poisoned(keys):
            if any(event == "e7" for _, event, _ in keys):
                raise ConnectionError("e7")
            return claim(keys)

        monkeypatch.setattr(store, "claim", poisoned)
        emit_many(gateway, 50)
        assert gateway.flush(5)
        ledger = gateway.ledger()

    assert ledger.dropped == {"stage_crash": 1}
    assert uids(recording) == [f"e{n}" for n in range(50) if n != 7]


class Exploding(RecordingSink):
    """Its export raises, as no export should: for some records, or so many times."""

    def __init__(self, *, poison=None, times=0):
        super().__init__()
        self._poison, self._times = poison, times
        self.requests = []

    def export(self, kind, encoded, timeout_s):
        self.requests.append(len(encoded))
        if self._times:
            self._times -= 1
            raise OSError("boom")
        if any(r.attributes.get("log.record.uid") == self._poison for r in encoded):
            raise OSError("poison")
        return super().export(kind, encoded, timeout_s)


def test_g14_a_crash_in_a_request_is_redone_once_and_costs_none():
    sink = Exploding(times=1)
    settings = TelemetrySettings.enabled(gateway={"linger_s": 60}, sink={"linger_s": 60})
    with TelemetryGateway(settings, sinks=[sink]) as gateway:
        emit_many(gateway, 50)
        assert gateway.flush(5)
        ledger = gateway.ledger()

    assert ledger.exported == 50
    assert uids(sink) == [f"e{n}" for n in range(50)]
    assert sink.requests == [50, 50]


def test_g14_a_record_that_crashes_every_request_is_found_and_the_rest_is_delivered():
    sink = Exploding(poison="e23")
    with TelemetryGateway(TelemetrySettings.enabled(), sinks=[sink]) as gateway:
        emit_many(gateway, 50)
        assert gateway.flush(8)
        ledger = gateway.ledger()

    assert ledger.dropped == {"stage_crash": 1}
    assert ledger.exported == 49
    assert uids(sink) == [f"e{n}" for n in range(50) if n != 23]


# -- g12 ------------------------------------------------------------------------------------------


@pytest.fixture
def fragile(monkeypatch):
    """The app_created mapping raises for app "bad", as only a fault of ours can."""
    good = app_created.DEFINITION

    def mapping(facts, payload, settings):
        if payload.get("app_id") == "bad":
            raise ZeroDivisionError("bad")
        return good.map(facts, payload, settings)

    broken = CaseDefinition(good.case, good.model, mapping)
    monkeypatch.setattr(
        "telemetry_actors.tree.whole.DEFINITIONS",
        {**dict(__import__("telemetry_actors.handlers").handlers.DEFINITIONS), good.case: broken},
    )


def test_g12_one_bad_event_in_a_hundred_costs_one_in_a_hundred(fragile):
    """The restart is immediate and costs no budget, since each life made progress."""
    with running_gateway() as (gateway, _):
        for n in range(2000):
            gateway.emit("app_created", TENANT, {"app_id": "bad" if n % 100 == 50 else "good"})
        gateway.emit("node_execution", {"tenant_id": "other"}, {"workflow_id": "w"})
        assert gateway.flush(8)
        ledger = gateway.ledger()
        status = gateway.status()

    assert ledger.by_case["app_created"].dropped == {"handler_crash": 20}
    assert ledger.exported == 1980
    assert status.restarts == 20
    assert status.parked == []
    assert ledger.balanced()


def test_g12_a_handler_that_is_broken_altogether_parks_alone_and_comes_back(fragile):
    with running_gateway(supervision={"park_probe_min_s": 0.1, "park_probe_max_s": 0.2}) as (
        gateway,
        recording,
    ):
        for _ in range(50):
            gateway.emit("app_created", TENANT, {"app_id": "bad"})
        assert gateway.flush(5)
        poll(lambda: gateway.ledger().dropped.get("parked"))
        message = {"message_id": "m", "status": "succeeded"}
        assert gateway.emit("message_run", TENANT, message)
        assert gateway.flush(5)
        ledger = gateway.ledger()
        assert ledger.by_case["app_created"].dropped["handler_crash"] == 6
        assert ledger.by_case["app_created"].dropped["parked"] == 44
        assert ledger.by_case["message_run"].exported == 1
        assert ledger.balanced()

        poll(lambda: gateway.emit("app_created", TENANT, {"app_id": "good"}))
        assert gateway.flush(5)
        assert recording.logs[-1].attributes["dify.app_id"] == "good"
        assert gateway.ledger().balanced()


def test_g12_what_is_refused_while_parked_says_so(fragile):
    with running_gateway() as (gateway, _):
        for _ in range(20):
            gateway.emit("app_created", TENANT, {"app_id": "bad"})
        gateway.flush(5)
        poll(lambda: gateway.status().parked == ["app_created"])

        assert gateway.emit("app_created", TENANT, APP) == "parked"
        assert gateway.ledger().refused == {"parked": 1}


def test_g12_a_stage_that_is_broken_altogether_parks_the_tree_which_comes_back(monkeypatch):
    """Nothing of the host's ends (g06): all is refused or ends as parked until a probe succeeds."""
    broken = [True]

    def poisoned(keys):
        if broken[0]:
            raise ConnectionError("always")
        return [True] * len(keys)

    supervision = {"intensity": 1, "park_probe_min_s": 0.2, "park_probe_max_s": 0.2}
    with running_gateway(supervision=supervision) as (gateway, recording):
        monkeypatch.setattr(gateway._life.stores.dedup, "claim", poisoned)
        breath = threading.Event()
        for _ in range(200):
            if not gateway.emit("app_created", TENANT, APP):
                break
            breath.wait(0.005)
        assert gateway.emit("app_created", TENANT, APP) == "parked"
        poll(lambda: gateway.ledger().in_flight == 0)
        assert set(gateway.ledger().dropped) <= {"parked", "stage_crash"}
        assert gateway.ledger().balanced()

        broken[0] = False
        poll(lambda: gateway.emit("app_created", TENANT, APP, event_id="after"))
        assert gateway.flush(5)
        assert uids(recording) == ["after"]
        assert gateway.status().state == "running"
        assert gateway.ledger().balanced()


# -- g15 ------------------------------------------------------------------------------------------


def test_g15_a_payload_that_fails_validation_is_data_and_costs_no_restart():
    with running_gateway() as (gateway, _):
        for n in range(100):
            gateway.emit("workflow_run", TENANT, {"status": n})
        assert gateway.flush(5)
        ledger = gateway.ledger()
        letters = gateway.dead_letters()
        assert gateway.status().restarts == 0

    assert ledger.dropped == {"invalid_payload": 100}
    assert {letter.reason for letter in letters} == {Reason.INVALID_PAYLOAD}
    assert "workflow_id: missing" in letters[0].error


@pytest.mark.parametrize("error", [UnicodeEncodeError("utf-8", "x", 0, 1, "no"), SystemExit(3)])
def test_g15_a_record_that_cannot_be_encoded_hurts_only_itself(error):
    class Picky(RecordingSink):
        def encode(self, kind, record):
            if record.attributes["log.record.uid"] == "e5":
                raise error
            return super().encode(kind, record)

    with TelemetryGateway(TelemetrySettings.enabled(), sinks=[Picky()]) as gateway:
        emit_many(gateway, 20)
        assert gateway.flush(5)
        ledger = gateway.ledger()
        assert gateway.status().restarts == 0

    assert (ledger.exported, ledger.dropped) == (19, {"encode_error": 1})


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (-5, "returned a negative or endless int; a count of bytes is wanted, at "),
        (None, "returned a NoneType; a count of bytes is wanted, at "),
        ("x", "returned a str; a count of bytes is wanted, at "),
        (float("nan"), "returned a negative or endless float; a count of bytes is wanted, at "),
        (ValueError("no"), "raised ValueError at "),
        (SystemExit(3), "raised SystemExit at "),
    ],
)
def test_g12_nor_does_one_whose_size_a_sink_can_not_say(size, words, caplog):
    """It parked all sinks, and with them the tree."""

    class Unsure(RecordingSink):
        def size_of(self, encoded):
            if encoded.attributes["log.record.uid"] != "e5":
                return super().size_of(encoded)
            if isinstance(size, BaseException):
                raise size
            return size

    with TelemetryGateway(TelemetrySettings.enabled(), sinks=[Unsure()]) as gateway:
        emit_many(gateway, 20)
        assert gateway.flush(5)
        ledger = gateway.ledger()
        assert gateway.status().restarts == 0

    assert (ledger.exported, ledger.dropped) == (19, {"encode_error": 1})
    who = "of logs for sink recording" if "raised" in words else "of sink recording (Unsure)"
    assert f"size_of() {who} {words}{__file__}:" in caplog.text


def test_a_poison_record_is_found_by_halving_and_the_rest_is_delivered():
    class Strict(RecordingSink):
        requests = 0

        def export(self, kind, encoded, timeout_s):
            self.requests += 1
            if any(r.attributes["log.record.uid"] == "e100" for r in encoded):
                return ExportResult(Verdict.SPLIT, message="bad record", status_code=400)
            return super().export(kind, encoded, timeout_s)

    sink = Strict()
    with TelemetryGateway(TelemetrySettings.enabled(), sinks=[sink]) as gateway:
        emit_many(gateway, 500)
        assert gateway.flush(5)
        ledger = gateway.ledger()

    assert (ledger.exported, ledger.dropped) == (499, {"rejected": 1})
    assert uids(sink) == [f"e{n}" for n in range(500) if n != 100]
    assert sink.requests <= 25


class Flaky(RecordingSink):
    """Answers RETRY so many times."""

    def __init__(self, times, **answer):
        super().__init__()
        self.times, self._answer = times, answer

    def export(self, kind, encoded, timeout_s):
        if self.times:
            self.times -= 1
            return ExportResult(Verdict.RETRY, message="busy", **self._answer)
        return super().export(kind, encoded, timeout_s)


QUICK = {"backoff_min_s": 0.01, "backoff_max_s": 0.02, "give_up_s": 0.2, "attempt_timeout_s": 0.1}


def test_a_busy_receiver_gets_the_same_records_again_in_order():
    sink = Flaky(3)
    settings = TelemetrySettings.enabled(otlp={**QUICK, "give_up_s": 5})
    with TelemetryGateway(settings, sinks=[sink]) as gateway:
        emit_many(gateway, 20)
        assert gateway.flush(5)
        assert gateway.ledger().exported == 20
        assert gateway.status().sinks[0].failures == 3
        assert gateway.status().sinks[0].healthy

    assert uids(sink) == [f"e{n}" for n in range(20)]


@pytest.mark.parametrize(
    ("answer", "reason"), [({}, "retry_exhausted"), ({"unconfirmed": True}, "unconfirmed")]
)
def test_what_no_retry_turned_into_a_success_says_whether_it_may_have_arrived(answer, reason):
    settings = TelemetrySettings.enabled(otlp=QUICK)
    with TelemetryGateway(settings, sinks=[Flaky(10_000, **answer)]) as gateway:
        emit_many(gateway, 5)
        assert gateway.flush(5) in (True, False)  # the metrics' half may fail, too
        poll(lambda: gateway.ledger().in_flight == 0)
        assert gateway.ledger().dropped == {reason: 5}
        assert gateway.ledger().balanced()


def test_g14_a_crash_between_two_forwards_repeats_neither(monkeypatch):
    """The slot keeps the list of forwards done."""
    with running_gateway() as (gateway, recording):
        books = gateway._life.books
        real, left = books.open, [1]

        def open_then_crash(*args):
            if left[0]:
                left[0] -= 1
                raise MemoryError("before the joins are open, after the measurements")
            real(*args)

        monkeypatch.setattr(books, "open", open_then_crash)
        emit_many(gateway, 10)
        assert gateway.flush(5)
        ledger = gateway.ledger()
        points = {p.instrument.name: p.value for p in recording.metrics()}

    assert ledger.exported == 10
    assert points["dify.app.created.total"] == 10  # measured once


def poll(condition):
    breath = threading.Event()
    for _ in range(1500):
        if condition():
            return
        breath.wait(0.005)
    raise AssertionError("it never came")
