"""Where an event goes: every case under every flag, edition and way out; trace providers.

The expectations are written down here a second time, from payloads.md 1.9 and
architecture.md ("Flags and defaults"), and not taken from the code.
"""

import itertools
import threading

import pytest

from telemetry_actors import (
    CASE_ROUTING,
    CASE_TO_TRACE_TASK_NAME,
    Admission,
    CaseDefinition,
    SettingsError,
    SignalType,
    TelemetryCase,
    TelemetryGateway,
    TelemetrySettings,
)
from telemetry_actors.testing import RecordingSink, registered_case, running_gateway
from tests.forks import as_in_a_child
from tests.telemetry_actors.test_registry import Order, _order

TENANT = {"tenant_id": "acme"}
MESSAGE = {"message_id": "m", "status": "succeeded"}

TASK_NAMES = {
    "workflow_run": "workflow",
    "message_run": "message",
    "node_execution": "node_execution",
    "draft_node_execution": "draft_node_execution",
    "prompt_generation": "prompt_generation",
}
METRIC_LOG = {
    *("tool_execution", "moderation_check", "suggested_question", "dataset_retrieval"),
    *("generate_name", "app_created", "app_updated", "app_deleted", "feedback_created"),
}
COMMUNITY = {"workflow_run", "message_run"}

FLAGS = {"on": True, "off": False}
EDITIONS = {
    "enterprise": (True, True),
    "telemetry off": (True, False),
    "community": (False, True),
    "neither": (False, False),
}
WAYS = {  # sinks=, ENTERPRISE_OTLP_ENDPOINT
    "a sink": ([RecordingSink()], ""),
    "no sink": ([], ""),
    "nothing": (None, ""),
    "an endpoint": (None, "http://127.0.0.1:9"),
}


def test_five_cases_are_trace_cases_with_a_task_name_and_nine_are_metric_log_cases():
    kinds = {str(case): route.signal_type for case, route in CASE_ROUTING.items()}

    assert {case for case, kind in kinds.items() if kind is SignalType.TRACE} == set(TASK_NAMES)
    assert {case for case, kind in kinds.items() if kind is SignalType.METRIC_LOG} == METRIC_LOG
    assert {str(case): name for case, name in CASE_TO_TRACE_TASK_NAME.items()} == TASK_NAMES
    assert {str(c) for c, route in CASE_ROUTING.items() if route.ce_eligible} == COMMUNITY


def expected(case, flag, edition, way):
    """Admission and whether a trace manager is called, by the rules in their order."""
    trace = case in TASK_NAMES
    if not flag and not trace:
        return "gateway_off", False
    if case not in COMMUNITY and not all(edition):
        return "not_eligible", False
    sinks, endpoint = way
    if not flag and not sinks and not endpoint:
        return "gateway_off", True
    return "accepted", trace


def a_gateway(flag, edition, way):
    """One that never starts: what is accepted stays in its mailbox, and calls in theirs."""
    sinks, endpoint = way
    settings = TelemetrySettings(
        enterprise_telemetry_gateway_enabled=flag,
        enterprise_enabled=edition[0],
        enterprise_telemetry_enabled=edition[1],
        enterprise_otlp_endpoint=endpoint,
    )
    gateway = TelemetryGateway(settings, sinks=sinks)
    gateway._life.door.enqueuer.asleep = False
    return gateway


@pytest.mark.parametrize("with_manager", [False, True], ids=["no manager", "manager"])
@pytest.mark.parametrize(
    ("flag", "edition", "way"),
    list(itertools.product(FLAGS, EDITIONS, WAYS)),
    ids=lambda value: value,
)
def test_every_case_is_decided_by_flag_edition_and_way_out(flag, edition, way, with_manager):
    gateway = a_gateway(FLAGS[flag], EDITIONS[edition], WAYS[way])
    for case in TelemetryCase:
        manager = object() if with_manager else None
        calls_before = len(gateway._life.calls.mailbox)
        admission = gateway.emit(case, TENANT, {}, manager)
        admitted = gateway._life.door.mailbox.drain()
        decided, called = expected(case, FLAGS[flag], EDITIONS[edition], WAYS[way])

        assert admission == decided, case
        if admission:
            ((ticket, envelope),) = admitted
            assert envelope.case == case
            assert ticket.companion is (manager if called else None)
        else:
            assert admitted == []
            calls = len(gateway._life.calls.mailbox) - calls_before
            assert calls == (1 if with_manager and called else 0), case
    gateway.stop(0)


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("edition", EDITIONS)
def test_an_unknown_case_is_unknown_under_all_settings(flag, edition):
    gateway = a_gateway(FLAGS[flag], EDITIONS[edition], WAYS["a sink"])
    answers = {gateway.emit(case, TENANT, {}) for case in ("no_case", "", "WORKFLOW_RUN", 7, None)}
    gateway.stop(0)

    assert answers == {Admission.UNKNOWN_CASE}
    assert gateway.ledger().by_case == {"unknown": gateway.ledger().by_case["unknown"]}


@pytest.mark.parametrize("payload", [None, "text", {"x": "x" * 3000}])
def test_what_is_refused_for_the_flag_is_so_before_its_payload_is_looked_at(payload):
    """The order of architecture.md, 1; also where a trace manager would have got its call."""
    off = {"enterprise_telemetry_gateway_enabled": False, "gateway": {"max_event_bytes": 2000}}
    gateway = TelemetryGateway(TelemetrySettings.enabled(**off), sinks=[])
    answer = gateway.emit("message_run", TENANT, payload, lambda *_: None)
    gateway.stop(0)

    assert answer is Admission.GATEWAY_OFF
    assert gateway.ledger().signals.providers.given == 0


# -- what is switched off -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "edition", "way", "said"),
    [
        ("on", "enterprise", "a sink", []),
        ("off", "enterprise", "a sink", ["metric_log cases are refused", "go the old route"]),
        ("off", "enterprise", "an endpoint", ["metric_log cases are refused", "the old route"]),
        ("off", "enterprise", "nothing", ["so are trace cases", "ENTERPRISE_OTLP_ENDPOINT"]),
        ("on", "community", "a sink", ["(ENTERPRISE_ENABLED is ", "workflow_run, message_run"]),
        ("on", "telemetry off", "a sink", ["(ENTERPRISE_TELEMETRY_ENABLED is ", "not_eligible"]),
        (
            "off",
            "neither",
            "nothing",
            [
                "gateway_off",
                "not_eligible",
                "(ENTERPRISE_ENABLED is ",
                ", ENTERPRISE_TELEMETRY_ENABLED is ",
            ],
        ),
    ],
)
def test_what_the_settings_switch_off_is_said_once_with_its_word_in_the_ledger(
    flag, edition, way, said, caplog
):
    gateway = a_gateway(FLAGS[flag], EDITIONS[edition], WAYS[way])
    for _ in range(3):
        gateway.emit("app_created", TENANT, {})

    assert [r.levelname for r in caplog.records] == (["WARNING"] if said else [])
    assert [words for words in said if words not in caplog.text] == []
    gateway.stop(0)


def test_a_case_of_ones_own_that_is_eligible_is_named_among_them(caplog):
    definition = CaseDefinition("order_shipped", Order, _order, ce_eligible=True)
    with registered_case(definition), running_gateway(enterprise_enabled=False):
        assert "only workflow_run, message_run, order_shipped are eligible" in caplog.text


# -- trace providers ------------------------------------------------------------------------------


class Provider:
    """Takes tasks; raises or waits on demand."""

    def __init__(self, error=None):
        self.tasks, self._error = [], error

    def add_trace_task(self, task_name, payload, context):
        self.tasks.append((task_name, payload, context))
        if self._error is not None:
            raise self._error


def counted(gateway, **some):
    """The providers' line; what is not named is 0, and ``given`` is the sum."""
    line = gateway.ledger().signals.providers.model_dump()
    none = dict.fromkeys(("called", "raised", "hung", "full", "absent"), 0)
    assert line == {**none, **some, "given": sum(some.values())}
    assert gateway.ledger().balanced()


def test_registered_providers_get_each_trace_task_beside_the_trace_manager():
    first, calls, manager = Provider(), [], Provider()
    with running_gateway() as (gateway, _):
        gateway.register_trace_provider(first)
        gateway.register_trace_provider(first)  # changes nothing
        gateway.register_trace_provider(provider := lambda *task: calls.append(task))
        gateway.emit("message_run", TENANT, {**MESSAGE, "inputs": "SECRET"}, manager)
        gateway.emit("message_run", TENANT, MESSAGE)
        gateway.emit("app_created", TENANT, {}, manager)  # no trace case
        assert gateway.flush(5)

    gated = ("message", {**MESSAGE, "inputs": "[gated]"}, TENANT)
    assert first.tasks == calls == [gated, ("message", MESSAGE, TENANT)]
    assert manager.tasks == [gated]
    assert provider is not None
    counted(gateway, called=5)


def test_each_provider_has_a_payload_of_its_own():
    def greedy(name, payload, context):
        payload.clear()

    after = Provider()
    with running_gateway() as (gateway, _):
        gateway.register_trace_provider(greedy)
        gateway.register_trace_provider(after)
        gateway.emit("message_run", TENANT, MESSAGE)

    assert after.tasks == [("message", MESSAGE, TENANT)]
    assert gateway.ledger().exported == 1


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), KeyboardInterrupt()])
def test_a_provider_that_raises_keeps_nothing_from_the_others_nor_costs_a_restart(error):
    """Also past `Exception`: a restart for each would use up the budget of the sinks."""
    bad, good = Provider(error), Provider()
    with running_gateway() as (gateway, _):
        gateway.register_trace_provider(bad)
        gateway.register_trace_provider(good)
        for _ in range(20):
            gateway.emit("message_run", TENANT, MESSAGE)
        assert gateway.flush(5)

    assert (len(bad.tasks), len(good.tasks), gateway.ledger().exported) == (20, 20, 20)
    assert gateway.status().restarts == 0
    counted(gateway, called=20, raised=20)


class Unreachable:
    """Raises when one looks for its method."""

    asked = 0

    @property
    def add_trace_task(self):
        Unreachable.asked += 1
        if Unreachable.asked > 1:
            raise LookupError("gone")
        return print


def test_a_provider_whose_method_cannot_be_looked_up_has_raised():
    with running_gateway() as (gateway, _):
        gateway.register_trace_provider(Unreachable())
        gateway.emit("message_run", TENANT, MESSAGE)

    counted(gateway, raised=1)


@pytest.mark.parametrize("thing", [None, 42, object()])
def test_what_cannot_be_called_is_no_provider(thing):
    with (
        running_gateway() as (gateway, _),
        pytest.raises(SettingsError, match="must have add_trace_task"),
    ):
        gateway.register_trace_provider(thing)


def test_one_that_is_taken_off_gets_no_more_and_its_queued_calls_are_absent():
    entered, gate, gone = threading.Event(), threading.Event(), Provider()

    def slow(*_task):
        entered.set()
        gate.wait(5)

    with running_gateway() as (gateway, _):
        gateway.register_trace_provider(slow)
        gateway.register_trace_provider(gone)
        gateway.emit("message_run", TENANT, MESSAGE)
        assert gateway.flush(5)
        assert entered.wait(5)
        gateway.unregister_trace_provider(gone)
        gateway.unregister_trace_provider(gone)
        gate.set()
        gateway.emit("message_run", TENANT, MESSAGE)

    assert gone.tasks == []
    counted(gateway, called=2, absent=1)


def test_a_full_mailbox_of_calls_is_counted_and_holds_up_no_event():
    entered, gate = threading.Event(), threading.Event()

    def slow(*_task):
        entered.set()
        gate.wait(5)

    with running_gateway(providers={"mailbox_calls": 2}) as (gateway, _):
        gateway.register_trace_provider(slow)
        gateway.emit("message_run", TENANT, MESSAGE)
        assert gateway.flush(5)
        assert entered.wait(5)
        for _ in range(9):
            gateway.emit("message_run", TENANT, MESSAGE)
        assert gateway.flush(5)
        assert gateway.ledger().exported == 10
        gate.set()

    counted(gateway, called=3, full=7)


@pytest.mark.timeout(30)
def test_g16_a_provider_that_hangs_is_given_up_and_counted_and_the_others_go_on():
    gate, good = threading.Event(), Provider()
    quick = {"hang_deadline_s": 0.1, "sink_hang_deadline_s": 0.1, "sweep_interval_s": 0.02}
    with running_gateway(supervision=quick) as (gateway, _):
        gateway.register_trace_provider(lambda *_task: gate.wait(20))
        gateway.register_trace_provider(good)
        gateway.emit("message_run", TENANT, MESSAGE)
        assert gateway.flush(5)
        assert gateway.ledger().exported == 1
        for _ in range(2000):
            if good.tasks:
                break
            threading.Event().wait(0.005)
        gate.set()

    assert len(good.tasks) == 1
    counted(gateway, hung=1, called=1)


@pytest.mark.timeout(30)
def test_calls_that_a_stop_cuts_off_are_counted():
    entered, gate = threading.Event(), threading.Event()

    def stuck(*_task):
        entered.set()
        gate.wait(20)

    with running_gateway() as (gateway, _):
        gateway.register_trace_provider(stuck)
        for _ in range(3):
            gateway.emit("message_run", TENANT, MESSAGE)
        assert gateway.flush(5)
        assert entered.wait(5)
        gateway.stop(0.5)
        try:
            counted(gateway, hung=1, absent=2)
        finally:
            gate.set()
    counted(gateway, hung=1, absent=2)  # the one that comes back is nobody's


def test_an_event_that_ends_before_the_router_leaves_its_manager_absent():
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    gateway._life.door.enqueuer.asleep = False  # never started
    gateway.emit("message_run", TENANT, MESSAGE, Provider())
    gateway.stop(0)

    assert gateway.ledger().dropped == {"shutdown": 1}
    counted(gateway, absent=1)


def test_with_the_flag_off_and_no_sink_providers_still_get_their_calls():
    provider, off = Provider(), {"enterprise_telemetry_gateway_enabled": False}
    with TelemetryGateway(TelemetrySettings.enabled(**off), sinks=[]) as gateway:
        gateway.register_trace_provider(provider)
        assert gateway.emit("message_run", TENANT, MESSAGE) is Admission.GATEWAY_OFF
        assert gateway.emit("app_created", TENANT, {}) is Admission.GATEWAY_OFF
        assert gateway.emit("message_run", TENANT, MESSAGE, Provider()) is Admission.GATEWAY_OFF

    assert [task[0] for task in provider.tasks] == ["message", "message"]
    assert gateway.ledger().accepted == 0
    counted(gateway, called=3)


def test_providers_are_the_gateways_also_in_the_child_of_a_fork():
    provider = Provider()
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    gateway.register_trace_provider(provider)
    with as_in_a_child(), gateway:
        gateway.emit("message_run", TENANT, MESSAGE)

    assert len(provider.tasks) == 1
