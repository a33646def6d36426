"""Under pressure: budgets (g04), and who is refused first (g13). Deterministic; floods: faults."""

import threading
from collections import Counter
from itertools import takewhile

import pytest
from pydantic import BaseModel

from supervisors import SystemClock
from supervisors.testing import crash
from telemetry_actors import (
    Admission,
    CaseDefinition,
    SettingsError,
    Signals,
    TelemetryGateway,
    TelemetrySettings,
)
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.testing import RecordingSink, registered_case, running_gateway
from tests.telemetry_actors.promises.test_content import VALID

MB = 1024 * 1024


OTHERS = {
    "app_created": {"app_id": "a1", "mode": "chat"},
    "feedback_created": {"message_id": "m1", "app_id": "a1", "rating": "like"},
}


def payload_of(case):
    return VALID.get(case) or OTHERS.get(case, {})


class Shipped(BaseModel):
    order: str


class Gate(RecordingSink):
    """Takes nothing until it is opened."""

    def __init__(self):
        super().__init__()
        self.open = threading.Event()

    def export(self, kind, encoded, timeout_s):
        self.open.wait()
        return super().export(kind, encoded, timeout_s)


class Busy(RecordingSink):
    """Answers "try again" until it is opened."""

    def __init__(self):
        super().__init__()
        self.open = threading.Event()

    def export(self, kind, encoded, timeout_s):
        if self.open.is_set():
            return super().export(kind, encoded, timeout_s)
        return ExportResult(Verdict.RETRY, message="busy")


def a_sleeping_gateway(events=100, *, mailbox_bytes=64 * MB, **settings):
    """Nobody takes anything out of its mailbox."""
    settings["gateway"] = {"mailbox_events": events, "mailbox_bytes": mailbox_bytes}
    gateway = TelemetryGateway(TelemetrySettings.enabled(**settings), sinks=[RecordingSink()])
    gateway._life.door.enqueuer.asleep = False
    return gateway


def emitted(gateway, case="app_created", tenant="acme", times=1000):
    """How many of *times* were accepted before the first refusal, and that."""
    answers = [gateway.emit(case, {"tenant_id": tenant}, payload_of(case)) for _ in range(times)]
    accepted = len(list(takewhile(bool, answers)))
    return accepted, answers[accepted] if accepted < times else None


# -- classes --------------------------------------------------------------------------------------


def test_g13_each_class_of_cases_may_fill_the_mailbox_to_its_own_mark():
    gateway = a_sleeping_gateway()

    assert emitted(gateway, "node_execution") == (70, Admission.MAILBOX_FULL)
    assert emitted(gateway, "draft_node_execution") == (0, Admission.MAILBOX_FULL)
    assert emitted(gateway, "message_run") == (20, Admission.MAILBOX_FULL)
    assert emitted(gateway, "tool_execution") == (0, Admission.MAILBOX_FULL)
    assert emitted(gateway, "feedback_created") == (10, Admission.MAILBOX_FULL)
    assert emitted(gateway, "app_created") == (0, Admission.MAILBOX_FULL)


def test_g13_the_marks_hold_for_bytes_and_for_the_whole_tree_as_well():
    """Feedback comes in while node executions fill what is behind the door."""
    gate = Gate()
    settings = TelemetrySettings.enabled(
        gateway={"linger_s": 0, "mailbox_events": 1000, "total_events": 1000},
        enterprise_include_content=True,
    )
    with TelemetryGateway(settings, sinks=[gate]) as gateway:
        accepted, answer = emitted(gateway, "node_execution", times=2000)
        feedback = emitted(gateway, "feedback_created", times=300)
        gate.open.set()
        assert gateway.flush(10)

    assert (accepted, answer) == (700, Admission.MAILBOX_FULL)
    assert feedback == (300, None)
    assert gateway.ledger().exported == 1000


def test_g13_marks_and_classes_are_settings():
    pressure = {"low_share": 0.1, "classes": "app_created=low, node_execution=high"}
    gateway = a_sleeping_gateway(pressure=pressure)

    assert emitted(gateway, "app_created") == (10, Admission.MAILBOX_FULL)
    assert emitted(gateway, "node_execution") == (90, Admission.MAILBOX_FULL)


@pytest.mark.parametrize(
    ("pressure", "problem"),
    [
        ({"classes": "app_created=urgent"}, "pressure: classes ('app_created=urgent') must be"),
        ({"low_share": 0.95}, "normal_share (0.9) must be at least low_share (0.95)"),
        ({"high_share": 0.5}, "high_share (0.5) must be at least normal_share (0.9)"),
        ({"fair_share": 0}, "pressure.fair_share = 0"),
    ],
)
def test_marks_that_make_no_sense_are_said(pressure, problem):
    with pytest.raises(SettingsError) as caught:
        TelemetrySettings.enabled(pressure=pressure)
    assert problem in str(caught.value)


@pytest.mark.parametrize(("said", "mark"), [({}, 90), ({"priority": "low"}, 70)])
def test_g13_a_case_of_ones_own_is_of_the_class_that_it_says(said, mark):
    definition = CaseDefinition("order_shipped", Shipped, lambda *_: Signals(), **said)
    with registered_case(definition):
        gateway = a_sleeping_gateway()
    answers = [gateway.emit("order_shipped", {}, {"order": "o"}) for _ in range(100)]

    assert sum(map(bool, answers)) == mark


# -- shares ---------------------------------------------------------------------------------------


def test_g13_above_half_the_tenant_that_floods_is_refused_and_the_others_are_not():
    gateway = a_sleeping_gateway()
    quiet = [f"quiet-{n}" for n in range(4)]
    for tenant in quiet:
        assert gateway.emit("app_created", {"tenant_id": tenant}, {})

    flood = emitted(gateway, tenant="flood")
    others = {tenant: emitted(gateway, tenant=tenant, times=10) for tenant in quiet}

    assert flood == (46, Admission.MAILBOX_FULL)
    assert others == dict.fromkeys(quiet, (10, None))
    (refused,) = gateway.status().pressure.refused_tenants
    assert (refused.tenant_id, refused.refused) == ("flood", 1000 - 46)


def test_g13_a_tenant_that_is_alone_may_fill_all_of_it():
    assert emitted(a_sleeping_gateway()) == (100, Admission.MAILBOX_FULL)


def test_g13_tenants_that_send_alike_fill_all_of_it():
    gateway = a_sleeping_gateway()
    answers = [gateway.emit("app_created", {"tenant_id": f"t{n % 10}"}, {}) for n in range(200)]

    assert sum(map(bool, answers)) == 100


def test_g13_a_share_of_bytes_is_meant_where_bytes_are_scarce():
    """One sends few and large, the other many and small: the large ones are refused."""
    gateway = a_sleeping_gateway(10_000, mailbox_bytes=1_000_000)
    small = [gateway.emit("app_created", {"tenant_id": "small"}, {}) for _ in range(500)]
    large = [
        gateway.emit("app_created", {"tenant_id": "large"}, {"x": "x" * 50_000}) for _ in range(30)
    ]
    more = [gateway.emit("app_created", {"tenant_id": "small"}, {}) for _ in range(300)]

    assert all(small) and all(more)
    assert Counter(large)[Admission.BYTES_FULL] > 15
    assert gateway.status().pressure.refused_tenants[0].tenant_id == "large"


def test_shares_can_be_switched_off():
    gateway = a_sleeping_gateway(pressure={"fair_share": 1.0})
    assert gateway.emit("app_created", {"tenant_id": "quiet"}, {})

    assert emitted(gateway, tenant="flood") == (99, Admission.MAILBOX_FULL)


def test_g13_no_accepted_event_is_evicted_and_delivery_stays_first_in_first_out():
    with running_gateway(
        gateway={"linger_s": 3000.0, "mailbox_events": 100, "batch_events": 1000}
    ) as (gateway, recording):
        accepted = []
        for n in range(500):
            case = ("node_execution", "message_run", "feedback_created")[n % 3]
            tenant = {"tenant_id": f"t{n % 7 and 1}"}
            if gateway.emit(case, tenant, payload_of(case), event_id=f"e{n}"):
                accepted.append((case, f"e{n}"))
        assert gateway.flush(5)
        arrived = [log.attributes["log.record.uid"] for log in recording.logs]
        ledger = gateway.ledger()

    assert ledger.exported == ledger.accepted == len(accepted) == len(arrived)
    for case in ("node_execution", "message_run", "feedback_created"):
        mine = [event_id for name, event_id in accepted if name == case]
        assert [event_id for event_id in arrived if event_id in mine] == mine


def test_what_has_its_outcome_holds_nothing_any_more():
    """By every way out: exported, duplicate, dropped, and after crashes."""
    with running_gateway() as (gateway, _):
        for n in range(200):
            tenant = {"tenant_id": f"t{n % 7}"}
            gateway.emit("message_run", tenant, VALID["message_run"], event_id=f"e{n % 140}")
            gateway.emit("workflow_run", tenant, {"status": 7})
            if n % 50 == 7:
                crash(gateway._ref("handlers/message_run"), ValueError("x"), in_hand=True)
        assert gateway.flush(10)
        door = gateway._life.door
        ledger, pressure = gateway.ledger(), gateway.status().pressure

    assert ledger.balanced()
    assert ledger.duplicate > 0
    assert (pressure.events, pressure.event_bytes, pressure.tenants) == (0, 0, 0)
    assert door.pressure.room.own == {}


# -- budgets --------------------------------------------------------------------------------------


def large(gateway, times, size=MB, tenant="acme"):
    """Events of *size* bytes that ask for content, so that they stay as large."""
    answers = Counter()
    for _ in range(times):
        payload = {**payload_of("message_run"), "inputs": "x" * size}
        answers[str(gateway.emit("message_run", {"tenant_id": tenant}, payload))] += 1
    return answers


@pytest.mark.parametrize("sink", [Gate, Busy])
def test_g04_bytes_in_flight_anywhere_count_and_have_one_bound(sink):
    """In stages, in handlers, in a request, and between two tries."""
    sink = sink()
    settings = TelemetrySettings.enabled(
        gateway={"linger_s": 0, "mailbox_bytes": 20 * MB, "total_bytes": 20 * MB},
        sink={"mailbox_bytes": 4 * MB},
        otlp={"backoff_min_s": 0.05, "backoff_max_s": 0.05},
        enterprise_include_content=True,
    )
    with TelemetryGateway(settings, sinks=[sink]) as gateway:
        answers = large(gateway, 60)
        assert set(answers) == {"accepted", "bytes_full"}
        pressure = gateway.status().pressure
        assert pressure.events == gateway.ledger().in_flight == answers["accepted"]
        assert pressure.event_bytes <= pressure.event_bytes_capacity == 12 * MB
        assert 8 <= answers["accepted"] <= 11
        sink.open.set()
        assert gateway.flush(10)
        assert large(gateway, 3) == {"accepted": 3}
        assert gateway.flush(10)
        assert gateway.status().pressure.event_bytes == 0
    assert gateway.ledger().balanced()


@pytest.mark.parametrize(("sink_bytes", "kept"), [(4 * MB, 8 * MB), (64 * MB, 20 * MB)])
def test_g04_room_for_the_records_is_kept_free(sink_bytes, kept):
    """A log holds the texts of its event beside the event, which a dead letter would need."""
    with running_gateway(
        gateway={"linger_s": 0, "mailbox_bytes": 40 * MB, "total_bytes": 40 * MB},
        sink={"linger_s": 3000.0, "mailbox_bytes": sink_bytes, "batch_bytes": 64 * MB},
        enterprise_include_content=True,
    ) as (gateway, _):
        answers = large(gateway, 60)
        status = gateway.status()
        pressure = status.pressure
        assert gateway.flush(10)

    sinks = [m for m in status.mailboxes if m.path.startswith("sinks/")]
    assert sum(mailbox.bytes_capacity for mailbox in sinks) == kept
    assert pressure.event_bytes_capacity == 40 * MB - kept
    assert answers["accepted"] * MB < 40 * MB - kept
    assert pressure.record_bytes <= kept


def test_g04_the_number_of_events_has_one_bound_as_well():
    gate = Gate()
    settings = TelemetrySettings.enabled(
        gateway={"linger_s": 0, "mailbox_events": 50, "total_events": 50}
    )
    with TelemetryGateway(settings, sinks=[gate]) as gateway:
        answers = Counter(str(gateway.emit("app_created", {}, {})) for _ in range(300))
        assert answers == {"accepted": 50, "mailbox_full": 250}
        gate.open.set()
        assert gateway.flush(10)
        assert gateway.emit("app_created", {}, {})


def test_an_event_over_its_mark_travels_alone():
    gateway = a_sleeping_gateway(mailbox_bytes=10_000)
    large = {"x": "x" * 8000}
    answers = [gateway.emit("node_execution", {}, {"node_type": "llm", **large}) for _ in range(2)]

    assert answers == [Admission.ACCEPTED, Admission.BYTES_FULL]


def test_bytes_are_counted_once_however_large_the_event():
    gateway = a_sleeping_gateway()
    gateway.emit("app_created", {"tenant_id": "t"}, {"x": "x" * 1000})
    ((ticket, _),) = gateway._life.door.mailbox.held()

    assert gateway.status().pressure.event_bytes == ticket.charged_bytes
    share = gateway._life.door.pressure.room.numbered[ticket.share]
    assert (share.events, share.event_bytes) == (1, ticket.charged_bytes)


# -- age ------------------------------------------------------------------------------------------


class Aged(SystemClock):
    """A wall clock that can be put forward."""

    ahead_ns = 0

    def now_ns(self):
        return super().now_ns() + self.ahead_ns


def test_an_event_that_is_too_old_when_it_is_taken_ends_as_expired():
    """Each class has a limit of its own; by default none has."""
    clock = Aged()
    settings = {"pressure": {"low_max_age_s": 5.0, "high_max_age_s": 100.0}}
    with running_gateway(clock=clock, gateway={"linger_s": 3000.0}, **settings) as (gateway, seen):
        for case in ("node_execution", "message_run", "feedback_created"):
            assert gateway.emit(case, {}, payload_of(case))
        clock.ahead_ns = 6 * 10**9
        assert gateway.flush(5)
        ledger, letters = gateway.ledger(), gateway.dead_letters()

    assert {case: dict(line.dropped) for case, line in ledger.by_case.items()} == {
        "node_execution": {"expired": 1},
        "message_run": {},
        "feedback_created": {},
    }
    assert [(letter.envelope.case, letter.stage) for letter in letters] == [
        ("node_execution", "stages/gateway")
    ]
    assert ledger.balanced()
    assert len(seen.logs) == 2


def test_a_sink_expires_what_has_grown_old_before_it():
    clock, gate = Aged(), Gate()
    settings = TelemetrySettings.enabled(
        gateway={"linger_s": 0},
        sink={"linger_s": 0},
        pressure={"normal_max_age_s": 5.0},
    )
    with TelemetryGateway(settings, sinks=[gate], clock=clock) as gateway:
        (logs,) = [h for h in gateway._life.places if h.path[-1] == "logs"]
        breath = threading.Event()
        for number in range(2):  # the first is on the wire, the second waits behind it
            assert gateway.emit("message_run", {}, payload_of("message_run"))
            for _ in range(1000):
                slot = gateway._life.places.slots[logs.path]
                if len(logs.mailbox) if number else slot.in_flight is not None:
                    break
                breath.wait(0.005)
        clock.ahead_ns = 6 * 10**9
        gate.open.set()
        assert gateway.flush(5)
        ledger = gateway.ledger()

    assert (ledger.exported, dict(ledger.dropped)) == (1, {"expired": 1})
    assert ledger.signals.logs.dropped == {"expired": 1}
    assert ledger.balanced()


def test_a_call_of_a_trace_provider_does_not_expire():
    clock, calls = Aged(), []
    with running_gateway(
        clock=clock, gateway={"linger_s": 0}, pressure={"normal_max_age_s": 5.0}
    ) as (gateway, _):
        gateway.register_trace_provider(lambda *call: calls.append(call))
        assert gateway.emit("message_run", {}, payload_of("message_run"))
        assert gateway.flush(5)
    assert len(calls) == 1
