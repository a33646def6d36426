"""The host's blinker signals, by the real blinker: what is emitted, and that nothing raises."""

import enum
import gc
import subprocess
import sys
import uuid
from types import SimpleNamespace

import blinker
import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.bridges.blinker_signals import SIGNALS, BlinkerBridge
from telemetry_actors.testing import RecordingSink, running_gateway

APP_ID, TENANT_ID = str(uuid.UUID(int=7)), str(uuid.UUID(int=8))


class Mode(enum.Enum):
    CHAT = "chat"


class App:
    """As an ORM has it: ids that are UUIDs, a mode that is an enum."""

    id, tenant_id, mode = uuid.UUID(int=7), uuid.UUID(int=8), Mode.CHAT


FEEDBACK = {
    "id": "not emitted",
    "message_id": "m1",
    "app_id": "a1",
    "conversation_id": "c1",
    "from_end_user_id": "e1",
    "from_account_id": None,
    "rating": "like",
    "from_source": "user",
    "content": "well done",
}


class Emitted(list):
    """Stands in for a gateway: what it was given."""

    def emit(self, case, context, payload):
        self.append((str(case), context, payload))


@pytest.fixture
def signals():
    """Signals of its own for each test: nothing global is connected."""
    return blinker.Namespace()


@pytest.fixture
def emitted():
    return Emitted()


@pytest.mark.parametrize("name", [n for n in SIGNALS if n.startswith("app")])
@pytest.mark.parametrize(
    "sender",
    [
        App(),
        {"id": APP_ID, "tenant_id": TENANT_ID, "mode": "chat"},
        SimpleNamespace(id=APP_ID, tenant_id=TENANT_ID, mode="chat"),
    ],
    ids=["object", "dict", "namespace"],
)
def test_an_app_signal_is_an_event_with_the_id_and_the_tenant(signals, emitted, name, sender):
    with BlinkerBridge(emitted, signals):
        signals.signal(name).send(sender, account=object())

    mode = {"mode": "chat"} if name == "app-was-created" else {}
    assert emitted == [(SIGNALS[name], {"tenant_id": TENANT_ID}, {"app_id": APP_ID, **mode})]


@pytest.mark.parametrize("shape", [dict, SimpleNamespace])
def test_feedback_has_its_eight_keys_and_the_tenant_that_the_signal_names(signals, emitted, shape):
    with BlinkerBridge(emitted, signals):
        signals.signal("feedback-was-created").send(shape(**FEEDBACK), tenant_id="acme")

    payload = {k: v for k, v in FEEDBACK.items() if k != "id" and v is not None}
    assert emitted == [("feedback_created", {"tenant_id": "acme"}, payload)]


def test_what_the_signal_says_counts_before_what_the_sender_says(signals, emitted):
    with BlinkerBridge(emitted, signals):
        signals.signal("app-was-created").send(App(), tenant_id="other")

    assert emitted[0][1] == {"tenant_id": "other"}


class Hostile:
    """Raises at every attribute that a host's object would have."""

    def __getattribute__(self, name):
        if name.startswith("__"):  # blinker and pytest themselves look at these
            return super().__getattribute__(name)
        raise ValueError(name)


class HalfBroken:
    """One property raises, one has no text; the rest is fine."""

    id = "a1"

    class _Textless:
        def __str__(self):
            raise RuntimeError("no text")

    mode = _Textless()

    @property
    def tenant_id(self):
        raise LookupError("the session is closed")


class RaisingDict(dict):
    def get(self, *_):
        raise KeyError("gone")


@pytest.mark.parametrize(
    "sender", [None, 7, "text", object(), Hostile(), RaisingDict(), type, [1], lambda: None]
)
@pytest.mark.parametrize("name", SIGNALS)
def test_no_sender_makes_the_bridge_raise(signals, name, sender):
    with running_gateway() as (gateway, _), BlinkerBridge(gateway, signals):
        signals.signal(name).send(sender)

    assert gateway.ledger().accepted == 1


def test_a_property_that_raises_costs_its_key_and_no_other(signals, emitted):
    with BlinkerBridge(emitted, signals):
        signals.signal("app-was-created").send(HalfBroken())

    assert emitted == [("app_created", {"tenant_id": ""}, {"app_id": "a1"})]


def test_what_ends_the_process_passes_through(signals, emitted):
    """A host's SIGTERM handler raises SystemExit anywhere, here too; it must not be swallowed."""

    class Ending:
        @property
        def id(self):
            raise SystemExit(0)

    with BlinkerBridge(emitted, signals), pytest.raises(SystemExit):
        signals.signal("app-was-created").send(Ending())


# -- connecting -----------------------------------------------------------------------------------


def test_a_bridge_that_nobody_keeps_goes_on_working(signals, emitted):
    BlinkerBridge(emitted, signals).connect()
    gc.collect()
    signals.signal("app-was-created").send(App())

    assert len(emitted) == 1


def test_connecting_twice_emits_once_and_disconnecting_twice_is_fine(signals, emitted):
    bridge = BlinkerBridge(emitted, signals).connect().connect()
    signals.signal("app-was-created").send(App())
    bridge.disconnect()
    bridge.disconnect()
    signals.signal("app-was-created").send(App())

    assert len(emitted) == 1
    assert [name for name in SIGNALS if signals.signal(name).receivers] == []


def test_other_receivers_of_the_signals_stay_as_they_are(signals, emitted):
    heard = []
    signals.signal("app-was-created").connect(theirs := lambda sender, **_: heard.append(sender))
    with BlinkerBridge(emitted, signals):
        signals.signal("app-was-created").send("one")
    signals.signal("app-was-created").send("two")

    assert (heard, len(emitted), theirs is not None) == (["one", "two"], 1, True)


def test_by_default_blinkers_own_signals_and_the_gateway_of_the_process(monkeypatch):
    """As a host uses it: no argument at all."""
    recording = RecordingSink()
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[recording])
    monkeypatch.setattr("telemetry_actors._process._PROCESS", {"gateway": gateway})
    with BlinkerBridge():
        blinker.signal("app-was-deleted").send(App())
    blinker.signal("app-was-deleted").send(App())
    gateway.stop()

    assert gateway.ledger().by_case["app_deleted"].emitted == 1
    assert not blinker.signal("app-was-deleted").receivers


def test_an_app_of_a_signal_reaches_the_sink(signals):
    with running_gateway() as (gateway, recording), BlinkerBridge(gateway, signals):
        signals.signal("app-was-created").send(App())
        assert gateway.flush(5)

    (log,) = recording.logs
    assert log.event_name == "dify.app.created"
    assert (log.attributes["dify.app_id"], log.attributes["dify.tenant_id"]) == (APP_ID, TENANT_ID)
    assert log.attributes["dify.app.mode"] == "chat"


def test_content_of_feedback_is_gated_like_any_other(signals):
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    gateway._life.door.enqueuer.asleep = False  # never started: the event stays in its mailbox
    with BlinkerBridge(gateway, signals):
        signals.signal("feedback-was-created").send({**FEEDBACK, "content": "SECRET"})
    (item,) = gateway._life.door.mailbox.drain()
    gateway.stop(0.1)

    assert b"SECRET" not in item[1].payload
    assert b"[gated]" in item[1].payload


def test_without_blinker_connecting_says_what_to_install():
    code = (
        "import sys; sys.modules['blinker'] = None\n"
        "from telemetry_actors.bridges.blinker_signals import BlinkerBridge\n"
        "BlinkerBridge().connect()"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=8
    )

    assert 'pip install "telemetry-actors[signals]"' in answer.stderr.splitlines()[-1]
