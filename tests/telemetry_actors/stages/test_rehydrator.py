"""The rehydrator passes on whole events; one without a payload is nobody's to map."""

import pytest

from supervisors import Mailbox, MailboxSpec
from telemetry_actors._books import Books, Drop
from telemetry_actors.dead_letters import DeadLetters
from telemetry_actors.envelope import Envelope, Ticket
from telemetry_actors.ledger import Reason
from telemetry_actors.stages import RehydratorActor


@pytest.fixture
def rehydrator():
    handlers = {"app_created": Mailbox(MailboxSpec(batch_max_items=10))}
    return RehydratorActor(Books(1, DeadLetters(10, 10**6)), handlers=handlers)


def an_item(payload):
    return Ticket(1, 0, 100), Envelope("app_created", "t", "e", 1, b"\x80", payload)


def test_an_inline_payload_is_whole_also_when_it_is_empty(rehydrator):
    assert rehydrator.handle(an_item(b"\x80"), 0, None) == an_item(b"\x80")


def test_without_a_payload_the_event_ends(rehydrator):
    drop = rehydrator.handle(an_item(None), 0, None)

    assert isinstance(drop, Drop)
    assert (drop.reason, drop.stage) == (Reason.REHYDRATION_FAILED, "stages/rehydrator")
