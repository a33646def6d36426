"""Cases of the user's own, from `register_case()` to the sink and the books."""

import os
import signal
import threading
from weakref import WeakValueDictionary

import pytest
from pydantic import BaseModel

from telemetry_actors import (
    Admission,
    CaseDefinition,
    CaseError,
    Instrument,
    Signals,
    TelemetryCase,
    TelemetryGateway,
    TelemetrySettings,
    register_case,
)
from telemetry_actors.door import registry as _registry
from telemetry_actors.door.registry import _LOCK, registered_cases, unregister_case
from telemetry_actors.testing import RecordingSink, registered_case, running_gateway
from tests.forks import as_in_a_child

TENANT = {"tenant_id": "acme", "app_id": "shop"}
ORDERS = Instrument("shop.orders.total", "counter", "{order}")


class Order(BaseModel):
    order_id: str
    note: str | None = None


def _order(facts, order, settings):
    if order.order_id == "broken":
        raise ValueError("no such order")
    attributes = {"shop.order.id": order.order_id, "shop.note": order.note}
    log = facts.log("shop.order.shipped", attributes)
    return Signals((log,), (), (ORDERS.measure(1, tenant_id=facts.tenant_id),))


def an_order(case="order_shipped", mapping=_order, **route):
    return CaseDefinition(
        case, Order, mapping, gated=["note"], **{"instruments": [ORDERS], **route}
    )


@pytest.fixture(autouse=True)
def _nothing_stays_registered():
    yield
    assert dict(registered_cases()) == {}


# -- through the tree -----------------------------------------------------------------------------


def test_an_event_of_a_case_of_ones_own_goes_all_the_way():
    with registered_case(an_order()), running_gateway() as (gateway, recording):
        assert gateway.emit("order_shipped", TENANT, {"order_id": "o1", "note": "SECRET"})
        assert gateway.emit("order_shipped", TENANT, {"order_id": "o1"}, event_id="same")
        assert gateway.emit("order_shipped", TENANT, {"order_id": "o1"}, event_id="same")
        assert gateway.flush(5)
        nodes = {node.path: node.state for node in gateway.status().tree}

    line = gateway.ledger().by_case["order_shipped"]
    assert (line.emitted, line.exported, line.duplicate) == (3, 2, 1)
    assert gateway.ledger().balanced()
    assert nodes["handlers/order_shipped/handler"] == "running"
    assert [log.attributes.get("shop.note") for log in recording.logs] == ["[gated]", None]
    (point,) = [p for p in recording.metrics() if p.instrument == ORDERS]
    assert (point.value, point.label_values) == (2, ("acme",))


def test_with_content_on_the_mapping_sees_it():
    on = {"enterprise_include_content": True}
    with registered_case(an_order()), running_gateway(**on) as (gateway, recording):
        gateway.emit("order_shipped", TENANT, {"order_id": "o1", "note": "ring twice"})
        assert gateway.flush(5)

    assert recording.logs[0].attributes["shop.note"] == "ring twice"


def test_a_payload_that_the_model_refuses_is_a_dead_letter_of_its_case():
    with registered_case(an_order()), running_gateway() as (gateway, _):
        gateway.emit("order_shipped", TENANT, {"note": "SECRET"})
        assert gateway.flush(5)

    (letter,) = gateway.dead_letters()
    assert (letter.reason, letter.stage) == ("invalid_payload", "handlers/order_shipped")
    assert letter.error == "order_id: missing"
    assert gateway.ledger().by_case["order_shipped"].dropped == {"invalid_payload": 1}


def test_a_mapping_that_raises_costs_its_event_and_no_other():
    with registered_case(an_order()), running_gateway() as (gateway, recording):
        for order_id in ("o1", "broken", "o2"):
            gateway.emit("order_shipped", TENANT, {"order_id": order_id})
        gateway.emit("app_created", TENANT, {})
        assert gateway.flush(5)

    assert gateway.ledger().by_case["order_shipped"].dropped == {"handler_crash": 1}
    assert gateway.ledger().by_case["app_created"].exported == 1
    assert [letter.error for letter in gateway.dead_letters()] == ["ValueError: no such order"]
    assert len(recording.logs) == 3
    assert gateway.ledger().balanced()


def test_a_mapping_that_makes_what_cannot_be_counted_harms_no_other_event():
    """Without the look at what it made, the ledger would be out of balance for good."""

    def bad(facts, order, settings):
        return Signals((), (), (ORDERS.measure(-1),)) if order.order_id == "bad" else Signals()

    with registered_case(an_order(mapping=bad)), running_gateway() as (gateway, _):
        for order_id in ("bad", "good"):
            gateway.emit("order_shipped", TENANT, {"order_id": order_id})
        assert gateway.flush(5)

    line = gateway.ledger().by_case["order_shipped"]
    assert (line.exported, line.dropped) == (1, {"handler_crash": 1})
    assert gateway.ledger().balanced()


def test_a_trace_case_is_given_to_the_trace_manager_by_its_task_name():
    tasks: list[tuple] = []
    route = {"signal_type": "trace", "task_name": "order", "ce_eligible": True}
    with registered_case(an_order(**route)), running_gateway() as (gateway, _):
        gateway.emit("order_shipped", TENANT, {"order_id": "o1"}, lambda *task: tasks.append(task))
        assert gateway.flush(5)

    assert tasks == [("order", {"order_id": "o1"}, TENANT)]


@pytest.mark.parametrize(
    ("route", "admission"),
    [
        ({}, Admission.NOT_ELIGIBLE),
        ({"ce_eligible": True}, Admission.ACCEPTED),
        ({"signal_type": "trace"}, Admission.NOT_ELIGIBLE),
        ({"signal_type": "trace", "ce_eligible": True}, Admission.ACCEPTED),
    ],
)
def test_the_edition_counts_for_a_case_of_ones_own(route, admission):
    with registered_case(an_order(**route)), running_gateway(enterprise_enabled=False) as (g, _):
        assert g.emit("order_shipped", TENANT, {"order_id": "o"}) is admission


@pytest.mark.parametrize(
    ("signal_type", "admission"), [("metric_log", "gateway_off"), ("trace", "accepted")]
)
def test_with_the_flag_off_trace_cases_alone_go_on(signal_type, admission):
    off = {"enterprise_telemetry_gateway_enabled": False}
    with registered_case(an_order(signal_type=signal_type)), running_gateway(**off) as (g, _):
        assert g.emit("order_shipped", TENANT, {"order_id": "o"}) == admission


def test_a_handler_of_ones_own_that_is_broken_altogether_parks_alone():
    def broken(facts, order, settings):
        raise ValueError("always")

    settings = {"supervision": {"intensity": 0}}
    with (
        registered_case(an_order(mapping=broken)),
        running_gateway(**settings) as (gateway, _),
    ):
        for _ in range(3):
            gateway.emit("order_shipped", TENANT, {"order_id": "o"})
        gateway.flush(5)
        assert gateway.status().parked == ["order_shipped"]
        assert gateway.emit("order_shipped", TENANT, {"order_id": "o"}) is Admission.PARKED
        assert gateway.emit("app_created", TENANT, {})
        assert gateway.flush(5)

    assert gateway.ledger().balanced()


def test_an_enum_of_ones_own_names_its_cases():
    from enum import StrEnum

    class Shop(StrEnum):
        ORDER_SHIPPED = "order_shipped"

    with registered_case(an_order(Shop.ORDER_SHIPPED)), running_gateway() as (gateway, recording):
        assert gateway.emit(Shop.ORDER_SHIPPED, TENANT, {"order_id": "o1"})
        assert gateway.flush(5)

    assert len(recording.logs) == 1
    assert list(gateway.ledger().by_case) == ["order_shipped"]


# -- registering ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("OrderShipped", "must be lower_snake_case"),
        ("order-shipped", "must be lower_snake_case"),
        ("order_shipped\n", "must be lower_snake_case"),
        ("order__shipped", "must be lower_snake_case"),
        ("_order", "must be lower_snake_case"),
        ("1order", "must be lower_snake_case"),
        ("bestellung_ü", "must be lower_snake_case"),
        ("", "must be lower_snake_case"),
        ("o" * 65, "the name has 65 characters; 64 are allowed"),
        (7, "the name is a int; must be a text"),
        ("workflow_run", "one of the fourteen"),
        (TelemetryCase.WORKFLOW_RUN, "one of the fourteen"),
        ("unknown", "the ledger keeps this name"),
    ],
)
def test_a_name_that_cannot_be_used_is_said(case, said):
    with pytest.raises(CaseError, match=said):
        register_case(an_order(case))


def test_what_is_no_definition_is_said():
    with pytest.raises(CaseError, match="case str: register_case takes a CaseDefinition"):
        register_case("order_shipped")


def test_a_case_can_be_registered_once():
    with registered_case(an_order()), pytest.raises(CaseError, match="registered already"):
        register_case(an_order())


@pytest.mark.parametrize(
    ("instruments", "said"),
    [
        (["shop.orders"], "'shop.orders' is no Instrument"),
        ([Instrument("2nd", "counter", "")], "instrument name '2nd'"),
        ([Instrument("shop orders", "counter", "")], "instrument name 'shop orders'"),
        ([Instrument("o" * 256, "counter", "")], "255 at most"),
        (
            [Instrument("shop.x", "gage", "1")],
            "kind 'gage' must be counter, updown_counter, gauge or histogram (nearest: gauge)",
        ),
        ([Instrument("OTel.SDK.x", "counter", "1")], "names of otel.sdk.* and telemetry_actors.*"),
        ([Instrument("shop.x", "counter", "u" * 64)], "the unit must be ASCII, 63 at most"),
        ([Instrument("shop.x", "counter", "µs")], "the unit must be ASCII"),
        (
            [ORDERS, Instrument("Shop.Orders.Total", "counter", "1")],
            "is declared in two ways: name ",
        ),
        (
            [Instrument("dify.requests.total", "counter", "{order}")],
            "dify.requests.total (counter, {order}) is dify.requests.total (counter, {request})",
        ),
        ([Instrument("DIFY.errors.total", "counter", "{error}")], "of ours; take another name"),
        ([Instrument("shop.taken", "histogram", "s")], "of case order_paid; take another name"),
    ],
)
def test_an_instrument_that_cannot_be_used_or_is_taken_is_said(instruments, said):
    paid = an_order("order_paid", instruments=[Instrument("shop.taken", "counter", "s")])
    with registered_case(paid), pytest.raises(CaseError) as caught:
        register_case(an_order(instruments=instruments))

    assert said in str(caught.value)


def test_two_cases_may_count_with_one_instrument_and_with_one_of_ours():
    ours = Instrument("dify.requests.total", "counter", "{request}")
    both = [ORDERS, ours]
    with (
        registered_case(an_order("order_paid", instruments=both)),
        registered_case(an_order(instruments=both)),
    ):
        assert list(registered_cases()) == ["order_paid", "order_shipped"]


def test_the_definition_comes_back():
    definition = an_order()
    try:
        assert register_case(definition) is definition
    finally:
        unregister_case("order_shipped")


# -- when -----------------------------------------------------------------------------------------


def test_a_case_counts_for_gateways_that_are_made_later_and_that_is_said(caplog):
    with running_gateway() as (earlier, _), registered_case(an_order()):
        assert "order_shipped is registered after a gateway was made" in caplog.text
        assert earlier.emit("order_shipped", TENANT, {"order_id": "o"}) is Admission.UNKNOWN_CASE
        with running_gateway() as (later, _):
            assert later.emit("order_shipped", TENANT, {"order_id": "o"})


def test_after_the_last_gateway_has_stopped_nothing_is_said(caplog, monkeypatch):
    monkeypatch.setattr(_registry, "_READERS", WeakValueDictionary())  # others may be about
    with running_gateway():
        pass
    with registered_case(an_order()):
        assert caplog.text == ""


def test_a_gateway_goes_by_its_copy_whatever_is_forgotten_meanwhile():
    with registered_case(an_order()):
        gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    with gateway:
        assert gateway.emit("order_shipped", TENANT, {"order_id": "o"})
        assert gateway.flush(5)
    assert gateway.ledger().exported == 1


def test_many_threads_may_register_at_once():
    errors: list[CaseError] = []
    start = threading.Barrier(8)

    def register(n):
        start.wait()
        for case in (f"case_{n}", "the_same"):
            try:
                register_case(an_order(case))
            except CaseError as error:
                errors.append(error)

    threads = [threading.Thread(target=register, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(registered_cases()) == [*(f"case_{n}" for n in range(8)), "the_same"]
    assert [error.case for error in errors] == ["the_same"] * 7
    for case in list(registered_cases()):
        unregister_case(case)


def test_g24_a_child_of_a_fork_waits_for_no_thread_of_its_parent():
    """The lock may be held by a thread that the child does not have. Mutant: one lock for all."""
    with _LOCK.here():
        child = os.fork()
        if child == 0:
            ended = 1
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # not the time-out's own handler
            signal.alarm(5)  # rather than wait for ever
            try:
                register_case(an_order())
                ended = 0 if "order_shipped" in registered_cases() else 2
            finally:
                os._exit(ended)
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


def test_g24_the_gateway_of_a_child_knows_the_cases_of_its_parents():
    with registered_case(an_order()):
        gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    with as_in_a_child(), gateway:  # where the case is no longer registered
        assert gateway.emit("order_shipped", TENANT, {"order_id": "o"})
        assert gateway.flush(5)
