"""What is held: each event and record that has no outcome, wherever it is at that moment."""

from types import SimpleNamespace

import pytest

from supervisors import InFlight, Mailbox, MailboxSpec
from telemetry_actors.batch.places import held, taken_out
from telemetry_actors.books.ends import Drop
from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.event.signals import LogSignal, SignalKind, Signals
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.tree.whole import Holder

STAGE, SINK = ("root", "stages", "router"), ("root", "sinks", "logs")
A_LOG = LogSignal("dify.app.created", "metric_only", (), (), b"", b"", 1, 2)
DROP = Drop(Reason.EXPIRED, "stages/router")


def an_item(serial):
    return Ticket(serial, 0, 100), Envelope("app_created", "t", f"e{serial}", 1, b"\x80", b"\x80")


@pytest.fixture
def life():
    """As much of a life as is looked at: a stage, and a sink."""
    stage, sink = (
        Holder(path, Mailbox(MailboxSpec(batch_max_items=10)), kind)
        for path, kind in ((STAGE, None), (SINK, SignalKind.LOGS))
    )
    return SimpleNamespace(
        tree=object(),
        journal=None,
        sinks=[object()],
        taken_out=[],
        slots={path: SimpleNamespace(in_flight=None) for path in (STAGE, SINK)},
        holders=lambda: [stage, sink],
        stage=stage.mailbox,
    )


def in_hand(life, path, items, results=(), forwarded=0):
    flight = life.slots[path].in_flight = InFlight()
    flight.batch, flight.results, flight.forwarded = list(items), list(results), forwarded


def found(life):
    return [(kind, item[0].serial) for kind, item in held(life)]


def test_what_waits_comes_before_what_is_in_hand(life):
    life.stage.append(an_item(2))
    in_hand(life, STAGE, [an_item(1)])
    in_hand(life, SINK, [(*an_item(3), A_LOG, 0)])

    assert found(life) == [(None, 2), (None, 1), (SignalKind.LOGS, 3)]


def test_what_is_taken_out_is_held_until_the_block_is_over(life):
    life.stage.extend([an_item(1), an_item(2)])
    with taken_out(life, life.stage) as items:
        assert items == [an_item(1), an_item(2)]
        assert not life.stage.user
        assert found(life) == [(None, 1), (None, 2)]

    assert found(life) == []


def test_those_that_were_booked_are_held_no_longer_though_their_batch_has_to_wait(life):
    """The gateway's may wait for room for long."""
    results = [an_item(1), DROP, "duplicate"]
    in_hand(life, STAGE, [an_item(1), an_item(2), an_item(3)], results)
    assert found(life) == [(None, 1), (None, 2), (None, 3)]

    life.slots[STAGE].in_flight.forwarded = 1
    assert found(life) == [(None, 1)]


@pytest.mark.parametrize(
    ("forwarded", "still"), [(2, []), (3, ["LOGS", "LOGS", "SPANS"]), (4, ["SPANS"]), (5, [])]
)
def test_records_that_are_made_and_not_sent_yet_are_held_by_their_handler(life, forwarded, still):
    """Steps: ends, measurements, the books, logs, spans."""
    signals = Signals((A_LOG, A_LOG), (A_LOG,), ())
    in_hand(life, STAGE, [an_item(1)], [signals], forwarded)

    records = [(kind, item[3]) for kind, item in held(life) if kind is not None]
    assert [kind.name for kind, _ in records] == still
    assert len(set(records)) == len(records)
