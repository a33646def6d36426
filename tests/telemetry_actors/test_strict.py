"""``strict``: a mistake is counted as ever, then raised, where that reaches who made it."""

import gc
import json
import os
import pickle
import signal
import subprocess
import sys
import weakref
from functools import partial
from itertools import islice
from pathlib import Path

import pytest
from typing_extensions import TypedDict

from telemetry_actors import (
    Admission,
    CaseDefinition,
    Signals,
    StrictError,
    TelemetryCase,
    TelemetryContext,
    TelemetryGateway,
    TelemetrySettings,
    _process,
    emit,
)
from telemetry_actors.base.inside import inside_the_tree
from telemetry_actors.demo.application import Application
from telemetry_actors.door.intake import Intake
from telemetry_actors.testing import RecordingSink, registered_case

SAMPLE = Path(__file__).parents[1] / "data/signals/sample.jsonl"
TENANT = {"tenant_id": "acme"}
APP = {"app_id": "a1", "mode": "chat"}
SECRET = "Xyzzy-Sesame-42"
TYPO = ("app_craeted", TENANT, APP)


def gateway_of(**settings):
    """One that never starts."""
    made = TelemetryGateway(TelemetrySettings.enabled(**settings), sinks=[RecordingSink()])
    made._life.door.enqueuer.asleep = False
    return made


@pytest.fixture
def gateway():
    made = gateway_of(strict=True)
    yield made
    made.stop(0.1)


LOOP: list = []
LOOP.append(LOOP)

MISTAKES = [
    (("app_created", TENANT, {"app_id": object()}), "the payload's app_id (object) can't be"),
    (("app_created", {"tenant_id": object()}, APP), "the context's tenant_id (object) can't be"),
    (("app_created", TENANT, {**APP, "more": {"a": LOOP}}), "the payload's more (dict) can't be"),
    (TYPO, "case app_craeted: unknown (refused as unknown_case); did you mean app_created?"),
    ((7, TENANT, APP), "case of type int: unknown (refused as unknown_case)"),
    (("app_created", {}, APP), "no tenant: neither payload nor context has a tenant_id"),
    (("app_created", None, APP), "no tenant: neither payload nor context has a tenant_id"),
    (("app_created", TelemetryContext(), APP), "no tenant"),
    (("app_created", {"tenantid": SECRET}, APP), "context has tenantid: did you mean tenant_id?"),
    (
        ("app_created", TENANT, {"app_id": "a1", "mdoe": SECRET}),
        "the payload has no key mdoe; did you mean mode?",
    ),
    (("app_created", TENANT, {"app_id": [SECRET]}), "app_id can't be read"),
    (("app_created", TENANT, [SECRET]), "the payload is no mapping but of type list (invalid)"),
    (("app_created", SECRET, APP), "the context is no mapping but of type str (invalid)"),
    (
        ("workflow_run", TENANT, {"workflow_id": "w", "workflow_run_id": "r"}),
        "the payload is invalid (invalid_payload): status: missing, must be",
    ),
]


@pytest.mark.parametrize(("event", "words"), MISTAKES)
def test_a_mistake_is_counted_as_without_it_and_then_raised(gateway, event, words):
    lenient = gateway_of()
    lenient.emit(*event)
    with pytest.raises(StrictError) as caught:
        gateway.emit(*event)

    assert words in str(caught.value)
    assert SECRET not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args
    assert gateway.ledger() == lenient.ledger()
    assert gateway.ledger().balanced()
    lenient.stop(0.1)


@pytest.mark.parametrize(
    "event",
    [
        ("app_created", TENANT, APP),
        (TelemetryCase.APP_CREATED, TelemetryContext(tenant_id="acme"), APP),
        ("app_created", {}, {**APP, "tenant_id": 42}),
        ("app_created", TENANT, {**APP, "of_our_own": SECRET}),
    ],
)
def test_what_is_right_is_admitted(gateway, event):
    assert gateway.emit(*event) is Admission.ACCEPTED


def test_nothing_that_an_application_sends_is_taken_for_a_mistake(gateway):
    """The vectors of the platform that are meant to be good, and the demo's application."""
    vectors = map(json.loads, SAMPLE.read_text().splitlines())
    good = [v for v in vectors if "happy" in v["tags"]]
    assert len(good) > 5
    for vector in good:
        gateway.emit(vector["case"], vector["context"], vector["payload"])
    for event in islice(Application(seed=1, start_ns=10**18).events(), 500):
        gateway.emit(event.case, event.context, event.payload)
    assert gateway.ledger().accepted == len(good) + 500


def test_a_case_of_ones_own_is_looked_at_by_its_own_model():
    class Order(TypedDict):
        order_id: str
        amount: int

    with registered_case(CaseDefinition("order_shipped", Order, lambda *_: Signals())):
        gateway = gateway_of(strict=True)
        order = {"order_id": "o", "amount": 1}
        assert gateway.emit("order_shipped", TENANT, order)
        with pytest.raises(StrictError, match="no key amonut; did you mean amount"):
            gateway.emit("order_shipped", TENANT, {"order_id": "o", "amonut": 1})
        with pytest.raises(StrictError, match="amount: must be a whole number") as caught:
            gateway.emit("order_shipped", TENANT, {**order, "amount": SECRET})
        assert SECRET not in str(caught.value)
        gateway.stop(0.1)


def test_an_id_that_would_be_replaced_is_a_mistake(gateway):
    with pytest.raises(StrictError, match="the event_id is a object, so a new one is made"):
        gateway.emit("app_created", TENANT, APP, event_id=object())


def test_off_it_is_not_there_at_all():
    gateway = gateway_of()
    assert type(gateway._life.door.intake) is Intake
    for event, _ in MISTAKES:
        gateway.emit(*event)
    gateway.stop(0.1)


def test_the_environment_turns_it_on_for_module_level_emit(monkeypatch):
    monkeypatch.setenv("TELEMETRY_ACTORS__STRICT", "true")
    for flag in ("ENABLED", "TELEMETRY_ENABLED", "TELEMETRY_GATEWAY_ENABLED"):
        monkeypatch.setenv(f"ENTERPRISE_{flag}", "true")
    before = _process.replace_gateway(None)
    with pytest.raises(StrictError):
        emit(*TYPO)
    _process.replace_gateway(before).stop(0.1)


# -- where it is never raised ---------------------------------------------------------------------


@pytest.fixture
def unraisable(monkeypatch):
    """What was raised where nobody gets it."""
    found = []
    monkeypatch.setattr(sys, "unraisablehook", found.append)
    return found


@pytest.mark.parametrize("more", [lambda work: work(), lambda work: [work() for _ in "a"]])
def test_not_in_a_signal_handler(gateway, more):
    answers = []

    def handle(_number, _frame):
        more(lambda: answers.append(gateway.emit(*TYPO)))

    before = signal.signal(signal.SIGUSR1, handle)
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)

    assert answers == [Admission.UNKNOWN_CASE]
    assert gateway.ledger().refused == {"unknown_case": 1}


def test_not_in_del(gateway, unraisable):
    class Dying:
        def __del__(self):
            self.tell()

        def tell(self):
            gateway.emit(*TYPO)

    Dying()
    cycle = Dying()
    cycle.self = cycle
    del cycle
    gc.collect()

    assert gateway.ledger().refused == {"unknown_case": 2}
    assert unraisable == []


def test_not_in_a_callback_of_a_weakref_nor_in_a_finalizer(gateway, unraisable):
    class Dying:
        pass

    def called(*_):
        gateway.emit(*TYPO)

    one = Dying()
    kept = [weakref.ref(one, called), weakref.ref(one, lambda _: gateway.emit(*TYPO))]
    kept.append(weakref.ref(one, partial(gateway.emit, *TYPO)))
    weakref.finalize(one, gateway.emit, *TYPO)
    del one

    assert gateway.ledger().refused == {"unknown_case": 4}
    assert unraisable == []


def test_not_in_a_callback_of_the_garbage_collection(gateway, unraisable):
    def look(phase, _info):
        if phase == "stop":
            gateway.emit(*TYPO)

    gc.callbacks.append(look)
    gc.collect()
    gc.callbacks.remove(look)

    assert gateway.ledger().refused["unknown_case"] >= 1
    assert unraisable == []


def test_not_in_a_generator_that_is_thrown_away(gateway, unraisable):
    def generate():
        try:
            yield
        finally:
            gateway.emit(*TYPO)

    thrown = generate()
    next(thrown)
    del thrown

    assert gateway.ledger().refused == {"unknown_case": 1}
    assert unraisable == []


def test_not_inside_the_tree(gateway):
    with inside_the_tree():
        assert gateway.emit(*TYPO) is Admission.UNKNOWN_CASE


def test_not_after_a_stop(gateway):
    gateway.stop(0.1)
    assert gateway.emit(*TYPO) is Admission.STOPPING


def test_not_when_the_process_ends():
    """In a thread that it waits for, in exit hooks of both kinds, and in what dies at last."""
    program = """
import atexit, json, os, sys, threading
from telemetry_actors import *
from telemetry_actors.testing import RecordingSink
gateway = TelemetryGateway(TelemetrySettings.enabled(strict=True), sinks=[RecordingSink()])
typo = ("app_craeted", {"tenant_id": "t"}, {"app_id": "a"})
raised = []
def tell(where):
    try:
        gateway.emit(*typo)
    except StrictError:
        raised.append(where)
tell("in time")
class Last:
    def __del__(self):
        tell("__del__")
last = Last()
@atexit.register
def end():
    tell("atexit")
    print(json.dumps(raised))
threading._register_atexit(tell, "threading's")
ended = threading.Event()
def wait():
    threading.main_thread().join()
    tell("a thread")
threading.Thread(target=wait).start()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout) == ["in time"]
    assert "Traceback" not in done.stderr
