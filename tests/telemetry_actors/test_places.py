"""What is held: each event and record that has no outcome, wherever it is at that moment."""

from types import SimpleNamespace

import pytest

from supervisors import InFlight, Mailbox, MailboxSpec
from telemetry_actors.batch.actor import BatchActor
from telemetry_actors.batch.places import Place, Places
from telemetry_actors.books.ends import Drop
from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.event.signals import LogSignal, SignalKind, Signals
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.handlers.actor import HandlerActor
from telemetry_actors.sinks.actor import RecordSinkActor

STAGE, SINK = ("root", "stages", "router"), ("root", "sinks", "logs")
A_LOG = LogSignal("dify.app.created", "metric_only", (), (), b"", b"", 1, 2)
DROP = Drop(Reason.EXPIRED, "stages/router")


def an_item(serial):
    return Ticket(serial, 0, 100), Envelope("app_created", "t", f"e{serial}", 1, b"\x80", b"\x80")


def made(actor):
    """A stage with *actor*, and a sink."""
    box = {path: Mailbox(MailboxSpec(batch_max_items=10)) for path in (STAGE, SINK)}
    places = Places(box[STAGE])
    places.know(
        [
            Place(STAGE, box[STAGE], None, actor, ("otlp",)),
            Place(SINK, box[SINK], SignalKind.LOGS, RecordSinkActor, ("otlp",)),
        ],
        {path: SimpleNamespace(in_flight=None) for path in (STAGE, SINK)},
    )
    return places


@pytest.fixture
def places():
    return made(BatchActor)


def in_hand(places, path, items, results=(), forwarded=0):
    flight = places.slots[path].in_flight = InFlight()
    flight.batch, flight.results, flight.forwarded = list(items), list(results), forwarded


def found(places):
    return [(kind, item[0].serial) for kind, item in places.held()]


def test_what_waits_comes_before_what_is_in_hand(places):
    places.gateway.append(an_item(2))
    in_hand(places, STAGE, [an_item(1)])
    in_hand(places, SINK, [(*an_item(3), A_LOG, 0)])

    assert found(places) == [(None, 2), (None, 1), (SignalKind.LOGS, 3)]


def test_what_is_taken_out_is_held_until_the_block_is_over(places):
    places.gateway.extend([an_item(1), an_item(2)])
    with places.taken_out(places.gateway) as items:
        assert items == [an_item(1), an_item(2)]
        assert not places.gateway.user
        assert found(places) == [(None, 1), (None, 2)]

    assert found(places) == []


def test_those_that_were_booked_are_held_no_longer_though_their_batch_has_to_wait(places):
    """The gateway's may wait for room for long."""
    results = [an_item(1), DROP, "duplicate"]
    in_hand(places, STAGE, [an_item(1), an_item(2), an_item(3)], results)
    assert found(places) == [(None, 1), (None, 2), (None, 3)]

    places.slots[STAGE].in_flight.forwarded = 1
    assert found(places) == [(None, 1)]


@pytest.mark.parametrize(
    ("forwarded", "still"), [(2, []), (3, ["LOGS", "LOGS", "SPANS"]), (4, ["SPANS"]), (5, [])]
)
def test_records_that_are_made_and_not_sent_yet_are_held_by_their_handler(forwarded, still):
    """Steps: ends, measurements, the books, logs, spans."""
    places = made(HandlerActor)
    signals = Signals((A_LOG, A_LOG), (A_LOG,), ())
    in_hand(places, STAGE, [an_item(1)], [signals], forwarded)

    records = [(kind, item[3]) for kind, item in places.held() if kind is not None]
    assert [kind.name for kind, _ in records] == still
    assert len(set(records)) == len(records)
