"""The door: what goes into the envelope, in which order the refusals come, who is woken."""

import _thread
from collections import UserDict, deque
from hashlib import sha256

import msgpack
import pytest

from telemetry_actors import Admission, TelemetryContext, TelemetryGateway, TelemetrySettings
from telemetry_actors.event.decoding import MAX_VALUES
from telemetry_actors.event.envelope import OVERHEAD_BYTES, charge_of, unpack_map
from telemetry_actors.testing import RecordingSink, running_gateway

APP = {"app_id": "a1"}
TENANT = {"tenant_id": "acme"}


@pytest.fixture
def gateway():
    """One that never starts: what is accepted stays in its mailbox."""
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    gateway._life.door.enqueuer.asleep = False
    yield gateway
    gateway.stop(0.1)


def envelope_of(gateway, context=TENANT, payload=APP, **options):
    """What is queued for an event."""
    assert gateway.emit("app_created", context, payload, **options) is Admission.ACCEPTED
    (item,) = gateway._life.door.mailbox.drain()
    return item[1]


# -- the context ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("context", "packed"),
    [
        ({"tenant_id": "acme", "app_id": "a"}, {"tenant_id": "acme", "app_id": "a"}),
        (UserDict(tenant_id="acme"), {"tenant_id": "acme"}),
        (TelemetryContext(tenant_id="acme", app_id="a"), {"tenant_id": "acme", "app_id": "a"}),
        (
            TelemetryContext(tenant_id="acme", trace_id="x"),  # type: ignore[call-arg]
            {"tenant_id": "acme", "trace_id": "x"},
        ),
        ({}, {}),
        (None, {}),
        ({"tenant_id": None}, {"tenant_id": None}),
        ({"tenant_id": 7}, {"tenant_id": 7}),
        ({"tenant_id": "a\ud800"}, {"tenant_id": "a\ufffd"}),
        ({"tenant_id": "acme", "more": {1, 2}}, {"tenant_id": "acme", "more": [1, 2]}),
    ],
    ids=repr,
)
def test_a_context_is_copied_as_far_as_it_can_be_carried(gateway, context, packed):
    envelope = envelope_of(gateway, context)
    tenant = packed.get("tenant_id")

    assert unpack_map(envelope.context) == packed
    assert envelope.tenant_id == ("" if tenant is None else str(tenant))


@pytest.mark.parametrize("context", ["text", 7, [("tenant_id", "acme")]])
def test_what_is_no_context_is_invalid(gateway, context):
    assert gateway.emit("app_created", context, APP) is Admission.INVALID


def test_later_changes_of_the_callers_objects_reach_nobody(gateway):
    context, payload = {"tenant_id": "acme", "deep": [1]}, {"app_id": "a", "deep": [1]}
    envelope = envelope_of(gateway, context, payload)
    context["deep"].append(2)
    payload["deep"].append(2)

    assert unpack_map(envelope.context)["deep"] == [1]
    assert unpack_map(envelope.payload)["deep"] == [1]


# -- ids ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "event_id"), [("e1", "e1"), (7, "7"), ("a\ud800", "a\ufffd"), (["x"], "['x']")]
)
def test_a_given_id_is_kept_as_a_text(gateway, given, event_id):
    assert envelope_of(gateway, event_id=given).event_id == event_id


@pytest.mark.parametrize("given", [None, ""])
def test_without_an_id_each_event_gets_its_own(gateway, given):
    ids = {envelope_of(gateway, event_id=given).event_id for _ in range(100)}

    assert len(ids) == 100
    assert all(len(event_id) == 36 for event_id in ids)


LONG = "\u00e4" * 100 + "x"
DIGEST = "~" + sha256(LONG.encode()).hexdigest()


@pytest.mark.parametrize("given", [LONG, [LONG], "x" * 1_000_000], ids=["text", "list", "1 MB"])
def test_g29_an_id_of_over_200_bytes_becomes_its_digest(gateway, given):
    envelope = envelope_of(gateway, event_id=given)

    assert envelope.event_id == "~" + sha256(str(given).encode()).hexdigest()
    assert envelope_of(gateway, event_id="\u00e4" * 100).event_id == "\u00e4" * 100


@pytest.mark.parametrize(
    "context",
    [
        {"tenant_id": LONG, "app_id": "a"},
        UserDict(tenant_id=LONG, app_id="a"),
        TelemetryContext(tenant_id=LONG, app_id="a"),
        {"tenant_id": LONG, "app_id": "a", "more": {1, 2}},
    ],
    ids=["dict", "mapping", "context", "cleaned"],
)
def test_g29_a_tenant_of_over_200_bytes_is_its_digest_wherever_it_is_read(gateway, context):
    envelope = envelope_of(gateway, context)
    packed = unpack_map(envelope.context)

    assert (envelope.tenant_id, packed["tenant_id"], packed["app_id"]) == (DIGEST, DIGEST, "a")
    assert context["tenant_id"] == LONG if type(context) is dict else True


@pytest.mark.parametrize(("length", "kept"), [(50, True), (51, False)])
def test_g29_the_compare_that_spares_others_the_count_of_bytes_misses_none(gateway, length, kept):
    tenant = "\U0001f600" * length
    assert (envelope_of(gateway, {"tenant_id": tenant}).tenant_id == tenant) is kept
    assert (envelope_of(gateway, event_id=tenant).event_id == tenant) is kept


def test_all_that_an_event_holds_is_charged(gateway):
    long = "e" * 200
    assert gateway.emit("app_created", {"tenant_id": "t" * 200}, APP, event_id=long)
    ((ticket, envelope),) = gateway._life.door.mailbox.held()

    held = envelope.context + envelope.payload + long.encode()
    assert ticket.charged_bytes == len(held) + OVERHEAD_BYTES == charge_of(envelope)
    assert gateway.status().pressure.event_bytes == ticket.charged_bytes
    gateway._life.door.mailbox.drain()


# -- the payload ----------------------------------------------------------------------------------


def test_a_payload_of_another_mapping_is_read(gateway):
    assert unpack_map(envelope_of(gateway, payload=UserDict(app_id="a")).payload) == {"app_id": "a"}


@pytest.mark.parametrize("payload", [None, "text", [("app_id", "a")], 7])
def test_what_is_no_payload_is_invalid(gateway, payload):
    assert gateway.emit("app_created", TENANT, payload) is Admission.INVALID


def test_what_msgpack_cannot_carry_is_marked_and_the_rest_stays(gateway):
    payload = {"big": 2**70, "text": "a\ud800", "set": {1}, "fine": [1, {"k": None}]}

    assert unpack_map(envelope_of(gateway, payload=payload).payload) == {
        "big": str(2**70),
        "text": "a\ufffd",
        "set": [1],
        "fine": [1, {"k": None}],
    }


# -- sizes ----------------------------------------------------------------------------------------


def payload_of(size):
    """A payload that packs to exactly so many bytes."""
    payload = {"x": ""}
    payload["x"] = "x" * (size - len(msgpack.packb({"x": "x" * 1000})) + 1000)
    assert len(msgpack.packb(payload)) == size
    return payload


@pytest.mark.parametrize(
    ("size", "admission"), [(2000, Admission.ACCEPTED), (2001, Admission.TOO_LARGE)]
)
def test_a_payload_may_be_as_large_as_the_limit(size, admission):
    with running_gateway(gateway={"max_event_bytes": 2000}) as (gateway, _):
        assert gateway.emit("app_created", TENANT, payload_of(size)) is admission


@pytest.mark.parametrize(
    ("size", "admission"), [(65_536, Admission.ACCEPTED), (65_537, Admission.TOO_LARGE)]
)
def test_a_context_may_have_64_kib(gateway, size, admission):
    assert gateway.emit("app_created", payload_of(size) | {}, APP) is admission


def test_g28_what_has_more_values_than_can_be_read_is_not_let_in(gateway):
    fits = {"app_id": "a1", "x": [{}] * (MAX_VALUES - 5)}
    assert unpack_map(envelope_of(gateway, payload=fits).payload) == fits
    fits["x"] += [{}]
    assert gateway.emit("app_created", TENANT, fits) is Admission.TOO_LARGE


# -- the order of refusals ------------------------------------------------------------------------


def test_each_refusal_comes_before_those_behind_it():
    """architecture.md, "The way of an event", 1: from the last to the first."""
    large = {"x": "x" * 3000}
    settings = {"max_event_bytes": 2000, "mailbox_events": 1, "linger_s": 3000.0}
    with running_gateway(gateway=settings) as (gateway, _):
        intake, enqueuer = gateway._life.door.intake, gateway._life.door.enqueuer
        gateway.emit("app_created", TENANT, APP)
        assert gateway.emit("app_created", TENANT, APP) is Admission.MAILBOX_FULL
        enqueuer.parked = frozenset(range(20))
        assert gateway.emit("app_created", TENANT, APP) is Admission.PARKED
        assert gateway.emit("app_created", TENANT, large) is Admission.TOO_LARGE
        assert gateway.emit("app_created", 7, large) is Admission.INVALID
        assert gateway.emit("no such case", 7, large) is Admission.UNKNOWN_CASE
        intake.closed = True
        assert gateway.emit("no such case", 7, large) is Admission.STOPPING
        intake.closed, enqueuer.parked = False, frozenset()


# -- an interrupt ---------------------------------------------------------------------------------


class Interrupted(deque):
    """Its append is broken off by a signal handler, as it is over."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def append(self, item):
        super().append(item)
        raise self.error


def test_an_interrupt_in_the_middle_of_emit_leaves_books_that_balance(gateway):
    """Ctrl-C is raised at the next call that ends: here, the append."""
    mailbox, enqueuer = gateway._life.door.mailbox, gateway._life.door.enqueuer
    mailbox.user = enqueuer._queue = Interrupted(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        gateway.emit("app_created", TENANT, APP)

    assert len(mailbox) == 1
    assert mailbox.queued_bytes > 320
    assert gateway.ledger().accepted == 1
    assert gateway.ledger().balanced()


def test_a_handler_that_raises_an_ordinary_exception_leaves_books_that_balance(gateway):
    """A time-out of the host's, say. `emit()` never raises, and the event is on its way."""
    mailbox, enqueuer = gateway._life.door.mailbox, gateway._life.door.enqueuer
    mailbox.user = enqueuer._queue = Interrupted(TimeoutError())

    assert gateway.emit("app_created", TENANT, APP) is Admission.ACCEPTED
    assert gateway.ledger().balanced()


def test_an_interrupt_before_the_event_is_queued_is_counted_as_a_refusal(gateway, monkeypatch):
    def interrupted(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(gateway._life.door.intake, "_now_ns", interrupted)
    with pytest.raises(KeyboardInterrupt):
        gateway.emit("app_created", TENANT, APP)

    assert len(gateway._life.door.mailbox) == 0
    assert gateway.ledger().refused == {"invalid": 1}
    assert gateway.ledger().balanced()


# -- waking the tree ------------------------------------------------------------------------------


def test_g02_if_no_thread_can_be_started_it_says_stopping_and_tries_again_next_time(monkeypatch):
    """At the end of an interpreter there are no new threads (A4)."""

    def none_left(*_args):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", none_left)
        assert gateway.emit("app_created", TENANT, APP) is Admission.STOPPING
    assert gateway.emit("app_created", TENANT, APP) is Admission.ACCEPTED
    assert gateway.flush(5)
    gateway.stop(2)

    ledger = gateway.ledger()
    assert (ledger.exported, ledger.refused) == (1, {"stopping": 1})
    assert ledger.balanced()


def test_many_first_events_start_one_tree(monkeypatch):
    started = []
    real = _thread.start_new_thread
    monkeypatch.setattr(_thread, "start_new_thread", lambda *a: started.append(a) or real(*a))
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    for _ in range(20):
        gateway.emit("app_created", TENANT, APP)
    assert gateway.flush(5)
    gateway.stop(2)

    runs = [arguments[0] for _, arguments in started]
    builders = [run for run in runs if getattr(run, "__name__", "") == "_build_patiently"]
    assert len(builders) == 1
    assert gateway.ledger().exported == 20


def test_g02_the_door_has_no_more_attributes_than_are_looked_up_quickly(gateway):
    """From the 30th on CPython 3.11 keeps them in a dict of the object's own: 7 % of `emit()`."""
    assert len(vars(gateway._life.door.intake)) <= 29
