"""What is held where nobody will take it gets its end: once, and as far as it had come."""

from types import SimpleNamespace

import pytest

from supervisors import ChildSpec, Exit, InFlight, Mailbox, MailboxSpec
from telemetry_actors.batch.actor import BatchActor
from telemetry_actors.batch.places import Place, Places
from telemetry_actors.books.books import Books
from telemetry_actors.books.dead_letters import DeadLetters
from telemetry_actors.books.ends import Drop
from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.event.signals import LogSignal, SignalKind, Signals
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.handlers.actor import HandlerActor
from telemetry_actors.life.ending import end_held
from telemetry_actors.sinks._sending import Sending
from telemetry_actors.sinks.actor import RecordSinkActor
from telemetry_actors.testing import running_gateway

LOGS = SignalKind.LOGS
STAGE = ("root", "stages", "dedup")
HANDLER = ("root", "handlers", "app_created", "handler")
A_LOG = LogSignal("dify.app.created", "metric_only", (), (), b"", b"", 1, 2)
INVALID = Drop(Reason.INVALID_PAYLOAD, "handlers/app_created", "mode: string_type")
NODE = {
    "workflow_id": "w",
    "workflow_run_id": "123e4567-e89b-12d3-a456-426614174000",
    "node_execution_id": "550e8400-e29b-41d4-a716-446655440000",
    "node_id": "n",
    "node_type": "llm",
    "status": "succeeded",
}


def an_item(serial):
    return Ticket(serial, 0, 100), Envelope("app_created", "t", f"e{serial}", 1, b"\x80", b"\x80")


def a_record(serial):
    return (*an_item(serial), A_LOG, 0)


class Life:
    """As much of one as is looked at; *elsewhere* is what another place holds."""

    def __init__(self):
        self.books = Books(1, DeadLetters(100, 10**6))
        self.elsewhere = []
        self.slots = {}
        self.places = Places(Mailbox(MailboxSpec(batch_max_items=10)))
        other = SimpleNamespace(held=lambda: self.elsewhere)
        self.places.know([Place(("root", "elsewhere"), other, None, BatchActor)], self.slots)


@pytest.fixture
def life():
    return Life()


def bury(life, place, reason):
    end_held(life.places, life.books, place, reason)


def a_holder(life, path, *, kind=None, waiting=(), start=HandlerActor, exit_=None):
    """A place with a slot, and items in its mailbox."""
    mailbox = Mailbox(MailboxSpec(batch_max_items=10), lambda item: item[0][2])
    mailbox.extend(list(waiting), 100 * len(waiting))
    life.slots[path] = SimpleNamespace(
        in_flight=None, spec=ChildSpec("c", start), last_exit=exit_ or Exit.crash(KeyError("x"))
    )
    if kind is not None:
        name = path[-1].partition("-")[2] or "otlp"
        return Place(path, mailbox, kind, RecordSinkActor, (name,))
    return Place(path, mailbox, None, start, ("otlp",))


def in_hand(life, holder, *serials, make=an_item, results=(), forwarded=0):
    flight = life.slots[holder.path].in_flight = InFlight()
    flight.batch = [make(serial) for serial in serials]
    flight.results = list(results)
    flight.forwarded = forwarded
    return flight


def ends(life):
    """Event id -> reason and stage, in the order in which they were dropped."""
    return {x.envelope.event_id: (str(x.reason), x.stage) for x in life.books.dead_letters.list()}


# -- stages ---------------------------------------------------------------------------------------


def test_what_waits_ends(life):
    holder = a_holder(life, STAGE, waiting=[an_item(1), an_item(2)])
    bury(life, holder, Reason.SHUTDOWN)

    assert ends(life) == dict.fromkeys(("e1", "e2"), ("shutdown", "stages/dedup"))
    assert holder.mailbox.queued_bytes == 0


def test_a_place_whose_actor_was_never_started_is_buried_as_well(life):
    holder = a_holder(life, STAGE, waiting=[an_item(1)])
    life.slots.clear()
    bury(life, holder, Reason.SHUTDOWN)

    assert ends(life) == {"e1": ("shutdown", "stages/dedup")}


def test_of_a_batch_in_hand_what_was_decided_stays_so_and_the_rest_ends(life):
    holder = a_holder(life, STAGE, waiting=[an_item(5)])
    in_hand(life, holder, 1, 2, 3, 4, results=[an_item(1), INVALID, "duplicate"])
    bury(life, holder, Reason.PARKED)

    parked = ("parked", "stages/dedup")
    assert ends(life) == {
        "e1": parked,
        "e2": ("invalid_payload", "handlers/app_created"),
        "e4": parked,
        "e5": parked,
    }
    assert life.books.duplicate == [1]
    assert life.books.endings == 5
    assert life.slots[STAGE].in_flight is None


def test_the_crash_that_was_one_too_many_is_charged_to_its_item(life):
    holder = a_holder(life, HANDLER)
    flight = in_hand(life, holder, 1, 2, 3, results=[INVALID])
    flight.in_hand = flight.interrupted = True
    bury(life, holder, Reason.PARKED)

    assert ends(life)["e2"] == ("handler_crash", "handlers/app_created")
    assert ends(life)["e3"] == ("parked", "handlers/app_created/handler")
    assert life.books.dead_letters.list()[1].error == "KeyError: 'x'"


def test_an_actor_that_hung_leaves_its_item_abandoned(life):
    holder = a_holder(life, HANDLER, exit_=Exit.hung())
    flight = in_hand(life, holder, 1)
    flight.in_hand = flight.interrupted = True
    bury(life, holder, Reason.PARKED)

    assert ends(life) == {"e1": ("abandoned", "handlers/app_created")}


def test_between_two_forwards_nothing_ends_twice(life):
    """What was dropped or a duplicate is booked; what is found elsewhere has gone on."""
    holder = a_holder(life, STAGE)
    life.books.open([(an_item(4)[0], 1, 0)], sampled_out=0)
    life.elsewhere = [an_item(3)]
    results = [INVALID, "duplicate", an_item(3), an_item(4), an_item(5)]
    in_hand(life, holder, 1, 2, 3, 4, 5, results=results, forwarded=1)
    bury(life, holder, Reason.PARKED)

    assert ends(life) == {"e5": ("parked", "stages/dedup")}
    assert life.books.endings == 1


@pytest.mark.parametrize(("forwarded", "measured"), [(1, False), (2, True)])
def test_what_a_handler_has_recorded_its_letter_says(life, forwarded, measured):
    """The second forward of a handler records what was measured; the third opens the joins."""
    holder = a_holder(life, HANDLER)
    in_hand(life, holder, 1, 2, results=[INVALID, Signals()], forwarded=forwarded)
    bury(life, holder, Reason.PARKED)

    assert [letter.measured for letter in life.books.dead_letters.list()] == [measured]


# -- sinks ----------------------------------------------------------------------------------------


def test_records_that_wait_for_a_sink_end(life):
    life.books.open([(an_item(1)[0], 1, 0)], sampled_out=0)
    bury(life, a_holder(life, ("root", "sinks", "logs"), kind=LOGS, waiting=[a_record(1)]), "x")

    assert life.books.records.lines[LOGS].by_sink["otlp"].dropped == {"x": 1}
    assert life.books.dropped[0] == {"x": 1}


def test_a_sink_among_several_has_its_name_in_its_place(life):
    life.books.records.sinks = 2
    life.books.open([(an_item(1)[0], 1, 0)], sampled_out=0)
    path = ("root", "sinks", "logs-console")
    bury(life, a_holder(life, path, kind=LOGS, waiting=[a_record(1)]), Reason.SHUTDOWN)

    assert life.books.records.lines[LOGS].by_sink["console"].dropped == {"shutdown": 1}


def a_sink_with_a_batch(life, *serials):
    life.books.open([(an_item(serial)[0], 1, 0) for serial in serials], sampled_out=0)
    holder = a_holder(life, ("root", "sinks", "logs"), kind=LOGS)
    return holder, in_hand(life, holder, *serials, make=a_record)


def test_a_batch_of_which_nothing_was_sent_ends_whole(life):
    holder, _ = a_sink_with_a_batch(life, 1, 2)
    bury(life, holder, Reason.SHUTDOWN)

    assert life.books.dropped[0] == {"shutdown": 2}
    assert life.slots[holder.path].in_flight is None


@pytest.mark.parametrize("how", ["in a request", "waiting for a retry"])
def test_of_a_batch_that_is_being_sent_each_record_ends_as_far_as_it_had_come(life, how):
    """Sent and answered: exported. Perhaps received: unconfirmed. Never sent: the reason given."""
    holder, flight = a_sink_with_a_batch(life, 1, 2, 3, 4)
    encode_error = Drop(Reason.ENCODE_ERROR, "sinks/logs")
    flight.results = [b"1", b"2", encode_error, b"4"]
    flight.notes["sending"] = sending = Sending([[1], [3]], [None, None, encode_error, None])
    if how == "in a request":
        sending.on_wire = sending.work[0]
    else:
        sending.unheard = frozenset([1])
    bury(life, holder, Reason.SHUTDOWN)

    assert life.books.exported == [1]
    assert life.books.dropped[0] == {"unconfirmed": 1, "encode_error": 1, "shutdown": 1}


def test_a_batch_that_was_sent_in_part_and_waits_for_a_quiet_retry_is_not_unconfirmed(life):
    holder, flight = a_sink_with_a_batch(life, 1, 2)
    flight.notes["sending"] = Sending([[1]], [None, None])
    bury(life, holder, Reason.SHUTDOWN)

    assert life.books.exported == [1]
    assert life.books.dropped[0] == {"shutdown": 1}


def test_a_batch_that_its_sink_has_reported_meanwhile_is_let_be(life):
    holder, flight = a_sink_with_a_batch(life, 1)
    assert life.books.seal(flight)
    bury(life, holder, Reason.SHUTDOWN)

    assert life.books.endings == 0


# -- what a stop leaves to the next start ---------------------------------------------------------


def test_what_goes_back_at_a_stop_is_charged_as_before(life):
    waiting = [an_item(1), (Ticket(2, 0, 100, place=7), an_item(2)[1]), an_item(3)]
    holder = a_holder(life, STAGE, waiting=waiting)
    life.places.on_disk = SimpleNamespace(holds=lambda place: place == 7, pending=lambda **_: ())
    bury(life, holder, Reason.SHUTDOWN)

    assert set(ends(life)) == {"e1", "e3"}
    assert (holder.mailbox.held(), holder.mailbox.queued_bytes) == (waiting[1:2], 100)


# -- in a running tree ----------------------------------------------------------------------------


@pytest.mark.parametrize("faulty", ["count_measurements", "open"])
def test_a_handler_that_crashes_between_its_forwards_parks_and_ends_each_event_once(
    monkeypatch, faulty
):
    """A fault of ours, and no mapping's: the crash comes again in every life."""

    def always(*_args):
        raise MemoryError("always")

    with running_gateway(gateway={"linger_s": 60}) as (gateway, recording):
        monkeypatch.setattr(gateway._life.books, faulty, always)
        for n in range(5):
            gateway.emit("node_execution", {"tenant_id": "t"}, NODE, event_id=f"e{n}")
        gateway.emit("node_execution", {"tenant_id": "t"}, {}, event_id="invalid")
        assert gateway.flush(5)
        ledger = gateway.ledger()

    assert ledger.dropped == {"parked": 5, "invalid_payload": 1}
    assert ledger.balanced()
    assert recording.logs == []


def test_a_handler_that_crashes_between_two_outlets_ends_the_records_of_the_second(monkeypatch):
    def always(*_args):
        raise MemoryError("always")

    with running_gateway(gateway={"linger_s": 60}) as (gateway, _):
        spans = next(h for h in gateway._life.places if h.path[-1] == "spans")
        monkeypatch.setattr(spans.mailbox, "extend", always)
        for n in range(5):
            gateway.emit("node_execution", {"tenant_id": "t"}, NODE, event_id=f"e{n}")
        assert gateway.flush(5)
        ledger = gateway.ledger()

    assert ledger.dropped == {"parked": 5}
    assert ledger.balanced()
