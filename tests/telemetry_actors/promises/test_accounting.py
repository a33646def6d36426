"""The books: both lines hold, nothing in them is a remainder, and `balanced` can say no."""

import threading
from collections import Counter

import pytest

from supervisors import InFlight, Mailbox, MailboxSpec
from telemetry_actors import Admission, TelemetryGateway, TelemetrySettings
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.testing import RecordingSink, running_gateway
from telemetry_actors.tree import whole as tree

APP = {"app_id": "a1", "mode": "chat"}
TENANT = {"tenant_id": "acme"}
NODE = {
    "workflow_id": "w",
    "workflow_run_id": "123e4567-e89b-12d3-a456-426614174000",
    "node_execution_id": "550e8400-e29b-41d4-a716-446655440000",
    "node_id": "n",
    "node_type": "llm",
    "status": "succeeded",
}
IN_ONE_BATCH = TelemetrySettings.enabled(gateway={"linger_s": 60}, sink={"linger_s": 60})
"""What is emitted before a flush, however long that takes."""


class Gate(RecordingSink):
    """Holds each request back until it is opened."""

    def __init__(self):
        super().__init__()
        self.open = threading.Event()
        self.entered = threading.Event()

    def export(self, kind, encoded, timeout_s):
        self.entered.set()
        assert self.open.wait(20)
        return super().export(kind, encoded, timeout_s)


def test_every_admission_and_outcome_has_its_line(monkeypatch):
    others = {case: made for case, made in tree.DEFINITIONS.items() if case != "app_deleted"}
    monkeypatch.setattr(tree, "DEFINITIONS", others)
    with running_gateway(gateway={"max_event_bytes": 2000}) as (gateway, _):
        gateway.emit("app_created", TENANT, APP, event_id="one")
        gateway.emit("app_created", TENANT, APP, event_id="one")
        gateway.emit("app_created", {"tenant_id": "other"}, APP, event_id="one")
        gateway.emit("node_execution", TENANT, NODE)
        gateway.emit("node_execution", TENANT, {**NODE, "status": 7})
        gateway.emit("app_deleted", TENANT, APP)
        gateway.emit("no_such_case", TENANT, APP)
        gateway.emit("another", TENANT, APP)
        gateway.emit("app_created", TENANT, {"x": "x" * 3000})
        gateway.emit("app_created", TENANT, 7)  # type: ignore[arg-type]
        assert gateway.flush(5)
        ledger = gateway.ledger()

    assert ledger.refused == {"unknown_case": 2, "too_large": 1, "invalid": 1}
    assert (ledger.emitted, ledger.accepted) == (10, 6)
    assert (ledger.exported, ledger.duplicate) == (3, 1)
    assert ledger.dropped == {"invalid_payload": 1, "no_handler": 1}
    assert ledger.by_case["unknown"].refused == {"unknown_case": 2}
    assert ledger.signals.logs.made == ledger.signals.logs.exported == 3
    assert ledger.signals.spans.exported == 1
    assert ledger.balanced()
    assert ledger.settled


def test_the_ledger_reads_as_the_json_that_is_promised():
    with running_gateway() as (gateway, _):
        gateway.emit("app_created", TENANT, APP)
        gateway.flush(5)
        shape = gateway.ledger().model_dump(mode="json")

    assert {"emitted", "accepted", "refused", "exported", "duplicate", "dropped"} < set(shape)
    assert {"in_flight", "sources", "signals", "by_case"} < set(shape)
    assert set(shape["signals"]) == {"logs", "spans", "bridge", "measurements", "providers"}
    assert {"made", "exported", "dropped", "in_flight", "by_sink"} <= set(shape["signals"]["logs"])
    assert {"made", "recorded"} <= set(shape["signals"]["measurements"])
    assert {"given", "called", "raised", "hung", "full", "absent"} == set(
        shape["signals"]["providers"]
    )


def test_what_is_in_flight_is_measured_where_it_is():
    gate = Gate()
    gateway = TelemetryGateway(
        TelemetrySettings.enabled(gateway={"linger_s": 0}, sink={"linger_s": 0}), sinks=[gate]
    )
    with gateway:
        for _ in range(100):
            gateway.emit("node_execution", TENANT, NODE)
        assert gate.entered.wait(5)
        ledger = gateway.ledger()
        assert ledger.in_flight == 100 - ledger.exported > 0
        gate.open.set()
        assert gateway.flush(5)
        assert gateway.ledger().in_flight == 0
        assert gateway.ledger().balanced()


class Places:
    """An item that is in one more place than it should be, for so many looks."""

    def __init__(self, item, looks):
        self._item, self.left = item, looks

    def __iter__(self):
        self.left -= 1
        return iter([self._item] if self.left >= 0 else [])


@pytest.mark.parametrize(("looks", "balanced"), [(1, True), (3, True), (9, False)])
def test_what_is_in_two_places_on_its_way_is_looked_at_again(looks, balanced):
    """And what does not balance a fourth time is shown as it is."""
    with running_gateway() as (gateway, _):
        gateway.emit("app_created", TENANT, APP)
        assert gateway.flush(5)
        there = Places((Ticket(99, 0, 100), None), looks)
        gateway._life.places._taken_out.append((None, there))
        ledger = gateway.ledger()
        gateway._life.places._taken_out.clear()

    assert ledger.settled
    assert ledger.balanced() is balanced
    assert ledger.in_flight == (0 if balanced else 1)
    assert there.left == (-1 if balanced else 5)


PLACES = [
    ("stages", "gateway"),
    ("stages", "router"),
    ("stages", "dedup"),
    ("stages", "rehydrator"),
    ("handlers", "app_created", "handler"),
    ("sinks", "logs"),
]


@pytest.mark.parametrize("place", PLACES, ids="/".join)
@pytest.mark.parametrize("where", ["mailbox", "in hand"])
def test_one_event_taken_away_by_hand_turns_balanced_false(place, where):
    """Nothing in the two lines is a remainder: a loss that nobody counts shows."""
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    with gateway:
        holder = next(h for h in gateway._life.places if h.path == ("root", *place))
        slot = gateway._life.places.slots[holder.path]
        feeds = stop_taking(holder.mailbox)
        for each in gateway._life.places:
            each.mailbox.hurry(True)
        gateway.emit("app_created", TENANT, APP)
        poll(lambda: len(holder.mailbox) == 1 and gateway.ledger().settled)
        if where == "in hand":
            take_in_hand(slot)
        assert gateway.ledger().in_flight == 1
        assert gateway.ledger().balanced()
        waiting = slot.in_flight.batch if where == "in hand" else holder.mailbox.user

        item = waiting.pop()

        ledger = gateway.ledger()
        assert ledger.in_flight == 0
        assert not ledger.balanced()
        assert not ledger.by_case["app_created"].balanced()

        slot.in_flight = None  # give it back, so that the gateway stops with nothing amiss
        if where == "in hand":
            holder.mailbox.extend([item])
        else:
            holder.mailbox.user.append(item)
        holder.mailbox.back_pressure.down = feeds
        holder.mailbox.wake()
        assert gateway.flush(5)
        assert gateway.ledger().balanced()


def stop_taking(mailbox):
    """From now on its consumer takes nothing, as if downstream were full."""
    feeds = mailbox.back_pressure.down
    full = Mailbox(MailboxSpec(max_items=1, batch_max_items=1))
    full.append("full")
    mailbox.back_pressure.down = (full,)
    return feeds


def take_in_hand(slot):
    """Move the waiting event into a batch that is not to be taken up for a long time."""
    flight = InFlight()
    flight.due_s = 1e9 + slot.clock.now_s()
    slot.mailbox.move(1, flight.batch)
    slot.in_flight = flight


def poll(condition):
    breath = threading.Event()
    for _ in range(1000):
        if condition():
            return
        breath.wait(0.005)
    raise AssertionError("it never came")


def test_a_record_that_no_holder_has_unbalances_its_signal_line():
    with running_gateway() as (gateway, _):
        gateway.emit("app_created", TENANT, APP)
        gateway.flush(5)
        assert gateway.ledger().balanced()
        gateway._life.books.records.lines[SignalKind.LOGS].made += 1
        assert not gateway.ledger().balanced()
        gateway._life.books.records.lines[SignalKind.LOGS].made -= 1


def test_the_worst_of_several_sinks_is_the_events_outcome():
    class Refusing(RecordingSink):
        name = "refusing"

        def export(self, kind, encoded, timeout_s):
            return ExportResult(Verdict.REFUSED, message="no", status_code=403)

    good = RecordingSink()
    with TelemetryGateway(TelemetrySettings.enabled(), sinks=[good, Refusing()]) as gateway:
        gateway.emit("app_created", TENANT, APP)
        gateway.flush(5)
        ledger = gateway.ledger()

    assert len(good.logs) == 1
    assert ledger.dropped == {"rejected": 1}
    assert ledger.signals.logs.by_sink["recording"].exported == 1
    assert ledger.signals.logs.by_sink["refusing"].dropped == {"rejected": 1}
    assert ledger.signals.logs.dropped == {"rejected": 1}
    assert ledger.balanced()


def test_partial_success_books_the_last_n_as_rejected():
    class Partial(RecordingSink):
        def export(self, kind, encoded, timeout_s):
            super().export(kind, encoded, timeout_s)
            return ExportResult(Verdict.ACCEPTED, rejected=2, message="two are odd")

    with TelemetryGateway(IN_ONE_BATCH, sinks=[Partial()]) as gateway:
        for n in range(5):
            gateway.emit("app_created", TENANT, APP, event_id=f"e{n}")
        gateway.flush(5)
        ledger, status = gateway.ledger(), gateway.status()
        letters = gateway.dead_letters()

    assert (ledger.exported, ledger.dropped) == (3, {"rejected": 2})
    assert [letter.envelope.event_id for letter in letters] == ["e3", "e4"]
    assert "assumed" in letters[0].error
    assert [letter.attribution for letter in status.dead_letters] == ["assumed", "assumed"]


def test_which_records_a_partial_success_rejected_is_said_to_be_assumed():
    """In each line, by case and by sink too; and the letters hold the ids of the whole batch."""

    class Partial(RecordingSink):
        def export(self, kind, encoded, timeout_s):
            super().export(kind, encoded, timeout_s)
            return ExportResult(Verdict.ACCEPTED, rejected=kind is SignalKind.LOGS, message="odd")

    other = RecordingSink()
    other.name = "other"
    with TelemetryGateway(IN_ONE_BATCH, sinks=[Partial(), other]) as gateway:
        gateway.emit("node_execution", TENANT, NODE, event_id="node")
        for n in range(3):
            gateway.emit("app_created", TENANT, APP, event_id=f"e{n}")
        gateway.emit("node_execution", TENANT, {**NODE, "status": 7})
        gateway.flush(5)
        ledger = gateway.ledger()
        (letter,) = (one for one in gateway.dead_letters() if one.reason == "rejected")

    shape = ledger.model_dump(mode="json")
    assert shape["dropped"] == {"rejected": 1, "invalid_payload": 1}
    assert shape["assumed"] == {"rejected": 1}
    case = letter.envelope.case
    assert shape["by_case"][case]["assumed"] == {"rejected": 1}
    assert sum(len(c["assumed"]) for c in shape["by_case"].values()) == 1
    logs = shape["signals"]["logs"]
    assert logs["assumed"] == {"rejected": 1}
    assert logs["by_sink"]["recording"]["assumed"] == {"rejected": 1}
    assert logs["by_sink"]["other"] == {"exported": 4, "dropped": {}, "assumed": {}}
    assert shape["signals"]["spans"]["assumed"] == {}
    assert letter.among is not None
    assert sorted(letter.among.event_ids) == ["e0", "e1", "e2", "node"]
    assert letter.envelope.event_id == letter.among.event_ids[-1]
    assert ledger.balanced()


def test_an_event_with_neither_log_nor_span_is_exported_once_it_is_measured(monkeypatch):
    from telemetry_actors.event.definition import CaseDefinition
    from telemetry_actors.event.signals import Signals
    from telemetry_actors.handlers import app_created

    good = app_created.DEFINITION

    def mapping(facts, payload, settings):
        return Signals(measurements=good.map(facts, payload, settings).measurements)

    silent = CaseDefinition(good.case, good.model, mapping)
    monkeypatch.setattr(tree, "DEFINITIONS", {**tree.DEFINITIONS, good.case: silent})
    with running_gateway() as (gateway, recording):
        for _ in range(3):
            gateway.emit("app_created", TENANT, APP)
        assert gateway.flush(5)
        ledger = gateway.ledger()

    assert ledger.exported == 3
    assert ledger.signals.logs.made == 0
    assert ledger.signals.measurements.recorded == 6
    assert {p.value for p in recording.metrics()} == {3}
    assert ledger.balanced()


def test_counts_are_exact_with_many_short_lived_threads():
    returned = Counter()
    lock = threading.Lock()
    with running_gateway() as (gateway, _):

        def produce():
            mine = Counter(str(gateway.emit("app_created", TENANT, APP)) for _ in range(20))
            with lock:
                returned.update(mine)

        for _ in range(30):
            threads = [threading.Thread(target=produce) for _ in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            gateway.ledger()
        assert gateway.flush(10)
        ledger = gateway.ledger()

    assert ledger.emitted == sum(returned.values()) == 30 * 20 * 20
    assert ledger.accepted == returned["accepted"]
    assert ledger.balanced()


def test_a_dropped_events_id_may_be_sent_again_and_a_delivered_one_may_not():
    """A claim is released when its event is dropped, so that the caller's retry passes (g09)."""

    class Moody(RecordingSink):
        cross = True

        def export(self, kind, encoded, timeout_s):
            if self.cross:
                return ExportResult(Verdict.REFUSED, message="not now")
            return super().export(kind, encoded, timeout_s)

    sink = Moody()
    with TelemetryGateway(TelemetrySettings.enabled(), sinks=[sink]) as gateway:
        gateway.emit("app_created", TENANT, APP, event_id="x")
        gateway.flush(5)
        sink.cross = False
        for _ in range(2):
            gateway.emit("app_created", TENANT, APP, event_id="x")
            gateway.flush(5)
        ledger = gateway.ledger()

    assert ledger.dropped == {"rejected": 1}
    assert (ledger.exported, ledger.duplicate) == (1, 1)


def test_admission_is_true_iff_accepted():
    assert [a for a in Admission if a] == [Admission.ACCEPTED]


def test_pressure_runs_back_to_the_door_and_no_accepted_event_is_lost():
    gate = Gate()
    settings = TelemetrySettings.enabled(
        gateway={"linger_s": 0, "mailbox_events": 100, "batch_events": 10},
        stages={"mailbox_batches": 1},
        sink={"linger_s": 0, "mailbox_records": 20, "batch_records": 10},
    )
    returned = Counter()
    with TelemetryGateway(settings, sinks=[gate]) as gateway:
        breath = threading.Event()
        for _ in range(2000):
            returned[str(gateway.emit("app_created", TENANT, APP))] += 1
            breath.wait(0.0002)
        assert returned["mailbox_full"] > 1000
        assert gateway.ledger().in_flight == returned["accepted"]
        gate.open.set()
        assert gateway.flush(10)
        ledger = gateway.ledger()

    assert ledger.exported == returned["accepted"]
    assert ledger.balanced()


def test_a_door_that_is_full_in_bytes_says_so():
    settings = TelemetrySettings.enabled(gateway={"mailbox_bytes": 5000, "linger_s": 3000.0})
    with TelemetryGateway(settings, sinks=[RecordingSink()]) as gateway:
        returned = [gateway.emit("app_created", TENANT, {"mode": "x" * 1500}) for _ in range(4)]
        assert gateway._life.door.mailbox.queued_bytes <= 5000
        assert gateway.flush(5)
        assert gateway.emit("app_created", TENANT, {"mode": "x" * 1500})

    assert returned == ["accepted", "accepted", "bytes_full", "bytes_full"]
    assert gateway.ledger().refused == {"bytes_full": 2}
    assert gateway.ledger().balanced()


def test_an_emit_that_is_under_way_is_said_not_to_be_settled():
    """It is handed in, and neither accepted nor refused: a look in the middle of it says so."""

    class Looking(dict):
        def get(self, *_args):
            seen.append(gateway.ledger())

        keys = items = __iter__ = __getitem__ = get

    seen = []
    with running_gateway() as (gateway, _):
        gateway.emit("app_created", Looking(tenant_id="t"), {"app_id": "a"})
        after = gateway.ledger()

    assert seen
    assert not any(one.settled or one.balanced() for one in seen)
    assert after.settled
