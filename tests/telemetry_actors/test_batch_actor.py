"""What every stage does with a batch: forward what goes on, end what can't, and say why."""

from math import inf

import pytest

from supervisors import ChildSpec, Exit, Mailbox, MailboxSpec, SupervisedActor
from telemetry_actors.batch.actor import (
    BatchActor,
    crash_reason_of,
    describe,
    forward,
    forward_records,
)
from telemetry_actors.books.books import Books
from telemetry_actors.books.dead_letters import DeadLetters
from telemetry_actors.books.ends import Drop, Ending
from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.event.signals import LogSignal, SignalKind
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.handlers.actor import HandlerActor
from telemetry_actors.testing import running_gateway

A_LOG = LogSignal("dify.app.created", "metric_only", (), (), b"", b"", 1, 2)


def an_item(serial):
    return Ticket(serial, 0, 100), Envelope("app_created", "t", f"e{serial}", 1, b"\x80", b"\x80")


@pytest.fixture
def books():
    return Books(1, DeadLetters(100, 10**6))


@pytest.fixture
def mailbox():
    return Mailbox(MailboxSpec(batch_max_items=10), lambda item: item[0][2])


def letters(books):
    return [
        (x.envelope.event_id, str(x.reason), x.stage, x.error) for x in books.dead_letters.list()
    ]


# -- forwarding -----------------------------------------------------------------------------------


def test_items_go_into_the_next_mailbox_in_order_with_their_bytes(books, mailbox):
    forward(mailbox, [an_item(1), an_item(2)], books, "stages/router")

    assert mailbox.held() == [an_item(1), an_item(2)]
    assert mailbox.queued_bytes == 200
    assert books.endings == 0


def test_nothing_to_forward_makes_nothing_due(books, mailbox):
    """Its consumer, which has nothing to take, would be late ever after (g16)."""
    mailbox.dues.now_s = lambda: 0.0
    forward(mailbox, [], books, "stages/router")
    forward_records(SignalKind.LOGS, mailbox, [], books, "handlers/app_created")

    assert mailbox.dues.due_s == inf


def test_what_is_forwarded_to_a_parked_part_ends_as_parked(books, mailbox):
    mailbox.parked = True
    forward(mailbox, [an_item(1), an_item(2)], books, "stages/rehydrator")

    assert mailbox.held() == []
    assert books.dropped[0] == {"parked": 2}
    assert letters(books)[0] == ("e1", "parked", "stages/rehydrator", "")


class ParksMeanwhile(Mailbox):
    """Its part parks between the sender's look and its put."""

    def is_parked(self):
        return True


def test_a_part_that_parks_in_the_middle_of_it_gives_the_items_back(books):
    """Whoever ended its mailbox may have come before the put."""
    mailbox = ParksMeanwhile(MailboxSpec(batch_max_items=10), lambda item: item[0][2])
    forward(mailbox, [an_item(1)], books, "stages/router")

    assert mailbox.held() == []
    assert mailbox.queued_bytes == 0
    assert books.dropped[0] == {"parked": 1}


def test_records_for_a_parked_sink_end_as_parked_and_their_events_with_them(books, mailbox):
    item = an_item(1)
    books.open([(item[0], 2, 0)], sampled_out=0)
    mailbox.parked = True
    records = [(*item, A_LOG, ordinal) for ordinal in range(2)]
    forward_records(SignalKind.LOGS, mailbox, records, books, "handlers/app_created")

    assert books.records.lines[SignalKind.LOGS].dropped == {"parked": 2}
    assert books.dropped[0] == {"parked": 1}


# -- the actor ------------------------------------------------------------------------------------


def test_a_stage_has_no_answer_to_what_is_no_batch():
    with running_gateway() as (gateway, _):
        assert gateway._ref("stages/router").ask("what is this?", timeout=2) is None
        assert gateway.status().restarts == 0


def test_a_step_for_the_whole_batch_and_what_ends_here_are_optional(books):
    actor = BatchActor("stages/new", books)

    assert actor.handle("an item", 0, None) == "an item"
    actor.prepare(None)
    with pytest.raises(NotImplementedError):
        actor.deliver(None)


# -- who was to blame -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exit_", "words"),
    [
        (Exit.crash(KeyError("x")), "KeyError: 'x'"),
        (Exit.crash("in words"), "crash('in words')"),
        (Exit.lost(), "lost"),
        (None, "None"),
        (Exit.crash(ValueError("x" * 1000)), "ValueError: " + "x" * 288),
    ],
)
def test_an_exit_is_told_in_few_words(exit_, words):
    assert describe(exit_) == words


class SlotOf:
    """As much of a slot as is asked for."""

    def __init__(self, start, last_exit):
        self.spec, self.last_exit = ChildSpec("c", start), last_exit


@pytest.mark.parametrize(
    ("start", "exit_", "reason"),
    [
        (HandlerActor, Exit.crash("x"), Reason.HANDLER_CRASH),
        (BatchActor, Exit.crash("x"), Reason.STAGE_CRASH),
        (BatchActor, Exit.lost(), Reason.STAGE_CRASH),
        (SupervisedActor, None, Reason.STAGE_CRASH),
        (HandlerActor, Exit.hung(), Reason.ABANDONED),
    ],
)
def test_what_a_crash_cost_says_whose_it_was(start, exit_, reason):
    assert crash_reason_of(SlotOf(start, exit_)) is reason


def test_drops_alone_end_here(books):
    class Flight:
        batch = (an_item(1), an_item(2), an_item(3))
        results = (an_item(1), Drop(Reason.NO_HANDLER, "stages/router"), "duplicate")

    BatchActor("stages/router", books).end_dropped(Flight)

    assert letters(books) == [("e2", "no_handler", "stages/router", "")]
    assert books.endings == 1
    assert Ending(an_item(1)).drop is None
